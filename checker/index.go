package checker

import (
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// views is what agents' views and datapaths went through, with every name
// replaced by a number, beside what was true of each entry.
type views struct {
	agents  []string  // by number
	entries []entry   // by number
	events  []event   // in order of records
	marks   []mark    // in order of records
	table   [][]int32 // as slots of an indexer
	slots   int       // how many different slots events name
	truths  int       // how many Truth records there are
}

// event is a change of an agent's view or of its host's datapath, or the start or
// end of an agent, which empties its view.
type event struct {
	at     time.Duration
	record int32
	agent  int32
	what   change
	layer  layer
	// entry and its place in this agent's view or datapath; none for a start or stop.
	entry, slot int32
	// claim is the content that was seen, in the claims of the entry; -1 if nobody
	// ever claimed it.
	claim int32
}

// mark is an instant in the life of an agent that changes neither its view nor
// its host's datapath.
type mark struct {
	at     time.Duration
	record int32
	agent  int32
	what   milestone
}

type milestone uint8

const (
	connected    milestone = iota
	disconnected           // from the replica that it was connected with
	complete               // it has its complete initial lists, and its host's datapath what it knows
)

type change uint8

const (
	start change = iota
	stop
	seen // or programmed
	gone // dropped or unprogrammed
)

type layer uint8

const (
	view layer = iota
	datapath
)

// byName returns the entries by their kinds and keys.
func (v *views) byName() map[entryKey]*entry {
	all := make(map[entryKey]*entry, len(v.entries))
	for id := range v.entries {
		all[entryKey{v.entries[id].kind, v.entries[id].key}] = &v.entries[id]
	}
	return all
}

type claimKey struct {
	entry int32
	value string
}

// indexer gives names their numbers.
type indexer struct {
	views   *views
	agents  map[string]int32
	kinds   []string
	entries []map[string]int32 // by kind's number and key
	claims  map[claimKey]int32
	// slots has, plus one, the slot of an entry by twice the agent's number plus
	// the layer, and by the entry's number. Agents see nearly all entries, so that
	// a table is smaller and faster than a map.
	slots [][]int32
}

// indexViews reads the records twice: for what was true, then for what was seen.
func indexViews(records []history.Record) *views {
	x := indexer{views: &views{}, agents: map[string]int32{}, claims: map[claimKey]int32{}}
	seen := 0
	for i := range records {
		switch records[i].Verb {
		case history.Truth:
			e := &x.views.entries[x.entry(&records[i])]
			e.truths = append(e.truths, int32(i))
			x.views.truths++
		case history.See, history.Drop, history.Program, history.Unprogram:
			seen++
		}
	}
	b := truthBuilder{records: records, claimOf: x.claim, owners: map[string]int32{}}
	for id := range x.views.entries {
		b.build(int32(id), &x.views.entries[id])
	}
	x.views.events = make([]event, 0, seen)
	for i := range records {
		x.event(&b, int32(i), &records[i])
		x.mark(int32(i), &records[i])
	}
	x.views.table = x.slots
	return x.views
}

// slotOf returns the slot of an entry in an agent's view or datapath, or -1 if no
// event is about it.
func (v *views) slotOf(agent int32, l layer, entry int32) int32 {
	row := v.table[2*agent+int32(l)]
	if int(entry) >= len(row) {
		return -1
	}
	return row[entry] - 1
}

func (x *indexer) mark(i int32, r *history.Record) {
	m := mark{at: r.At, record: i}
	switch {
	case r.Verb == history.Connect:
		m.what = connected
	case r.Verb == history.Disconnect:
		m.what = disconnected
	case r.Verb == history.Synced && r.Value == "synced":
		m.what = complete
	default:
		return
	}
	m.agent = x.agent(r.Actor)
	x.views.marks = append(x.views.marks, m)
}

func (x *indexer) event(b *truthBuilder, i int32, r *history.Record) {
	e := event{at: r.At, record: i, claim: -1}
	switch r.Verb {
	case history.Up, history.Down:
		if r.Kind != "agent" {
			return
		}
		if r.Verb == history.Down {
			e.what = stop
		}
		e.agent = x.agent(r.Actor)
		x.views.events = append(x.views.events, e)
		return
	case history.See:
		e.what = seen
	case history.Drop:
		e.what = gone
	case history.Program:
		e.what, e.layer = seen, datapath
	case history.Unprogram:
		e.what, e.layer = gone, datapath
	default:
		return
	}
	e.agent, e.entry = x.agent(r.Actor), x.entry(r)
	if known := &x.views.entries[e.entry]; known.states == nil { // no Truth is about it
		b.build(e.entry, known)
	}
	e.slot = x.slot(2*e.agent+int32(e.layer), e.entry)
	if e.what == seen {
		e.claim = x.known(e.entry, r.Value)
	}
	x.views.events = append(x.views.events, e)
}

func (x *indexer) agent(name string) int32 {
	n, ok := x.agents[name]
	if !ok {
		n = int32(len(x.views.agents))
		x.agents[name] = n
		x.views.agents = append(x.views.agents, name)
		x.slots = append(x.slots, nil, nil)
	}
	return n
}

func (x *indexer) entry(r *history.Record) int32 {
	kind := slices.Index(x.kinds, r.Kind) // there are three or so
	if kind < 0 {
		kind = len(x.kinds)
		x.kinds = append(x.kinds, r.Kind)
		x.entries = append(x.entries, map[string]int32{})
	}
	n, ok := x.entries[kind][r.Key]
	if !ok {
		n = int32(len(x.views.entries))
		x.entries[kind][r.Key] = n
		x.views.entries = append(x.views.entries, entry{kind: r.Kind, key: r.Key})
	}
	return n
}

func (x *indexer) slot(row, entry int32) int32 {
	if missing := len(x.views.entries) - len(x.slots[row]); missing > 0 {
		x.slots[row] = append(x.slots[row], make([]int32, missing)...)
	}
	slot := &x.slots[row][entry]
	if *slot == 0 {
		x.views.slots++
		*slot = int32(x.views.slots)
	}
	return *slot - 1
}

// claim returns the claim of a content in an entry, which it adds if it is new.
func (x *indexer) claim(id int32, value string) int32 {
	e := &x.views.entries[id]
	c, ok := x.claims[claimKey{id, value}]
	if !ok {
		c = int32(len(e.claims))
		e.claims = append(e.claims, claim{value: value})
		x.claims[claimKey{id, value}] = c
	}
	return c
}

// known returns the claim of a content in an entry, or -1 if it was never live.
func (x *indexer) known(id int32, value string) int32 {
	const recent = 4
	claims := x.views.entries[id].claims
	for c := len(claims) - 1; c >= max(0, len(claims)-recent); c-- {
		if claims[c].value == value && len(claims[c].live) > 0 {
			return int32(c)
		}
	}
	if c, ok := x.claims[claimKey{id, value}]; ok && len(claims[c].live) > 0 {
		return c
	}
	return -1
}
