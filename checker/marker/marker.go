// Package marker counts the interesting situations that a run has reached, so
// that a campaign can say which it never did.
//
// A marker is a predicate on a record of a history and on what came before it,
// with a name and a sentence. It says nothing about right or wrong: reaching many
// different ones is how a search for violations shows that it searches. All
// markers together take one pass over the records, after a short look ahead, with
// work per record that grows with the number of hosts and faults at most.
//
// New takes the names of the kinds of faults, because this package knows none:
// some markers exist once for each. world.go is what is remembered of a run; the
// other files are the markers, by subject.
package marker

import (
	"slices"

	"github.com/meshcheck/meshcheck/history"
)

// Marker is a situation that a run may reach.
type Marker struct {
	Name     string // words joined by hyphens; for one of a kind of fault, "family.kind"
	Sentence string // what happened, in the past tense, without a full stop

	verbs []history.Verb // of the records at which it may be reached
	// One of these tells whether the record reaches it: before sees the world as it
	// was just before the record, after as it is with it.
	before, after predicate
}

type predicate func(w *world, r *history.Record) bool

// Catalogue is a list of markers, in a fixed order.
type Catalogue struct {
	markers []Marker
	byVerb  map[history.Verb][]int
}

// New returns all markers for a vocabulary of faults, whose kinds are given in the
// order in which their markers shall have. The names of markers are distinct.
func New(faultKinds []string) *Catalogue {
	c := &Catalogue{byVerb: map[history.Verb][]int{}}
	c.markers = slices.Concat(failoverMarkers, replicaMarkers, storeMarkers, agentMarkers, truthMarkers,
		awayMarkers, kubeMarkers, networkMarkers, faultMarkers, kindMarkers(faultKinds))
	for i := range c.markers {
		for _, verb := range c.markers[i].verbs {
			c.byVerb[verb] = append(c.byVerb[verb], i)
		}
	}
	return c
}

// Markers returns the markers, in the order of counts.
func (c *Catalogue) Markers() []Marker { return slices.Clone(c.markers) }

// Count says how often a history reaches each marker, in the order of Markers.
func (c *Catalogue) Count(h *history.History) []int {
	counts := make([]int, len(c.markers))
	w := newWorld(h.Records)
	for i := range h.Records {
		r := &h.Records[i]
		candidates := c.byVerb[r.Verb]
		for _, m := range candidates {
			if before := c.markers[m].before; before != nil && before(w, r) {
				counts[m]++
			}
		}
		w.apply(r)
		for _, m := range candidates {
			if after := c.markers[m].after; after != nil && after(w, r) {
				counts[m]++
			}
		}
	}
	return counts
}

func on(verbs ...history.Verb) []history.Verb { return verbs }
