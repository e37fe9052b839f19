package checker

import "fmt"

var noSpuriousDeletion = Property{
	Name:    "no-spurious-deletion",
	Promise: "Nothing leaves an agent's view or datapath that has existed without a break since the version last seen, and nothing that is not in it.",
	Why:     "mission C7, C8: no datapath disruption while replicas restart and refill; cilium 25905, 26067, 25562, 27340",
	check:   checkDeletions,
}

// checkDeletions keeps, for each agent and entry, the earliest state that explains
// what was seen last, as monotonic does, but starts afresh where a view went back
// in time: that is monotonic's to report, once. A deletion is explained by any
// state since then in which nothing claimed the entry, so one that comes late,
// after the entry was created again, is not reported.
func checkDeletions(in *input) Result {
	bound := make([]int32, in.views.slots)   // the earliest state that explains what was seen last
	shownBy := make([]int32, in.views.slots) // the record of that
	life := make([]int32, in.views.slots)    // the agent's start in which it was seen, plus one; 0 if it is not there
	starts := make([]int32, len(in.views.agents))
	var violations []Violation
	deletions := 0
	for _, ev := range in.views.events {
		if ev.what == start || ev.what == stop {
			starts[ev.agent]++
			continue
		}
		e := &in.views.entries[ev.entry]
		now := int32(1) // a datapath outlives the agent
		if ev.layer == view {
			now += starts[ev.agent]
		}
		if ev.what == seen {
			life[ev.slot], shownBy[ev.slot] = now, ev.record
			if ev.claim < 0 {
				continue // says nothing about which state it was
			}
			spans := e.claims[ev.claim].live
			if s, ok := e.earliest(spans, bound[ev.slot], ev.at); ok {
				bound[ev.slot] = s
			} else if e.states[spans[0].from].at <= ev.at {
				bound[ev.slot] = spans[0].from
			}
			continue
		}
		deletions++
		was := bound[ev.slot]
		s, explained := e.earliest(e.absent, was, ev.at)
		if explained {
			bound[ev.slot] = s
		}
		switch {
		case life[ev.slot] != now:
			violations = append(violations, in.deletedNothing(ev))
		case !explained:
			violations = append(violations, in.deletedAlive(ev, e.states[was], shownBy[ev.slot]))
		}
		life[ev.slot] = 0
	}
	if deletions == 0 {
		return unknown("nothing left an agent's view or datapath")
	}
	return judged(fmt.Sprintf("%s from views and datapaths of %s, each compared with what existed",
		count(deletions, "deletion", "deletions"), count(len(in.views.agents), "agent", "agents")), violations)
}

func (in *input) deletedNothing(ev event) Violation {
	r := &in.records[ev.record]
	return in.violation(ev, fmt.Sprintf("%s at %s (%s), which was not in it", dropped(r), seconds(r.At), source(r)))
}

// deletedAlive is the violation by ev of an entry that was shown by a record and
// has existed since the state alive.
func (in *input) deletedAlive(ev event, alive state, shownBy int32) Violation {
	r, s := &in.records[ev.record], &in.records[shownBy]
	return in.violation(ev, fmt.Sprintf("%s at %s (%s), seen as %s at %s (%s), although it existed without a break since %s (rv %d, %s)",
		dropped(r), seconds(r.At), source(r), content(s.Value), seconds(s.At), source(s),
		seconds(alive.at), alive.rv, in.records[alive.record].Owner),
		alive.record, shownBy)
}
