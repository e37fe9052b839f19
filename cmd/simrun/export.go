package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/stores"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/export"
)

// exportRuns is the command that writes runs in forms that other programs read.
type exportRuns struct {
	files     []string
	trace     string
	junit     string
	csv       string
	porcupine string
}

func (e *exportRuns) flags(f *flags) {
	f.arguments, f.want = &e.files, wantHistories
	f.add(&e.trace, "trace FILE", "trace events of one history, for ui.perfetto.dev or chrome://tracing: hosts as processes, sessions and faults as slices, records as instants")
	f.add(&e.junit, "junit FILE", "JUnit's XML: a test for each property of each history")
	f.add(&e.csv, "csv FILE", "every measure of each history, a row each")
	f.add(&e.porcupine, "porcupine FILE", "porcupine's own page of the first key of an etcd, of one history, whose operations are not linearizable")
}

func (e *exportRuns) run(ctx context.Context, c *console) (int, error) {
	outputs := []output{{"trace", e.trace, traceEventsForm, false}, {"junit", e.junit, junitForm, false}, {"csv", e.csv, csvForm, false}, {"porcupine", e.porcupine, pageForm, false}}
	switch {
	case e.trace == "" && e.junit == "" && e.csv == "" && e.porcupine == "":
		return 0, usageErrorf("export needs one of -trace, -junit, -csv and -porcupine FILE")
	case len(e.files) > 1 && (e.trace != "" || e.porcupine != ""):
		return 0, usageErrorf("-trace and -porcupine are of one history, and there are %d", len(e.files))
	}
	if err := checkOutputs(e.files, outputs...); err != nil {
		return 0, err
	}
	var runs []*report.Run
	worst := statusHold
	for _, file := range e.files {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		judged, err := fromHistory(file, func(text []byte) (*drive.Judged, error) { return drive.JudgeIndexed(text, checker.Config{}) })
		if err != nil {
			return 0, err
		}
		judged.Name = file
		runs = append(runs, judged.Run)
		worst = max(worst, status(judged.Verdict))
		if err := e.one(file, judged); err != nil {
			return 0, err
		}
	}
	for _, out := range []struct {
		flag, path string
		write      func(io.Writer, []*report.Run) error
	}{{"junit", e.junit, export.JUnit}, {"csv", e.csv, export.CSV}} {
		if err := writeWith(out.flag, out.path, func(w io.Writer) error { return out.write(w, runs) }); err != nil {
			return 0, err
		}
	}
	for _, out := range outputs {
		if out.path != "" {
			fmt.Fprintf(c.stdout, "%-11s %s\n", out.flag, out.path)
		}
	}
	return worst, nil
}

// one writes what is of one history.
func (e *exportRuns) one(file string, judged *drive.Judged) error {
	if err := writeWith("trace", e.trace, func(w io.Writer) error { return export.Trace(w, judged.Run, judged.Index) }); err != nil || e.porcupine == "" {
		return err
	}
	r, _ := judged.Verdict.Result(stores.Linearizable.Name)
	if len(r.Violations) == 0 {
		return usageErrorf("-porcupine %s: the operations on each key of each etcd in %s are linearizable, as far as is known; there is nothing to show", e.porcupine, file)
	}
	return writeWith("porcupine", e.porcupine, func(w io.Writer) error { return stores.Picture(w, judged.Index, &r.Violations[0], time.Minute) })
}

// writeWith writes what a flag asks for, if it does.
func writeWith(flag, path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return writeTarget(flag, path, b.Bytes())
}
