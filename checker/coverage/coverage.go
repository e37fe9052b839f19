// Package coverage counts the interesting situations that a run has reached, so
// that a campaign can say which it never did.
//
// A coverage mark is a predicate on a record of a history and on what came before it,
// with a name and a sentence. It says nothing about right or wrong: reaching many
// different ones is how a search for violations shows that it searches. All
// coverage marks together take one pass over the records of the index, with work per
// record that grows with the number of hosts and faults at most.
//
// New takes the names of the kinds of faults, because this package knows none:
// some coverage marks exist once for each. world.go is what is remembered of a run; the
// other files are the coverage marks, by subject.
package coverage

import (
	"slices"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// Mark is a situation that a run may reach.
type Mark struct {
	Name     string // words joined by hyphens; for one of a kind of fault, "family.kind"
	Sentence string // what happened, in the past tense, without a full stop

	verbs []history.Verb // of the records at which it may be reached
	// One of these tells whether the record reaches it: before sees the world as it
	// was just before the record, after as it is with it.
	before, after predicate
}

type predicate func(w *world, r *history.Record) bool

// Catalogue is a list of coverage marks, in a fixed order.
type Catalogue struct {
	marks  []Mark
	byVerb map[history.Verb][]int
}

// New returns all coverage marks for a vocabulary of faults, whose kinds are given in the
// order in which their coverage marks shall have. The names of coverage marks are distinct.
func New(faultKinds []string) *Catalogue {
	c := &Catalogue{byVerb: map[history.Verb][]int{}}
	c.marks = slices.Concat(failoverMarks, replicaMarks, storeMarks, agentMarks, truthMarks,
		awayMarks, kubeMarks, networkMarks, faultMarks, kindMarks(faultKinds))
	for i := range c.marks {
		for _, verb := range c.marks[i].verbs {
			c.byVerb[verb] = append(c.byVerb[verb], i)
		}
	}
	return c
}

// Marks returns the coverage marks, in the order of counts.
func (c *Catalogue) Marks() []Mark { return slices.Clone(c.marks) }

// Count says how often a history reaches each coverage mark, in the order of Marks.
func (c *Catalogue) Count(x *index.Index) []int {
	counts := make([]int, len(c.marks))
	w := newWorld(x)
	for i := range x.Records {
		r := &x.Records[i]
		w.record = int32(i)
		candidates := c.byVerb[r.Verb]
		for _, m := range candidates {
			if before := c.marks[m].before; before != nil && before(w, r) {
				counts[m]++
			}
		}
		w.apply(r)
		for _, m := range candidates {
			if after := c.marks[m].after; after != nil && after(w, r) {
				counts[m]++
			}
		}
	}
	return counts
}

func on(verbs ...history.Verb) []history.Verb { return verbs }
