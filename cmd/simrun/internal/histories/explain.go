package histories

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/life"
)

// Explain tells the life of an entry.
var Explain = console.Entry{New: func() console.Command { return new(explain) }, Help: explainHelp}

const explainHelp = `
explain tells the life of one entry from a history, line by line: what was true of
it and when, what each replica's writer was told, put and deleted, what each agent's
view and datapath showed and by which connection, and which faults were on. Of a
violation, or of each one of the entry, it says at the end who said what at that
instant, and which of these steps was the first that was wrong.

  simrun explain HISTORY                         the violations, with their numbers
  simrun explain HISTORY -violation N            the entry that a violation is about
  simrun explain HISTORY -entry endpoint/10.0.0.1 [-agent a1]

Contents of the entry have letters: A is the first that is spoken of. The numbers at
the left are lines of the history's file. With -log the run is replayed, with its log.

Flags:

Examples:
  simrun -seed 7 -write-history seven.history
  simrun explain seven.history
  simrun explain seven.history -violation 1 -lines
  simrun explain seven.history -entry identity/65792 -agent a1
  simrun explain seven.history -violation 1 -log r0

Exit status: 0, or 2 if a file is not a history or has no such entry or violation, 3 if
the replay failed.
`

// What the log shows around an instant, or around each step of an entry's life.
const (
	logBefore = 5 * time.Second
	logAround = 50 * time.Millisecond
	logAfter  = time.Second
)

// explain is the command that tells the life of an entry.
type explain struct {
	files     []string
	entry     string
	violation int
	verdict   string
	agent     string
	lines     bool
	json      bool
	log       string
	worker    runs.Worker
	limits    runs.Limits
}

func (e *explain) Flags(f *console.Flags) {
	f.Arguments, f.Want = &e.files, "the file of a history; simrun -seed 1 -write-history FILE writes one"
	f.Add(&e.entry, "entry KIND/KEY", "the entry, such as endpoint/10.0.0.1, identity/65792 or node/n0")
	f.Add(&e.violation, "violation N", "a violation of the history's verdict in place of an entry, by the number that the verdict's text gives it; without either, all are listed")
	f.Add(&e.verdict, "verdict FILE", "take the violations from the verdict that check -verdict has written of this history, in place of judging it again")
	f.Add(&e.agent, "agent NAME", "show what this agent saw; else, of a violation, the agent that it is about, and of an entry the first few")
	f.Add(&e.lines, "lines", "show each step's line of the history below it")
	f.Add(&e.log, "log HOST", "show the log of the code under test on this host around these steps, from a replay of the run")
	f.JSON(&e.json)
	e.worker.Add(f)
	e.limits.Add(f)
}

func (e *explain) Run(ctx context.Context, c *console.Console) (int, error) {
	switch {
	case len(e.files) != 1:
		return 0, console.Usagef("explain takes one history, and there are %d", len(e.files))
	case e.entry != "" && e.violation != 0:
		return 0, console.Usagef("-entry and -violation exclude each other: a violation says which entry it is about")
	case e.violation < 0:
		return 0, console.Usagef("-violation %d: violations are numbered from 1", e.violation)
	case e.log == "" && (e.worker != runs.Worker{} || e.limits != runs.Limits{}):
		return 0, console.Usagef("-worker and limits are for the replay that -log HOST asks for, and there is no -log")
	}
	if err := e.worker.Check(); err != nil {
		return 0, err
	}
	if err := e.limits.Check(); err != nil {
		return 0, err
	}
	judged, err := Read(e.files[0], func(text []byte) (*drive.Judged, error) { return drive.JudgeIndexed(text, checker.Config{}) })
	if err != nil {
		return 0, err
	}
	if err := e.readVerdict(judged); err != nil {
		return 0, err
	}
	violations := report.Violations(judged.Verdict)
	switch {
	case e.violation > len(violations):
		return 0, console.Usagef("-violation %d: %s", e.violation, there(len(violations)))
	case e.violation > 0:
		return console.StatusHold, e.explain(ctx, c, judged, violations[e.violation-1:e.violation])
	case e.entry == "":
		return console.StatusHold, e.list(c, judged, violations)
	}
	entry, err := life.ParseEntry(e.entry)
	if err != nil {
		return 0, console.Usagef("-entry %w", err)
	}
	violations = slices.DeleteFunc(violations, func(v report.Numbered) bool {
		is := life.About(judged.Index, v)
		return is.Entry != entry || e.agent != "" && is.Agent != "" && is.Agent != e.agent
	})
	return console.StatusHold, e.tell(ctx, c, judged, entry, violations)
}

