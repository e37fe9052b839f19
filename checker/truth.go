package checker

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// An entry of the cluster, such as the identity 65537, goes through a sequence of
// states, one for each resourceVersion that touched it. State 0 is that before
// the run's first write: nothing claims it. In each state some contents are
// claimed, by one owner or more; if none is, the entry is absent.
type entry struct {
	kind, key string
	states    []state
	absent    []span  // the states in which nothing claims it
	claims    []claim // each content that was ever claimed
	truths    []int32 // the Truth records, until the states are built
}

// state is one state of an entry.
type state struct {
	rv     int64
	at     time.Duration // no state after it began earlier
	record int32         // of the last Truth that made it; -1 for state 0
}

// claim is a content and the states in which it is claimed.
type claim struct {
	value string
	live  []span
	count int // of owners at present, while the states are built
}

// span is the states from, ..., to-1.
type span struct{ from, to int32 }

// open is the end of a span that lasts.
const open = math.MaxInt32

func lasts(spans []span) bool { return len(spans) > 0 && spans[len(spans)-1].to == open }

// earliest returns the first state of spans that is not before the state bound
// and began by the instant at. It returns false if there is none.
func (e *entry) earliest(spans []span, bound int32, at time.Duration) (int32, bool) {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].to > bound })
	if i == len(spans) {
		return 0, false
	}
	s := max(bound, spans[i].from)
	return s, e.states[s].at <= at
}

// latestBefore returns the first state of the last of spans that began before the
// state bound and by the instant at.
func (e *entry) latestBefore(spans []span, bound int32, at time.Duration) (int32, bool) {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].from >= bound || e.states[spans[i].from].at > at })
	if i == 0 {
		return 0, false
	}
	return spans[i-1].from, true
}

// stateAt is the last state that began by the instant at.
func (e *entry) stateAt(at time.Duration) int32 {
	return int32(sort.Search(len(e.states), func(i int) bool { return e.states[i].at > at })) - 1
}

// liveIn returns the contents claimed in a state, in order of their first claim.
func (e *entry) liveIn(s int32) []string {
	var values []string
	for _, c := range e.claims {
		if covers(c.live, s) {
			values = append(values, c.value)
		}
	}
	return values
}

// truthBuilder builds the states of entries.
type truthBuilder struct {
	records []history.Record
	claimOf func(entry int32, value string) int32 // index of the claim in the entry's claims
	owners  map[string]int32                      // the claim that each owner makes at present
	touched []int32                               // claims whose count changed in the present state
}

// build turns the Truth records of an entry into its states.
func (b *truthBuilder) build(id int32, e *entry) {
	e.states = append(make([]state, 0, len(e.truths)+1), state{record: -1})
	e.absent = []span{{0, open}}
	byRV := func(x, y int32) int { return cmp.Compare(b.records[x].RV, b.records[y].RV) }
	if !slices.IsSortedFunc(e.truths, byRV) {
		slices.SortStableFunc(e.truths, byRV)
	}
	clear(b.owners)
	for i, live := 0, 0; i < len(e.truths); {
		rv := b.records[e.truths[i]].RV
		for ; i < len(e.truths) && b.records[e.truths[i]].RV == rv; i++ {
			live += b.apply(id, e, &b.records[e.truths[i]])
		}
		last := e.truths[i-1]
		e.states = append(e.states, state{rv: rv, at: b.records[last].At, record: last})
		b.settle(e, int32(len(e.states)-1), live)
	}
	for i := len(e.states) - 2; i >= 0; i-- {
		e.states[i].at = min(e.states[i].at, e.states[i+1].at)
	}
	e.truths = nil
}

// apply replaces or ends an owner's claim and returns how many more claims there
// are now.
func (b *truthBuilder) apply(id int32, e *entry, r *history.Record) int {
	more := 0
	if old, ok := b.owners[r.Owner]; ok {
		e.claims[old].count--
		b.touched = append(b.touched, old)
		delete(b.owners, r.Owner)
		more--
	}
	if r.Op == "put" {
		c := b.claimOf(id, r.Value)
		e.claims[c].count++
		b.touched = append(b.touched, c)
		b.owners[r.Owner] = c
		more++
	}
	return more
}

// settle notes which claims begin and end with the state s.
func (b *truthBuilder) settle(e *entry, s int32, live int) {
	for _, c := range b.touched {
		e.claims[c].live = begin(e.claims[c].live, s, e.claims[c].count > 0)
	}
	b.touched = b.touched[:0]
	e.absent = begin(e.absent, s, live == 0)
}

// begin makes the last of spans go on, or end, with the state s.
func begin(spans []span, s int32, on bool) []span {
	switch {
	case on && !lasts(spans):
		return append(spans, span{s, open})
	case !on && lasts(spans):
		spans[len(spans)-1].to = s
	}
	return spans
}

// stateOf is the last state that a resourceVersion had made.
func (e *entry) stateOf(rv int64) int32 {
	return int32(sort.Search(len(e.states), func(i int) bool { return e.states[i].rv > rv })) - 1
}

// covers reports whether one of spans has the state s.
func covers(spans []span, s int32) bool {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].to > s })
	return i < len(spans) && spans[i].from <= s
}

// trueThroughout reports whether something claimed the entry at every instant of a time.
func (e *entry) trueThroughout(from, to time.Duration) bool {
	first := e.stateAt(from)
	if first < 0 || covers(e.absent, first) {
		return false
	}
	_, gone := e.earliest(e.absent, first, to)
	return !gone
}
