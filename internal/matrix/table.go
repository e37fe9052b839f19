package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/internal/load"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
)

// Table is what the runs showed, a column for each mode.
type Table struct {
	Family  string       `json:"family"` // of which plans
	First   uint64       `json:"firstSeed"`
	Last    uint64       `json:"lastSeed"`
	Code    *report.Code `json:"code,omitempty"`
	Columns []*Column    `json:"modes"`
	Claims  []load.Claim `json:"claims,omitempty"` // of the proposal, if its modes are there
	Note    string       `json:"note,omitempty"`   // why not all runs were made
}

// Column is a mode.
type Column struct {
	asked int     // runs
	cells []*Cell // of runs with a history, by their seeds
	ended []*Cell // of runs without one

	Mode       string        `json:"mode"`
	Runs       int           `json:"runs"`   // with a history
	Panics     int           `json:"panics"` // of the code under test
	Failures   int           `json:"failures"`
	Agents     int           `json:"agents"` // of all runs
	Replicas   int           `json:"replicas"`
	Servers    int           `json:"servers"` // kube-apiservers
	Virtual    time.Duration `json:"virtualNanoseconds"`
	Properties []*Row        `json:"properties"`
	Costs      []*load.Cost  `json:"costs"` // of all runs
	Latencies  []Latency     `json:"latencies"`
}

// Row is a property in a mode.
type Row struct {
	Property      string          `json:"property"`
	Promised      bool            `json:"promised"`
	NotApplicable string          `json:"notApplicable,omitempty"` // why the mode has nothing to judge
	Kept          int             `json:"kept"`                    // in how many runs
	Broken        int             `json:"broken"`
	Undecided     int             `json:"undecided"`
	Seed          *uint64         `json:"seed,omitempty"` // the first that broke it
	Mechanisms    []MechanismSeen `json:"mechanisms,omitempty"`
}

// MechanismSeen is how often a property was broken in a way.
type MechanismSeen struct {
	Mechanism string `json:"mechanism"` // a page in testdata/findings; empty: news
	Runs      int    `json:"runs"`
}

// Latency is a distribution over all runs.
type Latency struct {
	pool *report.Pool

	Property string `json:"property"`
	checker.Measure
	Seed uint64 `json:"seedOfMax"` // the first with the greatest
}

// newTable makes the table of what is kept.
func newTable(cfg Config) *Table {
	t := &Table{Family: cfg.Kept.Of.Family, First: cfg.Seeds.First, Last: cfg.Seeds.Last}
	for _, m := range cfg.Modes {
		c := newColumn(m)
		c.asked = cfg.Seeds.Count()
		for seed := range cfg.Seeds.All() {
			if cell := cfg.Kept.cells[run{m, seed}]; cell != nil {
				c.add(cell)
			}
		}
		c.finish()
		t.Columns = append(t.Columns, c.Column)
	}
	t.Claims = t.claims()
	return t
}

// column gathers a mode's runs.
type column struct {
	*Column
	pools []*pool
}

// pool is what a property measured in all runs.
type pool struct {
	Measured
	seed uint64 // of the greatest
}

func newColumn(name string) *column {
	c := &column{Column: &Column{Mode: name}}
	m, _ := mode.InWorld(name)
	for _, p := range checker.Properties() {
		row := &Row{Property: p.Name, Promised: m.Promises(p.Name)}
		if applies, why := m.Applies(p.Name); !applies {
			row.NotApplicable = why
		}
		c.Properties = append(c.Properties, row)
	}
	return c
}

func (c *column) add(cell *Cell) {
	if cell.Failure != "" {
		c.ended = append(c.ended, cell)
		if cell.Panic {
			c.Panics++
		} else {
			c.Failures++
		}
		return
	}
	c.Runs++
	c.cells = append(c.cells, cell)
	c.Agents += cell.Agents
	c.Replicas += cell.Replicas
	c.Servers += cell.Servers
	c.Virtual += cell.Virtual
	for _, row := range c.Properties {
		row.add(cell)
	}
	for _, cost := range cell.Costs {
		c.cost(cost.Server, cost.Client).Add(cost)
	}
	for _, m := range cell.Measures {
		p := c.pool(m)
		if p.N == 0 || m.Max > p.Max {
			p.seed = cell.Seed
		}
		p.Join(&m.Pool)
	}
}

