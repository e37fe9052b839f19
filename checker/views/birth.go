package views

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// aspect is what an agent must have of a pod.
type aspect int

const (
	inView     aspect = iota // its endpoint, in the view
	inDatapath               // its endpoint, in the host's datapath
	usable                   // both its endpoint where packets are decided and its identity in the view
	aspects
)

// Birth is a pod, or a pod with another identity, as the owner of an address from
// one state of the endpoint's entry on.
type Birth struct {
	Entry, owner int32 // the endpoint's, and its number there
	At           time.Duration
	Record       int32         // of the Truth that began it
	until        time.Duration // when the address was no longer its own; forever if it was its own at the end
	Ended        int32         // the record of that
	shared       bool          // when it ended, or at the run's end, another pod had the address too
	Who          index.Possession

	Ready   [aspects]time.Duration // since when each agent that was up had it; unready if that never was so while it lived
	have    []has                  // by agent, until it was ready in every aspect, or gone
	up      int                    // agents that are up
	lacking [aspects]int           // those of them that have it not
}

// has is what an agent has of a pod.
type has uint8

const (
	isUp has = 1 << iota
	hasView
	hasDatapath
	hasIdentity
)

// Usable is since when each agent that was up had what is needed to let the pod talk, as Ready says it.
func (b *Birth) Usable() time.Duration { return b.Ready[usable] }

// Until is when the address was no longer the pod's own; index.Forever if it was in the end.
func (b *Birth) Until() time.Duration { return b.until }

// Shared reports whether another pod had the address too when that ended.
func (b *Birth) Shared() bool { return b.shared }

// Births returns the pods that the run's truths began, in order, each followed until all agents
// had it. gone is when none of them showed it any more, from an instant on; index.Unready if one did in the end.
func Births(in *property.Input) (all []*Birth, gone func(b *Birth, from time.Duration) time.Duration) {
	x := newOwnerIndex(in)
	all = birthsOf(in, x, 0, len(in.Records))
	n := newPendingPods(in, x)
	for _, b := range all {
		n.follow(b)
	}
	return all, n.goneFrom
}

// goneFrom returns when no view showed a pod any more, from an instant on.
func (n *pendingPods) goneFrom(b *Birth, from time.Duration) time.Duration {
	last := from
	for agent := range int32(len(n.in.Views.Agents)) {
		shows := false
		for _, ev := range n.events(agent, b.Entry) {
			now := ev.What == index.Seen && ev.Claim >= 0 && n.owners.owners[b.Entry].ByClaim[ev.Claim] == b.owner
			if shows && !now {
				last = max(last, ev.At)
			}
			shows = now
		}
		if shows {
			return index.Unready
		}
	}
	return last
}

// events are the changes of an entry in an agent's view, and the agent's starts and ends, in order.
func (n *pendingPods) events(agent, entry int32) []index.Event {
	all := append(n.buffer[:0], n.starts[agent]...)
	all = append(all, n.changes.Of(agent, index.View, entry)...)
	slices.SortFunc(all, func(a, b index.Event) int { return cmp.Compare(a.Record, b.Record) })
	n.buffer = all
	return all
}

