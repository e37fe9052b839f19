package det

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Worker is a built worker program.
type Worker struct {
	Path   string
	Notice func(string) // if non-nil, told once what its user should know of this machine, in a sentence
}

// RunConfig bounds a run. The zero value uses the defaults.
type RunConfig struct {
	WallLimit   time.Duration  // longest wall time of the run; 0: 10 minutes
	StallLimit  time.Duration  // longest wall time in which neither virtual time passes nor records are written; 0: 60 seconds
	MemoryLimit int64          // most resident memory, in bytes; 0: 2 GiB, and 8 MiB for each agent of the plan
	OnProgress  func(Progress) // if non-nil
	Log         io.Writer      // if non-nil, gets the log of the code under test

	// CPUProfile and MemProfile, if not empty, are the files that get the profiles of
	// a run that finished, in pprof's form. Such a run allocates what the same run
	// without them does not, and may have another trace.
	CPUProfile, MemProfile string
}

// Progress is how far a run has come.
type Progress struct {
	Virtual time.Duration `json:"virtual"`
	Records int           `json:"records"`
	Phase   string        `json:"phase"`
}

// Result is a finished run.
type Result struct {
	History       []byte        // file form
	Metrics       []byte        // what Cilium and etcd said of themselves: internal/load reads it
	Virtual       time.Duration // of the world's clock
	Wall          time.Duration // of the process, its start included
	CPU           time.Duration // of the process, its start included
	Records       int
	PeakMemory    int64  // bytes resident
	Unseeded      uint64 // events that the seed did not determine; above 0 the run does not replay
	Picks         uint64 // scheduling decisions
	Deterministic bool   // built with the deterministic runtime
}

// A FailureKind says how a run failed without a history to judge.
type FailureKind string

// The kinds of failure.
const (
	Crash  FailureKind = "crash"  // the worker ended before its run did
	Hang   FailureKind = "hang"   // nothing happens any more, or it is beyond the wall limit
	Memory FailureKind = "memory" // beyond the memory bound
	Input  FailureKind = "input"  // the worker refused the plan

	Mistake FailureKind = "mistake" // its history was there, and judging it went wrong
)

// Failure is the error of a run that did not finish.
type Failure struct {
	Kind    FailureKind
	Message string // one sentence
	Output  string // the end of what the worker printed
	History []byte // what it had written
}

func (f *Failure) Error() string { return f.Message }

// Version is that of what a driver and its worker tell each other: arguments, files and
// statuses.
const Version = 1

// Greeting is the first status of a worker. It is a constant: what a worker allocates
// decides on its run.
const Greeting = `{"version":1}` + "\n"

// A Mismatch is the error of a worker that is of another version than its driver.
type Mismatch struct{ text string }

func (m *Mismatch) Error() string { return m.text }

// Status is what a worker prints on its standard output, one JSON object a line:
// its version, progress, and at the end one with Done or Refused.
type Status struct {
	Progress
	Version  int    `json:"version,omitempty"` // in the first one
	Done     bool   `json:"done,omitempty"`
	Refused  string `json:"refused,omitempty"` // the sentence
	Runtime  string `json:"runtime,omitempty"`
	Picks    uint64 `json:"picks,omitempty"`
	Unseeded uint64 `json:"unseeded,omitempty"`
}

// Files in the directory that a worker runs in. They are named by relative paths
// so that where the directory is cannot matter to the run.
const (
	PlanFile       = "plan.json"
	HistoryFile    = "history"
	MetricsFile    = "metrics" // what Cilium and etcd said of themselves, which every run writes in the end (package meter)
	CPUProfileFile = "cpu.pprof"
	MemProfileFile = "mem.pprof"
)

// The worker's arguments.
const (
	LogFlag        = "-log" // asks for the log on its standard error
	CPUProfileFlag = "-cpuprofile"
	MemProfileFlag = "-memprofile"
)

// Run executes a plan, in its JSON form, in a process of its own. A run that
// does not finish returns a *Failure; a cancelled context its error.
func (w Worker) Run(ctx context.Context, plan []byte, cfg RunConfig) (*Result, error) {
	if cfg.WallLimit == 0 {
		cfg.WallLimit = 10 * time.Minute
	}
	if cfg.StallLimit == 0 {
		cfg.StallLimit = time.Minute
	}
	var settings settings
	if err := json.Unmarshal(plan, &settings); err != nil {
		return nil, fmt.Errorf("the plan is not JSON: %w", err)
	}
	if cfg.MemoryLimit == 0 {
		cfg.MemoryLimit = 2<<30 + settings.Topology.Agents*8<<20
	}
	dir, err := newRunDir(w.notice)
	if err != nil {
		return nil, err
	}
	defer dir.remove()
	if err := os.WriteFile(filepath.Join(dir.path, PlanFile), plan, 0o666); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(w.Path)
	if err != nil {
		return nil, err
	}

	p := process{cfg: cfg, dir: dir, start: time.Now()}
	markUsed(path)
	cmd := exec.Command(path) // watch sees when ctx is done
	cmd.Args = cfg.arguments()
	cmd.Env = settings.environment(cfg.Log != nil)
	cmd.Dir = dir.path
	cmd.Stderr = &p.stderr
	p.stderr.forward = cfg.Log
	// The worker leads a process group, so that it can be ended with its children, if it
	// is a wrapper. A killed simrun takes its workers along.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return p.run(ctx, cmd)
}

