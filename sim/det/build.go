package det

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// modulePath is the module that holds the worker's source.
const modulePath = "github.com/meshcheck/meshcheck"

// Runtimes that a worker can be built with.
const (
	Deterministic = "det"   // the seeded runtime of this package
	Stock         = "stock" // the toolchain's own: a seed does not replay
)

// BuildConfig says which worker to build. The zero value builds the
// deterministic one into the user's cache directory.
type BuildConfig struct {
	Runtime  string            // Deterministic (also if empty) or Stock
	Out      string            // the file to write; empty: a name in the user's cache directory
	Plant    *Plant            // if non-nil, a bug or repairs to build in; Runtime must not be Stock
	Whole    bool              // the worker that has whole agents, too; Runtime must not be Stock
	Cilium   string            // in place of what go.mod says: a directory with its source, or a version; not with Plant
	Progress func(line string) // if non-nil, told what is happening
}

// Build builds the worker from the sources of the module that the working
// directory is in, unless it is in the cache already for the same toolchain,
// module files, sources and overlay, and returns its path. The first build
// compiles Cilium, etcd and client-go: minutes on two cores.
func Build(ctx context.Context, cfg BuildConfig) (path string, err error) {
	b, err := newBuilder(ctx, cfg)
	if err != nil {
		return "", err
	}
	return b.build(ctx)
}

