package histories

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/stores"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/export"
)

// Export writes them in forms that other programs read.
var Export = console.Entry{New: func() console.Command { return new(exportRuns) }, Help: exportHelp}

const exportHelp = `
export judges histories, as check does, and writes what it knows of them in forms
that other programs read.

  simrun export HISTORY... -trace FILE | -junit FILE | -csv FILE | -porcupine FILE

Flags:

Examples:
  simrun -seed 7 -write-history seven.history
  simrun export seven.history -trace seven.json     open it in https://ui.perfetto.dev
  simrun export runs/*.history -csv measures.csv -junit junit.xml
  simrun export seven.history -porcupine etcd.html

Exit status: as that of check: 1 if a property is broken or undecided, 2 if a file is
not a history, or if -porcupine finds nothing that is not linearizable.
`

// exportRuns is the command that writes runs in forms that other programs read.
type exportRuns struct {
	files     []string
	trace     string
	junit     string
	csv       string
	porcupine string
}

func (e *exportRuns) Flags(f *console.Flags) {
	f.Arguments, f.Want = &e.files, wantHistories
	f.Add(&e.trace, "trace FILE", "trace events of one history, for ui.perfetto.dev or chrome://tracing: hosts as processes, sessions and faults as slices, records as instants")
	f.Add(&e.junit, "junit FILE", "JUnit's XML: a test for each property of each history")
	f.Add(&e.csv, "csv FILE", "every measure of each history, a row each")
	f.Add(&e.porcupine, "porcupine FILE", "porcupine's own page of the first key of an etcd, of one history, whose operations are not linearizable")
}

func (e *exportRuns) Run(ctx context.Context, c *console.Console) (int, error) {
	outputs := []output.File{output.To("trace", e.trace, output.TraceEvents, false), output.To("junit", e.junit, output.JUnit, false), output.To("csv", e.csv, output.CSV, false), output.To("porcupine", e.porcupine, output.Page, false)}
	switch {
	case e.trace == "" && e.junit == "" && e.csv == "" && e.porcupine == "":
		return 0, console.Usagef("export needs one of -trace, -junit, -csv and -porcupine FILE")
	case len(e.files) > 1 && (e.trace != "" || e.porcupine != ""):
		return 0, console.Usagef("-trace and -porcupine are of one history, and there are %d", len(e.files))
	}
	if err := output.Check(e.files, outputs...); err != nil {
		return 0, err
	}
	var runs []*report.Run
	worst := console.StatusHold
	for _, file := range e.files {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		judged, err := Read(file, func(text []byte) (*drive.Judged, error) { return drive.JudgeIndexed(text, checker.Config{}) })
		if err != nil {
			return 0, err
		}
		judged.Name = file
		runs = append(runs, judged.Run)
		worst = max(worst, console.StatusOf(judged.Verdict))
		if err := e.one(file, judged); err != nil {
			return 0, err
		}
	}
	for _, out := range []struct {
		flag, path string
		write      func(io.Writer, []*report.Run) error
	}{{"junit", e.junit, export.JUnit}, {"csv", e.csv, export.CSV}} {
		if err := output.WriteWith(out.flag, out.path, func(w io.Writer) error { return out.write(w, runs) }); err != nil {
			return 0, err
		}
	}
	for _, out := range outputs {
		if out.Path != "" {
			fmt.Fprintf(c.Stdout, "%-11s %s\n", out.Flag, out.Path)
		}
	}
	return worst, nil
}

// one writes what is of one history.
func (e *exportRuns) one(file string, judged *drive.Judged) error {
	if err := output.WriteWith("trace", e.trace, func(w io.Writer) error { return export.Trace(w, judged.Run, judged.Index) }); err != nil || e.porcupine == "" {
		return err
	}
	r, _ := judged.Verdict.Result(stores.Linearizable.Name)
	if len(r.Violations) == 0 {
		return console.Usagef("-porcupine %s: the operations on each key of each etcd in %s are linearizable, as far as is known; there is nothing to show", e.porcupine, file)
	}
	return output.WriteWith("porcupine", e.porcupine, func(w io.Writer) error { return stores.Picture(w, judged.Index, &r.Violations[0], time.Minute) })
}
