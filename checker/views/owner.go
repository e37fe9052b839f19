package views

import (
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

var Owner = property.Property{
	Name:    "owner",
	Promise: "While an address has a live owner, no view or datapath that has shown a pod and identity as its owner shows an earlier one, across reconnects, fail-overs and restarts; and once the heal's bound has passed, each address maps to its live owner's identity.",
	Why:     "raised against the proposal: what counts is that another pod can connect subject to policy; cilium 16565, 25562, 25817",
	RestsOn: []string{"monotonic-session", "monotonic", "convergence"},
	Rules:   []*property.Rule{earlierOwner, wrongOwner},
	Check:   checkOwners,
}

func checkOwners(in *property.Input) property.Result {
	x := newOwnerIndex(in)
	violations, shown := x.reuse()
	if shown == 0 {
		return property.Undecided("no agent saw an endpoint whose content names a pod and an identity")
	}
	h := in.Horizon()
	if h.Problem != "" {
		if len(violations) > 0 {
			return property.Judged(fmt.Sprintf("%s; nothing is known of the end: %s", x.describe(shown), h.Problem), violations)
		}
		return property.Undecided(h.Problem)
	}
	wrong, mapped := x.finally(h)
	evidence := fmt.Sprintf("%s; %s of live owners when the run ended", x.describe(shown), text.Count(mapped, "mapping"))
	if h.Over {
		violations = append(violations, wrong...)
	} else if len(wrong) > 0 && len(violations) == 0 {
		return property.Undecided(in.CutShort(h) + "; until then " + wrong[0].Sentence())
	}
	return property.Judged(evidence, violations)
}

// ownerIndex has the owners of every endpoint entry.
type ownerIndex struct {
	in     *property.Input
	owners []index.Owners // by entry; those of other kinds are empty
	reused int            // how many addresses had more than one owner
}

func newOwnerIndex(in *property.Input) *ownerIndex {
	x := &ownerIndex{in: in, owners: make([]index.Owners, len(in.Views.Entries))}
	for id := range in.Views.Entries {
		e := &in.Views.Entries[id]
		if e.Kind != history.Endpoint {
			continue
		}
		x.owners[id] = e.OwnersOf()
		if len(x.owners[id].All) > 1 {
			x.reused++
		}
	}
	return x
}

func (x *ownerIndex) describe(shown int) string {
	return fmt.Sprintf("%s to the views and datapaths of %s, of addresses of which %s had more than one owner",
		text.Count(shown, "endpoint")+" shown", text.Count(len(x.in.Views.Agents), "agent"), text.Thousands(x.reused))
}

// reuse looks, as monotonic does, for states that explain what was seen one after
// the other, but of the owner alone; deletions move nothing. It returns what has
// none although somebody else has the address, and how much it judged.
func (x *ownerIndex) reuse() (violations []property.Violation, shown int) {
	v := x.in.Views
	bound := make([]int32, v.Slots)     // the state reached, by slot
	reachedBy := make([]int32, v.Slots) // the record that showed it
	for _, ev := range v.Events {
		if ev.What != index.Seen || ev.Claim < 0 || v.Entries[ev.Entry].Kind != history.Endpoint {
			continue
		}
		e, o := &v.Entries[ev.Entry], &x.owners[ev.Entry]
		is := o.ByClaim[ev.Claim]
		if is < 0 {
			continue
		}
		shown++
		if s, ok := e.Earliest(o.Live[is], bound[ev.Slot], ev.At); ok {
			if s > bound[ev.Slot] {
				bound[ev.Slot], reachedBy[ev.Slot] = s, ev.Record
			}
			continue
		}
		old, was := e.LatestBefore(o.Live[is], bound[ev.Slot], ev.At)
		heirs := o.OwnersIn(e.StateAt(ev.At))
		if was && len(heirs) > 0 {
			violations = append(violations, x.oldOwner(ev, e, old, bound[ev.Slot], reachedBy[ev.Slot], heirs))
		}
	}
	return violations, shown
}

// The ways in which an address is not its live owner's.
var (
	earlierOwner = &property.Rule{Name: "earlier-owner", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s mapped %s to %s (rv %d, %s) at %s after %s (rv %d, %s) at %s, while it is that of %s: the old owner after the new",
			f.Who(), f.Key, index.PossessionOf(f.Shown.Value), f.Shown.RV, f.Shown.From(), text.Seconds(f.At),
			index.PossessionOf(f.Before.Value), f.Before.RV, f.Before.From(), text.Seconds(f.Before.At), property.AndOf(f.Owners))
	}}
	wrongOwner = &property.Rule{Name: "wrong-at-end", Text: func(f *property.Facts) string {
		var texts []string
		for _, d := range f.Differences {
			texts = append(texts, fmt.Sprintf("%s, that of %s, to %s", d.Key, property.AndOf(d.Owners), mapping(d.Shown)))
		}
		return fmt.Sprintf("%s mapped, when the run ended, %s", f.Who(), text.Few(texts, f.Differs()))
	}}
)

