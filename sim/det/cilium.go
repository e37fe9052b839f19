package det

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/internal/text"
)

const ciliumPath = "github.com/cilium/cilium"

// findCilium sees what is to be built in place of the Cilium of go.mod: a directory is
// one of its sources, everything else is a version.
func (b *builder) findCilium() error {
	info, err := os.Stat(b.cfg.Cilium)
	if b.cfg.Cilium == "" || err != nil && !strings.ContainsRune(b.cfg.Cilium, filepath.Separator) {
		return nil
	}
	if err != nil || !info.IsDir() {
		return &BadCilium{fmt.Errorf("%s is neither a directory with the source of Cilium nor a version such as v1.20.0", b.cfg.Cilium)}
	}
	dir, err := filepath.Abs(b.cfg.Cilium)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if first, _, _ := strings.Cut(string(data), "\n"); err != nil || strings.TrimSpace(first) != "module "+ciliumPath {
		return &BadCilium{fmt.Errorf("%s is not the root of the module %s", dir, ciliumPath)}
	}
	b.cfg.Cilium = dir
	b.outside = append(b.outside, dir)
	return nil
}

// otherCilium returns the flags of go build for another Cilium than that of go.mod. What
// that one needs in other versions the go command finds out, and gets.
func (b *builder) otherCilium(ctx context.Context) ([]string, error) {
	if b.cfg.Cilium == "" {
		return nil, nil
	}
	replacement := b.cfg.Cilium
	if !filepath.IsAbs(replacement) {
		replacement = ciliumPath + "@" + replacement
	}
	dir := filepath.Join(b.cache, fmt.Sprintf("cilium-%x", sha256.Sum256([]byte(replacement)))[:len("cilium-")+16])
	if b.cfg.Whole {
		dir += "-" + wholeName
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	modfile, err := b.replaceModule(ctx, dir, ciliumPath+"="+replacement)
	if err == nil && !filepath.IsAbs(b.cfg.Cilium) {
		err = b.getCilium(ctx, modfile)
	}
	return []string{"-modfile", modfile, "-mod=mod"}, err
}

// getCilium gets a version of Cilium, and says in one line if there is none.
func (b *builder) getCilium(ctx context.Context, modfile string) error {
	dir, _ := b.target()
	cmd := exec.CommandContext(ctx, b.goCommand, "mod", "download", "-modfile", modfile, ciliumPath)
	cmd.Dir, cmd.Env = dir, b.env
	_, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		lines := strings.Split(string(bytes.TrimSpace(exit.Stderr)), "\n")
		return &BadCilium{fmt.Errorf("the go command has no Cilium %s: %s", b.cfg.Cilium, strings.TrimSpace(lines[len(lines)-1]))}
	}
	return err
}

// complaint is a line of the go command or its compiler that names a place and what is wrong there.
var complaint = regexp.MustCompile(`^\S+\.go:[0-9]+(:[0-9]+)?: .`)

// badCilium is the error of a Cilium that does not compile. Of a directory, which its user
// can mend, it has all that the compiler says; of a version it names the first thing that
// meshcheck lacks there.
func (b *builder) badCilium(err error, said string) error {
	if filepath.IsAbs(b.cfg.Cilium) {
		return &BadCilium{fmt.Errorf("building the worker failed: %w\n%s", err, strings.TrimSpace(said))}
	}
	var all []string
	for line := range strings.Lines(said) {
		// What imports a package that does not compile cannot either.
		if line = strings.TrimSpace(line); complaint.MatchString(line) && !strings.Contains(line, "could not import") {
			all = append(all, strings.ReplaceAll(line, b.modcache+string(filepath.Separator), ""))
		}
	}
	if len(all) == 0 {
		all = []string{strings.TrimSpace(said)}
	}
	return &BadCilium{fmt.Errorf("Cilium %s does not build with this meshcheck, which is made for that of its go.mod and the releases next to it: %s%s",
		b.cfg.Cilium, all[0], text.AndMore(len(all)-1))}
}

// notCompiled are the names of directories that nothing is compiled from.
var notCompiled = []string{".git", "vendor", "testdata", "Documentation"}

// hashOutside adds the sources that a build takes from directories elsewhere: whatever may
// be compiled or embedded.
func (b *builder) hashOutside(w io.Writer) error {
	fmt.Fprintf(w, "cilium %q\n", b.cfg.Cilium)
	for _, root := range b.outside {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch name := d.Name(); {
			case err != nil:
				return err
			case d.IsDir() && slices.Contains(notCompiled, name):
				return fs.SkipDir
			case !d.Type().IsRegular() || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			data, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // an editor's file that is gone
			}
			fmt.Fprintf(w, "%s %x\n", path, sha256.Sum256(data))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
