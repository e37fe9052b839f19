package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/text"
)

// mostStandingOut is how many distributions are shown unless all are asked for.
const mostStandingOut = 3

// WritePlan writes the plan of a run, in a few lines, before the run starts.
func WritePlan(w io.Writer, r *Run, style Style) error {
	out := NewOutput(w, style)
	fmt.Fprintf(out, "%s\n", r.Name)
	if r.PlanErr != nil {
		out.Row("  plan      ", "cannot be shown: %v", r.PlanErr)
		return out.Flush()
	}
	for line := range strings.SplitSeq(fault.Describe(r.Plan), "\n") {
		text := strings.TrimLeft(line, " ")
		label := strings.Repeat(" ", 2+len(line)-len(text))
		if name, rest, found := strings.Cut(text, "  "); found {
			more := strings.TrimLeft(rest, " ")
			label += name + strings.Repeat(" ", 2+len(rest)-len(more))
			text = more
		}
		out.Row(label, "%s", text)
	}
	return out.Flush()
}

// WriteVerdict writes the verdict of a run, its totals and the commands to go on
// with: what broke first, by the way in which it came about, and what stood out. With
// style.All every property is written, with its evidence and all violations.
func WriteVerdict(w io.Writer, r *Run, style Style) error {
	s := screen{style: style}
	s.add("", never, func(out Output) {
		out.Row("\nverdict     ", "%s", out.Paint(outcomeColors[r.Verdict.Outcome()], Headline(r.Verdict)))
	})
	if style.All {
		s.add("", never, func(out Output) { writeAll(out, r.Verdict) })
	} else {
		s.groups(r)
		s.add("", never, func(out Output) { writeUndecided(out, r.Verdict) })
		s.add("what holds", high, func(out Output) { writeHolding(out, r.Verdict) })
		s.add("what stood out", lowest, func(out Output) { writeStandingOut(out, r.Verdict) })
	}
	s.add("", never, func(out Output) {
		fmt.Fprintln(out)
		writePromise(out, r)
	})
	s.add("the churn", lowest, func(out Output) { writeClock(out, r) })
	s.add("faults without effect", low, func(out Output) {
		for _, u := range r.Verdict.Unfired {
			out.Row("unfired     ", "fault %d, %s, did not happen: %s", u.Fault, u.Kind, u.Why)
		}
		writeIdle(out, r.Verdict.Idle)
	})
	s.add("stalls", lowest, func(out Output) {
		if r.Verdict.Stalls != nil {
			out.Row("stalls      ", "%s", r.Verdict.Stalls)
		}
	})
	s.add("the run", lowest, func(out Output) { writeTotals(out, r) })
	s.add("", never, func(out Output) {
		fmt.Fprintf(out, "trace       sha256 %s\n", r.Hash)
		for _, note := range notes(r) {
			out.Row("note        ", "%s", note)
		}
	})
	for _, command := range r.Commands {
		rank := low
		if command.Purpose == "replay" || command.Purpose == "explain" {
			rank = never
		}
		s.add(command.Purpose, rank, func(out Output) {
			out.Command(out.Paint(Faint, fmt.Sprintf("%-11s ", command.Purpose)), command.Line)
		})
	}
	out := NewOutput(w, style)
	out.WriteString(s.String())
	return out.Flush()
}

// writeUndecided writes what could not be judged.
func writeUndecided(out Output, v checker.Verdict) {
	for _, r := range v.Results {
		switch r.Outcome {
		case checker.Unknown:
			out.Row(out.Paint(Yellow, "undecided   "), "%s: %s", r.Property, r.Evidence)
		case checker.Mistake:
			out.Row(out.Paint(Red, "MISTAKE     "), "%s: %s", r.Property, r.Evidence)
		}
	}
}

func writeStandingOut(out Output, v checker.Verdict) {
	for i, m := range standingOut(v) {
		label := "            "
		if i == 0 {
			label = "stood out   "
		}
		out.Row(label, "%s", m)
	}
}

var outcomeColors = map[checker.Outcome]Color{checker.Pass: Green, checker.Fail: Red, checker.Mistake: Red, checker.Unknown: Yellow}

// newsFirst returns what is broken, news before what looks known.
func newsFirst(v checker.Verdict) []Group {
	groups := Groups(v)
	known := func(g Group) int { return min(1, len(g.Mechanism)) }
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(known(a), known(b)) })
	return groups
}

