package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/text"
)

// fewViolations is how many violations of a property are shown unless all are
// asked for.
const fewViolations = 3

// WritePlan writes the plan of a run, in a few lines, before the run starts.
func WritePlan(w io.Writer, r *Run) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s\n", r.Name)
	if r.PlanErr != nil {
		fmt.Fprintf(out, "  plan      cannot be shown: %v\n", r.PlanErr)
	} else {
		fmt.Fprintf(out, "  %s\n", strings.ReplaceAll(fault.Describe(r.Plan), "\n", "\n  "))
	}
	return out.Flush()
}

// WriteVerdict writes the verdict of a run, its totals and the commands to go on
// with. With all, every violation is written, else a few of each property.
func WriteVerdict(w io.Writer, r *Run, all bool) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "\nverdict     %s\n", headline(r.Verdict))
	width := 0
	for _, result := range r.Verdict.Results {
		width = max(width, len(result.Property))
	}
	echoes := r.Verdict.Echoes()
	for _, result := range r.Verdict.Results {
		if echoes[result.Property] != "" && !all {
			continue // below its ground
		}
		writeResult(out, result, width, all)
		for _, echo := range r.Verdict.Results {
			if echoes[echo.Property] == result.Property {
				writeEcho(out, echo, width, all)
			}
		}
	}
	fmt.Fprintln(out)
	writePromise(out, r)
	for _, u := range r.Verdict.Unfired {
		fmt.Fprintf(out, "unfired     fault %d, %s, did not happen: %s\n", u.Fault, u.Kind, u.Why)
	}
	writeTotals(out, r)
	for _, command := range r.Commands {
		fmt.Fprintf(out, "%-11s %s\n", command.Purpose, command.Line)
	}
	return out.Flush()
}

// writePromise says which of the properties that the plan promises were kept.
func writePromise(out io.Writer, r *Run) {
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
	fmt.Fprintf(out, "promise     %s\n", strings.Join(parts, ", "))
}

func headline(v checker.Verdict) string {
	counts := map[checker.Outcome]int{}
	unpromised, echoes := 0, v.Echoes()
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
		broken := fmt.Sprintf("FAIL: %d of %d properties broken", fail-len(echoes), applicable)
		if len(echoes) > 0 {
			broken += fmt.Sprintf(" and %d more by the same", len(echoes))
		}
		if unpromised > 0 {
			broken += fmt.Sprintf(", of which the mode does not promise %d", unpromised)
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

func writeResult(out io.Writer, r checker.Result, width int, all bool) {
	label, note := string(r.Outcome), ""
	switch r.Outcome {
	case checker.Fail:
		label = "FAIL"
		if !r.Promised {
			note = "(not promised by the mode) "
		}
	case checker.Mistake:
		label = "MISTAKE"
	case checker.NotApplicable:
		label = "n/a"
	}
	fmt.Fprintf(out, "  %-8s  %-*s  %s%s\n", label, width, r.Property, note, r.Evidence)
	for i, v := range r.Violations {
		if i == fewViolations && !all {
			fmt.Fprintf(out, "  %14s  and %s more (-v shows all)\n", "", text.Thousands(len(r.Violations)-i))
			break
		}
		fmt.Fprintf(out, "  %13.3fs  %s%s\n", v.At.Seconds(), v.Sentence(), recordNumbers(v.Records))
		if v.Cause != nil {
			fmt.Fprintf(out, "  %14s  known as %s: %s%s\n", "", v.Cause.Name(), v.Cause.Sentence(), recordNumbers(v.Cause.Records()))
		}
	}
	writeMeasures(out, r, all)
}

// writeEcho writes in one line that a property is broken only as an echo of the one
// above, and what was measured. With all, it is written in its own place too.
func writeEcho(out io.Writer, r checker.Result, width int, all bool) {
	more := " (-v shows them)"
	if all {
		more = ""
	}
	fmt.Fprintf(out, "  %-8s  %-*s  is broken by the same: %s%s\n", "echo", width, r.Property, text.Count(len(r.Violations), "violation"), more)
	if !all {
		writeMeasures(out, r, all)
	}
}

func writeMeasures(out io.Writer, r checker.Result, all bool) {
	for _, m := range r.Measures {
		if all || m.Unit == "s" {
			fmt.Fprintf(out, "  %14s  %s: %s\n", "", measureName(r.Property, m), m)
		}
	}
}

// measureName names a measure of a property, which need not be named again if the
// measure is named after it.
func measureName(property string, m checker.Measure) string {
	switch {
	case m.Group == "":
		return m.Name
	case m.Name == property:
		return m.Group
	}
	return m.Name + ", " + m.Group
}

// recordNumbers names the lines of the history's file that prove a violation:
// its records follow two lines of header.
func recordNumbers(records []int) string {
	if len(records) == 0 {
		return ""
	}
	lines := make([]string, len(records))
	for i, record := range records {
		lines[i] = strconv.Itoa(record + 3)
	}
	if len(lines) == 1 {
		return " [history line " + lines[0] + "]"
	}
	return " [history lines " + strings.Join(lines, ", ") + "]"
}

func writeTotals(out io.Writer, r *Run) {
	parts := []string{fmt.Sprintf("%.3fs of virtual time", r.Virtual.Seconds())}
	if r.Wall > 0 {
		parts[0] += fmt.Sprintf(" in %s of wall time, %s times as fast", text.Rounded(r.Wall), text.Thousands(int(r.Virtual/r.Wall)))
	}
	parts = append(parts, text.Thousands(r.Records)+" events")
	if r.PeakMemory > 0 {
		parts = append(parts, fmt.Sprintf("%d MiB", r.PeakMemory>>20))
	}
	if r.Checking > 0 {
		parts = append(parts, "checked in "+text.Rounded(r.Checking))
	}
	fmt.Fprintf(out, "run         %s\n", strings.Join(parts, "; "))
	fmt.Fprintf(out, "trace       sha256 %s\n", r.Hash)
	for _, note := range notes(r) {
		fmt.Fprintf(out, "note        %s\n", note)
	}
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
