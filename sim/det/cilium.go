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
	"slices"
	"strings"
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
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	modfile, err := b.replaceModule(ctx, ciliumPath+"="+replacement, dir)
	if err == nil && !filepath.IsAbs(b.cfg.Cilium) {
		err = b.getCilium(ctx, modfile)
	}
	return []string{"-modfile", modfile, "-mod=mod"}, err
}

// getCilium gets a version of Cilium, and says in one line if there is none.
func (b *builder) getCilium(ctx context.Context, modfile string) error {
	cmd := exec.CommandContext(ctx, b.goCommand, "mod", "download", "-modfile", modfile, ciliumPath)
	cmd.Dir, cmd.Env = b.module, b.env
	_, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		lines := strings.Split(string(bytes.TrimSpace(exit.Stderr)), "\n")
		return &BadCilium{fmt.Errorf("the go command has no Cilium %s: %s", b.cfg.Cilium, strings.TrimSpace(lines[len(lines)-1]))}
	}
	return err
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
