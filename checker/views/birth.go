package views

import (
	"cmp"
	"math"
	"slices"
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

// birth is a pod, or a pod with another identity, as the owner of an address from
// one state of the endpoint's entry on.
type birth struct {
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

// birthsOf returns the pods that the truths of the records from..to-1 created, in
// order.
func birthsOf(in *property.Input, x *ownerIndex, from, to int) []*birth {
	var all []*birth
	for id := range in.Views.Entries {
		e, o := &in.Views.Entries[id], &x.owners[id]
		for n, who := range o.All {
			for _, s := range o.Live[n] {
				began := e.States[s.From]
				if int(began.Record) < from || int(began.Record) >= to {
					continue
				}
				b := &birth{Entry: int32(id), owner: int32(n), At: began.At, Record: began.Record, until: index.Forever, Ended: math.MaxInt32, Who: who}
				if s.To != index.Lasting {
					b.until, b.Ended = e.States[s.To].At, max(e.States[s.To].Record, began.Record+1)
				}
				b.shared = len(o.OwnersIn(min(s.To, int32(len(e.States)))-1)) > 1
				b.Ready = [aspects]time.Duration{index.Unready, index.Unready, index.Unready}
				all = append(all, b)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *birth) int { return cmp.Compare(a.Record, b.Record) })
	return all
}

// births follows pods until every agent that is up has them, or they are gone.
type births struct {
	in        *property.Input
	owners    *ownerIndex
	Datapaths bool          // the history tells of them
	lives     []index.Event // the starts and ends of agents
	events    []index.Event // the others, by slot
	offsets   []int32
}

func newBirths(in *property.Input, x *ownerIndex) *births {
	n := &births{in: in, owners: x, Datapaths: index.EndOf(in.Views).Datapaths}
	n.events, n.offsets = index.EventsBySlot(in.Views)
	for _, ev := range in.Views.Events {
		if ev.What == index.Start || ev.What == index.Stop {
			n.lives = append(n.lives, ev)
		}
	}
	return n
}

// follow fills in when a pod was ready.
func (n *births) follow(b *birth) {
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
		if ev.Record > b.Ended {
			return
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

// concerning returns the events that change what agents have of a pod, in order.
func (n *births) concerning(b *birth) []index.Event {
	all := slices.Clone(n.lives)
	add := func(agent int, l index.Layer, entry int32) {
		if slot := n.in.Views.SlotOf(int32(agent), l, entry); slot >= 0 {
			all = append(all, n.events[n.offsets[slot]:n.offsets[slot+1]]...)
		}
	}
	identity, known := n.in.Views.Number(history.Identity, b.Who.Identity)
	for agent := range n.in.Views.Agents {
		add(agent, index.View, b.Entry)
		add(agent, index.Datapath, b.Entry)
		if known && !index.Reserved(b.Who.Identity) {
			add(agent, index.View, identity)
		}
	}
	slices.SortFunc(all, func(a, b index.Event) int { return cmp.Compare(a.Record, b.Record) })
	return all
}

// look notes in which aspects a pod has become ready, and reports whether it is in all.
func (b *birth) look(at time.Duration) (done bool) {
	done = true
	for a := range aspects {
		if b.Ready[a] == index.Unready && b.up > 0 && b.lacking[a] == 0 {
			b.Ready[a] = at
		}
		done = done && b.Ready[a] != index.Unready
	}
	return done
}

func (b *birth) set(agent int32, to has) {
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