// detail is how much is told of a group.
type detail int

const (
	title    detail = iota // by what, which properties, who saw it, and what explains it
	sentence               // and the first violation
	whole                  // and what proves the mechanism
)

// write writes a group.
func (g *Group) write(out Output, run *Run, much detail) {
	broken := slices.Clone(g.Properties)
	for i, property := range broken {
		if r, _ := run.Verdict.Result(property); !r.Promised {
			broken[i] += " (not promised by the mode)"
		}
	}
	saw := text.Count(g.Violations, "violation")
	if len(g.Agents) > 0 {
		few := g.Agents[:min(len(g.Agents), 8)]
		saw += "; " + plural(len(g.Agents), "agent") + " " + text.Few(few, len(g.Agents))
	}
	color := Yellow
	if g.News() {
		color = Red
	}
	out.Row(fmt.Sprintf("%-12s", text.Seconds(g.First.At)), "%s: %s; %s", out.Paint(color, g.title()), strings.Join(broken, ", "), saw)
	const under = "            "
	if much >= sentence {
		out.Row(under, "%s%s", g.First.Sentence(), cite(g.Number, g.First.Records))
	}
	if much >= whole && g.First.Cause != nil {
		out.Row(under, "shown by: %s%s", g.First.Cause.Sentence(), cite(0, g.First.Cause.Records()))
	}
	if run.Explain != nil {
		out.Command(under+"explained by: ", run.Explain(g.Number))
	}
}