// birthsOf returns the pods that the truths of the records from..to-1 created, in
// order.
func birthsOf(in *property.Input, x *ownerIndex, from, to int) []*Birth {
	var all []*Birth
	for id := range in.Views.Entries {
		e, o := &in.Views.Entries[id], &x.owners[id]
		for n, who := range o.All {
			for _, s := range o.Live[n] {
				began := e.States[s.From]
				if int(began.Record) < from || int(began.Record) >= to {
					continue
				}
				b := &Birth{Entry: int32(id), owner: int32(n), At: began.At, Record: began.Record, until: index.Forever, Ended: math.MaxInt32, Who: who}
				if s.To != index.Lasting {
					b.until, b.Ended = e.States[s.To].At, max(e.States[s.To].Record, began.Record+1)
				}
				b.shared = len(o.OwnersIn(min(s.To, int32(len(e.States)))-1)) > 1
				b.Ready = [aspects]time.Duration{index.Unready, index.Unready, index.Unready}
				all = append(all, b)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *Birth) int { return cmp.Compare(a.Record, b.Record) })
	return all
}

// pendingPods follows pods until every agent that is up has them, or they are gone.
type pendingPods struct {
	in        *property.Input
	owners    *ownerIndex
	Datapaths bool            // the history tells of them
	starts    [][]index.Event // by agent: its starts and ends
	changes   *index.Changes
	buffer    []index.Event // what concerns the pod that is followed
}

func newPendingPods(in *property.Input, x *ownerIndex) *pendingPods {
	n := &pendingPods{in: in, owners: x, Datapaths: index.EndOf(in.Views).Datapaths, changes: in.Views.Changes(), starts: make([][]index.Event, len(in.Views.Agents))}
	for _, ev := range in.Views.Events {
		if ev.What == index.Start || ev.What == index.Stop {
			n.starts[ev.Agent] = append(n.starts[ev.Agent], ev)
		}
	}
	return n
}

// follow fills in when a pod was ready.
func (n *pendingPods) follow(b *Birth) {
	b.have = make([]has, len(n.in.Views.Agents))
	always := has(0) // what an agent that is up has without having been told
	if !n.Datapaths {
		always |= hasDatapath
	}
	if index.Reserved(b.Who.Identity) {
		always |= hasIdentity
	}
	owner := &n.owners.owners[b.Entry]
	born := false
	for _, ev := range n.concerning(b) {
		if !born && ev.Record > b.Record {
			born = true
			b.look(b.At)
		}
		now, bit := b.have[ev.Agent], hasIdentity
		shown := ev.What == index.Seen
		if ev.Entry == b.Entry {
			bit, shown = [...]has{index.View: hasView, index.Datapath: hasDatapath}[ev.Layer], shown && ev.Claim >= 0 && owner.ByClaim[ev.Claim] == b.owner
		}
		switch {
		case ev.What == index.Start: // a datapath outlives the agent
			now = now&hasDatapath | isUp | always
		case ev.What == index.Stop:
			now &= hasDatapath
		case shown:
			now |= bit
		default:
			now &^= bit
		}
		b.set(ev.Agent, now)
		if born && b.look(ev.At) {
			return
		}
	}
	if !born {
		b.look(b.At)
	}
}

// concerning returns the events that change what agents have of a pod, in order: those of
// its life, and the last ones before.
func (n *pendingPods) concerning(b *Birth) []index.Event {
	all := n.buffer[:0]
	add := func(events []index.Event) {
		after := func(record int32) int {
			return sort.Search(len(events), func(i int) bool { return events[i].Record > record })
		}
		all = append(all, events[max(0, after(b.Record)-1):after(b.Ended)]...)
	}
	identity, known := n.in.Views.Number(history.Identity, b.Who.Identity)
	for agent := range int32(len(n.in.Views.Agents)) {
		add(n.starts[agent])
		add(n.changes.Of(agent, index.View, b.Entry))
		add(n.changes.Of(agent, index.Datapath, b.Entry))
		if known && !index.Reserved(b.Who.Identity) {
			add(n.changes.Of(agent, index.View, identity))
		}
	}
	slices.SortFunc(all, func(a, b index.Event) int { return cmp.Compare(a.Record, b.Record) })
	n.buffer = all
	return all
}

// look notes in which aspects a pod has become ready, and reports whether it is in all.
func (b *Birth) look(at time.Duration) (done bool) {
	done = true
	for a := range aspects {
		if b.Ready[a] == index.Unready && b.up > 0 && b.lacking[a] == 0 {
			b.Ready[a] = at
		}
		done = done && b.Ready[a] != index.Unready
	}
	return done
}

func (b *Birth) set(agent int32, to has) {
	b.up += int(to&isUp) - int(b.have[agent]&isUp)
	for a := range aspects {
		b.lacking[a] += lacks(to, a) - lacks(b.have[agent], a)
	}
	b.have[agent] = to
}

// lacks is 1 if an agent that is up lacks an aspect of a pod, else 0.
func lacks(h has, a aspect) int {
	needs := [aspects]has{inView: hasView, inDatapath: hasDatapath, usable: hasView | hasDatapath | hasIdentity}
	if h&isUp == 0 || h&needs[a] == needs[a] {
		return 0
	}
	return 1
}
