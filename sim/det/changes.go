package det

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// BadCilium is an error about the Cilium that was asked for: it is none, or does not compile.
type BadCilium struct{ Err error }

func (e *BadCilium) Error() string { return e.Err.Error() }
func (e *BadCilium) Unwrap() error { return e.Err }

// Changes tell in what the source of one Cilium differs from that of another.
type Changes struct {
	Worker  []string `json:"inWorker"`  // directories with changed files that the worker is compiled from
	Outside []string `json:"notTested"` // and with other changed source files
	Hash    string   `json:"hash"`      // of the names and contents of all changed files
}

// ChangesOf compares the sources of two workers' Cilium, each as BuildConfig has it; whole
// tells whether they are those of whole agents. Both workers are built already. Progress, if
// non-nil, is told what it waits for.
func ChangesOf(ctx context.Context, baseline, branch string, whole bool, progress func(line string)) (*Changes, error) {
	var sides [2]*ciliumSource
	for i, which := range []string{baseline, branch} {
		b, err := newBuilder(ctx, BuildConfig{Runtime: Deterministic, Cilium: which, Whole: whole, Progress: progress})
		if err != nil {
			return nil, err
		}
		if sides[i], err = b.source(ctx); err != nil {
			return nil, err
		}
	}
	return sides[0].changes(sides[1])
}

// ciliumSource is a directory with Cilium's source, and which files of it, from its root
// and with slashes, are compiled into the worker.
type ciliumSource struct {
	dir      string
	compiled map[string]bool
}

// source asks the go command where the worker's Cilium is.
func (b *builder) source(ctx context.Context) (*ciliumSource, error) {
	unlock, err := b.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	other, err := b.otherCilium(ctx)
	if err != nil {
		return nil, err
	}
	packages, err := b.list(ctx, other)
	if err != nil {
		return nil, err
	}
	s := &ciliumSource{compiled: map[string]bool{"go.mod": true}}
	for i := range packages {
		p := &packages[i]
		if p.Module == nil || p.Module.Path != ciliumPath {
			continue
		}
		s.dir = p.Module.Dir
		rel, err := filepath.Rel(s.dir, p.Dir)
		if err != nil {
			return nil, err
		}
		for _, file := range p.files() {
			s.compiled[path.Join(filepath.ToSlash(rel), file)] = true
		}
	}
	if s.dir == "" {
		return nil, fmt.Errorf("the go command knows no package of %s in the worker", ciliumPath)
	}
	return s, nil
}

// changes are those from one source to another.
func (s *ciliumSource) changes(to *ciliumSource) (*Changes, error) {
	names := map[string]bool{}
	if err := errors.Join(s.files(names), to.files(names)); err != nil {
		return nil, err
	}
	c, key := &Changes{Worker: []string{}, Outside: []string{}}, sha256.New()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, gone := os.ReadFile(filepath.Join(s.dir, name))
		after, missing := os.ReadFile(filepath.Join(to.dir, name))
		if (gone == nil) == (missing == nil) && bytes.Equal(before, after) {
			continue
		}
		fmt.Fprintf(key, "%s %t %x\n", name, missing == nil, sha256.Sum256(after))
		where, in := &c.Outside, path.Dir(name)
		if s.compiled[name] || to.compiled[name] {
			where = &c.Worker
		}
		if name == "go.mod" {
			in = name
		}
		if !slices.Contains(*where, in) {
			*where = append(*where, in)
		}
		c.Hash = fmt.Sprintf("%x", key.Sum(nil)[:8])
	}
	return c, nil
}

// files adds the source files that a user would say he has changed. What a module of the
// module cache lacks is left out: other modules below its root, and what it vendors.
func (s *ciliumSource) files(into map[string]bool) error {
	return filepath.WalkDir(s.dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			_, other := os.Stat(filepath.Join(file, "go.mod"))
			if file != s.dir && (other == nil || strings.HasPrefix(name, ".") || slices.Contains(notCompiled, name)) {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(s.dir, file)
		rel = filepath.ToSlash(rel)
		source := slices.Contains([]string{".go", ".s", ".c", ".h", ".proto"}, path.Ext(name)) && !strings.HasSuffix(name, "_test.go")
		if d.Type().IsRegular() && (source || s.compiled[rel]) {
			into[rel] = true
		}
		return err
	})
}
