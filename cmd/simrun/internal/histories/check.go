package histories

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/report"
)

// Check checks histories from files.
var Check = console.Entry{New: func() console.Command { return new(check) }, Help: checkHelp}

const checkHelp = `
check judges histories that -write-history has written, without running anything.

  simrun check HISTORY...

Flags:

Examples:
  simrun -seed 7 -write-history seven.history
  simrun check seven.history
  simrun check -v runs/*.history
  simrun check -verdict seven.verdict seven.history
  simrun check -html seven.html seven.history

Exit status: 0 if every property holds in every history, 1 if one is broken or
undecided, 2 if a file is not a history, 3 if meshcheck was wrong in judging one.
`

// MostBytes is the most that the file of a history or a verdict may have.
const MostBytes = 4 << 30

// filesFlags are what commands have that judge files.
type filesFlags struct {
	files []string
	json  bool
	all   bool
}

func (j *filesFlags) add(f *console.Flags, want, every string) {
	f.Arguments, f.Want = &j.files, want
	f.JSON(&j.json)
	f.Add(&j.all, "v", "show every "+every)
}

const wantHistories = "the files of histories; simrun -seed 1 -write-history FILE writes one"

// check is the command that judges histories from files.
type check struct {
	filesFlags
	verdict  string
	html     string
	metrics  string
	deadline time.Duration
}

func (k *check) Flags(f *console.Flags) {
	f.Add(&k.verdict, "verdict FILE", "write the verdict as data, of one history; docs/verdict.md describes it, and simrun report prints it")
	f.Add(&k.html, "html FILE", "write a page to look at the run in a browser, of one history; it needs no network")
	f.Add(&k.metrics, "metrics FILE", output.MetricsUsage+"; of one history")
	f.Add(&k.deadline, "deadline TIME", "the longest that judging one property may take before it counts as undecided; 10s, if not given")
	k.filesFlags.add(f, wantHistories, "property with its evidence, and every violation")
}

func (k *check) Run(ctx context.Context, c *console.Console) (int, error) {
	if k.verdict != "" && len(k.files) != 1 {
		return 0, console.Usagef("-verdict FILE takes the verdict of one history, and there are %d", len(k.files))
	}
	if k.deadline < 0 {
		return 0, console.Usagef("-deadline %s: want a time such as 1m", k.deadline)
	}
	if k.metrics != "" && len(k.files) != 1 {
		return 0, console.Usagef("-metrics FILE takes the metrics of one history, and there are %d", len(k.files))
	}
	if k.html != "" && len(k.files) != 1 {
		return 0, console.Usagef("-html FILE takes the page of one history, and there are %d", len(k.files))
	}
	if err := output.Check(k.files, output.To("verdict", k.verdict, output.Verdict, false), output.To("html", k.html, output.Page, false), output.To("metrics", k.metrics, output.Metrics, false)); err != nil {
		return 0, err
	}
	return c.EachFile(ctx, k.files, func(file string) (int, error) {
		judged, err := Read(file, func(text []byte) (*drive.Judged, error) {
			return drive.JudgeIndexed(text, checker.Config{Deadline: k.deadline})
		})
		if err != nil {
			return 0, err
		}
		run := judged.Run
		run.Name = file
		run.Explain = Explainer(c, file)
		if err := output.Write("verdict", k.verdict, run.EncodeVerdict()); err != nil {
			return 0, err
		}
		if err := cmp.Or(runs.WritePage(k.html, judged), output.WriteMetrics(k.metrics, judged.File, judged.Said)); err != nil {
			return 0, err
		}
		return k.write(c, run)
	})
}

// Explainer returns the command lines that explain the violations of a history.
func Explainer(c *console.Console, history string, args ...string) func(int) string {
	return func(number int) string {
		return console.CommandLine(c.Name, append([]string{"explain", history, "-violation", strconv.Itoa(number)}, args...)...)
	}
}

// write prints a verdict.
func (j *filesFlags) write(c *console.Console, run *report.Run) (int, error) {
	if j.json {
		return console.StatusOf(run.Verdict), run.WriteJSON(c.Stdout, true)
	}
	if err := report.WritePlan(c.Stdout, run, c.Style(j.all)); err != nil {
		return 0, err
	}
	if err := report.WriteVerdict(c.Stdout, run, c.Style(j.all)); err != nil {
		return 0, err
	}
	_, err := fmt.Fprintln(c.Stdout)
	return console.StatusOf(run.Verdict), err
}

// Read reads the file of a history and hands it to what makes something of it.
func Read[T any](file string, use func([]byte) (T, error)) (made T, err error) {
	text, err := files.Read(file, MostBytes)
	if err != nil {
		return made, console.Usagef("%s: cannot read the history: %w", file, err)
	}
	if made, err = use(text); err != nil {
		return made, console.Usagef("%s: %s", file, strings.TrimPrefix(err.Error(), "history: "))
	}
	return made, nil
}
