package views

import (
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// dangle is a time during which an agent's view or its host's datapath had an
// endpoint whose identity the agent's view did not have.
type dangle struct {
	Agent    int32
	Layer    index.Layer
	Entry    int32 // the endpoint
	claim    int32 // its content, as of an event
	Identity string
	From, To time.Duration
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
	views      *index.Views
	records    []history.Record
	numbers    map[string]int32 // identities that endpoints name, from 0
	names      []string         // by number
	ofEntry    []int32          // by entry: the number of an identity
	ofClaim    [][]int32        // by endpoint and claim: the identity that it names, plus two; 0 if it was not looked at yet
	known      [][]bool         // by agent and number: the view has it
	slots      []reference      // by slot
	holders    [][][]int32      // by agent and layer, and by number: endpoints that have had it
	Dangles    []dangle
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
func watchReferences(in *property.Input) *referenceWatch {
	v := in.Views
	w := &referenceWatch{
		views: v, records: in.Records, numbers: map[string]int32{}, ofEntry: make([]int32, len(v.Entries)), ofClaim: make([][]int32, len(v.Entries)),
		known: make([][]bool, len(v.Agents)), slots: make([]reference, v.Slots), holders: make([][][]int32, 2*len(v.Agents)),
	}
	for i := range w.slots {
		w.slots[i].identity = nobody
	}
	for id := range v.Entries {
		w.ofEntry[id] = nobody
		if v.Entries[id].Kind == history.Identity {
			w.ofEntry[id] = w.number(v.Entries[id].Key)
		}
	}
	marks := v.Marks
	for i := range v.Events {
		ev := &v.Events[i]
		for ; len(marks) > 0 && marks[0].Record < ev.Record; marks = marks[1:] {
			w.mark(marks[0])
		}
		w.event(int32(i), ev)
	}
	for ; len(marks) > 0; marks = marks[1:] {
		w.mark(marks[0])
	}
	for agent := range v.Agents {
		w.each(int32(agent), func(l index.Layer, entry int32, r *reference) {
			w.end(int32(agent), l, entry, r, in.Records[len(in.Records)-1].At, true)
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

func (w *referenceWatch) event(i int32, ev *index.Event) {
	switch {
	case ev.What == index.Start:
		w.known[ev.Agent] = nil
	case ev.What == index.Stop:
		w.stop(ev)
	case ev.Layer == index.View && w.ofEntry[ev.Entry] != nobody:
		w.identity(ev, w.ofEntry[ev.Entry])
	case w.views.Entries[ev.Entry].Kind == history.Endpoint:
		w.endpoint(i, ev)
	}
}

// stop ends what dangles: without its agent a datapath is not judged, and a view
// is none.
func (w *referenceWatch) stop(ev *index.Event) {
	w.known[ev.Agent] = nil
	w.each(ev.Agent, func(l index.Layer, entry int32, r *reference) {
		w.end(ev.Agent, l, entry, r, ev.At, false)
		r.counts = false
		if l == index.View {
			r.identity = nobody
		}
	})
}

// mark lets an agent answer for its whole datapath from the instant at which it
// has its complete lists.
func (w *referenceWatch) mark(m index.Mark) {
	if m.What != index.Complete {
		return
	}
	w.each(m.Agent, func(l index.Layer, _ int32, r *reference) {
		if l == index.Datapath && r.identity != nobody {
			r.counts = true
			w.begin(m.Agent, r, m.At, m.Record)
		}
	})
}

// each calls f for every endpoint of an agent's view and datapath.
func (w *referenceWatch) each(agent int32, f func(index.Layer, int32, *reference)) {
	for _, l := range []index.Layer{index.View, index.Datapath} {
		for entry, slot := range w.views.Table[2*agent+int32(l)] {
			if slot > 0 && w.views.Entries[entry].Kind == history.Endpoint {
				f(l, int32(entry), &w.slots[slot-1])
			}
		}
	}
}

// identity is an identity that enters or leaves a view.
func (w *referenceWatch) identity(ev *index.Event, n int32) {
	had := w.knows(ev.Agent, n)
	w.learn(ev.Agent, n, ev.What == index.Seen)
	if had == (ev.What == index.Seen) {
		return
	}
	for _, l := range []index.Layer{index.View, index.Datapath} {
		for _, entry := range w.holding(ev.Agent, l, n) {
			r := &w.slots[w.views.SlotOf(ev.Agent, l, entry)]
			if had {
				w.begin(ev.Agent, r, ev.At, ev.Record)
			} else {
				w.end(ev.Agent, l, entry, r, ev.At, false)
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
func (w *referenceWatch) holding(agent int32, l index.Layer, n int32) []int32 {
	row := w.holders[2*agent+int32(l)]
	if int(n) >= len(row) {
		return nil
	}
	kept := row[n][:0]
	once := map[int32]bool{}
	for _, entry := range row[n] {
		if w.slots[w.views.SlotOf(agent, l, entry)].identity == n && !once[entry] {
			once[entry] = true
			kept = append(kept, entry)
		}
	}
	row[n] = kept
	return kept
}

// endpoint is an endpoint that enters, changes in or leaves a view or datapath.
func (w *referenceWatch) endpoint(i int32, ev *index.Event) {
	r := &w.slots[ev.Slot]
	n := int32(nobody)
	if ev.What == index.Seen {
		if n = w.named(ev); n != nobody {
			w.references++
		}
	}
	if n != r.identity {
		w.end(ev.Agent, ev.Layer, ev.Entry, r, ev.At, false)
		r.identity = n
		w.hold(ev, n)
	}
	r.event, r.counts = i, true
	if n != nobody {
		w.begin(ev.Agent, r, ev.At, ev.Record)
	}
}

// named is the identity that the endpoint of an event names.
func (w *referenceWatch) named(ev *index.Event) int32 {
	look := func() int32 {
		if id := index.PossessionOf(w.records[ev.Record].Value).Identity; id != "" && !index.Reserved(id) {
			return w.number(id)
		}
		return nobody
	}
	if ev.Claim < 0 {
		return look()
	}
	claims := w.ofClaim[ev.Entry]
	if claims == nil {
		claims = make([]int32, len(w.views.Entries[ev.Entry].Claims))
		w.ofClaim[ev.Entry] = claims
	}
	if claims[ev.Claim] == 0 {
		claims[ev.Claim] = look() + 2
	}
	return claims[ev.Claim] - 2
}

func (w *referenceWatch) hold(ev *index.Event, n int32) {
	if n == nobody {
		return
	}
	row := &w.holders[2*ev.Agent+int32(ev.Layer)]
	if missing := len(w.names) - len(*row); missing > 0 {
		*row = append(*row, make([][]int32, missing)...)
	}
	(*row)[n] = append((*row)[n], ev.Entry)
}

func (w *referenceWatch) begin(agent int32, r *reference, at time.Duration, record int32) {
	if r.counts && r.record == 0 && !w.knows(agent, r.identity) {
		r.since, r.record = at, record+1
	}
}

func (w *referenceWatch) end(agent int32, l index.Layer, entry int32, r *reference, at time.Duration, atEnd bool) {
	if r.record > 0 {
		w.Dangles = append(w.Dangles, dangle{
			Agent: agent, Layer: l, Entry: entry, claim: w.views.Events[r.event].Claim, Identity: w.names[r.identity],
			From: r.since, To: at, record: r.record - 1, atEnd: atEnd,
		})
		r.record = 0
	}
}
