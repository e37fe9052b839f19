package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history/index"
)

var monotonic = Property{
	Name:     "monotonic",
	Promise:  "No agent's view or datapath goes back in time: each entry seen is of the same or a later version than the one before, across reconnects, fail-overs and restarts.",
	Why:      "mission C3, C4: replicas are not consistent with each other and agents move between them; kubernetes 59848, cilium 30964, 32005",
	Promised: func(mode string) bool { return !replicated(mode) || repaired(mode, "fence") },
	check:    checkMonotonic,
}

// replicated reports whether in a mode agents move between replicas that do not
// agree: of such the proposal names a window of stale data (mission C7).
func replicated(mode string) bool {
	return slices.Contains([]string{"clustermesh", "handover", "direct", "central"}, baseOf(mode))
}

func baseOf(mode string) string {
	base, _, _ := strings.Cut(mode, "+")
	return base
}

// repaired reports whether a mode has a repair.
func repaired(mode, repair string) bool { return slices.Contains(strings.Split(mode, "+")[1:], repair) }

func checkMonotonic(in *input) Result {
	violations, changes := backwards(in, func(index.Event) int32 { return 0 })
	if changes == 0 {
		return unknown("no agent saw anything that was ever true")
	}
	return judged(fmt.Sprintf("%s of %s in views and datapaths of %s, each compared with the version before",
		count(changes, "change", "changes"), count(in.Views.Slots, "entry", "entries"), count(len(in.Views.Agents), "agent", "agents")), violations)
}

// backwards looks, for each agent and entry, for states of the entry that explain
// what was seen one after the other in a session without going back, and returns
// what has none and how many changes it judged. Choosing the earliest state each
// time leaves the most room for what follows, so that if this choice finds none,
// none exists. A deletion that no state explains is judged by no-spurious-deletion
// and moves nothing here.
func backwards(in *input, sessionOf func(index.Event) int32) (violations []Violation, changes int) {
	bound := make([]int32, in.Views.Slots)     // the state reached, by slot
	reachedBy := make([]int32, in.Views.Slots) // the record that showed it, plus one
	within := make([]int32, in.Views.Slots)    // the session of that
	for _, ev := range in.Views.Events {
		session := sessionOf(ev)
		if ev.What != index.Seen && ev.What != index.Gone {
			continue
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
				violations = append(violations, in.backInTime(ev, e.States[old], e.States[bound[ev.Slot]], reachedBy[ev.Slot]-1))
			}
		}
	}
	return violations, changes
}

// backInTime is the violation by ev, which saw the version old after the record
// before had shown the version newer.
func (in *input) backInTime(ev index.Event, old, newer index.State, before int32) Violation {
	r, b := &in.Records[ev.Record], &in.Records[before]
	was := content(b.Value)
	if b.Value == "" {
		was = "gone"
	}
	return in.violation(ev, fmt.Sprintf("%s (rv %d, %s) at %s after %s (rv %d, %s) at %s: back in time",
		saw(r), old.RV, source(r), seconds(r.At), was, newer.RV, source(b), seconds(b.At)),
		old.Record, newer.Record, before)
}
