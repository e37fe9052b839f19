package det

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Plant changes the source that the worker is built from, so that the worker has a bug
// that its checkers must find, or repairs that take one away. Nothing outside the user's
// cache directory is written.
type Plant struct {
	Edits []SourceEdit // made in this order
}

// SourceEdit replaces a text in a source file of a module.
type SourceEdit struct {
	Module string // such as github.com/cilium/cilium
	File   string // below the module's root, with slashes
	Old    string // occurs exactly once
	New    string

	// Compiled says that the worker must be compiled from the file: an edit of another one
	// changes nothing, and is an error.
	Compiled bool
}

func (p *Plant) hash(w io.Writer) {
	for _, e := range p.Edits {
		fmt.Fprintf(w, "plant %q %q %q %q\n", e.Module, e.File, e.Old, e.New)
	}
}

// plantIn makes the edits, for a build with the overlay of the runtime. It writes
// into dir and returns the flags of go build that take the edits in, in place of
// -overlay.
//
// go build refuses to overlay files below the module cache: a module that lies
// there is copied out once, and a copy of go.mod replaces it. Since the paths of a
// replaced module are not part of what -trimpath compiles, only the packages that
// are edited, and those that see a change of their exported data, compile again.
func (b *builder) plantIn(ctx context.Context, dir, runtimeOverlay string) (flags []string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	modules, replacements, err := b.editable(ctx)
	if err != nil {
		return nil, err
	}
	if len(replacements) > 0 {
		modfile, err := b.replaceModule(ctx, dir, replacements...)
		if err != nil {
			return nil, err
		}
		flags = append(flags, "-modfile", modfile)
	}
	replace, err := readOverlay(runtimeOverlay)
	if err != nil {
		return nil, err
	}
	edited, err := b.cfg.Plant.write(modules, dir)
	if err != nil {
		return nil, err
	}
	maps.Copy(replace, edited)
	overlay := filepath.Join(dir, "overlay.json")
	return append(flags, "-overlay", overlay), writeOverlayFile(overlay, replace)
}

// editable returns the modules that the plant edits, by path, with directories that an
// overlay may name, and what replaces those of the module cache.
func (b *builder) editable(ctx context.Context) (modules map[string]module, replacements []string, err error) {
	modules = map[string]module{}
	for _, e := range b.cfg.Plant.Edits {
		if _, ok := modules[e.Module]; ok {
			continue
		}
		m, err := b.locate(ctx, e.Module)
		if err != nil {
			return nil, nil, err
		}
		if m.cached {
			copied := filepath.Join(b.cache, "module-"+strings.ReplaceAll(m.path, "/", "_")+"-"+m.version)
			if err := copyOnce(m.dir, copied, "the source of "+m.String(), b.cfg.Progress); err != nil {
				return nil, nil, err
			}
			m.dir = copied
			replacements = append(replacements, m.path+"="+m.dir)
		}
		modules[e.Module] = m
	}
	return modules, replacements, nil
}

// A module is one that the worker is built from.
type module struct {
	path, version string
	dir           string // that its source is in
	cached        bool   // that directory is below the module cache
}

func (m module) String() string { return strings.TrimSpace(m.path + " " + m.version) }

func (b *builder) locate(ctx context.Context, path string) (module, error) {
	dir, _ := b.target()
	cmd := exec.CommandContext(ctx, b.goCommand, "list", "-m", "-json", path)
	cmd.Dir, cmd.Env = dir, b.env
	out, err := output(cmd)
	if err != nil {
		return module{}, err
	}
	var found struct{ Path, Version, Dir string }
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		return module{}, err
	}
	if found.Dir == "" {
		return module{}, fmt.Errorf("the source of %s %s is not on this machine; go mod download gets it", found.Path, found.Version)
	}
	return module{found.Path, found.Version, found.Dir, inside(found.Dir, b.modcache)}, nil
}

// replaceModule writes a copy of the go.mod of what is built, with its go.sum, into a
// directory, for a build that takes modules from elsewhere, and returns its path. What an
// earlier build with that copy added to go.sum stays.
func (b *builder) replaceModule(ctx context.Context, dir string, replacements ...string) (string, error) {
	modfile, sums := filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum")
	root, _ := b.target()
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return "", err
	}
	before, err := os.ReadFile(sums)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	lines := slices.Sorted(strings.Lines(string(sum) + string(before)))
	if err := os.WriteFile(modfile, data, 0o666); err != nil {
		return "", err
	}
	if err := os.WriteFile(sums, []byte(strings.Join(slices.Compact(lines), "")), 0o666); err != nil {
		return "", err
	}
	args := []string{"mod", "edit"}
	for _, replacement := range replacements {
		args = append(args, "-replace="+replacement)
	}
	cmd := exec.CommandContext(ctx, b.goCommand, append(args, modfile)...)
	cmd.Dir, cmd.Env = root, b.env
	_, err = output(cmd)
	return modfile, err
}

// write writes the edited files into dir and returns what replaces what.
func (p *Plant) write(modules map[string]module, dir string) (replace map[string]string, err error) {
	type source struct{ module, file string }
	text := map[source]string{}
	for i, e := range p.Edits {
		m, of := modules[e.Module], source{e.Module, e.File}
		if !filepath.IsLocal(filepath.FromSlash(e.File)) {
			return nil, fmt.Errorf("edit %d: %q is not a path below the root of %s", i+1, e.File, m)
		}
		if _, ok := text[of]; !ok {
			source, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(e.File)))
			if err != nil {
				return nil, fmt.Errorf("edit %d: %s has no file %s", i+1, m, e.File)
			}
			text[of] = string(source)
		}
		if text[of], err = (edit{old: e.Old, new: e.New}).apply(text[of]); err != nil {
			return nil, fmt.Errorf("edit %d does not fit %s of %s: %w", i+1, e.File, m, err)
		}
	}
	replace = map[string]string{}
	for of, edited := range text {
		copied := filepath.Join(dir, strings.ReplaceAll(of.module+"/"+of.file, "/", "__"))
		if err := writeIfChanged(copied, []byte(edited)); err != nil {
			return nil, err
		}
		replace[filepath.Join(modules[of.module].dir, filepath.FromSlash(of.file))] = copied
	}
	return replace, nil
}
