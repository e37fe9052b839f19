package index

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// An entry of the cluster, such as the identity 65537, goes through a sequence of
// states, one for each resourceVersion that touched it. State 0 is that before
// the run's first write: nothing claims it. In each state some contents are
// claimed, by one owner or more; if none is, the entry is absent.
type Entry struct {
	Kind, Key string
	States    []State
	Absent    []Span  // the states in which nothing claims it
	Claims    []Claim // each content that was ever claimed
	Truths    []int32 // the Truth records, in order of their resourceVersions
}

// State is one state of an entry.
type State struct {
	RV     int64
	At     time.Duration // no state after it began earlier
	Record int32         // of the last Truth that made it; -1 for state 0
}

// Claim is a content and the states in which it is claimed.
type Claim struct {
	Value string
	Live  []Span
	count int // of owners at present, while the states are built
}

// Span is the states from, ..., to-1.
type Span struct{ From, To int32 }

// Lasting is the end of a span that lasts.
const Lasting = math.MaxInt32

// Lasts reports whether the last of spans goes on to the end.
func Lasts(spans []Span) bool { return len(spans) > 0 && spans[len(spans)-1].To == Lasting }

// Earliest returns the first state of spans that is not before the state bound
// and began by the instant at. It returns false if there is none.
func (e *Entry) Earliest(spans []Span, bound int32, at time.Duration) (int32, bool) {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].To > bound })
	if i == len(spans) {
		return 0, false
	}
	s := max(bound, spans[i].From)
	return s, e.States[s].At <= at
}

// LatestBefore returns the first state of the last of spans that began before the
// state bound and by the instant at.
func (e *Entry) LatestBefore(spans []Span, bound int32, at time.Duration) (int32, bool) {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].From >= bound || e.States[spans[i].From].At > at })
	if i == 0 {
		return 0, false
	}
	return spans[i-1].From, true
}

// StateAt is the last state that began by the instant at.
func (e *Entry) StateAt(at time.Duration) int32 {
	return int32(sort.Search(len(e.States), func(i int) bool { return e.States[i].At > at })) - 1
}

// LiveIn returns the contents claimed in a state, in order of their first claim.
func (e *Entry) LiveIn(s int32) []string {
	var values []string
	for _, c := range e.Claims {
		if Covers(c.Live, s) {
			values = append(values, c.Value)
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
func (b *truthBuilder) build(id int32, e *Entry) {
	e.States = append(make([]State, 0, len(e.Truths)+1), State{Record: -1})
	e.Absent = []Span{{0, Lasting}}
	byRV := func(x, y int32) int { return cmp.Compare(b.records[x].RV, b.records[y].RV) }
	if !slices.IsSortedFunc(e.Truths, byRV) {
		slices.SortStableFunc(e.Truths, byRV)
	}
	clear(b.owners)
	for i, live := 0, 0; i < len(e.Truths); {
		rv := b.records[e.Truths[i]].RV
		for ; i < len(e.Truths) && b.records[e.Truths[i]].RV == rv; i++ {
			live += b.apply(id, e, &b.records[e.Truths[i]])
		}
		last := e.Truths[i-1]
		e.States = append(e.States, State{RV: rv, At: b.records[last].At, Record: last})
		b.settle(e, int32(len(e.States)-1), live)
	}
	for i := len(e.States) - 2; i >= 0; i-- {
		e.States[i].At = min(e.States[i].At, e.States[i+1].At)
	}
}

// apply replaces or ends an owner's claim and returns how many more claims there
// are now.
func (b *truthBuilder) apply(id int32, e *Entry, r *history.Record) int {
	more := 0
	if old, ok := b.owners[r.Owner]; ok {
		e.Claims[old].count--
		b.touched = append(b.touched, old)
		delete(b.owners, r.Owner)
		more--
	}
	if r.Op == "put" {
		c := b.claimOf(id, r.Value)
		e.Claims[c].count++
		b.touched = append(b.touched, c)
		b.owners[r.Owner] = c
		more++
	}
	return more
}

// settle notes which claims begin and end with the state s.
func (b *truthBuilder) settle(e *Entry, s int32, live int) {
	for _, c := range b.touched {
		e.Claims[c].Live = begin(e.Claims[c].Live, s, e.Claims[c].count > 0)
	}
	b.touched = b.touched[:0]
	e.Absent = begin(e.Absent, s, live == 0)
}

// begin makes the last of spans go on, or end, with the state s.
func begin(spans []Span, s int32, on bool) []Span {
	switch {
	case on && !Lasts(spans):
		return append(spans, Span{s, Lasting})
	case !on && Lasts(spans):
		spans[len(spans)-1].To = s
	}
	return spans
}

// StateOf is the last state that a resourceVersion had made.
func (e *Entry) StateOf(rv int64) int32 {
	return int32(sort.Search(len(e.States), func(i int) bool { return e.States[i].RV > rv })) - 1
}

// Covers reports whether one of spans has the state s.
func Covers(spans []Span, s int32) bool {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].To > s })
	return i < len(spans) && spans[i].From <= s
}

// LiveAs returns the states in which a content is claimed.
func (e *Entry) LiveAs(content string) []Span {
	for i := range e.Claims {
		if e.Claims[i].Value == content {
			return e.Claims[i].Live
		}
	}
	return nil
}

// Configured returns the content of an entry that a writer with another cluster ID makes this
// one of: that of a node that differs in the ID only. It is the content itself if there is none.
func (e *Entry) Configured(content string) string {
	if e.Kind != history.Node {
		return content
	}
	others := withoutClusterID(content)
	for i := range e.Claims {
		if withoutClusterID(e.Claims[i].Value) == others {
			return e.Claims[i].Value
		}
	}
	return content
}

// withoutClusterID is the content of a node without the ID of its cluster, which is the setting
// of whoever writes it and not in any object: that of cluster=c1/7 is 7.
func withoutClusterID(content string) string {
	before, cluster, ok := strings.Cut(" "+content, " cluster=")
	name, after, _ := strings.Cut(cluster, " ")
	if slash := strings.LastIndex(name, "/"); ok && slash >= 0 {
		return before + " cluster=" + name[:slash] + " " + after
	}
	return content
}

// Demands reports whether the final truth demands of an entry that it is shown with a
// content, as a claim, or that it is not shown.
func (e *Entry) Demands(shown bool, claim int32) bool {
	if !shown {
		return Lasts(e.Absent)
	}
	return claim >= 0 && Lasts(e.Claims[claim].Live)
}

// Lives calls with each time in which something claimed the entry without a break, to the
// instant end if it lasts, and when it is claimed again, forever if it is not.
func (e *Entry) Lives(end time.Duration, each func(from, to, again time.Duration)) {
	for i, gone := range e.Absent {
		if gone.To == Lasting {
			return
		}
		from, to, again := e.States[gone.To].At, end, Forever
		if i+1 < len(e.Absent) {
			next := e.Absent[i+1]
			to = e.States[next.From].At
			if next.To != Lasting {
				again = e.States[next.To].At
			}
		}
		each(from, to, again)
	}
}

// TrueThroughout reports whether something claimed the entry at every instant of a time.
func (e *Entry) TrueThroughout(from, to time.Duration) bool {
	first := e.StateAt(from)
	if first < 0 || Covers(e.Absent, first) {
		return false
	}
	_, gone := e.Earliest(e.Absent, first, to)
	return !gone
}
