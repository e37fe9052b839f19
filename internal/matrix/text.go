package matrix

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
)

// A grid is a table of text: its first column names the rows.
type grid struct {
	title string
	note  string // below it
	rows  [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// grids are the table's parts, as text. Replay is the command that runs again the plan of
// a seed in a mode.
func (t *Table) grids(replay func(mode string, seed uint64) string) []*grid {
	return slices.DeleteFunc([]*grid{t.propertyGrid(), t.failureGrid(replay), t.costGrid(), t.claimGrid(), t.latencyGrid()},
		func(g *grid) bool { return len(g.rows) < 2 })
}

func (t *Table) head(first string) []string {
	cells := []string{first}
	for _, c := range t.Columns {
		cells = append(cells, c.Mode)
	}
	return cells
}

func (t *Table) propertyGrid() *grid {
	g := &grid{title: "Kept, in runs", note: "in brackets: the mode does not promise it; ?: undecided, which is not kept; n/a: the mode has nothing to judge"}
	g.add(t.head("property")...)
	for i, row := range t.Columns[0].Properties {
		cells := []string{row.Property}
		for _, c := range t.Columns {
			cells = append(cells, c.Properties[i].String())
		}
		g.add(cells...)
	}
	for _, line := range []struct {
		name string
		of   func(*Column) string
	}{
		{"runs", func(c *Column) string { return text.Thousands(c.Runs) }},
		{"ended by a panic", func(c *Column) string { return text.Thousands(c.Panics) }},
		{"without a history", func(c *Column) string { return text.Thousands(c.Failures) }},
		{"agents, in the mean", func(c *Column) string { return c.mean(c.Agents) }},
		{"replicas, in the mean", func(c *Column) string { return c.mean(c.Replicas) }},
		{"kube-apiservers, in the mean", func(c *Column) string { return c.mean(c.Servers) }},
	} {
		cells := []string{line.name}
		for _, c := range t.Columns {
			cells = append(cells, line.of(c))
		}
		g.add(cells...)
	}
	return g
}

// String is the row in a cell: in how many runs the property was kept, of those that
// decide it or should.
func (r *Row) String() string {
	if r.NotApplicable != "" {
		return "n/a"
	}
	s := fmt.Sprintf("%s of %s", text.Thousands(r.Kept), text.Thousands(r.Kept+r.Broken+r.Undecided))
	if r.Undecided > 0 {
		s += fmt.Sprintf(", %s ?", text.Thousands(r.Undecided))
	}
	if !r.Promised {
		s = "(" + s + ")"
	}
	return s
}

// failureGrid says by what each property was broken.
func (t *Table) failureGrid(replay func(mode string, seed uint64) string) *grid {
	g := &grid{title: "Broken", note: "a mechanism has a page in testdata/findings; news: no known one explains it"}
	g.add("property", "mode", "runs", "by", "replay the first")
	for i := range t.Columns[0].Properties {
		for _, c := range t.Columns {
			row := c.Properties[i]
			if row.Seed == nil {
				continue
			}
			var by []string
			for _, m := range row.Mechanisms {
				name := m.Mechanism
				if name == "" {
					name = "NEWS"
				}
				by = append(by, fmt.Sprintf("%s %d", name, m.Runs))
			}
			g.add(row.Property, c.Mode, strconv.Itoa(row.Broken), strings.Join(by, ", "), replay(c.Mode, *row.Seed))
		}
	}
	return g
}

// costGrid says what the servers do, in a second of a run, all servers of a role together.
func (t *Table) costGrid() *grid {
	g := &grid{title: "Cost, of all servers of a role together, in the mean of a run", note: "lists are whole ones: requests, and the initial states of watches; events are changes that watches told of, without initial states"}
	g.add(t.head("what")...)
	for _, server := range []struct {
		role mode.Role
		name string
	}{{mode.APIServer, "kube-apiservers"}, {mode.Replica, "etcds"}} {
		if !slices.ContainsFunc(t.Columns, func(c *Column) bool { return c.of(server.role).requests()+c.of(server.role).Watches > 0 }) {
			continue
		}
		for _, what := range measured {
			t.costRow(g, server.name+": "+what.name, func(c *Column) string { return what.show(c, c.of(server.role)) })
			if !what.byClient {
				continue
			}
			for _, client := range mode.Roles() {
				t.costRow(g, "    by "+client.Plural(), func(c *Column) string {
					for _, cost := range c.Costs {
						if cost.Server == server.role && cost.Client == client {
							return what.show(c, cost)
						}
					}
					return "-"
				})
			}
		}
	}
	return g
}

// costRow adds a row, unless no mode has anything in it.
func (t *Table) costRow(g *grid, name string, of func(*Column) string) {
	cells, some := []string{name}, false
	for _, c := range t.Columns {
		cell := of(c)
		some = some || cell != "-"
		cells = append(cells, cell)
	}
	if some {
		g.add(cells...)
	}
}

// measured is what is shown of a cost.
var measured = []struct {
	name     string
	byClient bool
	show     func(*Column, *Cost) string
}{
	{"requests/s", true, func(c *Column, cost *Cost) string { return number(c.perSecond(float64(cost.requests()))) }},
	{"open watches", true, func(c *Column, cost *Cost) string { return number(c.perSecond(cost.WatchTime.Seconds())) }},
	{"watch events/s", true, func(c *Column, cost *Cost) string { return number(c.perSecond(float64(cost.Events))) }},
	{"bytes/s", true, func(c *Column, cost *Cost) string { return number(c.perSecond(float64(cost.Bytes))) }},
	{"lists in a run", false, func(c *Column, cost *Cost) string { return number(float64(cost.Lists) / float64(max(1, c.Runs))) }},
	{"connections made in a run", false, func(c *Column, cost *Cost) string { return number(float64(cost.Dials) / float64(max(1, c.Runs))) }},
	{"requests and lists, most in a second of any run", false, func(_ *Column, cost *Cost) string { return text.Thousands(cost.MostAtOnce) }},
}

// number shows three digits or, of large numbers, all before the point.
func number(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x >= 100:
		return text.Thousands(int(x + 0.5))
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// claimGrid compares with what the proposal says of load.
func (t *Table) claimGrid() *grid {
	g := &grid{title: "What the proposal says of the load of kube-apiservers (CFP-44774)",
		note: fmt.Sprintf("for %s agents and %d replicas: a projection, as if each cost there what it costs here, and all else stayed; the agents here have no watches of Services, Pods, Nodes and policies, which stay on the kube-apiserver in both modes",
			text.Thousands(sizeAgents), sizeReplicas)}
	g.add("", "claimed", mode.Mode{Base: mode.CRD}.String(), mode.Default.String(), "change", "at this size", fmt.Sprintf("for %s agents", text.Thousands(sizeAgents)))
	word := map[bool]string{true: "confirmed", false: "refuted"}
	for _, c := range t.Claims {
		g.add(c.What, c.Claimed, number(c.Base), number(c.Own), fmt.Sprintf("%+.0f %%", c.Change), word[c.Holds], fmt.Sprintf("%+.1f %%, %s", c.AtSize, word[c.HoldsAtSize]))
	}
	return g
}

// ready is how a pod's creation is timed on its own node.
const ready = "operation, from its planned time on"

// shown reports whether a distribution is in the text; the JSON has all.
func (l *Latency) shown() bool {
	return l.Property != "load" && !strings.HasSuffix(l.Group, "start") || l.Name == ready && l.Group == "pod-create"
}

func (l *Latency) label() string {
	switch {
	case l.Name == ready:
		return "pod created, until it is ready on its node"
	case l.Group == "":
		return l.Name
	}
	return l.Name + ": " + l.Group
}

// latencyGrid shows distributions over all runs.
func (t *Table) latencyGrid() *grid {
	g := &grid{title: "Latencies over all runs: p50, p99, max in seconds", note: "faults are on during the churn, so that the tails are theirs; a quantile is too great by less than 1 %"}
	g.add(t.head("what")...)
	var labels []string
	cells := map[string][]string{}
	for i, c := range t.Columns {
		for _, l := range c.Latencies {
			if !l.shown() {
				continue
			}
			label := l.label()
			if cells[label] == nil {
				labels = append(labels, label)
				cells[label] = slices.Repeat([]string{"-"}, len(t.Columns))
			}
			cells[label][i] = seconds(l.Measure)
		}
	}
	for _, label := range labels {
		g.add(append([]string{label}, cells[label]...)...)
	}
	return g
}

func seconds(m checker.Measure) string {
	return fmt.Sprintf("%.3f, %.3f, %.3f", m.P50, m.P99, m.Max)
}

// heading says of what the table is.
func (t *Table) heading() string {
	runs, asked := 0, 0
	for _, c := range t.Columns {
		runs += c.Runs + c.Panics + c.Failures
		asked += c.asked
	}
	return fmt.Sprintf("%s, seeds %d to %d in %s: %s of %s", t.Family, t.First, t.Last, text.Count(len(t.Columns), "mode"), text.Count(runs, "run"), text.Thousands(asked))
}

// Complete reports whether all runs were made and gave a history, or a panic.
func (t *Table) Complete() bool {
	for _, c := range t.Columns {
		if c.Runs+c.Panics < c.asked {
			return false
		}
	}
	return true
}

// WriteText writes the table for a terminal.
func (t *Table) WriteText(w io.Writer, replay func(mode string, seed uint64) string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.heading())
	if t.Note != "" {
		fmt.Fprintf(&b, "note: %s\n", t.Note)
	}
	if t.Code != nil {
		fmt.Fprintf(&b, "of %s\n", t.Code)
	}
	for _, g := range t.grids(replay) {
		fmt.Fprintf(&b, "\n%s\n", strings.ToUpper(g.title))
		g.writeText(&b)
		fmt.Fprintf(&b, "  (%s)\n", g.note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeText aligns the columns; the last one is as long as it is.
func (g *grid) writeText(b *strings.Builder) {
	widths := make([]int, len(g.rows[0]))
	for _, row := range g.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range g.rows {
		line := " "
		for i, cell := range row {
			line += " " + cell + strings.Repeat(" ", widths[i]-len([]rune(cell))+1)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// WriteMarkdown writes the table as a page.
func (t *Table) WriteMarkdown(w io.Writer, replay func(mode string, seed uint64) string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Modes compared\n\n%s.\n", t.heading())
	if t.Note != "" {
		fmt.Fprintf(&b, "\nNote: %s.\n", t.Note)
	}
	if t.Code != nil {
		fmt.Fprintf(&b, "\nOf %s.\n", strings.Join(t.Code.Parts(), ", "))
	}
	for _, g := range t.grids(replay) {
		fmt.Fprintf(&b, "\n## %s\n\n", g.title)
		for i, row := range g.rows {
			for _, cell := range row {
				b.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
			}
			b.WriteString("|\n")
			if i == 0 {
				b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
			}
		}
		fmt.Fprintf(&b, "\n%s.\n", strings.ToUpper(g.note[:1])+g.note[1:])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes the table on one line.
func (t *Table) WriteJSON(w io.Writer) error {
	return report.WriteLine(w, struct {
		report.Header
		*Table
	}{report.Head("matrix"), t})
}
