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
	have    []has                  // by agent, while it is followed; else nil
	lacking [aspects]int           // agents that are up and have it not
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

// pendingPods follows pods until every agent that is up has them, or they are gone.
type pendingPods struct {
	in        *property.Input
	owners    *ownerIndex
	Datapaths bool
	ending    *index.Ending // of what was played so far
	up        int
	// waiting are those born, alive and not ready in every aspect, and byEntry those of
	// an endpoint or identity; both with others that have left since the last look.
	waiting []*birth
	byEntry map[int32][]*birth
}

// Follow plays the views through and fills in when each pod was ready.
func (n *pendingPods) Follow(births []*birth) {
	v := n.in.Views
	deaths := slices.Clone(births)
	slices.SortStableFunc(deaths, func(a, b *birth) int { return cmp.Compare(a.Ended, b.Ended) })
	advance := func(record int32) {
		for len(births) > 0 && births[0].Record < record || len(deaths) > 0 && deaths[0].Ended < record {
			if len(births) > 0 && births[0].Record <= deaths[0].Ended {
				n.born(births[0])
				births = births[1:]
			} else {
				deaths[0].have = nil
				deaths = deaths[1:]
			}
		}
	}
	for i := range v.Events {
		ev := &v.Events[i]
		advance(ev.Record)
		n.ending.Play(ev)
		switch {
		case ev.What == index.Start:
			n.up++
			n.waiting = n.update(ev, n.waiting)
		case ev.What == index.Stop:
			n.up--
			n.waiting = n.update(ev, n.waiting)
		default:
			if births := n.byEntry[ev.Entry]; len(births) > 0 {
				n.byEntry[ev.Entry] = n.update(ev, births)
			}
		}
	}
	advance(int32(len(n.in.Records)))
}

func (n *pendingPods) born(b *birth) {
	b.have = make([]has, len(n.in.Views.Agents))
	n.waiting = append(n.waiting, b)
	n.byEntry[b.Entry] = append(n.byEntry[b.Entry], b)
	if id, ok := n.in.Views.Number(history.Identity, b.Who.Identity); ok {
		n.byEntry[id] = append(n.byEntry[id], b)
	}
	for agent := range b.have {
		b.set(int32(agent), n.has(b, int32(agent)))
	}
	n.look(b, b.At)
}

// update looks at what an event has changed for some pods, and returns those that
// are still followed.
func (n *pendingPods) update(ev *index.Event, births []*birth) []*birth {
	kept := births[:0]
	for _, b := range births {
		if b.have == nil {
			continue
		}
		b.set(ev.Agent, n.has(b, ev.Agent))
		if n.look(b, ev.At); b.have != nil {
			kept = append(kept, b)
		}
	}
	return kept
}

// look notes in which aspects a pod has become ready, and stops following one that
// is in all.
func (n *pendingPods) look(b *birth, at time.Duration) {
	done := true
	for a := range aspects {
		if b.Ready[a] == index.Unready && n.up > 0 && b.lacking[a] == 0 {
			b.Ready[a] = at
		}
		done = done && b.Ready[a] != index.Unready
	}
	if done {
		b.have = nil
	}
}

// has returns what an agent has of a pod at present.
func (n *pendingPods) has(b *birth, agent int32) has {
	v := n.in.Views
	if !n.ending.Up[agent] {
		return 0
	}
	all := isUp
	if n.shows(b, n.ending.Of(v, agent, index.View, b.Entry)) {
		all |= hasView
	}
	if !n.Datapaths || n.shows(b, n.ending.Of(v, agent, index.Datapath, b.Entry)) {
		all |= hasDatapath
	}
	if id, ok := n.in.Views.Number(history.Identity, b.Who.Identity); index.Reserved(b.Who.Identity) || ok && n.ending.Of(v, agent, index.View, id).Shown {
		all |= hasIdentity
	}
	return all
}

func (n *pendingPods) shows(b *birth, h index.Held) bool {
	return h.Shown && h.Claim >= 0 && n.owners.owners[b.Entry].ByClaim[h.Claim] == b.owner
}

func (b *birth) set(agent int32, to has) {
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
