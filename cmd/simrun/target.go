package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/meshcheck/meshcheck/internal/files"
)

// A form is what a file holds.
type form string

// The forms of what simrun writes, as its errors name them.
const (
	planForm     form = "a plan"
	historyForm  form = "a history"
	verdictForm  form = "a verdict"
	profileForm  form = "a profile"
	logForm      form = "a log"
	programForm  form = "a program"
	junitForm    form = "JUnit's XML"
	markdownForm form = "a summary in Markdown"
	findingsForm form = "a list of findings"
	traceForm    form = "a counterexample"
	pageForm     form = "a page"
	csvForm      form = "CSV"

	traceEventsForm form = "trace events"
	otherForm       form = "a file of another kind"
)

// An output is a file, or a directory for files of a form, that a flag asks for.
type output struct {
	flag, path string
	form       form
	directory  bool
}

// checkOutputs says before a run why what it is to write could not be written, or would
// destroy an input, another output or a file of another form.
func checkOutputs(inputs []string, outputs ...output) error {
	for i, out := range outputs {
		if err := checkTarget(out.flag, out.path, out.directory); err != nil {
			return err
		}
		if out.path == "" || out.directory {
			continue
		}
		for _, other := range outputs[:i] {
			if info, err := os.Stat(out.path); filepath.Clean(other.path) == filepath.Clean(out.path) && (err != nil || info.Mode().IsRegular()) {
				return usageErrorf("-%s %s: -%s is to write the same file; give each a name of its own", out.flag, out.path, other.flag)
			}
		}
		for _, input := range inputs {
			if sameFile(input, out.path) {
				return usageErrorf("-%s %s: this file is an input of the run, and would be overwritten; give another name", out.flag, out.path)
			}
		}
		if err := checkForm(out.flag, out.path, out.form); err != nil {
			return err
		}
	}
	return nil
}

// sameFile reports whether two paths are of one file.
func sameFile(a, b string) bool {
	first, errA := os.Stat(a)
	second, errB := os.Stat(b)
	return errA == nil && errB == nil && first.Mode().IsRegular() && os.SameFile(first, second)
}

// checkForm refuses to overwrite a file that holds something else.
func checkForm(flagName, path string, want form) error {
	if is := formOf(path); is != want && is != "" {
		return usageErrorf("-%s %s: there is %s of this name, which %s would overwrite; remove it, or give another name", flagName, path, is, want)
	}
	return nil
}

// mostJSON is how much of a file is read to see its form.
const mostJSON = 1 << 30

// logLine begins a log: virtual time, and a tab.
var logLine = regexp.MustCompile(`^[0-9]+\.[0-9]+s\t`)

// formOf is what a file holds, as far as simrun writes such files. It is empty for one that
// is empty, not there, or no file, such as a pipe.
func formOf(path string) form {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return otherForm
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := io.ReadFull(f, head) // a file may be shorter
	head = head[:n]
	for _, begins := range []struct {
		form form
		with string
	}{
		{historyForm, "meshcheck-history "}, {programForm, "\x7fELF"}, {programForm, "#!"}, {profileForm, "\x1f\x8b"},
		{pageForm, "<!doctype html>"}, {pageForm, "<!DOCTYPE html>"}, {csvForm, "run,trace,"}, {markdownForm, "## meshcheck: "}, {markdownForm, "# Modes compared\n"}, {findingsForm, "# Findings\n"},
	} {
		if bytes.HasPrefix(head, []byte(begins.with)) {
			return begins.form
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("<?xml")) && bytes.Contains(head, []byte("<testsuite")):
		return junitForm
	case logLine.Match(head):
		return logForm
	case bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")):
		return formOfJSON(io.MultiReader(bytes.NewReader(head), io.LimitReader(f, mostJSON)))
	}
	return otherForm
}

// formOfJSON tells the forms that are JSON objects by the fields that only one of them has.
func formOfJSON(r io.Reader) form {
	var fields map[string]json.RawMessage
	if json.NewDecoder(r).Decode(&fields) != nil {
		return otherForm
	}
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := fields[name]; !ok {
				return false
			}
		}
		return true
	}
	switch {
	case has("seed", "topology"):
		return planForm
	case has("hash", "records"):
		return verdictForm
	case has("model", "steps"):
		return traceForm
	case has("traceEvents"):
		return traceEventsForm
	}
	return otherForm
}

// checkTarget says before a run why its output could not be written to path, if
// it is not empty: as a file, or as a directory that is made if it is missing.
func checkTarget(flagName, path string, directory bool) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	dir := path
	switch {
	case directory && err == nil && !info.IsDir():
		return usageErrorf("-%s %s: this must be a directory, and it is a file", flagName, path)
	case directory:
		if err := os.MkdirAll(path, 0o777); err != nil {
			return usageErrorf("-%s %s: cannot make the directory: %w", flagName, path, files.Plain(err))
		}
	case err == nil && info.IsDir():
		return usageErrorf("-%s %s: this is a directory; give the name of a file", flagName, path)
	case err == nil && !info.Mode().IsRegular():
		return nil // a pipe or a terminal
	case err != nil:
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return usageErrorf("-%s %s: there is no directory %s", flagName, path, filepath.Dir(path))
		}
	}
	if !directory {
		dir = filepath.Dir(path)
	}
	if err := files.TryDir(dir); err != nil {
		return usageErrorf("-%s %s: nothing can be written in the directory %s: %w", flagName, path, dir, err)
	}
	return nil
}

// writeForm is [writeTarget] for a file in a directory: what is there and holds something
// else stays.
func writeForm(flagName, path string, f form, data []byte) error {
	if path == "" {
		return nil
	}
	if err := checkForm(flagName, path, f); err != nil {
		return err
	}
	return writeTarget(flagName, path, data)
}

// writeTarget writes what a flag asks for, if it does.
func writeTarget(flagName, path string, data []byte) error {
	if path == "" {
		return nil
	}
	if err := files.Write(path, data); err != nil {
		return usageErrorf("-%s %s: cannot write it: %w", flagName, path, files.Plain(err))
	}
	return nil
}

// A logFile is where the log of a run goes. What cannot be written ends the run: the worker
// would see a broken pipe, which looks like a crash of its own.
type logFile struct {
	*os.File
	stop   context.CancelFunc // of the run
	failed error              // the first time
}

func (f *logFile) Write(b []byte) (int, error) {
	if f.failed == nil {
		if _, f.failed = f.File.Write(b); f.failed != nil {
			f.stop()
		}
	}
	return len(b), nil
}
