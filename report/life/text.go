package life

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
)

// Write writes the life as text: a line for each step, with the line of the history that
// has it; then who said what at the instants that were asked for. With records, each line
// of the history stands below its step.
func (l *Life) Write(w io.Writer, style report.Style, records []history.Record) error {
	out := report.NewOutput(w, style)
	for i, value := range l.Contents {
		label := "            "
		if i == 0 {
			label = "contents    "
		}
		out.Row(label+Letter(i)+"  ", "%s", value)
	}
	where := 0
	for i := range l.Steps {
		where = max(where, len(l.Steps[i].Where))
	}
	fmt.Fprintf(out, "\n%8s  %12s  %-*s  %s\n", "line", "time", where, "where", "what")
	for i := range l.Steps {
		s := &l.Steps[i]
		label := fmt.Sprintf("%8d  %12s  %-*s  ", Line(s.Record), text.Seconds(s.At), where, s.Where)
		if s.Broken != "" {
			out.Row(label, "%s  %s", s.Text, out.Paint(report.Red, "<- "+before(s.Broken, ":")))
		} else {
			out.Row(label, "%s", out.Paint(paint[s.Part], s.Text))
		}
		if records != nil {
			out.Command(fmt.Sprintf("%8s  ", "|"), records[s.Record].String())
		}
	}
	if len(l.Left) > 0 {
		out.Row("\nleft out    ", "what %s saw: %s; -agent NAME shows one", text.Count(len(l.Left), "more agent"), text.Few(l.Left[:min(8, len(l.Left))], len(l.Left)))
	}
	for i := range l.Chains {
		l.Chains[i].write(out)
	}
	return out.Flush()
}

var paint = map[Part]report.Color{Truth: report.Green, Fault: report.Yellow, Process: report.Faint, Connection: report.Faint, Sent: report.Faint}

func (c *Chain) write(out report.Output) {
	heading := "who said what at "
	if len(c.Links) == 0 {
		heading = "what was wrong at "
	}
	out.Row("\n"+heading+text.Seconds(c.At)+"  ", "%s", c.Why)
	where, says := 0, 0
	for _, k := range c.Links {
		where, says = max(where, len(k.Where)), max(says, len(k.Says))
	}
	for _, k := range c.Links {
		since, mark := "", out.Paint(report.Green, "right")
		if k.Record >= 0 {
			since = fmt.Sprintf("since %s, line %s", text.Seconds(k.Since), strconv.Itoa(Line(k.Record)))
		}
		switch {
		case k.Where == "truth":
			mark = "     "
		case !k.Right:
			mark = out.Paint(report.Red, "WRONG")
		}
		if k.Read {
			since += "; the agent reads it"
		}
		out.Row(fmt.Sprintf("  %-*s  %-*s  %s  ", where, k.Where, says, k.Says, mark), "%s", since)
	}
	for _, f := range c.Faults {
		out.Row("  on was fault ", "%s", f)
	}
	out.Row("  wrong first ", "%s: %s", out.Paint(report.Red, c.Wrong), c.Reason)
}

// before is what stands before the first sep.
func before(s, sep string) string {
	s, _, _ = strings.Cut(s, sep)
	return s
}
