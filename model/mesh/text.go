package mesh

import (
	"fmt"
	"io"
	"strings"

	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/explore/trace"
)

// modeWidth is that of the first column of the matrix.
const modeWidth = 40

// column is how a property heads its column: a long name takes two lines.
func column(property string) (above, below string, width int) {
	const widest, narrowest = 11, 9
	below = property
	if len(property) > widest {
		cut := strings.LastIndex(property, "-") + 1
		above, below = property[:cut], property[cut:]
	}
	return above, below, 1 + max(len(above), len(below), narrowest)
}

// MatrixHeader is the head of the table whose lines Row.Line gives.
func MatrixHeader(b Bounds) string {
	top, bottom := pad("", modeWidth), pad("mode", modeWidth)
	for _, p := range Properties() {
		above, below, width := column(p.Name)
		top += pad(above, width)
		bottom += pad(below, width)
	}
	return fmt.Sprintf("%s\n\n%s\n%sstates\n", b, strings.TrimRight(top, " "), bottom)
}

// MatrixLegend says how the table is read.
const MatrixLegend = `
holds      in every reachable state, of which there are as many as the last column
           says, up to renaming of agents and replicas
broken 5   the shortest counterexample has 5 steps; BROKEN if the mode promises it
unknown    the search was cut short
`

// Line is the row as a line of the table.
func (r *Row) Line() string {
	line := pad(r.Mode.String(), modeWidth)
	for _, c := range r.Cells {
		_, _, width := column(c.Property)
		line += pad(c.String(), width)
	}
	line += fmt.Sprint(r.States)
	if !r.Finished {
		line += ", unfinished: " + r.Stopped
	}
	if names := r.unreached(); len(names) > 0 {
		line += ", without a witness of " + strings.Join(names, ", ")
	}
	return line
}

// Note is a line below the row: a title, and a short word for each property that has
// one, in its column.
func (r *Row) Note(title string, words map[string]string) string {
	line := pad(title, modeWidth)
	for _, c := range r.Cells {
		_, _, width := column(c.Property)
		line += pad(words[c.Property], width)
	}
	return strings.TrimRight(line, " ")
}

func (c Cell) String() string {
	if c.Verdict != explore.Broken {
		return c.Verdict.String()
	}
	word := "broken"
	if c.Promised {
		word = "BROKEN"
	}
	return fmt.Sprintf("%s %d", word, len(c.Trace.Steps))
}

func pad(text string, width int) string { return fmt.Sprintf("%-*s", width, text) }

// WriteText writes what is known of a mode: a line for each property and, of each
// that is broken, the shortest counterexample as a story.
func (r *Row) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "mode %s, %s\n", r.Mode, r.Bounds)
	fmt.Fprintf(&b, "%d states, up to renaming of agents and replicas; %d steps\n", r.States, r.Steps)
	if !r.Finished {
		fmt.Fprintf(&b, "unfinished: %s\n", r.Stopped)
	}
	b.WriteByte('\n')
	for _, c := range r.Cells {
		fmt.Fprintf(&b, "  %-10s %-21s %s\n", c, c.Property, promiseOf(c.Property))
	}
	for _, s := range r.Situations {
		reached := "no witness"
		if s.Trace != nil {
			reached = fmt.Sprintf("reached %d", len(s.Trace.Steps))
		}
		fmt.Fprintf(&b, "  %-10s %-21s %s\n", reached, s.Name, s.What)
	}
	for _, c := range r.Cells {
		if c.Trace != nil {
			fmt.Fprintf(&b, "\n%s", Story(c.Trace))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func promiseOf(property string) string {
	for _, p := range Properties() {
		if p.Name == property {
			return p.Promise
		}
	}
	return ""
}

// Story tells a counterexample: numbered sentences, each with what it changed
// below, and what is true and seen at the end. A change of what is true is the
// sentence itself and not repeated.
func Story(t *trace.Trace) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is broken in %d steps: %s\n", t.Property, len(t.Steps), promiseOf(t.Property))
	fmt.Fprintf(&b, "   0  all is quiet, and everybody knows the truth: %s\n", strings.Join(startOf(t), ", "))
	for i, step := range t.Steps {
		fmt.Fprintf(&b, "  %2d  %s\n", i+1, Sentence(step))
		for _, change := range step.Changes {
			if change.Name != rvVar && change.Name != faultsVar && !strings.HasPrefix(change.Name, truthVar+": ") {
				fmt.Fprintf(&b, "        %s\n", change)
			}
		}
	}
	fmt.Fprintln(&b, "  at the end")
	for _, line := range endOf(t) {
		fmt.Fprintf(&b, "        %s\n", line)
	}
	return b.String()
}

// startOf says what is true at the start, and who reads where.
func startOf(t *trace.Trace) (parts []string) {
	for _, v := range t.Start {
		if address, ok := strings.CutPrefix(v.Name, truthVar+": "); ok {
			parts = append(parts, fmt.Sprintf("%s is %s", address, v.Value))
		}
		if strings.HasSuffix(v.Name, " reads") {
			parts = append(parts, v.Name+" "+v.Value)
		}
	}
	return parts
}

// endOf says, one line each, what is true and what each etcd and view has at the
// end.
func endOf(t *trace.Trace) (lines []string) {
	last := map[string]string{}
	for _, step := range t.Steps {
		for _, change := range step.Changes {
			last[change.Name] = change.To
		}
	}
	holder := ""
	for _, v := range t.Start {
		where, address, ok := strings.Cut(v.Name, ": ")
		if !ok {
			continue
		}
		value := v.Value
		if changed, ok := last[v.Name]; ok {
			value = changed
		}
		if where != holder {
			holder = where
			lines = append(lines, where+":")
		}
		lines[len(lines)-1] += fmt.Sprintf(" %s is %s;", address, value)
	}
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], ";")
	}
	return lines
}

// Sentence is what a step says, without the name of its action.
func Sentence(step trace.Step) string {
	_, sentence, _ := strings.Cut(step.Action, " [")
	return strings.TrimSuffix(sentence, "]")
}