func there(violations int) string {
	if violations == 0 {
		return "the history's verdict has no violation"
	}
	return "the history's verdict has " + text.Count(violations, "violation")
}

// readVerdict takes the verdict from a file, if one is given.
func (e *explain) readVerdict(judged *drive.Judged) error {
	if e.verdict == "" {
		return nil
	}
	data, err := files.Read(e.verdict, MostBytes)
	if err != nil {
		return console.Usagef("-verdict %s: cannot read the verdict: %w", e.verdict, err)
	}
	run, err := report.ReadVerdict(e.verdict, data)
	if err != nil {
		return console.Usage(err)
	}
	if run.Hash != judged.Hash {
		return console.Usagef("-verdict %s: it is of a history with the hash %s; %s has %s", e.verdict, run.Hash, e.files[0], judged.Hash)
	}
	judged.Verdict = run.Verdict
	return nil
}

// list names the violations, for those who want to know which there are.
func (e *explain) list(c *console.Console, judged *drive.Judged, violations []report.Numbered) error {
	out := report.NewOutput(c.Stdout, c.Style(false))
	for _, v := range violations {
		out.Row(fmt.Sprintf("%6d  %s  ", v.Number, v.Property), "%s", v.Sentence())
	}
	if len(violations) == 0 {
		fmt.Fprintf(out, "%s\n", there(0))
	}
	entry := "endpoint/10.0.0.1"
	if len(judged.Index.Views.Entries) > 0 {
		entry = judged.Index.Views.Entries[0].Kind + "/" + judged.Index.Views.Entries[0].Key
	}
	if len(violations) > 0 {
		out.Command("explain  ", console.CommandLine(c.Name, "explain", e.files[0], "-violation", "1"))
	}
	out.Command("explain  ", console.CommandLine(c.Name, "explain", e.files[0], "-entry", entry))
	return out.Flush()
}

// explain tells the life of the entry that a violation is about or, if it is about none,
// what became of the hosts that it names.
func (e *explain) explain(ctx context.Context, c *console.Console, judged *drive.Judged, v []report.Numbered) error {
	x := judged.Index
	is := life.About(x, v[0])
	if is.Entry.Key == "" {
		return e.write(ctx, c, judged, life.OfViolation(x, v[0]), v)
	}
	if e.agent == "" {
		e.agent = is.AgentIn(x)
	}
	return e.tell(ctx, c, judged, is.Entry, v)
}

// tell writes the life of an entry, with who said what when it was broken.
func (e *explain) tell(ctx context.Context, c *console.Console, judged *drive.Judged, entry index.EntryKey, violations []report.Numbered) error {
	x := judged.Index
	var agents []string
	if e.agent != "" {
		agents = []string{e.agent}
	}
	l, err := life.Of(x, entry, agents...)
	if err != nil {
		return console.Usagef("%s: %w", e.files[0], err)
	}
	seen := map[string]bool{}
	for _, v := range violations {
		is := life.About(x, v)
		if e.agent != "" {
			is.Agent = e.agent
		}
		key := fmt.Sprint(is.AgentIn(x), v.At, is.Step)
		if seen[key] {
			continue
		}
		seen[key] = true
		l.Violation(x, v, is)
	}
	return e.write(ctx, c, judged, l, violations)
}