// mapping names the owner that a version of an endpoint says.
func mapping(v *property.Version) string {
	if v.Gone {
		return "nothing"
	}
	if p := index.PossessionOf(v.Value); p != (index.Possession{}) {
		return fmt.Sprintf("%s since %s", p, text.Seconds(v.At))
	}
	return fmt.Sprintf("%s since %s", property.Content(v.Value), text.Seconds(v.At))
}

// oldOwner is the violation by ev, which showed the owner of the state old after
// the record before had shown that of the state newer.
func (x *ownerIndex) oldOwner(ev index.Event, e *index.Entry, old, newer, before int32, heirs []index.Possession) property.Violation {
	facts := property.Facts{Shown: property.VersionOf(&x.in.Records[ev.Record]), Before: property.VersionOf(&x.in.Records[before]), Owners: property.OwnersOf(heirs)}
	facts.Shown.RV, facts.Before.RV = e.States[old].RV, e.States[newer].RV
	return x.in.Violation(earlierOwner, ev, facts, e.States[old].Record, e.States[newer].Record, before)
}

// owned is an address that has live owners when the run ends.
type owned struct {
	entry int32
	last  int32 // its last state
	by    []index.Possession
}

// finally compares what each agent that is up maps addresses to at the run's end
// with their live owners. It returns a violation for each view and datapath that
// has one wrong, and how many mappings it compared.
func (x *ownerIndex) finally(h index.Horizon) (violations []property.Violation, mapped int) {
	v := x.in.Views
	var addresses []owned
	for id := range v.Entries {
		last := int32(len(v.Entries[id].States) - 1)
		if by := x.owners[id].OwnersIn(last); len(by) > 0 {
			addresses = append(addresses, owned{int32(id), last, by})
		}
	}
	end := index.EndOf(v)
	for agent := range v.Agents {
		if !end.Up[agent] {
			continue
		}
		for _, l := range end.Layers() {
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
func (x *ownerIndex) wrongAtEnd(end *index.Ending, agent int32, l index.Layer, addresses []owned, h index.Horizon) *property.Violation {
	const most = 3
	v := x.in.Views
	var violation *property.Violation
	for _, address := range addresses {
		at := end.Of(v, agent, l, address.entry)
		o := &x.owners[address.entry]
		if at.Shown && at.Claim >= 0 && o.ByClaim[at.Claim] >= 0 && index.Covers(o.Live[o.ByClaim[at.Claim]], address.last) {
			continue
		}
		e := &v.Entries[address.entry]
		if violation == nil {
			records := []int{h.Heal, int(e.States[address.last].Record)}
			if at.Record >= 0 {
				records = append(records, int(at.Record))
			}
			slices.Sort(records)
			violation = &property.Violation{Rule: wrongOwner, Records: records, Facts: property.Facts{
				Agent: v.Agents[agent], Layer: property.LayerOf(l), Kind: history.Endpoint, Key: e.Key, At: x.in.Records[h.End].At}}
		}
		d := property.Difference{How: property.Missing, Kind: history.Endpoint, Key: e.Key, Shown: &property.Version{Gone: true}, Owners: property.OwnersOf(address.by)}
		if at.Shown {
			d.How, d.Shown = property.Different, property.VersionOf(&x.in.Records[at.Record])
		}
		violation.Differ(d, most, nil)
	}
	return violation
}
