package matrix

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/internal/load"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report/page"
	"github.com/meshcheck/meshcheck/report/plot"
)

// Replay is the command that runs again the plan of a seed in a mode.
type Replay func(mode string, seed uint64) string

// WritePage writes the table as a page for a browser: each cell with its command, and
// distributions beside figures.
func (t *Table) WritePage(w io.Writer, replay Replay) error {
	m := page.Matrix{Name: t.heading(), Note: t.Note}
	if t.Code != nil {
		m.Facts = [][2]string{{"code", strings.Join(append(t.Code.Parts(), "worker "+t.Code.Hash), ", ")}}
	}
	for _, c := range t.Columns {
		m.Modes = append(m.Modes, c.Mode)
		m.Colors = append(m.Colors, c.color())
		m.Facts = append(m.Facts, [2]string{c.Mode, c.runs()})
	}
	m.Tables = slices.DeleteFunc([]page.Table{t.propertyTable(replay), t.costTable(replay), t.claimTable(replay), t.latencyTable(replay)},
		func(t page.Table) bool { return len(t.Rows) == 0 })
	return m.Write(w)
}

// color is that of a mode in all figures.
func (c *Column) color() int {
	all := mode.SimulatedNames() // as they have them where there are no others
	for _, name := range mode.Variants() {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return 1 + slices.Index(all, c.Mode)
}

func (c *Column) runs() string {
	said := fmt.Sprintf("%s; in the mean %s agents, %s replicas, %s kube-apiservers", text.Count(c.Runs, "run"), c.mean(c.Agents), c.mean(c.Replicas), c.mean(c.Servers))
	if c.Panics > 0 {
		said += fmt.Sprintf("; %s more ended by a panic of the code under test", text.Thousands(c.Panics))
	}
	if c.Failures > 0 {
		said += fmt.Sprintf("; %s more without a history", text.Thousands(c.Failures))
	}
	return said
}

func (t *Table) propertyTable(replay Replay) page.Table {
	table := page.Table{Title: "What each mode keeps, in runs", Note: "In brackets: the mode does not promise it. A property that is undecided (?) is not kept."}
	for i, row := range t.Columns[0].Properties {
		r := page.Row{Name: row.Property, Promise: page.Promise(row.Property)}
		for _, c := range t.Columns {
			r.Cells = append(r.Cells, c.propertyCell(c.Properties[i], replay))
		}
		table.Rows = append(table.Rows, r)
	}
	for _, end := range []struct {
		name  string
		panic bool
	}{{"ended by a panic", true}, {"without a history", false}} {
		r := page.Row{Name: end.name, Promise: "No run should."}
		some := false
		for _, c := range t.Columns {
			cell := c.endedCell(end.panic, replay)
			some = some || len(cell.Ways) > 0
			r.Cells = append(r.Cells, cell)
		}
		if some {
			table.Rows = append(table.Rows, r)
		}
	}
	return table
}

// endedCell counts the runs that a panic of the code under test ended, or that gave no history
// for another reason.
func (c *Column) endedCell(panicked bool, replay Replay) page.Cell {
	cell := page.Cell{Text: "0", Kind: "none"}
	n := 0
	for _, ended := range c.ended {
		if ended.Panic == panicked {
			n++
			cell.Kind = "promised"
			cell.Ways = append(cell.Ways, page.Way{Title: "seed " + strconv.FormatUint(ended.Seed, 10), Sentence: ended.Failure, Replay: replay(c.Mode, ended.Seed)})
		}
	}
	if n > 0 {
		cell.Text, cell.Lines = text.Thousands(n), []string{fmt.Sprintf("Of %s.", text.Count(c.asked, "run"))}
	}
	return cell
}

func (c *Column) propertyCell(row *Row, replay Replay) page.Cell {
	cell := page.Cell{Text: c.kept(row)}
	if row.NotApplicable != "" {
		cell.Kind, cell.Lines = "none", []string{"The mode has nothing to judge: " + row.NotApplicable + "."}
		return cell
	}
	promise := "The mode does not promise it."
	if row.Promised {
		promise = "The mode promises it."
	}
	cell.Lines = []string{fmt.Sprintf("Kept in %s, broken in %s, undecided in %s.", text.Count(row.Kept, "run"), text.Thousands(row.Broken), text.Thousands(row.Undecided)), promise}
	cell.Ways = c.waysOf(row, replay)
	switch {
	case row.Broken > 0 && row.Promised:
		cell.Kind = "promised"
	case row.Broken > 0:
		cell.Kind = "broken"
	case row.Undecided > 0 || row.Kept == 0:
		cell.Kind = "unknown"
	default:
		cell.Kind = "holds"
	}
	for _, of := range []struct {
		outcome checker.Outcome
		purpose string
	}{{checker.Unknown, "the first run that leaves it undecided"}, {checker.Pass, "the first run that keeps it"}} {
		if i := slices.IndexFunc(c.cells, func(cell *Cell) bool { return cell.Outcomes[row.Property] == of.outcome }); i >= 0 {
			cell.Commands = append(cell.Commands, [2]string{of.purpose, replay(c.Mode, c.cells[i].Seed)})
		}
	}
	return cell
}

// waysOf are the ways in which runs broke a property, the most frequent first.
func (c *Column) waysOf(row *Row, replay Replay) (ways []page.Way) {
	for _, m := range row.Mechanisms {
		way := page.Way{Title: m.Mechanism, News: m.Mechanism == ""}
		if way.News {
			way.Title = "looks like no finding"
		} else {
			way.Page = "testdata/findings/" + strings.ReplaceAll(m.Mechanism, " + ", ".md, testdata/findings/") + ".md"
		}
		for _, cell := range c.cells {
			i := slices.IndexFunc(cell.Ways, func(w Way) bool {
				return w.Mechanism == m.Mechanism && slices.Contains(w.Properties, row.Property)
			})
			if i < 0 {
				continue
			}
			if way.Replay == "" {
				way.Replay, way.Sentence = replay(c.Mode, cell.Seed), cell.Ways[i].Sentence
			}
			way.Seeds = append(way.Seeds, strconv.FormatUint(cell.Seed, 10))
		}
		ways = append(ways, way)
	}
	return ways
}

func (t *Table) costTable(replay Replay) page.Table {
	table := page.Table{Title: costTitle, Note: strings.ToUpper(costNote[:1]) + costNote[1:] + ". A box is the middle half of the runs, with their median.", Figures: t.loadFigures()}
	t.eachCost(func(name string, roles []mode.Role, client mode.Role, what *costMeasure) {
		row := page.Row{Name: strings.TrimSpace(name), Part: client != ""}
		var groups []plot.Group
		some := false
		for _, c := range t.Columns {
			cell := page.Cell{Text: "–"}
			cost := load.SumOf(c.Costs, roles, client)
			group := plot.Group{Name: c.Mode, Color: c.color()}
			if !cost.Empty() {
				some = true
				inRun := func(of *Cell) float64 { return what.inRun(of, load.SumOf(of.Costs, roles, client)) }
				cell = c.costCell(what.show(c, cost), inRun, replay)
				for _, of := range c.cells {
					group.Values = append(group.Values, inRun(of))
				}
			}
			row.Cells, groups = append(row.Cells, cell), append(groups, group)
		}
		if !some {
			return
		}
		if client == "" {
			row.SVG = plot.Boxes("in each run", groups)
		}
		table.Rows = append(table.Rows, row)
	})
	return table
}

// costCell says how a cost is spread over runs, and which of them has the most of it.
func (c *Column) costCell(shown string, of func(*Cell) float64, replay Replay) page.Cell {
	cell := page.Cell{Text: shown}
	if len(c.cells) == 0 {
		return cell
	}
	sorted := slices.SortedFunc(slices.Values(c.cells), func(a, b *Cell) int {
		switch x, y := of(a), of(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	median, most := sorted[(len(sorted)-1)/2], sorted[len(sorted)-1]
	cell.Lines = []string{fmt.Sprintf("Of %s: least %s, median %s, most %s.", text.Count(len(sorted), "run"), text.Number(of(sorted[0])), text.Number(of(median)), text.Number(of(most)))}
	cell.Commands = [][2]string{{"the run with the most", replay(c.Mode, most.Seed)}, {"the run in the middle", replay(c.Mode, median.Seed)}}
	return cell
}

// loadFigures draw what servers do over the time of a run.
func (t *Table) loadFigures() (all []page.Figure) {
	curves := make([][]LoadCurve, len(t.Columns))
	for i, c := range t.Columns {
		curves[i] = loadCurves(c.cells)
	}
	for _, s := range servers {
		for _, what := range []struct {
			name string
			of   func(LoadCurve) [][2]float64
		}{{"requests/s", func(l LoadCurve) [][2]float64 { return l.Requests }}, {"watch events/s", func(l LoadCurve) [][2]float64 { return l.Events }}} {
			var lines []plot.Curve
			for i, c := range t.Columns {
				for _, l := range curves[i] {
					if slices.Contains(s.roles, l.Server) {
						lines = append(lines, plot.Curve{Name: c.Mode, Color: c.color(), Points: what.of(l)})
					}
				}
			}
			if svg := plot.OverTime("seconds from the start of the churn", what.name, lines); svg != "" {
				all = append(all, page.Figure{Title: s.name + ": " + what.name + ", in the mean of runs", SVG: svg})
			}
		}
	}
	return all
}

// claimTable has the means of all runs; the commands beside them are of the runs with the most.
func (t *Table) claimTable(replay Replay) page.Table {
	g := t.claimGrid()
	table := page.Table{Title: g.title, Note: strings.ToUpper(g.note[:1]) + g.note[1:] + ".", Columns: g.rows[0][1:]}
	for i, row := range g.rows[1:] {
		r := page.Row{Name: row[0]}
		var most [][2]string
		for _, m := range []mode.Mode{{Base: mode.CRD}, mode.Default} {
			c := t.column(m.String())
			run := slices.MaxFunc(c.cells, func(a, b *Cell) int {
				kube := func(of *Cell) float64 { return t.Claims[i].Of(load.SumOf(of.Costs, []mode.Role{mode.APIServer}, "")) }
				return cmp.Compare(kube(a), kube(b))
			})
			most = append(most, [2]string{"the run of the mode " + c.Mode + " with the most", replay(c.Mode, run.Seed)})
		}
		for j, cell := range row[1:] {
			c := page.Cell{Text: cell, Commands: most}
			if holds := map[int]bool{4: t.Claims[i].Holds, 5: t.Claims[i].HoldsAtSize}; j >= 4 {
				c.Kind = map[bool]string{true: "holds", false: "promised"}[holds[j]]
			}
			r.Cells = append(r.Cells, c)
		}
		table.Rows = append(table.Rows, r)
	}
	return table
}

func (t *Table) latencyTable(replay Replay) page.Table {
	table := page.Table{Title: "Latencies over all runs", Note: "How many seconds are not exceeded in which part of all, on a scale with as much room from 90 to 99 as from 99 to 99.9 percent. Faults are on during the churn, so that the tails are theirs. Blindness is the longest time that an agent was without a source; staleness and delta are how old what it shows was. Quantiles are too great by less than 1 %.", Wide: true}
	t.eachLatency(func(label string, byColumn []*Latency) {
		row := page.Row{Name: label}
		var lines []plot.Curve
		for i, l := range byColumn {
			c := t.Columns[i]
			if l == nil {
				row.Cells = append(row.Cells, page.Cell{Text: "–", Kind: "none"})
				continue
			}
			row.Promise = page.Promise(l.Property)
			lines = append(lines, plot.Curve{Name: c.Mode, Color: c.color(), Points: l.pool.Curve()})
			row.Cells = append(row.Cells, page.Cell{Text: seconds(l.Measure), Lines: []string{fmt.Sprintf("Of %s measured in %s: p50 %.3f s, p99 %.3f s, at most %.3f s.", text.Thousands(l.N), c.Mode, l.P50, l.P99, l.Max)},
				Commands: [][2]string{{"the run with the greatest", replay(c.Mode, l.Seed)}}})
		}
		row.SVG = plot.Distribution(lines)
		table.Rows = append(table.Rows, row)
	})
	return table
}
