package checker

import (
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// dangle is a time during which an agent's view or its host's datapath had an
// endpoint whose identity the agent's view did not have.
type dangle struct {
	agent    int32
	layer    layer
	entry    int32 // the endpoint
	claim    int32 // its content, as of an event
	identity string
	from, to time.Duration
	record   int32 // of the change that began it
	atEnd    bool  // it lasted when the run ended
}

// nobody stands for no identity: that of an endpoint that is not there, or whose
// identity is reserved or not told.
const nobody = -1

// referenceWatch plays views and datapaths through and gathers what dangles. What
// a datapath has kept from before an agent's start counts once the agent has its
// complete lists: before that, it is not this agent's doing.
type referenceWatch struct {
	views      *views
	records    []history.Record
	numbers    map[string]int32 // identities that endpoints name, from 0
	names      []string         // by number
	ofEntry    []int32          // by entry: the number of an identity
	ofClaim    [][]int32        // by endpoint and claim: the identity that it names, plus two; 0 if it was not looked at yet
	known      [][]bool         // by agent and number: the view has it
	slots      []reference      // by slot
	holders    [][][]int32      // by agent and layer, and by number: endpoints that have had it
	dangles    []dangle
	references int // endpoints shown that name an identity
}

// reference is the state of an endpoint in a view or datapath.
type reference struct {
	identity int32
	event    int32         // that showed it
	counts   bool          // the present incarnation is answerable for it
	since    time.Duration // when it began to dangle
	record   int32         // what made it dangle, plus one; 0 if it does not
}

// watchReferences returns what dangled, in the order in which it ended.
func watchReferences(in *input) *referenceWatch {
	v := in.views
	w := &referenceWatch{
		views: v, records: in.records, numbers: map[string]int32{}, ofEntry: make([]int32, len(v.entries)), ofClaim: make([][]int32, len(v.entries)),
		known: make([][]bool, len(v.agents)), slots: make([]reference, v.slots), holders: make([][][]int32, 2*len(v.agents)),
	}
	for i := range w.slots {
		w.slots[i].identity = nobody
	}
	for id := range v.entries {
		w.ofEntry[id] = nobody
		if v.entries[id].kind == history.Identity {
			w.ofEntry[id] = w.number(v.entries[id].key)
		}
	}
	marks := v.marks
	for i := range v.events {
		ev := &v.events[i]
		for ; len(marks) > 0 && marks[0].record < ev.record; marks = marks[1:] {
			w.mark(marks[0])
		}
		w.event(int32(i), ev)
	}
	for ; len(marks) > 0; marks = marks[1:] {
		w.mark(marks[0])
	}
	for agent := range v.agents {
		w.each(int32(agent), func(l layer, entry int32, r *reference) {
			w.end(int32(agent), l, entry, r, in.records[len(in.records)-1].At, true)
		})
	}
	return w
}

func (w *referenceWatch) number(identity string) int32 {
	n, ok := w.numbers[identity]
	if !ok {
		n = int32(len(w.names))
		w.numbers[identity] = n
		w.names = append(w.names, identity)
	}
	return n
}

func (w *referenceWatch) event(i int32, ev *event) {
	switch {
	case ev.what == start:
		w.known[ev.agent] = nil
	case ev.what == stop:
		w.stop(ev)
	case ev.layer == view && w.ofEntry[ev.entry] != nobody:
		w.identity(ev, w.ofEntry[ev.entry])
	case w.views.entries[ev.entry].kind == history.Endpoint:
		w.endpoint(i, ev)
	}
}

// stop ends what dangles: without its agent a datapath is not judged, and a view
// is none.
func (w *referenceWatch) stop(ev *event) {
	w.known[ev.agent] = nil
	w.each(ev.agent, func(l layer, entry int32, r *reference) {
		w.end(ev.agent, l, entry, r, ev.at, false)
		r.counts = false
		if l == view {
			r.identity = nobody
		}
	})
}

// mark lets an agent answer for its whole datapath from the instant at which it
// has its complete lists.
func (w *referenceWatch) mark(m mark) {
	if m.what != complete {
		return
	}
	w.each(m.agent, func(l layer, _ int32, r *reference) {
		if l == datapath && r.identity != nobody {
			r.counts = true
			w.begin(m.agent, r, m.at, m.record)
		}
	})
}

// each calls f for every endpoint of an agent's view and datapath.
func (w *referenceWatch) each(agent int32, f func(layer, int32, *reference)) {
	for _, l := range []layer{view, datapath} {
		for entry, slot := range w.views.table[2*agent+int32(l)] {
			if slot > 0 && w.views.entries[entry].kind == history.Endpoint {
				f(l, int32(entry), &w.slots[slot-1])
			}
		}
	}
}

// identity is an identity that enters or leaves a view.
func (w *referenceWatch) identity(ev *event, n int32) {
	had := w.knows(ev.agent, n)
	w.learn(ev.agent, n, ev.what == seen)
	if had == (ev.what == seen) {
		return
	}
	for _, l := range []layer{view, datapath} {
		for _, entry := range w.holding(ev.agent, l, n) {
			r := &w.slots[w.views.slotOf(ev.agent, l, entry)]
			if had {
				w.begin(ev.agent, r, ev.at, ev.record)
			} else {
				w.end(ev.agent, l, entry, r, ev.at, false)
			}
		}
	}
}

func (w *referenceWatch) knows(agent, n int32) bool {
	return int(n) < len(w.known[agent]) && w.known[agent][n]
}

func (w *referenceWatch) learn(agent, n int32, knows bool) {
	if missing := len(w.names) - len(w.known[agent]); missing > 0 {
		w.known[agent] = append(w.known[agent], make([]bool, missing)...)
	}
	w.known[agent][n] = knows
}

// holding returns the endpoints that name an identity now. It forgets those that
// did and do not any more, so that each is looked at once for each time that it
// was shown.
func (w *referenceWatch) holding(agent int32, l layer, n int32) []int32 {
	row := w.holders[2*agent+int32(l)]
	if int(n) >= len(row) {
		return nil
	}
	kept := row[n][:0]
	once := map[int32]bool{}
	for _, entry := range row[n] {
		if w.slots[w.views.slotOf(agent, l, entry)].identity == n && !once[entry] {
			once[entry] = true
			kept = append(kept, entry)
		}
	}
	row[n] = kept
	return kept
}

// endpoint is an endpoint that enters, changes in or leaves a view or datapath.
func (w *referenceWatch) endpoint(i int32, ev *event) {
	r := &w.slots[ev.slot]
	n := int32(nobody)
	if ev.what == seen {
		if n = w.named(ev); n != nobody {
			w.references++
		}
	}
	if n != r.identity {
		w.end(ev.agent, ev.layer, ev.entry, r, ev.at, false)
		r.identity = n
		w.hold(ev, n)
	}
	r.event, r.counts = i, true
	if n != nobody {
		w.begin(ev.agent, r, ev.at, ev.record)
	}
}

// named is the identity that the endpoint of an event names.
func (w *referenceWatch) named(ev *event) int32 {
	look := func() int32 {
		if id := possessionOf(w.records[ev.record].Value).identity; id != "" && !reserved(id) {
			return w.number(id)
		}
		return nobody
	}
	if ev.claim < 0 {
		return look()
	}
	claims := w.ofClaim[ev.entry]
	if claims == nil {
		claims = make([]int32, len(w.views.entries[ev.entry].claims))
		w.ofClaim[ev.entry] = claims
	}
	if claims[ev.claim] == 0 {
		claims[ev.claim] = look() + 2
	}
	return claims[ev.claim] - 2
}

func (w *referenceWatch) hold(ev *event, n int32) {
	if n == nobody {
		return
	}
	row := &w.holders[2*ev.agent+int32(ev.layer)]
	if missing := len(w.names) - len(*row); missing > 0 {
		*row = append(*row, make([][]int32, missing)...)
	}
	(*row)[n] = append((*row)[n], ev.entry)
}

func (w *referenceWatch) begin(agent int32, r *reference, at time.Duration, record int32) {
	if r.counts && r.record == 0 && !w.knows(agent, r.identity) {
		r.since, r.record = at, record+1
	}
}

func (w *referenceWatch) end(agent int32, l layer, entry int32, r *reference, at time.Duration, atEnd bool) {
	if r.record > 0 {
		w.dangles = append(w.dangles, dangle{
			agent: agent, layer: l, entry: entry, claim: w.views.events[r.event].claim, identity: w.names[r.identity],
			from: r.since, to: at, record: r.record - 1, atEnd: atEnd,
		})
		r.record = 0
	}
}
