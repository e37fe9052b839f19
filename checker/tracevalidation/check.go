package tracevalidation

import (
	"cmp"
	"slices"

	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/disturb"
)

// Verdict is what became of a history.
type Verdict struct {
	Explained   int           `json:"explained"`   // changes in etcds and views, and canaries, that an action or deviation explains
	Keys        int           `json:"keys"`        // identities, endpoints and nodes
	Projections int           `json:"projections"` // pairs of a key with a replica, or with an agent's incarnation
	Needed      []Need        `json:"needed"`      // the deviations without which some records have no explanation
	Unexplained []Unexplained `json:"unexplained"` // the first of each projection, by record
	Unjudged    []string      `json:"unjudged"`    // keys with too many writes or contents to tell apart
}

// Need is how often a deviation was needed.
type Need struct {
	Name  string `json:"name"`
	What  string `json:"-"`
	Count int    `json:"count"`
}

// Check looks for a behaviour of the model in a history.
func Check(x *index.Index) *Verdict {
	c := checker{Projections: x.Projections(), needed: map[*deviation]int{}, verdict: Verdict{Needed: []Need{}, Unexplained: []Unexplained{}, Unjudged: []string{}}}
	c.verdict.Keys = len(c.Keys)
	for _, k := range c.Keys {
		c.check(k)
	}
	v := &c.verdict
	v.Unexplained = append(v.Unexplained, c.unconnected()...)
	slices.SortStableFunc(v.Unexplained, func(a, b Unexplained) int { return cmp.Compare(a.Record, b.Record) })
	for _, d := range allDeviations() {
		if n := c.needed[d]; n > 0 {
			v.Needed = append(v.Needed, Need{d.name, d.what, n})
		}
	}
	return v
}

// checker gathers the verdict.
type checker struct {
	*index.Projections
	verdict Verdict
	needed  map[*deviation]int
}

// explained counts a record, and the deviation without which it has no
// explanation, nil if it needs none.
func (c *checker) explained(by *deviation) {
	c.verdict.Explained++
	if by != nil {
		c.needed[by]++
	}
}

// keyRun is the projection of a history to one key.
type keyRun struct {
	*checker
	key       *index.Key
	log       *keyLog
	names     contents
	full      bool                // there were too many contents
	timelines map[string]timeline // by store
}

// check follows every replica and agent, as far as one key tells.
func (c *checker) check(k *index.Key) {
	run := keyRun{checker: c, key: k, names: contents{}, timelines: map[string]timeline{}}
	log, ok := newKeyLog(c.Records, k.Truths, run.names)
	if !ok {
		c.verdict.Unjudged = append(c.verdict.Unjudged, k.Kind+" "+k.Name)
		return
	}
	run.log = log
	var found []*Unexplained
	for _, p := range c.Replicas {
		f := replicaRun{run: &run, name: p.Name}
		found = append(found, f.follow(p.Life, k.Changes[p.Name]))
		run.timeline(p.Life, k.Changes[p.Name])
	}
	for _, a := range c.Agents {
		f := agentRun{run: &run, agent: a}
		found = append(found, f.follow(k.Views[a]))
	}
	c.verdict.Projections += len(found)
	if run.full {
		c.verdict.Unjudged = append(c.verdict.Unjudged, k.Kind+" "+k.Name)
		return
	}
	for _, u := range found {
		if u != nil {
			c.verdict.Unexplained = append(c.verdict.Unexplained, *u)
		}
	}
}

// number returns the number of a content.
func (k *keyRun) number(value string) uint8 {
	n, ok := k.names.number(value)
	k.full = k.full || !ok
	return n
}

// disturbed reports whether a fault disturbed something so before a record.
func (c *checker) disturbed(i int32, how disturb.Kind) bool {
	return slices.ContainsFunc(c.Faults, func(f *index.Fault) bool { return f.Begin < i && f.Is(how) })
}

// madeNamespace reports whether a namespace was created between two records.
func (c *checker) madeNamespace(from, to int32) bool {
	return slices.ContainsFunc(c.Namespaces, func(m int32) bool { return from < m && m < to })
}
