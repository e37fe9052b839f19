package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/tracevalidation"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/report"
)

// mostBytes is the most that the file of a history or a verdict may have.
const mostBytes = 4 << 30

// filesFlags are what commands have that judge files.
type filesFlags struct {
	files []string
	json  bool
	all   bool
}

func (j *filesFlags) add(f *flags, want, every string) {
	f.arguments, f.want = &j.files, want
	f.json(&j.json)
	f.add(&j.all, "v", "show every "+every)
}

const wantHistories = "the files of histories; simrun -seed 1 -write-history FILE writes one"

// check is the command that judges histories from files.
type check struct {
	filesFlags
	verdict  string
	html     string
	deadline time.Duration
}

func (k *check) flags(f *flags) {
	f.add(&k.verdict, "verdict FILE", "write the verdict as data, of one history; docs/verdict.md describes it, and simrun report prints it")
	f.add(&k.html, "html FILE", "write a page to look at the run in a browser, of one history; it needs no network")
	f.add(&k.deadline, "deadline TIME", "the longest that judging one property may take before it counts as undecided; 10s, if not given")
	k.filesFlags.add(f, wantHistories, "property with its evidence, and every violation")
}

func (k *check) run(ctx context.Context, c *console) (int, error) {
	if k.verdict != "" && len(k.files) != 1 {
		return 0, usageErrorf("-verdict FILE takes the verdict of one history, and there are %d", len(k.files))
	}
	if k.deadline < 0 {
		return 0, usageErrorf("-deadline %s: want a time such as 1m", k.deadline)
	}
	if k.html != "" && len(k.files) != 1 {
		return 0, usageErrorf("-html FILE takes the page of one history, and there are %d", len(k.files))
	}
	if err := checkOutputs(k.files, output{"verdict", k.verdict, verdictForm, false}, output{"html", k.html, pageForm, false}); err != nil {
		return 0, err
	}
	return c.eachFile(ctx, k.files, func(file string) (int, error) {
		judged, err := fromHistory(file, func(text []byte) (*drive.Judged, error) {
			return drive.JudgeIndexed(text, checker.Config{Deadline: k.deadline})
		})
		if err != nil {
			return 0, err
		}
		run := judged.Run
		run.Name = file
		run.Explain = c.explainer(file)
		if err := writeTarget("verdict", k.verdict, run.EncodeVerdict()); err != nil {
			return 0, err
		}
		if err := writePage(k.html, judged); err != nil {
			return 0, err
		}
		return k.write(c, run)
	})
}

// explainer returns the command lines that explain the violations of a history.
func (c *console) explainer(history string, args ...string) func(int) string {
	return func(number int) string {
		return commandLine(c.name, append([]string{"explain", history, "-violation", strconv.Itoa(number)}, args...)...)
	}
}

// write prints a verdict.
func (j *filesFlags) write(c *console, run *report.Run) (int, error) {
	if j.json {
		return status(run.Verdict), run.WriteJSON(c.stdout, true)
	}
	if err := report.WritePlan(c.stdout, run, c.style(j.all)); err != nil {
		return 0, err
	}
	if err := report.WriteVerdict(c.stdout, run, c.style(j.all)); err != nil {
		return 0, err
	}
	_, err := fmt.Fprintln(c.stdout)
	return status(run.Verdict), err
}

// printVerdict is the command that prints verdicts from files, as check does those of histories.
type printVerdict struct{ filesFlags }

func (p *printVerdict) flags(f *flags) {
	p.filesFlags.add(f, "the files of verdicts; simrun check -verdict FILE HISTORY writes one", "property with its evidence, and every violation")
}

func (p *printVerdict) run(ctx context.Context, c *console) (int, error) {
	return c.eachFile(ctx, p.files, func(file string) (int, error) {
		data, err := files.Read(file, mostBytes)
		if err != nil {
			return 0, usageErrorf("%s: cannot read the verdict: %w", file, err)
		}
		run, err := report.ReadVerdict(file, data)
		if err != nil {
			return 0, &usageError{err}
		}
		if info, err := os.Stat(run.Name); err == nil && info.Mode().IsRegular() {
			run.Explain = c.explainer(run.Name, "-verdict", file)
		}
		return p.write(c, run)
	})
}

// validate is the command that explains histories from files by the model.
type validate struct{ filesFlags }

func (v *validate) flags(f *flags) {
	v.filesFlags.add(f, wantHistories, "record that nothing explains, not the first one alone")
}

func (v *validate) run(ctx context.Context, c *console) (int, error) {
	return c.eachFile(ctx, v.files, func(file string) (int, error) {
		verdict, err := fromHistory(file, func(text []byte) (*tracevalidation.Verdict, error) {
			h, err := history.Read(bytes.NewReader(text))
			if err != nil {
				return nil, err
			}
			return tracevalidation.Check(index.New(h)), nil
		})
		if err != nil {
			return 0, err
		}
		status := statusBroken
		if verdict.Holds() {
			status = statusHold
		}
		if v.json {
			return status, report.WriteLine(c.stdout, struct {
				report.Header
				File  string `json:"file"`
				Holds bool   `json:"holds"`
				*tracevalidation.Verdict
			}{report.Head("trace-validation"), file, verdict.Holds(), verdict})
		}
		shown := len(verdict.Unexplained)
		if !v.all {
			shown = min(shown, 1)
		}
		_, err = fmt.Fprintf(c.stdout, "%s: %s\n", file, verdict.Text(shown))
		return status, err
	})
}

// fromHistory reads the file of a history and hands it to what makes something of it.
func fromHistory[T any](file string, use func([]byte) (T, error)) (made T, err error) {
	text, err := files.Read(file, mostBytes)
	if err != nil {
		return made, usageErrorf("%s: cannot read the history: %w", file, err)
	}
	if made, err = use(text); err != nil {
		return made, usageErrorf("%s: %s", file, strings.TrimPrefix(err.Error(), "history: "))
	}
	return made, nil
}