func newBuilder(ctx context.Context, cfg BuildConfig) (*builder, error) {
	if cfg.Runtime == "" {
		cfg.Runtime = Deterministic
	}
	if cfg.Runtime == Stock && cfg.Plant != nil {
		return nil, errors.New("a bug is planted with the deterministic runtime only: without it, a seed that shows it does not replay")
	}
	if cfg.Whole && cfg.Runtime == Stock {
		return nil, errors.New("whole agents are built with the deterministic runtime only, which tells them apart")
	}
	if cfg.Cilium != "" && cfg.Plant != nil {
		return nil, errors.New("a bug is planted in the Cilium of go.mod, and in no other")
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no cache directory to keep the worker in: %w; set HOME or XDG_CACHE_HOME, or give -worker", err)
	}
	b := &builder{cfg: cfg, cache: filepath.Join(cache, "meshcheck")}
	if err := b.findModule(ctx); err != nil {
		return nil, err
	}
	if err := b.findToolchain(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// ErrNoSources begins the errors of a place where no worker can be built.
var ErrNoSources = errors.New("building the worker needs")

// BuiltWorker returns a worker that is there already: the file "worker" beside this program,
// or the deterministic one that was last built into the user's cache directory. It is empty
// if there is none.
func BuiltWorker() string {
	if program, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(program), "worker")
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return beside
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	built, _ := filepath.Glob(filepath.Join(cache, "meshcheck", "worker-"+Deterministic+"-*")) // the pattern is right
	newest, at := "", time.Time{}
	for _, path := range built {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.ModTime().After(at) {
			newest, at = path, info.ModTime()
		}
	}
	return newest
}

type builder struct {
	cfg       BuildConfig
	cache     string
	module    string   // root of the module's sources
	outside   []string // directories elsewhere that replace modules
	goCommand string   // of the toolchain to build with
	goroot    string
	goversion string
	modcache  string // where the go command keeps modules
	env       []string
}

func (b *builder) findModule(ctx context.Context) error {
	out, err := output(exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}"))
	path, dir, _ := strings.Cut(strings.TrimSpace(out), " ")
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w the go command, which is not in PATH: install Go, or give a built worker with -worker", ErrNoSources)
	}
	if err != nil || path != modulePath {
		return fmt.Errorf("%w the sources of %s: run from a directory of its checkout, or give a built worker with -worker", ErrNoSources, modulePath)
	}
	b.module = dir

	dir, _ = b.target()
	out, err = output(exec.CommandContext(ctx, "go", "mod", "edit", "-json", filepath.Join(dir, "go.mod")))
	if err != nil {
		return err
	}
	var mod struct {
		Replace []struct {
			Old struct{ Path string }
			New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal([]byte(out), &mod); err != nil {
		return err
	}
	for _, r := range mod.Replace {
		if r.New.Version != "" || r.Old.Path == ciliumPath && b.cfg.Cilium != "" {
			continue
		}
		if !filepath.IsAbs(r.New.Path) {
			r.New.Path = filepath.Join(dir, r.New.Path)
		}
		if !inside(r.New.Path, b.module) {
			b.outside = append(b.outside, r.New.Path)
		}
	}
	return b.findCilium()
}

// findToolchain learns which toolchain go.mod selects. go build refuses to
// overlay files below the module cache, where the go command keeps toolchains
// that it downloaded: such a one is copied out first.
func (b *builder) findToolchain(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOVERSION", "GOMODCACHE")
	cmd.Dir = b.module
	out, err := output(cmd)
	if err != nil {
		return err
	}
	f := strings.Split(strings.TrimSpace(out), "\n")
	if len(f) != 3 {
		return fmt.Errorf("go env GOROOT GOVERSION GOMODCACHE printed %q, not three lines", out)
	}
	b.goCommand, b.goroot, b.goversion, b.modcache = "go", f[0], f[1], f[2]
	b.env = os.Environ()
	if b.cfg.Runtime == Stock {
		return nil
	}
	b.env = append(b.env, "CGO_ENABLED=0") // cgo could block where the runtime does not see it
	if !inside(b.goroot, b.modcache) {
		return nil
	}
	copied := filepath.Join(b.cache, "toolchain-"+b.goversion)
	if err := copyOnce(b.goroot, copied, "the Go toolchain", b.cfg.Progress); err != nil {
		return err
	}
	b.goroot = copied
	b.goCommand = filepath.Join(b.goroot, "bin", "go")
	b.env = append(b.env, "GOTOOLCHAIN=local", "GOROOT="+b.goroot)
	return nil
}

func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// copyOnce copies a directory to dst, completely or not at all, unless dst exists.
// What names it for people.
func copyOnce(src, dst, what string, progress func(string)) error {
	if _, err := os.Stat(dst); err == nil {
		return nil
	}
	progress("copying " + what + ", which may not be changed where it is")
	if err := os.MkdirAll(filepath.Dir(dst), 0o777); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dst), "copying-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.CopyFS(filepath.Join(tmp, "copy"), os.DirFS(src)); err != nil {
		return fmt.Errorf("copying %s from %s: %w", what, src, err)
	}
	if err := os.Rename(filepath.Join(tmp, "copy"), dst); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (b *builder) build(ctx context.Context) (string, error) {
	// -s -w: a third of the size, and the program starts sooner. A stock worker
	// shares what go test compiles.
	args := []string{"build", "-ldflags=-s -w", "-v"}
	key := sha256.New()
	fmt.Fprintln(key, b.cfg.Runtime, b.goversion, args)
	name := b.cfg.Runtime
	if b.cfg.Runtime == Deterministic {
		fmt.Fprintln(key, editsText, detrtSource)
	}
	if b.cfg.Whole {
		fmt.Fprintln(key, wholeEditsText, wholeSource)
		name = wholeName
	}
	if b.cfg.Plant != nil {
		name = "planted"
		b.cfg.Plant.hash(key)
	}
	if err := b.hashSources(key); err != nil {
		return "", err
	}
	if err := b.hashOutside(key); err != nil {
		return "", err
	}
	cached := filepath.Join(b.cache, fmt.Sprintf("worker-%s-%x", name, key.Sum(nil)[:8]))
	out := cmp.Or(b.cfg.Out, cached)
	if out == cached && b.isBuilt(out) {
		return out, nil
	}
	unlock, err := b.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if out == cached && b.isBuilt(out) { // meanwhile, by who had the lock
		return out, nil
	}
	out, err = filepath.Abs(out)
	if err != nil {
		return "", err
	}

	flags, err := b.overlay(ctx, out)
	if err != nil {
		return "", err
	}
	other, err := b.otherCilium(ctx)
	if err != nil {
		return "", err
	}
	args = append(append(args, flags...), other...)
	what := "Cilium, etcd and client-go"
	if b.cfg.Whole {
		what = "cilium-agent, etcd and client-go, with a runtime of its own"
	}
	b.cfg.Progress("building the worker: " + what + "; minutes the first time")
	packages, _ := b.list(ctx, other) // none if that cannot be told, which the build will explain
	if err := b.checkCompiled(packages); err != nil {
		return "", err
	}
	// Beside what it will be: a file cannot be moved to another file system, and no
	// other process uses the name.
	tmp, err := os.MkdirTemp(filepath.Dir(out), filepath.Base(out)+".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if os.Getenv("GOTMPDIR") == "" {
		b.env = append(b.env, "GOTMPDIR="+tmp) // what a killed build leaves goes with the rest of it
	}
	made := filepath.Join(tmp, "worker")
	dir, pkg := b.target()
	if err := b.runBuild(ctx, dir, append(args, "-o", made, pkg), len(packages)); err != nil {
		return "", err
	}
	if err := os.Rename(made, out); err != nil {
		return "", err
	}
	b.cfg.Progress("built the worker")
	return out, b.dropOldWorkers(keepBytes)
}

// isBuilt reports whether the cache has the worker, of sources that are all in its name.
func (b *builder) isBuilt(worker string) bool {
	markUsed(worker)
	_, err := os.Stat(worker)
	return err == nil
}

// lock lets one process at a time build into the cache: it writes the runtime's
// overlay and sources of bugs there, too.
func (b *builder) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(b.cache, 0o777); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(b.cache, "build.lock"))
	if err != nil {
		return nil, err
	}
	for said := false; ; said = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
		}
		if !said {
			b.cfg.Progress("waiting for another simrun, which is building a worker")
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		}
	}
}

