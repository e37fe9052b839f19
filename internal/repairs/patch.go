package repairs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Tree returns the files of Cilium that repairs change, as they are in the directory of its
// source and as they are with the repairs. A file that is added has no text before.
func Tree(source string, all ...*Repair) (before, after map[string]string, err error) {
	before, after = map[string]string{}, map[string]string{}
	for _, r := range all {
		for i, e := range r.Edits {
			if e.Module != "" {
				continue
			}
			if _, ok := after[e.File]; !ok {
				data, err := os.ReadFile(filepath.Join(source, filepath.FromSlash(e.File)))
				if err != nil {
					return nil, nil, fmt.Errorf("repair %s: edits[%d]: %w", r.Name, i, err)
				}
				before[e.File], after[e.File] = string(data), string(data)
			}
			if n := strings.Count(after[e.File], e.Old); n != 1 {
				return nil, nil, fmt.Errorf("repair %s: edits[%d]: the text %q occurs %d times in %s, not once", r.Name, i, e.Old, n, e.File)
			}
			after[e.File] = strings.Replace(after[e.File], e.Old, e.New, 1)
		}
		for _, f := range r.Tests {
			after[f.File] = f.Text
		}
	}
	return before, after, nil
}

// Source is the directory of Cilium's source, as the module in the current directory has it.
func Source(ctx context.Context) (string, error) { return sourceOf(ctx, CiliumModule) }

func sourceOf(ctx context.Context, module string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	return strings.TrimSpace(string(out)), err
}

// WritePatches writes NAME.patch for each repair that edits Cilium and, of several, all.patch,
// into a directory, and returns the names.
func WritePatches(ctx context.Context, dir string, all []*Repair) (names []string, err error) {
	source, err := Source(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	write := func(name, head string, of ...*Repair) error {
		before, after, err := Tree(source, of...)
		if err != nil || len(after) == 0 {
			return err
		}
		patch, err := diff(ctx, before, after)
		if err != nil {
			return err
		}
		names = append(names, name)
		return os.WriteFile(filepath.Join(dir, name+".patch"), []byte(head+"\n"+patch), 0o666)
	}
	for _, r := range all {
		if err := write(r.Name, r.head(), r); err != nil {
			return nil, err
		}
	}
	if len(all) > 1 {
		err = write("all", "All repairs of meshcheck.\n", all...)
	}
	return names, err
}

// head is what stands above a patch, which git apply skips.
func (r *Repair) head() string {
	text := r.Name + "\n\n" + strings.TrimSpace(r.Reason) + "\n"
	if r.Decision != "" {
		text += "\nTo be decided: " + strings.TrimSpace(r.Decision) + "\n"
	}
	return text
}

// The trees that a diff is of, by git's names, whose letter is no host's.
const (
	oldTree = "a"
	newTree = "b"
)

// diff is the unified diff of two trees, as git has it.
func diff(ctx context.Context, before, after map[string]string) (string, error) {
	dir, err := os.MkdirTemp("", "meshcheck-patch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for tree, texts := range map[string]map[string]string{oldTree: before, newTree: after} {
		for file, text := range texts {
			path := filepath.Join(dir, tree, filepath.FromSlash(file))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
				return "", err
			}
		}
	}
	var out bytes.Buffer
	files := make([]string, 0, len(after))
	for file := range after {
		files = append(files, file)
	}
	slices.Sort(files)
	for _, file := range files {
		from := oldTree + "/" + file
		if _, ok := before[file]; !ok {
			from = "/dev/null"
		}
		cmd := exec.CommandContext(ctx, "git", "diff", "--no-index", "--no-color", "--no-prefix", "--", from, newTree+"/"+file)
		cmd.Dir = dir
		part, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) { // 1: they differ
			return "", fmt.Errorf("git diff, which writes the patches: %w", err)
		}
		out.Write(part)
	}
	return out.String(), nil
}