func (r *Row) add(cell *Cell) {
	switch cell.Outcomes[r.Property] {
	case checker.Pass:
		r.Kept++
	case checker.Unknown:
		r.Undecided++
	case checker.Fail:
		if r.Broken++; r.Seed == nil {
			r.Seed = &cell.Seed
		}
		for _, way := range cell.Ways {
			if slices.Contains(way.Properties, r.Property) {
				r.mechanism(way.Mechanism).Runs++
			}
		}
	}
}

func (r *Row) mechanism(name string) *MechanismSeen {
	i := slices.IndexFunc(r.Mechanisms, func(m MechanismSeen) bool { return m.Mechanism == name })
	if i < 0 {
		i = len(r.Mechanisms)
		r.Mechanisms = append(r.Mechanisms, MechanismSeen{Mechanism: name})
	}
	return &r.Mechanisms[i]
}

func (c *Column) cost(server, client mode.Role) *load.Cost {
	i := slices.IndexFunc(c.Costs, func(known *load.Cost) bool { return known.Server == server && known.Client == client })
	if i < 0 {
		i = len(c.Costs)
		c.Costs = append(c.Costs, &load.Cost{Server: server, Client: client, Requests: map[string]int{}})
	}
	return c.Costs[i]
}

func (c *column) pool(m *Measured) *pool {
	i := slices.IndexFunc(c.pools, func(known *pool) bool {
		return known.Property == m.Property && known.Name == m.Name && known.Group == m.Group
	})
	if i < 0 {
		i = len(c.pools)
		c.pools = append(c.pools, &pool{Measured: Measured{m.Property, report.Pool{Name: m.Name, Group: m.Group}}})
	}
	return c.pools[i]
}

// finish puts all into an order that does not depend on which run came first.
func (c *column) finish() {
	slices.SortFunc(c.Costs, load.InOrder)
	for _, row := range c.Properties {
		slices.SortFunc(row.Mechanisms, func(a, b MechanismSeen) int {
			return cmp.Or(cmp.Compare(b.Runs, a.Runs), cmp.Compare(a.Mechanism, b.Mechanism))
		})
	}
	order := func(property string) int {
		return slices.IndexFunc(c.Properties, func(r *Row) bool { return r.Property == property })
	}
	slices.SortFunc(c.pools, func(a, b *pool) int {
		return cmp.Or(order(a.Property)-order(b.Property), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group))
	})
	for _, p := range c.pools {
		c.Latencies = append(c.Latencies, Latency{&p.Pool, p.Property, p.Measure(), p.seed})
	}
}

// claims compares what can be counted here; CPU cannot.
func (t *Table) claims() []load.Claim {
	base, own := t.column(mode.Mode{Base: mode.CRD}.String()), t.column(mode.Default.String())
	if base == nil || own == nil || base.Runs == 0 || own.Runs == 0 {
		return nil
	}
	return load.Claims(base.sample(), own.sample())
}

func (c *Column) sample() load.Sample {
	return load.Sample{Runs: c.Runs, Agents: c.Agents, Replicas: c.Replicas, Virtual: c.Virtual, Costs: c.Costs}
}

func (t *Table) column(mode string) *Column {
	i := slices.IndexFunc(t.Columns, func(c *Column) bool { return c.Mode == mode })
	if i < 0 {
		return nil
	}
	return t.Columns[i]
}

// of adds up what servers of some roles did for all clients.
func (c *Column) of(servers []mode.Role) *load.Cost { return load.SumOf(c.Costs, servers, "") }

func (c *Column) perSecond(sum float64) float64 {
	if c.Virtual == 0 {
		return 0
	}
	return sum / c.Virtual.Seconds()
}

// mean is a number of hosts in a run, as text.
func (c *Column) mean(sum int) string {
	return fmt.Sprintf("%.1f", float64(sum)/float64(max(1, c.Runs)))
}
