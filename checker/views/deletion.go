package views

import (
	"fmt"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

var NoSpuriousDeletion = property.Property{
	Name:    "no-spurious-deletion",
	Promise: "Nothing leaves an agent's view or datapath that has existed without a break since the version last seen, and nothing that is not in it.",
	Why:     "the proposal expects no datapath disruption while replicas restart and refill; cilium 25905, 26067, 25562, 27340",
	RestsOn: []string{"canaries"},
	Rules:   []*property.Rule{notThere, stillTrue},
	Check:   checkDeletions,
}

// checkDeletions keeps, for each agent and entry, the earliest state that explains
// what was seen last, as monotonic does, but starts afresh where a view went back
// in time: that is monotonic's to report, once. A deletion is explained by any
// state since then in which nothing claimed the entry, so one that comes late,
// after the entry was created again, is not reported.
func checkDeletions(in *property.Input) property.Result {
	bound := make([]int32, in.Views.Slots)   // the earliest state that explains what was seen last
	shownBy := make([]int32, in.Views.Slots) // the record of that
	life := make([]int32, in.Views.Slots)    // the agent's start in which it was seen, plus one; 0 if it is not there
	starts := make([]int32, len(in.Views.Agents))
	var violations []property.Violation
	deletions := 0
	for _, ev := range in.Views.Events {
		if ev.What == index.Start || ev.What == index.Stop {
			starts[ev.Agent]++
			continue
		}
		e := &in.Views.Entries[ev.Entry]
		now := int32(1) // a datapath outlives the agent
		if ev.Layer == index.View {
			now += starts[ev.Agent]
		}
		if ev.What == index.Seen {
			life[ev.Slot], shownBy[ev.Slot] = now, ev.Record
			if ev.Claim < 0 {
				continue // says nothing about which state it was
			}
			spans := e.Claims[ev.Claim].Live
			if s, ok := e.Earliest(spans, bound[ev.Slot], ev.At); ok {
				bound[ev.Slot] = s
			} else if e.States[spans[0].From].At <= ev.At {
				bound[ev.Slot] = spans[0].From
			}
			continue
		}
		deletions++
		was := bound[ev.Slot]
		s, explained := e.Earliest(e.Absent, was, ev.At)
		if explained {
			bound[ev.Slot] = s
		}
		switch {
		case life[ev.Slot] != now:
			violations = append(violations, deletedNothing(in, ev))
		case !explained:
			violations = append(violations, deletedAlive(in, ev, e.States[was], shownBy[ev.Slot]))
		}
		life[ev.Slot] = 0
	}
	if deletions == 0 {
		return property.Undecided("nothing left an agent's view or datapath")
	}
	return property.Judged(fmt.Sprintf("%s from views and datapaths of %s, each compared with what existed",
		text.Count(deletions, "deletion"), text.Count(len(in.Views.Agents), "agent")), violations)
}

// The ways in which a deletion is wrong.
var (
	notThere = &property.Rule{Name: "was-not-there", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s at %s (%s), which was not in it", f.Dropped(), text.Seconds(f.At), f.Shown.From())
	}}
	stillTrue = &property.Rule{Name: "still-true", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s at %s (%s), seen as %s at %s (%s), although it existed without a break since %s (rv %d, %s)",
			f.Dropped(), text.Seconds(f.At), f.Shown.From(), property.Content(f.Before.Value), text.Seconds(f.Before.At), f.Before.From(),
			text.Seconds(f.Truth.At), f.Truth.RV, f.Truth.By)
	}}
)

func deletedNothing(in *property.Input, ev index.Event) property.Violation {
	return in.Violation(notThere, ev, property.Facts{Shown: property.VersionOf(&in.Records[ev.Record])})
}

// deletedAlive is the violation by ev of an entry that was shown by a record and
// has existed since the state alive.
func deletedAlive(in *property.Input, ev index.Event, alive index.State, shownBy int32) property.Violation {
	return in.Violation(stillTrue, ev, property.Facts{
		Shown: property.VersionOf(&in.Records[ev.Record]), Before: property.VersionOf(&in.Records[shownBy]),
		Truth: &property.Version{RV: alive.RV, At: alive.At, By: in.Records[alive.Record].Owner},
	}, alive.Record, shownBy)
}