// arguments are the same for every run that is asked for nothing more: they are on
// the stack.
func (c RunConfig) arguments() []string {
	args := []string{"worker"}
	for _, a := range []struct {
		flag  string
		given bool
	}{{LogFlag, c.Log != nil}, {CPUProfileFlag, c.CPUProfile != ""}, {MemProfileFlag, c.MemProfile != ""}} {
		if a.given {
			args = append(args, a.flag)
		}
	}
	return args
}

var noticed sync.Once

// notice passes on the first thing that is to be known: each run would say the same.
func (w Worker) notice(sentence string) {
	if w.Notice != nil {
		noticed.Do(func() { w.Notice(sentence) })
	}
}

// How much is allocated between two collections: few collections, in a process well
// below 300 MB, and in a large world a part of what its agents take anyway. Where more
// than that lives it is as much as lives, so that what collections cost grows with what
// is allocated.
const (
	gcStepMiB         = 96
	gcStepMiBPerAgent = 4
)

// settings are what a run's process needs to know of its plan.
type settings struct {
	Seed     uint64
	Topology struct{ Agents int64 }
	Options  struct{ Preempt int }
}

// environment is the whole environment of a run. The worker must not learn where
// it is or runs: every string that it keeps has a length, what is allocated
// decides on addresses and on when memory is collected, and Go's maps of pointers
// are ordered by address.
func (p settings) environment(log bool) []string {
	etcdLevel := "fatal" // of the log that Cilium gives its etcd clients
	if log {
		etcdLevel = "info"
	}
	return []string{
		fmt.Sprintf("DETRT=%d,gcstep=%d,preempt=%d", p.Seed, max(gcStepMiB, gcStepMiBPerAgent*p.Topology.Agents), p.Options.Preempt),
		"ETCD_CLIENT_DEBUG=" + etcdLevel,
		"PWD=/proc/self/cwd", // what the worker is told its directory is
		"TZ=UTC",
	}
}

type process struct {
	cfg     RunConfig
	dir     *runDir
	start   time.Time
	stderr  tail
	version int // of the worker; zero: it has not said so
	last    Status

	progress time.Time // the last one
	written  int64     // of the history then, in bytes
}

