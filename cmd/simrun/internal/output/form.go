package output

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"regexp"
)

// A Form is what a file holds.
type Form string

// The forms of what simrun writes, as its errors name them.
const (
	Plan           Form = "a plan"
	History        Form = "a history"
	Verdict        Form = "a verdict"
	Profile        Form = "a profile"
	Log            Form = "a log"
	Program        Form = "a program"
	JUnit          Form = "JUnit's XML"
	Markdown       Form = "a summary in Markdown"
	Findings       Form = "a list of findings"
	Counterexample Form = "a counterexample"
	Page           Form = "a page"
	CSV            Form = "CSV"
	SVG            Form = "a picture"
	Metrics        Form = "metrics"
	Capacity       Form = "a measurement of capacities"

	TraceEvents Form = "trace events"
	otherForm   Form = "a file of another kind"
)

// mostJSON is how much of a file is read to see its form.
const mostJSON = 1 << 30

// logLine begins a log: virtual time, and a tab.
var logLine = regexp.MustCompile(`^[0-9]+\.[0-9]+s\t`)

// FormOf is what a file holds, as far as simrun writes such files. It is empty for one that
// is empty, not there, or no file, such as a pipe.
func FormOf(path string) Form {
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
		form Form
		with string
	}{
		{History, "meshcheck-history "}, {Program, "\x7fELF"}, {Program, "#!"}, {Profile, "\x1f\x8b"},
		{Page, "<!doctype html>"}, {Page, "<!DOCTYPE html>"}, {CSV, "run,trace,"}, {SVG, "<svg "}, {Metrics, "# TYPE meshcheck_"}, {Metrics, "second,metric,"}, {Markdown, "## meshcheck: "}, {Markdown, "# Modes compared\n"}, {Findings, "# Findings\n"},
	} {
		if bytes.HasPrefix(head, []byte(begins.with)) {
			return begins.form
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("<?xml")) && bytes.Contains(head, []byte("<testsuite")):
		return JUnit
	case logLine.Match(head):
		return Log
	case bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")):
		return formOfJSON(io.MultiReader(bytes.NewReader(head), io.LimitReader(f, mostJSON)))
	}
	return otherForm
}

// formOfJSON tells the forms that are JSON objects by the fields that only one of them has.
func formOfJSON(r io.Reader) Form {
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
		return Plan
	case has("hash", "records"):
		return Verdict
	case has("model", "steps"):
		return Counterexample
	case has("machine", "figures"):
		return Capacity
	case has("traceEvents"):
		return TraceEvents
	}
	return otherForm
}
