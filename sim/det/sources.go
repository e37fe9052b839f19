package det

import (
	"context"
	"crypto/sha256"
	"encoding/json"
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

// wholeName is that of workers of whole agents in the cache.
const wholeName = "whole"

// wholeDir is where the worker of whole agents is: a module of its own, whose dependencies
// nobody else has.
var wholeDir = filepath.Join("sim", "whole")

// target is the package that is built, and the root of its module.
func (b *builder) target() (dir, pkg string) {
	if b.cfg.Whole {
		return filepath.Join(b.module, wholeDir), "."
	}
	return b.module, "./sim/worker"
}

// sourceDirs are where the worker's own packages are.
var sourceDirs = []string{"sim", "fault", "history", "internal", "model"}

// hashSources adds the module's files that a build of the worker may read.
func (b *builder) hashSources(w io.Writer) error {
	files := []string{"go.mod", "go.sum"}
	for _, dir := range sourceDirs {
		err := filepath.WalkDir(filepath.Join(b.module, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && !b.cfg.Whole && path == filepath.Join(b.module, wholeDir) {
				return fs.SkipDir
			}
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			rel, err := filepath.Rel(b.module, path)
			files = append(files, rel)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(b.module, f))
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s %x\n", f, sha256.Sum256(data))
	}
	return nil
}

// listed is a package that the worker is compiled from.
type listed struct {
	Dir                                                   string
	Module                                                *struct{ Path, Dir string }
	GoFiles, CgoFiles, CFiles, HFiles, SFiles, EmbedFiles []string
}

// files are those that are compiled into the worker, below the package's directory.
func (p *listed) files() []string {
	return slices.Concat(p.GoFiles, p.CgoFiles, p.CFiles, p.HFiles, p.SFiles, p.EmbedFiles)
}

// list asks the go command which packages the worker is compiled from.
func (b *builder) list(ctx context.Context, flags []string) (all []listed, err error) {
	dir, pkg := b.target()
	args := slices.Concat([]string{"list"}, flags, []string{"-deps", "-tags", "detrt", "-json=Dir,Module,GoFiles,CgoFiles,CFiles,HFiles,SFiles,EmbedFiles", pkg})
	cmd := exec.CommandContext(ctx, b.goCommand, args...)
	cmd.Dir, cmd.Env = dir, b.env
	out, err := output(cmd)
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
}

// checkCompiled refuses an edit that would change nothing, of a file that must be one of the
// worker's.
func (b *builder) checkCompiled(packages []listed) error {
	if b.cfg.Plant == nil || len(packages) == 0 {
		return nil
	}
	dirs, compiled := map[string]string{}, map[string]bool{}
	for i := range packages {
		p := &packages[i]
		if p.Module != nil {
			dirs[p.Module.Path] = p.Module.Dir
		}
		for _, file := range p.files() {
			compiled[filepath.Join(p.Dir, file)] = true
		}
	}
	for i, e := range b.cfg.Plant.Edits {
		if !e.Compiled || dirs[e.Module] != "" && compiled[filepath.Join(dirs[e.Module], filepath.FromSlash(e.File))] {
			continue
		}
		which := "the worker of whole agents"
		if !b.cfg.Whole {
			which = "the worker without whole agents"
		}
		return fmt.Errorf("edit %d: %s is not compiled from %s of %s", i+1, which, e.File, e.Module)
	}
	return nil
}