func (p *process) run(ctx context.Context, cmd *exec.Cmd) (*Result, error) {
	// The kernel kills the worker with the thread that started it, not with the
	// process: keep that thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the worker %s: %w", cmd.Path, err)
	}
	statuses, gone := make(chan Status), make(chan struct{})
	go readStatuses(stdout, statuses, gone)
	failure := p.watch(ctx, cmd, statuses)
	close(gone)
	cmd.WaitDelay = killGrace // for who left the process group and has its standard error open
	err = cmd.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	hist, readErr := os.ReadFile(filepath.Join(p.dir.path, HistoryFile))
	if readErr != nil && !errors.Is(readErr, os.ErrNotExist) {
		return nil, readErr
	}
	if said := p.version != 0 || p.last != (Status{}); said && p.version != Version {
		return nil, p.mismatch(cmd.Path)
	}
	switch {
	case failure != nil:
	case p.last.Refused != "":
		failure = &Failure{Kind: Input, Message: p.last.Refused}
	case err != nil || !p.last.Done:
		failure = &Failure{Kind: Crash, Message: fmt.Sprintf("the worker ended at %v of virtual time, before its run did: %s", p.last.Virtual, cmd.ProcessState)}
		if full := p.dir.full(); full != "" {
			failure.Message += "; " + full
		}
	}
	if failure != nil {
		failure.Output, failure.History = p.stderr.String(), hist
		return nil, failure
	}
	metrics, err := os.ReadFile(filepath.Join(p.dir.path, MetricsFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := errors.Join(p.fetch(CPUProfileFile, p.cfg.CPUProfile), p.fetch(MemProfileFile, p.cfg.MemProfile)); err != nil {
		return nil, err
	}
	return &Result{
		History:       hist,
		Metrics:       metrics,
		Virtual:       p.last.Virtual,
		Wall:          time.Since(p.start),
		CPU:           cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		Records:       p.last.Records,
		PeakMemory:    cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10,
		Unseeded:      p.last.Unseeded,
		Picks:         p.last.Picks,
		Deterministic: p.last.Runtime == Deterministic,
	}, nil
}

// mismatch says that the worker is of another version.
func (p *process) mismatch(path string) error {
	theirs := "says no version, as earlier ones"
	if p.version != 0 {
		theirs = fmt.Sprintf("says version %d", p.version)
	}
	return &Mismatch{fmt.Sprintf("the worker %s is of another version of meshcheck: it %s, and this simrun understands version %d; simrun build-worker builds one that fits", path, theirs, Version)}
}

// fetch copies a file of the run's directory to one that outlives it, if that has
// a name.
func (p *process) fetch(file, to string) error {
	if to == "" {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(p.dir.path, file))
	if err != nil {
		return fmt.Errorf("the worker wrote no profile: %w", err)
	}
	return os.WriteFile(to, b, 0o666)
}

// longestStatus is the most of a status line that is read, in bytes: a longer line
// is no status.
const longestStatus = 1 << 20

// readStatuses hands on what a worker reports, until it closes its standard output
// or nobody asks any more.
func readStatuses(stdout io.Reader, statuses chan<- Status, gone <-chan struct{}) {
	defer close(statuses)
	for r := bufio.NewReaderSize(stdout, longestStatus); ; {
		line, long, err := r.ReadLine()
		for rest := long; rest && err == nil; {
			_, rest, err = r.ReadLine()
		}
		if err != nil {
			return
		}
		var st Status
		if long || json.Unmarshal(line, &st) != nil {
			continue
		}
		select {
		case statuses <- st:
		case <-gone:
			return
		}
	}
}

// killGrace is how long after it was killed a worker's pipes may stay open: a child
// that has left its process group may have them.
const killGrace = 2 * time.Second

// watch follows the worker until it closes its standard output, and ends it when
// it breaks a bound or ctx is done.
func (p *process) watch(ctx context.Context, cmd *exec.Cmd, statuses <-chan Status) *Failure {
	var failure *Failure
	var quit time.Time        // when the worker was asked to quit, after the failure
	var deaf <-chan time.Time // when the pipe is given up
	kill := func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if deaf == nil {
			deaf = time.After(killGrace)
		}
	}
	p.progress = time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	interrupted := ctx.Done()
	for {
		select {
		case <-interrupted:
			interrupted = nil
			kill()
		case <-deaf:
			return failure
		case st, ok := <-statuses:
			if !ok {
				return failure
			}
			if st.Version != 0 {
				p.version = st.Version
				continue
			}
			if p.version != Version {
				kill() // nobody would understand what it does
			}
			if st.Virtual > p.last.Virtual {
				p.progress = time.Now()
			}
			p.last = st
			if p.cfg.OnProgress != nil {
				p.cfg.OnProgress(st.Progress)
			}
		case now := <-tick.C:
			if failure != nil {
				if now.Sub(quit) > printing {
					kill()
				}
				continue
			}
			failure = p.broken(now, cmd.Process.Pid)
			if failure != nil {
				quit = now
				syscall.Kill(-cmd.Process.Pid, syscall.SIGQUIT)
			}
		}
	}
}

// printing is for how long at most a worker that is asked to quit may print its goroutines, after which it ends.
const printing = 10 * time.Second

// broken tells which bound a worker breaks, if any. A large world may need long for an
// instant: as long as it writes records, it is slow and does not hang.
func (p *process) broken(now time.Time, pid int) *Failure {
	if info, err := os.Stat(filepath.Join(p.dir.path, HistoryFile)); err == nil && info.Size() > p.written {
		p.progress, p.written = now, info.Size()
	}
	if stall := now.Sub(p.progress); stall > p.cfg.StallLimit {
		return &Failure{Kind: Hang, Message: fmt.Sprintf("the worker hangs: no virtual progress beyond %v and no record for %v; -stall sets how long it may", p.last.Virtual, stall.Round(time.Second))}
	}
	if wall := now.Sub(p.start); wall > p.cfg.WallLimit {
		return &Failure{Kind: Hang, Message: fmt.Sprintf("the worker is too slow: at %v of virtual time after %v; -wall sets how long it may take", p.last.Virtual, wall.Round(time.Second))}
	}
	if rss := resident(pid); rss > p.cfg.MemoryLimit {
		return &Failure{Kind: Memory, Message: fmt.Sprintf("the worker uses %d MiB of memory at %v of virtual time, more than %d MiB; -memory sets how much it may", rss>>20, p.last.Virtual, p.cfg.MemoryLimit>>20)}
	}
	return nil
}

// resident returns the resident memory of a process in bytes, or zero.
func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var size, rss int64
	if _, err2 := fmt.Sscan(string(b), &size, &rss); err != nil || err2 != nil {
		return 0
	}
	return rss * int64(os.Getpagesize())
}

// tail keeps the end of what is written to it.
type tail struct {
	forward io.Writer // if non-nil, gets everything
	buf     bytes.Buffer
}

const tailBytes = 8 << 20 // all goroutines, of which any may be the one that matters

func (t *tail) Write(b []byte) (int, error) {
	if t.forward != nil {
		if _, err := t.forward.Write(b); err != nil {
			return 0, err
		}
	}
	t.buf.Write(b)
	if t.buf.Len() > 2*tailBytes {
		t.buf.Next(t.buf.Len() - tailBytes)
	}
	return len(b), nil
}

func (t *tail) String() string {
	b := t.buf.Bytes()
	return strings.ToValidUTF8(string(b[max(0, len(b)-tailBytes):]), "�")
}
