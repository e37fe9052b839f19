package tracevalidation

import (
	"cmp"
	"slices"

	"github.com/meshcheck/meshcheck/history"
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

// Check looks for a behaviour of the model in the records of a history.
func Check(records []history.Record) *Verdict {
	x := newIndex(records)
	c := checker{projections: x, needed: map[*deviation]int{}, verdict: Verdict{Needed: []Need{}, Unexplained: []Unexplained{}, Unjudged: []string{}}}
	c.verdict.Keys = len(x.keys)
	for _, k := range x.keys {
		c.check(k)
	}
	v := &c.verdict
	v.Unexplained = append(v.Unexplained, x.adrift()...)
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
	*projections
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
	key       *key
	log       *keyLog
	names     contents
	full      bool                // there were too many contents
	timelines map[string]timeline // by store
}

// check follows every replica and agent, as far as one key tells.
func (c *checker) check(k *key) {
	run := keyRun{checker: c, key: k, names: contents{}, timelines: map[string]timeline{}}
	log, ok := newKeyLog(c.records, k.truths, run.names)
	if !ok {
		c.verdict.Unjudged = append(c.verdict.Unjudged, k.kind+" "+k.name)
		return
	}
	run.log = log
	var found []*Unexplained
	for _, p := range c.replicas {
		f := replicaRun{run: &run, name: p.name}
		found = append(found, f.follow(p.life, k.changes[p.name]))
		run.timeline(p.life, k.changes[p.name])
	}
	for _, a := range c.agents {
		f := agentRun{run: &run, agent: a}
		found = append(found, f.follow(k.views[a]))
	}
	c.verdict.Projections += len(found)
	if run.full {
		c.verdict.Unjudged = append(c.verdict.Unjudged, k.kind+" "+k.name)
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

// struck reports whether one of the faults happened before a record.
func (x *projections) struck(i int32, kinds []string) bool {
	return slices.ContainsFunc(x.faults, func(f int32) bool { return f < i && slices.Contains(kinds, x.records[f].Kind) })
}

// madeNamespace reports whether a namespace was created between two records.
func (x *projections) madeNamespace(from, to int32) bool {
	return slices.ContainsFunc(x.made, func(m int32) bool { return from < m && m < to })
}
