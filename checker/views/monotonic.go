package views

import (
	"fmt"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

var Monotonic = property.Property{
	Name:    "monotonic",
	Promise: "No agent's view or datapath goes back in time: each entry seen is of the same or a later version than the one before, across reconnects, fail-overs and restarts.",
	Why:     "in the proposal replicas are not consistent with each other and agents move between them; kubernetes 59848, cilium 30964, 32005",
	RestsOn: []string{"monotonic-session"},
	Rules:   []*property.Rule{goesBack},
	Check:   checkMonotonic,
}

func checkMonotonic(in *property.Input) property.Result {
	violations, changes := backwards(in, false)
	if changes == 0 {
		return property.Undecided("no agent saw anything that was ever true")
	}
	return property.Judged(fmt.Sprintf("%s of %s in views and datapaths of %s, each compared with the version before",
		text.Count(changes, "change"), text.Count(in.Views.Slots, "entry"), text.Count(len(in.Views.Agents), "agent")), violations)
}

// backwards looks, for each agent and entry, for states of the entry that explain
// what was seen one after the other in a session without going back, and returns
// what has none and how many changes it judged. Choosing the earliest state each
// time leaves the most room for what follows, so that if this choice finds none,
// none exists. A deletion that no state explains is judged by no-spurious-deletion
// and moves nothing here.
func backwards(in *property.Input, bySession bool) (violations []property.Violation, changes int) {
	bound := make([]int32, in.Views.Slots)     // the state reached, by slot
	reachedBy := make([]int32, in.Views.Slots) // the record that showed it, plus one
	within := make([]int32, in.Views.Slots)    // the session of that
	for _, ev := range in.Views.Events {
		if ev.What != index.Seen && ev.What != index.Gone {
			continue
		}
		session := int32(0)
		if bySession {
			if session = ev.Session; session == 0 {
				continue // no server said so, as when a datapath lacks what was not learned in time
			}
		}
		e := &in.Views.Entries[ev.Entry]
		spans := e.Absent
		if ev.What == index.Seen {
			if ev.Claim < 0 {
				continue // not even once true: integrity's
			}
			spans = e.Claims[ev.Claim].Live
		}
		changes++
		if within[ev.Slot] != session {
			within[ev.Slot], bound[ev.Slot], reachedBy[ev.Slot] = session, 0, 0
		}
		if s, ok := e.Earliest(spans, bound[ev.Slot], ev.At); ok {
			if s > bound[ev.Slot] || reachedBy[ev.Slot] == 0 {
				reachedBy[ev.Slot] = ev.Record + 1
			}
			bound[ev.Slot] = s
		} else if ev.What == index.Seen {
			if old, ok := e.LatestBefore(spans, bound[ev.Slot], ev.At); ok {
				violations = append(violations, backInTime(in, ev, e.States[old], e.States[bound[ev.Slot]], reachedBy[ev.Slot]-1))
			}
		}
	}
	return violations, changes
}

// goesBack: what is shown is of an earlier version than what was shown before.
var goesBack = &property.Rule{Name: "back-in-time", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s (rv %d, %s) at %s after %s (rv %d, %s) at %s: back in time", f.Saw(), f.Shown.RV, f.Shown.From(), text.Seconds(f.At),
		f.Before.Content(), f.Before.RV, f.Before.From(), text.Seconds(f.Before.At))
}}

// backInTime is the violation by ev, which saw the version old after the record
// before had shown the version newer.
func backInTime(in *property.Input, ev index.Event, old, newer index.State, before int32) property.Violation {
	facts := property.Facts{Shown: property.VersionOf(&in.Records[ev.Record]), Before: property.VersionOf(&in.Records[before])}
	facts.Shown.RV, facts.Before.RV = old.RV, newer.RV
	return in.Violation(goesBack, ev, facts, old.Record, newer.Record, before)
}