// WriteViolation writes a violation by itself: its number and property, what happened, and
// what it looks like.
func WriteViolation(out Output, v Numbered) {
	out.Row("violation   ", "%d, of %s: %s%s", v.Number, v.Property, v.Sentence(), cite(0, v.Records))
	if v.Cause != nil {
		out.Row("looks like  ", "%s: %s%s", v.Cause.Name(), v.Cause.Sentence(), cite(0, v.Cause.Records()))
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// writeHolding says in one line what holds, of what is judged of the control plane, and
// of the guarantees that it stands on.
func writeHolding(out Output, v checker.Verdict) {
	var holds, of [2]int
	var doubts []string
	for _, r := range v.Results {
		i := 0
		if checker.IsGround(r.Property) {
			i = 1
		}
		if r.Outcome == checker.NotApplicable {
			continue
		}
		of[i]++
		switch {
		case r.Outcome == checker.Pass:
			holds[i]++
		case i == 1 && r.Outcome == checker.Fail:
			doubts = append(doubts, r.Property)
		}
	}
	out.Row("holds       ", "%d of %d properties of the control plane; %d of %d guarantees of the servers that it stands on (-v shows them)", holds[0], of[0], holds[1], of[1])
	if len(doubts) > 0 {
		out.Row(out.Paint(Red, "DOUBT       "), "%s: where a guarantee of the servers is broken, doubt the world before Cilium", strings.Join(doubts, ", "))
	}
}

// standingOut returns the distributions of the longest durations, one of a property.
func standingOut(v checker.Verdict) (lines []string) {
	type measured struct {
		of string
		checker.Measure
	}
	var longest []measured
	for _, r := range v.Results {
		best := measured{of: r.Property}
		for _, m := range r.Measures {
			if m.Unit == "s" && m.Max > best.Max && m.Max >= 1 {
				best.Measure = m
			}
		}
		if best.Max > 0 {
			longest = append(longest, best)
		}
	}
	slices.SortStableFunc(longest, func(a, b measured) int { return cmp.Compare(b.Max, a.Max) })
	for _, m := range longest[:min(len(longest), mostStandingOut)] {
		lines = append(lines, fmt.Sprintf("%s, %s: %s", m.of, MeasureName(m.of, m.Measure), m.Measure))
	}
	return lines
}

// writeAll writes every property, in two groups.
func writeAll(out Output, v checker.Verdict) {
	width := 0
	for _, result := range v.Results {
		width = max(width, len(result.Property))
	}
	echoes := v.Echoes()
	first := map[string]int{} // by property
	for _, numbered := range Violations(v) {
		if first[numbered.Property] == 0 {
			first[numbered.Property] = numbered.Number
		}
	}
	for _, ground := range []bool{false, true} {
		title := "the control plane:"
		if ground {
			title = "the guarantees of the servers that it stands on:"
		}
		for _, result := range v.Results {
			if checker.IsGround(result.Property) != ground {
				continue
			}
			if title != "" {
				fmt.Fprintf(out, "%s\n", title)
				title = ""
			}
			writeResult(out, result, width, first[result.Property])
			for _, echo := range v.Results {
				if echoes[echo.Property] == result.Property {
					out.Row(fmt.Sprintf("  %-8s  %-*s  ", "echo", width, echo.Property), "is broken by the same: %s", text.Count(len(echo.Violations), "violation"))
				}
			}
		}
	}
}

// writeIdle says which faults did nothing: the run has not survived them.
func writeIdle(out Output, idle []checker.Unfired) {
	if len(idle) == 0 {
		return
	}
	var names []string
	for _, f := range idle {
		names = append(names, fmt.Sprintf("%d (%s)", f.Fault, f.Kind))
	}
	out.Row("idle        ", "%s took effect and changed nothing, so that the run says nothing about them: %s", text.Count(len(idle), "fault"), strings.Join(names, ", "))
}

// writeClock says how the times of the plan and those of the verdict go together.
func writeClock(out Output, r *Run) {
	if r.Churn == 0 || r.Plan == nil || len(r.Plan.Faults) == 0 {
		return
	}
	at := r.Plan.Faults[0].At.Std()
	out.Row("churn       ", "began %s into the run: what the plan has at %s is at %s here", text.Seconds(r.Churn), text.Seconds(at), text.Seconds(r.Churn+at))
}

// writePromise says which of the properties that the plan promises were kept.
func writePromise(out Output, r *Run) {
	if r.Plan == nil || len(r.Plan.Promise) == 0 {
		return
	}
	words := map[checker.Outcome]string{checker.Pass: "kept", checker.Fail: "BROKEN", checker.Unknown: "undecided",
		checker.NotApplicable: "not applicable", checker.Mistake: "not judged"}
	var parts []string
	for _, property := range r.Plan.Promise {
		result, judged := r.Verdict.Result(property)
		word := words[result.Outcome]
		if !judged {
			word = "not judged"
		}
		parts = append(parts, property+" "+word)
	}
	out.Row("promise     ", "%s", strings.Join(parts, ", "))
}

// Headline says in one line what a verdict is.
func Headline(v checker.Verdict) string {
	counts := map[checker.Outcome]int{}
	unpromised, echoes := 0, len(v.Echoes())
	for _, result := range v.Results {
		counts[result.Outcome]++
		if result.Outcome == checker.Fail && !result.Promised {
			unpromised++
		}
	}
	fail, unknown, applicable := counts[checker.Fail], counts[checker.Unknown], len(v.Results)-counts[checker.NotApplicable]
	var parts []string
	if n := counts[checker.Mistake]; n > 0 {
		parts = append(parts, fmt.Sprintf("MISTAKE: %d of %d properties could not be judged because meshcheck itself is wrong; this is no verdict about Cilium", n, applicable))
	}
	if fail > 0 {
		broken := fmt.Sprintf("FAIL: %d of %d properties broken", fail, applicable)
		if unpromised > 0 {
			broken += fmt.Sprintf(" (%d that the mode promises, %d that it does not)", fail-unpromised, unpromised)
		}
		if echoes > 0 {
			broken += fmt.Sprintf(", %d of them only by what broke another", echoes)
		}
		if news := countNews(v); news == 0 {
			broken += "; every violation looks like a finding (suspected; simrun judge measures it)"
		} else {
			broken += "; " + text.Count(news, "violation") + map[bool]string{true: " looks", false: " look"}[news == 1] + " like no finding"
		}
		parts = append(parts, broken)
	}
	if unknown > 0 {
		undecided := fmt.Sprintf("%d of %d properties could not be decided, which is not a pass", unknown, applicable)
		if len(parts) == 0 {
			undecided = "UNKNOWN: no property is broken; " + undecided
		}
		parts = append(parts, undecided)
	}
	switch {
	case len(parts) > 0:
	case applicable == 0:
		parts = append(parts, "UNKNOWN: nothing was judged")
	default:
		parts = append(parts, fmt.Sprintf("pass: all %d properties hold", applicable))
	}
	if not := counts[checker.NotApplicable]; not > 0 {
		parts = append(parts, fmt.Sprintf("%d do not apply to the mode", not))
	}
	return strings.Join(parts, "; ")
}

// countNews counts the violations that look like no finding.
func countNews(v checker.Verdict) (n int) {
	for _, g := range Groups(v) {
		if g.News() {
			n += g.Violations
		}
	}
	return n
}

// writeResult writes a property whose first violation has a number.
func writeResult(out Output, r checker.Result, width, number int) {
	label, said := string(r.Outcome), r.Evidence
	switch r.Outcome {
	case checker.Fail:
		label, said = "FAIL", text.Count(len(r.Violations), "violation")
		if !r.Promised {
			said += " (not promised by the mode)"
		}
	case checker.Mistake:
		label = "MISTAKE"
	case checker.NotApplicable:
		label = "n/a"
	}
	out.Row("  "+out.Paint(outcomeColors[r.Outcome], fmt.Sprintf("%-8s", label))+fmt.Sprintf("  %-*s  ", width, r.Property), "%s", said)
	const under = "                  "
	for i, v := range r.Violations {
		out.Row(fmt.Sprintf("  %13.3fs  ", v.At.Seconds()), "%s%s", v.Sentence(), cite(number+i, v.Records))
		if v.Cause != nil {
			out.Row(under, "looks like %s: %s%s", v.Cause.Name(), v.Cause.Sentence(), cite(0, v.Cause.Records()))
		}
	}
	if len(r.Violations) > 0 {
		out.Row(under, "of %s", r.Evidence)
	}
	for _, m := range r.Measures {
		out.Row(under, "%s: %s", MeasureName(r.Property, m), m)
	}
}

// MeasureName names a measure of a property, which need not be named again if the
// measure is named after it.
func MeasureName(property string, m checker.Measure) string {
	switch {
	case m.Group == "":
		return m.Name
	case m.Name == property:
		return m.Group
	}
	return m.Name + ", " + m.Group
}

// cite names a violation by its number, if it is not zero, and the lines of the history's
// file that prove it.
func cite(number int, records []int) string {
	var parts []string
	if number > 0 {
		parts = append(parts, "violation "+strconv.Itoa(number))
	}
	lines := make([]string, len(records))
	for i, line := range historyLines(records) {
		lines[i] = strconv.Itoa(line)
	}
	if len(lines) > 0 {
		parts = append(parts, "history "+plural(len(lines), "line")+" "+strings.Join(lines, ", "))
	}
	if len(parts) == 0 {
		return ""
	}
	return " [" + strings.Join(parts, "; ") + "]"
}

func writeTotals(out Output, r *Run) {
	parts := []string{fmt.Sprintf("%.3fs of virtual time", r.Virtual.Seconds())}
	if r.Wall > 0 {
		parts[0] += fmt.Sprintf(" in %s of wall time, %s times as fast", text.Rounded(r.Wall), text.Thousands(int(r.Virtual/r.Wall)))
	}
	if r.Shutdown > 0 {
		parts = append(parts, fmt.Sprintf("then %s of shutdown, after which leftover goroutines are counted", text.Seconds(r.Shutdown)))
	}
	parts = append(parts, text.Thousands(r.Records)+" events")
	if r.PeakMemory > 0 {
		parts = append(parts, fmt.Sprintf("%d MiB", r.PeakMemory>>20))
	}
	if r.Checking > 0 {
		parts = append(parts, "checked in "+text.Rounded(r.Checking))
	}
	out.Row("run         ", "%s", strings.Join(parts, "; "))
	out.Row("of          ", "%s", cmp.Or(r.Code.String(), "a history does not say what code it is of: that of its run"))
}

// notes says what a reader must know before relying on a replay.
func notes(r *Run) (notes []string) {
	if r.Wall == 0 {
		return nil // judged again from a file
	}
	if !r.Deterministic {
		notes = append(notes, "the stock Go runtime was used: the seed fixes the plan and not the execution, so this run does not replay")
	} else if r.Unseeded > 0 {
		notes = append(notes, fmt.Sprintf("the seed did not determine %d events, such as a slow system call: this run may not replay", r.Unseeded))
	}
	if r.Logged {
		notes = append(notes, "writing the log can change the trace, and with it what breaks: this trace is that of the run with -log")
	}
	if r.Reruns > 0 {
		notes = append(notes, fmt.Sprintf("the plan was run again %s because the seed had not determined every event", times(r.Reruns)))
	}
	return notes
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
