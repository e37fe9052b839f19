package index

import (
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// Views is what agents' views and datapaths went through, with every name
// replaced by a number, beside what was true of each entry.
type Views struct {
	Agents  []string  // by number
	Entries []Entry   // by number
	Events  []Event   // in order of records
	Marks   []Mark    // in order of records
	Table   [][]int32 // as slots of an indexer
	Slots   int       // how many different slots events name
	Truths  int       // how many Truth records there are
	// Sessions is how many sessions there are in which an agent learned of something.
	Sessions int

	kinds   []string           // of entries
	numbers []map[string]int32 // of entries, by the number of their kind and their key
}

// Event is a change of an agent's view or of its host's datapath, or the start or
// end of an agent, which empties its view.
type Event struct {
	At     time.Duration
	Record int32
	Agent  int32
	What   Change
	Layer  Layer
	// Entry and its place in this agent's view or datapath; none for a start or stop.
	Entry, Slot int32
	// Claim is the content that was seen, in the claims of the entry; -1 if nobody
	// ever claimed it.
	Claim int32
	// Session is the number of the session by which the agent learned of it: of one
	// connection of one incarnation; 0 if the history tells of none.
	Session int32
}

// Mark is an instant in the life of an agent that changes neither its view nor
// its host's datapath.
type Mark struct {
	At     time.Duration
	Record int32
	Agent  int32
	What   Milestone
}

// Milestone says what an instant in the life of an agent is.
type Milestone uint8

const (
	Connected Milestone = iota // with what it reads
	disconnected
	Complete // it has its complete initial lists, and its host's datapath what it knows
)

// Change says what an event is.
type Change uint8

const (
	Start Change = iota
	Stop
	Seen // or programmed
	Gone // dropped or unprogrammed
)

// ChangeOf says how a record changes an agent's view or its host's datapath, and which of
// the two; false if it changes neither.
func ChangeOf(r *history.Record) (l Layer, what Change, ok bool) {
	switch r.Verb {
	case history.Up:
		return View, Start, r.Kind == "agent"
	case history.Down:
		return View, Stop, r.Kind == "agent"
	case history.See:
		return View, Seen, true
	case history.Drop:
		return View, Gone, true
	case history.Program:
		return Datapath, Seen, true
	case history.Unprogram:
		return Datapath, Gone, true
	}
	return 0, 0, false
}

// Layer is where an entry is seen: in the agent's view, or in its host's datapath.
type Layer uint8

const (
	View Layer = iota
	Datapath
)

// EntryKey names an entry: the kind of the view, and its key there.
type EntryKey struct{ Kind, Key string }

// Number returns the number of an entry; false if the history has nothing of it.
func (v *Views) Number(kind, key string) (id int32, ok bool) {
	k := slices.Index(v.kinds, kind) // there are three or so
	if k < 0 {
		return 0, false
	}
	id, ok = v.numbers[k][key]
	return id, ok
}

type claimKey struct {
	entry int32
	value string
}

// indexer gives names their numbers.
type indexer struct {
	views  *Views
	agents map[string]int32
	claims map[claimKey]int32
	kube   kubeReaders

	incarnations []int32 // by agent: how often it has started
	sessions     map[sessionKey]int32
	// slots has, plus one, the slot of an entry by twice the agent's number plus
	// the layer, and by the entry's number. Agents see nearly all entries, so that
	// a table is smaller and faster than a map.
	slots [][]int32
}

// indexViews reads the records twice: for what was true, then for what was seen.
func indexViews(records []history.Record) *Views {
	x := indexer{views: &Views{}, agents: map[string]int32{}, claims: map[claimKey]int32{}, kube: newKubeReaders(false), sessions: map[sessionKey]int32{}}
	seen := 0
	for i := range records {
		switch records[i].Verb {
		case history.Truth:
			e := &x.views.Entries[x.entry(&records[i])]
			e.Truths = append(e.Truths, int32(i))
			x.views.Truths++
		case history.See, history.Drop, history.Program, history.Unprogram:
			seen++
		}
	}
	b := truthBuilder{records: records, claimOf: x.claim, owners: map[string]int32{}}
	for id := range x.views.Entries {
		b.build(int32(id), &x.views.Entries[id])
	}
	x.views.Events = make([]Event, 0, seen)
	for i := range records {
		x.event(&b, int32(i), &records[i])
		x.mark(int32(i), &records[i])
	}
	x.views.Table = x.slots
	return x.views
}

// SlotOf returns the slot of an entry in an agent's view or datapath, or -1 if no
// event is about it.
func (v *Views) SlotOf(agent int32, l Layer, entry int32) int32 {
	row := v.Table[2*agent+int32(l)]
	if int(entry) >= len(row) {
		return -1
	}
	return row[entry] - 1
}

func (x *indexer) mark(i int32, r *history.Record) {
	m := Mark{At: r.At, Record: i}
	if agent, what, changed := x.kube.apply(r); changed {
		m.Agent, m.What = x.agent(agent), what
		x.views.Marks = append(x.views.Marks, m)
		return
	}
	switch {
	case r.Verb == history.Connect:
		m.What = Connected
	case r.Verb == history.Disconnect:
		m.What = disconnected
	case r.Verb == history.Synced && r.Value == "synced":
		m.What = Complete
	default:
		return
	}
	m.Agent = x.agent(r.Actor)
	x.views.Marks = append(x.views.Marks, m)
}

func (x *indexer) event(b *truthBuilder, i int32, r *history.Record) {
	layer, what, ok := ChangeOf(r)
	if !ok {
		return
	}
	e := Event{At: r.At, Record: i, Agent: x.agent(r.Actor), What: what, Layer: layer, Claim: -1}
	if what == Start || what == Stop {
		if what == Start {
			x.incarnations[e.Agent]++
		}
		x.views.Events = append(x.views.Events, e)
		return
	}
	e.Entry = x.entry(r)
	if known := &x.views.Entries[e.Entry]; known.States == nil { // no Truth is about it
		b.build(e.Entry, known)
	}
	e.Session = x.session(e.Agent, r.Source, r.Session)
	e.Slot = x.slot(2*e.Agent+int32(e.Layer), e.Entry)
	if e.What == Seen {
		e.Claim = x.known(e.Entry, r.Value)
	}
	x.views.Events = append(x.views.Events, e)
}

func (x *indexer) agent(name string) int32 {
	n, ok := x.agents[name]
	if !ok {
		n = int32(len(x.views.Agents))
		x.agents[name] = n
		x.views.Agents = append(x.views.Agents, name)
		x.slots = append(x.slots, nil, nil)
		x.incarnations = append(x.incarnations, 0)
	}
	return n
}

func (x *indexer) entry(r *history.Record) int32 {
	v := x.views
	n, ok := v.Number(r.Kind, r.Key)
	if ok {
		return n
	}
	kind := slices.Index(v.kinds, r.Kind)
	if kind < 0 {
		kind = len(v.kinds)
		v.kinds = append(v.kinds, r.Kind)
		v.numbers = append(v.numbers, map[string]int32{})
	}
	n = int32(len(v.Entries))
	v.numbers[kind][r.Key] = n
	v.Entries = append(v.Entries, Entry{Kind: r.Kind, Key: r.Key})
	return n
}

func (x *indexer) slot(row, entry int32) int32 {
	if missing := len(x.views.Entries) - len(x.slots[row]); missing > 0 {
		x.slots[row] = append(x.slots[row], make([]int32, missing)...)
	}
	slot := &x.slots[row][entry]
	if *slot == 0 {
		x.views.Slots++
		*slot = int32(x.views.Slots)
	}
	return *slot - 1
}

// claim returns the claim of a content in an entry, which it adds if it is new.
func (x *indexer) claim(id int32, value string) int32 {
	e := &x.views.Entries[id]
	c, ok := x.claims[claimKey{id, value}]
	if !ok {
		c = int32(len(e.Claims))
		e.Claims = append(e.Claims, Claim{Value: value})
		x.claims[claimKey{id, value}] = c
	}
	return c
}

// known returns the claim of a content in an entry, or -1 if it was never live.
func (x *indexer) known(id int32, value string) int32 {
	const recent = 4
	claims := x.views.Entries[id].Claims
	for c := len(claims) - 1; c >= max(0, len(claims)-recent); c-- {
		if claims[c].Value == value && len(claims[c].Live) > 0 {
			return int32(c)
		}
	}
	if c, ok := x.claims[claimKey{id, value}]; ok && len(claims[c].Live) > 0 {
		return c
	}
	return -1
}
