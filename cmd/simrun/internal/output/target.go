// Package output is what a command writes: which file a flag names, of which form, and what
// must not be overwritten by it.
package output

import (
	"bytes"
	"io"
	"os"
	"path/filepath"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/internal/files"
)

// A File is what a flag asks for: a file, or a directory for files of a form.
type File struct {
	Flag, Path string
	form       Form
	directory  bool
}

// To is a file of a form that a flag names; with directory, a directory for many.
func To(flag, path string, f Form, directory bool) File { return File{flag, path, f, directory} }

// Check says before a run why what it is to write could not be written, or would
// destroy an input, another output or a file of another form.
func Check(inputs []string, outputs ...File) error {
	for i, out := range outputs {
		if err := CheckTarget(out.Flag, out.Path, out.directory); err != nil {
			return err
		}
		if out.Path == "" || out.directory {
			continue
		}
		for _, other := range outputs[:i] {
			if info, err := os.Stat(out.Path); filepath.Clean(other.Path) == filepath.Clean(out.Path) && (err != nil || info.Mode().IsRegular()) {
				return console.Usagef("-%s %s: -%s is to write the same file; give each a name of its own", out.Flag, out.Path, other.Flag)
			}
		}
		for _, input := range inputs {
			if SameFile(input, out.Path) {
				return console.Usagef("-%s %s: this file is an input of the run, and would be overwritten; give another name", out.Flag, out.Path)
			}
		}
		if err := CheckForm(out.Flag, out.Path, out.form); err != nil {
			return err
		}
	}
	return nil
}

// SameFile reports whether two paths are of one file.
func SameFile(a, b string) bool {
	first, errA := os.Stat(a)
	second, errB := os.Stat(b)
	return errA == nil && errB == nil && first.Mode().IsRegular() && os.SameFile(first, second)
}

// CheckForm refuses to overwrite a file that holds something else.
func CheckForm(flagName, path string, want Form) error {
	if is := FormOf(path); is != want && is != "" {
		return console.Usagef("-%s %s: there is %s of this name, which %s would overwrite; remove it, or give another name", flagName, path, is, want)
	}
	return nil
}

// CheckTarget says before a run why its output could not be written to path, if
// it is not empty: as a file, or as a directory that is made if it is missing.
func CheckTarget(flagName, path string, directory bool) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	dir := path
	switch {
	case directory && err == nil && !info.IsDir():
		return console.Usagef("-%s %s: this must be a directory, and it is a file", flagName, path)
	case directory:
		if err := os.MkdirAll(path, 0o777); err != nil {
			return console.Usagef("-%s %s: cannot make the directory: %w", flagName, path, files.Plain(err))
		}
	case err == nil && info.IsDir():
		return console.Usagef("-%s %s: this is a directory; give the name of a file", flagName, path)
	case err == nil && !info.Mode().IsRegular():
		return nil // a pipe or a terminal
	case err != nil:
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return console.Usagef("-%s %s: there is no directory %s", flagName, path, filepath.Dir(path))
		}
	}
	if !directory {
		dir = filepath.Dir(path)
	}
	if err := files.TryDir(dir); err != nil {
		return console.Usagef("-%s %s: nothing can be written in the directory %s: %w", flagName, path, dir, err)
	}
	return nil
}

// WriteForm is [writeTarget] for a file in a directory: what is there and holds something
// else stays.
func WriteForm(flagName, path string, f Form, data []byte) error {
	if path == "" {
		return nil
	}
	if err := CheckForm(flagName, path, f); err != nil {
		return err
	}
	return Write(flagName, path, data)
}

// Write writes what a flag asks for, if it does.
func Write(flagName, path string, data []byte) error {
	if path == "" {
		return nil
	}
	if err := files.Write(path, data); err != nil {
		return console.Usagef("-%s %s: cannot write it: %w", flagName, path, files.Plain(err))
	}
	return nil
}

// WriteWith writes what a flag asks for, if it does.
func WriteWith(flag, path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return Write(flag, path, b.Bytes())
}
