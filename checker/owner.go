package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

var owner = Property{
	Name:    "owner",
	Promise: "While an address has a live owner, no view or datapath that has shown a pod and identity as its owner shows an earlier one, across reconnects, fail-overs and restarts; and once the heal's bound has passed, each address maps to its live owner's identity.",
	Why:     "mission R9, C8: another pod can connect subject to policy; cilium 16565, 25562, 25817",
	check:   checkOwners,
}

func checkOwners(in *input) Result {
	x := newOwnerIndex(in)
	violations, shown := x.reuse()
	if shown == 0 {
		return unknown("no agent saw an endpoint whose content names a pod and an identity")
	}
	h := horizonOf(in)
	if h.problem != "" {
		if len(violations) > 0 {
			return judged(fmt.Sprintf("%s; nothing is known of the end: %s", x.describe(shown), h.problem), violations)
		}
		return unknown(h.problem)
	}
	wrong, mapped := x.finally(h)
	evidence := fmt.Sprintf("%s; %s of live owners when the run ended", x.describe(shown), count(mapped, "mapping", "mappings"))
	if h.over {
		violations = append(violations, wrong...)
	} else if len(wrong) > 0 && len(violations) == 0 {
		return unknown(fmt.Sprintf("the run ended %s after the heal (%s), before the bound; until then %s",
			seconds(in.records[h.end].At-in.records[h.heal].At), whyEnded(&in.records[h.end]), wrong[0].Sentence))
	}
	sortByTime(violations)
	return judged(evidence, violations)
}

// ownerIndex has the owners of every endpoint entry.
type ownerIndex struct {
	in     *input
	owners []owners // by entry; those of other kinds are empty
	reused int      // how many addresses had more than one owner
}

func newOwnerIndex(in *input) *ownerIndex {
	x := &ownerIndex{in: in, owners: make([]owners, len(in.views.entries))}
	for id := range in.views.entries {
		e := &in.views.entries[id]
		if e.kind != history.Endpoint {
			continue
		}
		x.owners[id] = e.ownersOf()
		if len(x.owners[id].all) > 1 {
			x.reused++
		}
	}
	return x
}

func (x *ownerIndex) describe(shown int) string {
	return fmt.Sprintf("%s to the views and datapaths of %s, of addresses of which %s had more than one owner",
		count(shown, "endpoint shown", "endpoints shown"), count(len(x.in.views.agents), "agent", "agents"), thousands(x.reused))
}

// reuse looks, as monotonic does, for states that explain what was seen one after
// the other, but of the owner alone; deletions move nothing. It returns what has
// none although somebody else has the address, and how much it judged.
func (x *ownerIndex) reuse() (violations []Violation, shown int) {
	v := x.in.views
	bound := make([]int32, v.slots)     // the state reached, by slot
	reachedBy := make([]int32, v.slots) // the record that showed it
	for _, ev := range v.events {
		if ev.what != seen || ev.claim < 0 || v.entries[ev.entry].kind != history.Endpoint {
			continue
		}
		e, o := &v.entries[ev.entry], &x.owners[ev.entry]
		is := o.byClaim[ev.claim]
		if is < 0 {
			continue
		}
		shown++
		if s, ok := e.earliest(o.live[is], bound[ev.slot], ev.at); ok {
			if s > bound[ev.slot] {
				bound[ev.slot], reachedBy[ev.slot] = s, ev.record
			}
			continue
		}
		old, was := e.latestBefore(o.live[is], bound[ev.slot], ev.at)
		heirs := o.ownersIn(e.stateAt(ev.at))
		if was && len(heirs) > 0 {
			violations = append(violations, x.oldOwner(ev, e, old, bound[ev.slot], reachedBy[ev.slot], heirs))
		}
	}
	return violations, shown
}

// oldOwner is the violation by ev, which showed the owner of the state old after
// the record before had shown that of the state newer.
func (x *ownerIndex) oldOwner(ev event, e *entry, old, newer, before int32, heirs []possession) Violation {
	r, b := &x.in.records[ev.record], &x.in.records[before]
	return x.in.violation(ev, fmt.Sprintf("%s mapped %s to %s (rv %d, %s) at %s after %s (rv %d, %s) at %s, while it is that of %s: the old owner after the new",
		who(r.Actor, ev.layer), r.Key, possessionOf(r.Value), e.states[old].rv, source(r), seconds(r.At),
		possessionOf(b.Value), e.states[newer].rv, source(b), seconds(b.At), names(heirs)),
		e.states[old].record, e.states[newer].record, before)
}

// owned is an address that has live owners when the run ends.
type owned struct {
	entry int32
	last  int32 // its last state
	by    []possession
}

// finally compares what each agent that is up maps addresses to at the run's end
// with their live owners. It returns a violation for each view and datapath that
// has one wrong, and how many mappings it compared.
func (x *ownerIndex) finally(h horizon) (violations []Violation, mapped int) {
	v := x.in.views
	var addresses []owned
	for id := range v.entries {
		last := int32(len(v.entries[id].states) - 1)
		if by := x.owners[id].ownersIn(last); len(by) > 0 {
			addresses = append(addresses, owned{int32(id), last, by})
		}
	}
	end := endOf(v)
	for agent := range v.agents {
		if !end.up[agent] {
			continue
		}
		for _, l := range end.layers() {
			mapped += len(addresses)
			if violation := x.wrongAtEnd(end, int32(agent), l, addresses, h); violation != nil {
				violations = append(violations, *violation)
			}
		}
	}
	return violations, mapped
}

// wrongAtEnd returns the violation by an agent's view or datapath that maps any of
// the addresses to another than its owners, or to nothing, told of the first few.
func (x *ownerIndex) wrongAtEnd(end *ending, agent int32, l layer, addresses []owned, h horizon) *Violation {
	const most = 3
	v := x.in.views
	var violation *Violation
	var texts []string
	wrong := 0
	for _, address := range addresses {
		at := end.of(v, agent, l, address.entry)
		o := &x.owners[address.entry]
		if at.shown && at.claim >= 0 && o.byClaim[at.claim] >= 0 && covers(o.live[o.byClaim[at.claim]], address.last) {
			continue
		}
		e := &v.entries[address.entry]
		if violation == nil {
			records := []int{h.heal, int(e.states[address.last].record)}
			if at.record >= 0 {
				records = append(records, int(at.record))
			}
			slices.Sort(records)
			violation = &Violation{Agent: v.agents[agent], Kind: history.Endpoint, Key: e.key, At: x.in.records[h.end].At, Records: records}
		}
		if wrong++; wrong <= most {
			texts = append(texts, fmt.Sprintf("%s, that of %s, to %s", e.key, names(address.by), x.mapping(at)))
		}
	}
	if violation != nil {
		violation.Sentence = fmt.Sprintf("%s mapped, when the run ended, %s", who(v.agents[agent], l), few(texts, wrong))
	}
	return violation
}

func (x *ownerIndex) mapping(at hold) string {
	if !at.shown {
		return "nothing"
	}
	r := &x.in.records[at.record]
	if p := possessionOf(r.Value); p != (possession{}) {
		return fmt.Sprintf("%s since %s", p, seconds(r.At))
	}
	return fmt.Sprintf("%s since %s", content(r.Value), seconds(r.At))
}

func names(owners []possession) string {
	var all []string
	for _, p := range owners {
		all = append(all, p.String())
	}
	return strings.Join(all, " and of ")
}

// who names an agent's view, or its host's datapath, as the one that acts.
func who(agent string, l layer) string {
	if l == datapath {
		return "the datapath of " + agent
	}
	return "agent " + agent
}
