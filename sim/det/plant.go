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

// Plant changes the source of a module that the worker is built from, so that the
// worker has a bug that its checkers must find. Nothing outside the user's cache
// directory is written.
type Plant struct {
	Module string       // such as github.com/cilium/cilium
	Edits  []SourceEdit // made in this order
}

// SourceEdit replaces a text in a source file of a module.
type SourceEdit struct {
	File string // below the module's root, with slashes
	Old  string // occurs exactly once
	New  string
}

func (p *Plant) hash(w io.Writer) {
	fmt.Fprintf(w, "plant %q\n", p.Module)
	for _, e := range p.Edits {
		fmt.Fprintf(w, "%q %q %q\n", e.File, e.Old, e.New)
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
	module, err := b.locate(ctx, b.cfg.Plant.Module)
	if err != nil {
		return nil, err
	}
	if module.cached {
		copied := filepath.Join(b.cache, "module-"+strings.ReplaceAll(module.path, "/", "_")+"-"+module.version)
		if err := copyOnce(module.dir, copied, "the source of "+module.String(), b.cfg.Progress); err != nil {
			return nil, err
		}
		module.dir = copied
		modfile, err := b.replaceModule(ctx, module.path+"="+module.dir, dir)
		if err != nil {
			return nil, err
		}
		flags = append(flags, "-modfile", modfile)
	}
	replace, err := readOverlay(runtimeOverlay)
	if err != nil {
		return nil, err
	}
	edited, err := b.cfg.Plant.write(module, dir)
	if err != nil {
		return nil, err
	}
	maps.Copy(replace, edited)
	overlay := filepath.Join(dir, "overlay.json")
	return append(flags, "-overlay", overlay), writeOverlayFile(overlay, replace)
}

// A module is one that the worker is built from.
type module struct {
	path, version string
	dir           string // that its source is in
	cached        bool   // that directory is below the module cache
}

func (m module) String() string { return strings.TrimSpace(m.path + " " + m.version) }

func (b *builder) locate(ctx context.Context, path string) (module, error) {
	cmd := exec.CommandContext(ctx, b.goCommand, "list", "-m", "-json", path)
	cmd.Dir, cmd.Env = b.module, b.env
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

// replaceModule writes a copy of go.mod with its go.sum into a directory, for a build
// that takes a module from elsewhere, and returns its path. What an earlier build with
// that copy added to go.sum stays.
func (b *builder) replaceModule(ctx context.Context, replacement, dir string) (string, error) {
	modfile, sums := filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum")
	data, err := os.ReadFile(filepath.Join(b.module, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(b.module, "go.sum"))
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
	cmd := exec.CommandContext(ctx, b.goCommand, "mod", "edit", "-replace="+replacement, modfile)
	cmd.Dir, cmd.Env = b.module, b.env
	_, err = output(cmd)
	return modfile, err
}

// write writes the edited files of the module into dir and returns what replaces
// what.
func (p *Plant) write(m module, dir string) (replace map[string]string, err error) {
	text := map[string]string{}
	for i, e := range p.Edits {
		if !filepath.IsLocal(filepath.FromSlash(e.File)) {
			return nil, fmt.Errorf("edit %d: %q is not a path below the root of %s", i+1, e.File, m)
		}
		if _, ok := text[e.File]; !ok {
			source, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(e.File)))
			if err != nil {
				return nil, fmt.Errorf("edit %d: %s has no file %s", i+1, m, e.File)
			}
			text[e.File] = string(source)
		}
		if text[e.File], err = (edit{old: e.Old, new: e.New}).apply(text[e.File]); err != nil {
			return nil, fmt.Errorf("edit %d does not fit %s of %s: %w", i+1, e.File, m, err)
		}
	}
	replace = map[string]string{}
	for file, edited := range text {
		copied := filepath.Join(dir, strings.ReplaceAll(file, "/", "__"))
		if err := writeIfChanged(copied, []byte(edited)); err != nil {
			return nil, err
		}
		replace[filepath.Join(m.dir, filepath.FromSlash(file))] = copied
	}
	return replace, nil
}
