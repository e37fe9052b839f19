package trace

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// fewVars is the number of variables of a state that are shown whole.
const fewVars = 12

// String is the trace as a table: one action per line, with its number and only
// what it changed. Of a start with more than 12 variables only those are shown
// that change later.
func (t *Trace) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %q, %s\n", t.Model, t.Kind, t.Property, t.Length())
	width := len("start")
	for _, s := range t.Steps {
		width = max(width, utf8.RuneCountInString(s.Action))
	}
	number := len(fmt.Sprint(len(t.Steps)))
	line := func(mark string, i int, action, changes string) {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(action))
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%s %*d  %s%s  %s", mark, number, i, action, pad, changes), " "))
	}
	line(t.mark(0), 0, "start", t.start())
	for i, s := range t.Steps {
		var changes []string
		for _, c := range s.Changes {
			changes = append(changes, c.String())
		}
		line(t.mark(i+1), i+1, s.Action, strings.Join(changes, ", "))
	}
	switch {
	case t.Loop == len(t.Steps):
		b.WriteString("and nothing happens any more\n")
	case t.Loop != NoLoop:
		fmt.Fprintf(&b, "and again from %d on, for ever\n", t.Loop+1)
	}
	return b.String()
}

// start is the initial state on one line.
func (t *Trace) start() string {
	changes := map[string]bool{}
	for _, s := range t.Steps {
		for _, c := range s.Changes {
			changes[c.Name] = true
		}
	}
	var shown []string
	for _, v := range t.Start {
		if changes[v.Name] || len(t.Start) <= fewVars || len(t.Steps) == 0 {
			shown = append(shown, v.String())
		}
	}
	if n := len(t.Start) - len(shown); n > 0 {
		shown = append(shown, fmt.Sprintf("(%d more that stay as they are)", n))
	}
	return strings.Join(shown, " ")
}

// Length says how long the trace is.
func (t *Trace) Length() string {
	switch {
	case t.Loop == NoLoop || t.Loop == len(t.Steps):
		return Plural(len(t.Steps), "step")
	case t.Loop == 0:
		return fmt.Sprintf("a cycle of %s", Plural(len(t.Steps), "step"))
	}
	return fmt.Sprintf("%s and then a cycle of %d", Plural(t.Loop, "step"), len(t.Steps)-t.Loop)
}

// mark sets off the lines of the part that repeats.
func (t *Trace) mark(line int) string {
	if t.Loop != NoLoop && line > t.Loop {
		return "|"
	}
	return " "
}

func (v Var) String() string {
	if v.List {
		return fmt.Sprintf("%s=[%s]", v.Name, strings.Join(v.Items, " "))
	}
	return fmt.Sprintf("%s=%s", v.Name, v.Value)
}

func (c Change) String() string {
	if len(c.Removed) == 0 && len(c.Added) == 0 {
		return fmt.Sprintf("%s: %s -> %s", c.Name, orDash(c.From), orDash(c.To))
	}
	text := c.Name + ":"
	for _, x := range c.Removed {
		text += " -" + x
	}
	for _, x := range c.Added {
		text += " +" + x
	}
	return text
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Plural is a number of things.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