// write writes a life, and the log that is asked for.
func (e *explain) write(ctx context.Context, c *console.Console, judged *drive.Judged, l *life.Life, violations []report.Numbered) error {
	x := judged.Index
	if e.json {
		return report.WriteLine(c.Stdout, struct {
			report.Header
			File string `json:"file"`
			*life.Life
		}{report.Head("life"), e.files[0], l})
	}
	out := report.NewOutput(c.Stdout, c.Style(true))
	fmt.Fprintf(out, "%s in %s\n", cmp.Or(strings.TrimSpace(l.Kind+" "+l.Key), "what is of no entry"), e.files[0])
	for i := range min(len(violations), 8) {
		report.WriteViolation(out, violations[i])
	}
	if more := len(violations) - 8; more > 0 {
		out.Row("            ", "and %s of it", text.Count(more, "more violation"))
	}
	if len(violations) == 0 {
		out.Row("broken      ", "nothing of this entry")
	}
	fmt.Fprintln(out)
	if err := out.Flush(); err != nil {
		return err
	}
	shown := x.History.Records
	if !e.lines {
		shown = nil
	}
	if err := l.Write(c.Stdout, c.Style(true), shown); err != nil {
		return err
	}
	if err := e.pointToLog(c, l); err != nil {
		return err
	}
	return e.writeLog(ctx, c, judged, l, violations)
}

// pointToLog says how to see what the code under test logged where the first step was wrong.
func (e *explain) pointToLog(c *console.Console, l *life.Life) error {
	i := slices.IndexFunc(l.Chains, func(c life.Chain) bool { return c.Host != "" })
	if e.log != "" || i < 0 {
		return nil
	}
	host := l.Chains[i].Host
	args := []string{"explain", e.files[0], "-log", host}
	if e.violation > 0 {
		args = append(args, "-violation", strconv.Itoa(e.violation))
	} else {
		args = append(args, "-entry", e.entry)
	}
	out := report.NewOutput(c.Stdout, c.Style(true))
	out.Command(fmt.Sprintf("  log of %-4s ", host), console.CommandLine(c.Name, args...))
	return out.Flush()
}

// writeLog shows the log of a host, from a replay.
func (e *explain) writeLog(ctx context.Context, c *console.Console, judged *drive.Judged, l *life.Life, violations []report.Numbered) error {
	if e.log == "" {
		return nil
	}
	if !slices.ContainsFunc(judged.Index.Records, func(r history.Record) bool { return r.Actor == e.log }) {
		return console.Usagef("-log %s: nothing in the history is of this host", e.log)
	}
	plan, err := fault.Read(e.files[0]+": plan", []byte(judged.Index.History.Plan))
	if err != nil {
		return console.Usage(err)
	}
	runner, err := runs.Simulator(ctx, c, e.worker, e.limits)
	if err != nil {
		return err
	}
	var log bytes.Buffer
	runner.Limits.Log = &log
	again, err := runner.Run(ctx, plan)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "\nlog of %s, from a replay", e.log)
	if again.Hash != judged.Hash {
		fmt.Fprintf(c.Stdout, " whose trace is another one (sha256 %s): writing the log, or another worker, can change it", again.Hash)
	}
	fmt.Fprintln(c.Stdout)
	return e.showLog(c.Stdout, life.ReadLog(log.Bytes()), l, violations)
}

// showLog writes the lines around violations or, if there are none, around the steps of the
// host.
func (e *explain) showLog(w io.Writer, lines []life.LogLine, l *life.Life, violations []report.Numbered) error {
	type span struct{ from, to time.Duration }
	var spans []span
	for _, v := range violations {
		spans = append(spans, span{v.At - logBefore, v.At + logAfter})
	}
	if len(violations) == 0 {
		for _, s := range l.Steps {
			if host, _, _ := strings.Cut(s.Where, " "); host == e.log {
				spans = append(spans, span{s.At - logAround, s.At + logAround})
			}
		}
	}
	shown := 0
	from := time.Duration(-1)
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for _, s := range spans {
		for _, line := range life.Around(lines, e.log, max(s.from, from+1), s.to) {
			if _, err := fmt.Fprintf(w, "  %12s  %s\n", text.Seconds(line.At), line.Text); err != nil {
				return err
			}
			shown++
		}
		from = max(from, s.to)
	}
	if shown == 0 {
		_, err := fmt.Fprintln(w, "  it says nothing around these steps")
		return err
	}
	return nil
}