// overlay returns the flags of go build for the runtime and for the bug that is
// planted; what the bug's build needs besides is written beside the worker.
func (b *builder) overlay(ctx context.Context, worker string) (flags []string, err error) {
	if b.cfg.Runtime == Stock {
		return nil, nil
	}
	overlay, err := WriteOverlay(b.goroot, filepath.Join(b.cache, overlayDir(b.goversion, b.cfg.Whole)), b.cfg.Whole)
	if err != nil {
		return nil, err
	}
	flags = []string{"-trimpath", "-tags", "detrt"}
	if b.cfg.Plant == nil {
		return append(flags, "-overlay", overlay), nil
	}
	planted, err := b.plantIn(ctx, worker+".source", overlay)
	return append(flags, planted...), err
}

// The cache keeps workers for so long, and so much of them: each change of the sources
// makes a new one, of 100 MB.
const (
	keepWorkers  = 7 * 24 * time.Hour
	keepBytes    = 2 << 30
	keepInUseFor = time.Hour // whatever the cache's size
)

// dropOldWorkers removes from the cache the workers that were not used for longest, and
// what builds left behind that were killed: who has the lock is the only one who builds.
func (b *builder) dropOldWorkers(most int64) error {
	names, err := filepath.Glob(filepath.Join(b.cache, "worker-*"))
	if err != nil {
		return err
	}
	type worker struct {
		name string
		size int64
		used time.Time
	}
	var workers []worker
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case err != nil:
		case strings.Contains(filepath.Base(name), ".new-"):
			os.RemoveAll(name)
		case info.Mode().IsRegular():
			workers = append(workers, worker{name, info.Size(), lastUse(info)})
		case time.Since(info.ModTime()) > keepWorkers:
			os.RemoveAll(name)
		}
	}
	slices.SortFunc(workers, func(a, b worker) int { return b.used.Compare(a.used) })
	var total int64
	for _, w := range workers {
		total += w.size
		if age := time.Since(w.used); age > keepWorkers || total > most && age > keepInUseFor {
			os.RemoveAll(w.name)
			os.RemoveAll(w.name + ".source")
		}
	}
	return nil
}

// markUsed notes in a worker's time of access that it is used; when it was built stays.
func markUsed(worker string) {
	if info, err := os.Stat(worker); err == nil {
		os.Chtimes(worker, time.Now(), info.ModTime()) // in vain for a worker of another user
	}
}

// lastUse is when a worker was used last, or built.
func lastUse(info os.FileInfo) time.Time {
	used := info.ModTime()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if access := time.Unix(stat.Atim.Unix()); access.After(used) {
			return access
		}
	}
	return used
}

// runBuild runs go build -v, which prints each package as it is compiled.
func (b *builder) runBuild(ctx context.Context, dir string, args []string, total int) error {
	cmd := exec.CommandContext(ctx, b.goCommand, args...)
	cmd.Dir, cmd.Env = dir, b.env
	// The go command ends with this process, however that ends, and with its children
	// when it is interrupted. The kernel kills it with the thread that started it: keep
	// that thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	group, lift := endingGroup()
	defer lift()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error {
		if group == 0 {
			group = cmd.Process.Pid
		}
		return syscall.Kill(-group, syscall.SIGKILL)
	}
	cmd.WaitDelay = killGrace
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var complaints bytes.Buffer
	n := 0
	for s := bufio.NewScanner(stderr); s.Scan(); {
		line := s.Text()
		if strings.ContainsAny(line, " :") {
			fmt.Fprintln(&complaints, line)
			continue
		}
		n++
		b.cfg.Progress(fmt.Sprintf("building the worker: at most %d packages, compiled %d: %s", total, n, line))
	}
	if err := cmd.Wait(); err != nil {
		if b.cfg.Cilium != "" && ctx.Err() == nil {
			return b.badCilium(err, complaints.String())
		}
		return fmt.Errorf("building the worker failed: %w\n%s", err, bytes.TrimSpace(complaints.Bytes()))
	}
	return nil
}

// output runs cmd and returns its standard output; an error has the standard error.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(exit.Stderr))
	}
	return string(out), err
}
