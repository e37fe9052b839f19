package matrix

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/internal/load"
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
			cells = append(cells, c.kept(c.Properties[i]))
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

// kept is a property's row in a cell of the table, if the mode has run.
func (c *Column) kept(row *Row) string {
	if row.NotApplicable == "" && c.Runs+c.Panics+c.Failures == 0 {
		return "not run"
	}
	return row.String()
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
	g := &grid{title: "Broken", note: "what it looks like has a page in testdata/findings; simrun judge measures whether it is that"}
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
					name = "like none"
				}
				by = append(by, fmt.Sprintf("%s %d", name, m.Runs))
			}
			g.add(row.Property, c.Mode, strconv.Itoa(row.Broken), strings.Join(by, ", "), replay(c.Mode, *row.Seed))
		}
	}
	return g
}

// servers are those whose cost is shown. The etcds of replicas and the one that agents share
// do the same for agents, in different modes.
var servers = []struct {
	name  string
	roles []mode.Role
}{{"kube-apiservers", []mode.Role{mode.APIServer}}, {"etcds", []mode.Role{mode.Replica, mode.Etcd}}}

// costGrid says what the servers do, in a second of a run, all servers of a role together.
func (t *Table) costGrid() *grid {
	g := &grid{title: costTitle, note: costNote}
	g.add(t.head("what")...)
	t.eachCost(func(name string, roles []mode.Role, client mode.Role, what *costMeasure) {
		cells, some := []string{name}, false
		for _, c := range t.Columns {
			cell := "-"
			if cost := load.SumOf(c.Costs, roles, client); client == "" || !cost.Empty() {
				cell, some = what.show(c, cost), true
			}
			cells = append(cells, cell)
		}
		if some {
			g.add(cells...)
		}
	})
	return g
}

const (
	costTitle = "Cost, of all servers of a role together, in the mean of a run"
	costNote  = "lists are whole ones: requests, and the initial states of watches; events are changes that watches told of, without initial states"
)

// eachCost names the rows of costs: those of all clients, and below them those of each role.
func (t *Table) eachCost(row func(name string, roles []mode.Role, client mode.Role, what *costMeasure)) {
	for _, s := range servers {
		if !slices.ContainsFunc(t.Columns, func(c *Column) bool { return !c.of(s.roles).Empty() }) {
			continue
		}
		for i := range measured {
			what := &measured[i]
			row(s.name+": "+what.name, s.roles, "", what)
			if !what.byClient {
				continue
			}
			for _, client := range mode.Roles() {
				row("    by "+client.Plural(), s.roles, client, what)
			}
		}
	}
}

// costMeasure is what is shown of a cost.
type costMeasure struct {
	name     string
	byClient bool
	of       func(*load.Cost) float64 // in a whole run, or in many
	per      per
}

// per says by what a sum is divided: by the seconds of runs, by their number, or by nothing.
type per int

const (
	perSecond per = iota
	perRun
	most
)

var measured = []costMeasure{
	{"requests/s", true, func(c *load.Cost) float64 { return float64(c.Total()) }, perSecond},
	{"open watches", true, func(c *load.Cost) float64 { return c.WatchTime.Seconds() }, perSecond},
	{"watch events/s", true, func(c *load.Cost) float64 { return float64(c.Events) }, perSecond},
	{"bytes/s", true, func(c *load.Cost) float64 { return float64(c.Bytes) }, perSecond},
	{"lists in a run", false, func(c *load.Cost) float64 { return float64(c.Lists) }, perRun},
	{"connections made in a run", false, func(c *load.Cost) float64 { return float64(c.Dials) }, perRun},
	{"requests and lists, most in a second of any run", false, func(c *load.Cost) float64 { return float64(c.MostAtOnce) }, most},
}

// show is the cost of all runs of a mode.
func (m *costMeasure) show(c *Column, cost *load.Cost) string {
	switch m.per {
	case perSecond:
		return text.Number(c.perSecond(m.of(cost)))
	case perRun:
		return text.Number(m.of(cost) / float64(max(1, c.Runs)))
	}
	return text.Thousands(int(m.of(cost)))
}

// inRun is the cost of one run.
func (m *costMeasure) inRun(c *Cell, cost *load.Cost) float64 {
	if m.per == perSecond {
		return m.of(cost) / max(1e-9, c.Virtual.Seconds())
	}
	return m.of(cost)
}

// claimGrid compares with what the proposal says of load.
func (t *Table) claimGrid() *grid {
	g := &grid{title: "What the proposal says of the load of kube-apiservers (CFP-44774)",
		note: fmt.Sprintf("for %s agents and %d replicas: a projection, as if each cost there what it costs here, and all else stayed; the agents here have no watches of Services, Pods, Nodes and policies, which stay on the kube-apiserver in both modes",
			text.Thousands(load.SizeAgents), load.SizeReplicas)}
	g.add("", "claimed", mode.Mode{Base: mode.CRD}.String(), mode.Default.String(), "change", "at this size", fmt.Sprintf("for %s agents", text.Thousands(load.SizeAgents)))
	word := map[bool]string{true: "confirmed", false: "refuted"}
	for _, c := range t.Claims {
		g.add(c.What, c.Claimed, text.Number(c.Base), text.Number(c.Own), fmt.Sprintf("%+.0f %%", c.Change), word[c.Holds], fmt.Sprintf("%+.1f %%, %s", c.AtSize, word[c.HoldsAtSize]))
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
	t.eachLatency(func(label string, byColumn []*Latency) {
		cells := []string{label}
		for _, l := range byColumn {
			if l == nil {
				cells = append(cells, "-")
			} else {
				cells = append(cells, seconds(l.Measure))
			}
		}
		g.add(cells...)
	})
	return g
}

// eachLatency names the distributions that are shown, with that of each mode or nil.
func (t *Table) eachLatency(row func(label string, byColumn []*Latency)) {
	var labels []string
	rows := map[string][]*Latency{}
	for i, c := range t.Columns {
		for j := range c.Latencies {
			l := &c.Latencies[j]
			if !l.shown() {
				continue
			}
			label := l.label()
			if rows[label] == nil {
				labels = append(labels, label)
				rows[label] = make([]*Latency, len(t.Columns))
			}
			rows[label][i] = l
		}
	}
	for _, label := range labels {
		row(label, rows[label])
	}
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
		text.Columns(&b, g.rows)
		fmt.Fprintf(&b, "  (%s)\n", g.note)
	}
	_, err := io.WriteString(w, b.String())
	return err
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
