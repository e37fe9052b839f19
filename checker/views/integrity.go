// Package views has the properties of what agents see and what their datapaths are given.
package views

import (
	"fmt"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history/index"
)

var Integrity = property.Property{
	Name:    "integrity",
	Promise: "Whatever an agent sees or its datapath holds existed before, as a whole, for that kind and key.",
	Why:     "mission C7, R3: a source in between may delay the truth, but not invent or mix it; cilium 16565, 30964",
	Check:   checkIntegrity,
}

func checkIntegrity(in *property.Input) property.Result {
	var violations []property.Violation
	looked := [2]int{}
	for _, ev := range in.Views.Events {
		if ev.What != index.Seen {
			continue
		}
		looked[ev.Layer]++
		e := &in.Views.Entries[ev.Entry]
		if ev.Claim >= 0 && e.States[e.Claims[ev.Claim].Live[0].From].At <= ev.At {
			continue
		}
		r := &in.Records[ev.Record]
		violations = append(violations, in.Violation(ev, fmt.Sprintf("%s at %s (%s), %s", property.Saw(r), property.Seconds(r.At), property.Source(r), neverWas(in, ev, e))))
	}
	if looked == [2]int{} {
		return property.Undecided("no agent saw anything")
	}
	if in.Views.Truths == 0 {
		return property.Undecided("the history says of nothing that it is true")
	}
	return property.Judged(fmt.Sprintf("%s seen by %s and %s programmed, each compared with what had been written before",
		property.Count(looked[index.View], "entry", "entries"), property.Count(len(in.Views.Agents), "agent", "agents"), property.Thousands(looked[index.Datapath])), violations)
}

// neverWas says what was true instead of what ev saw.
func neverWas(in *property.Input, ev index.Event, e *index.Entry) string {
	if ev.Claim >= 0 {
		first := e.States[e.Claims[ev.Claim].Live[0].From]
		return fmt.Sprintf("before that was first written at %s (rv %d)", property.Seconds(first.At), first.RV)
	}
	if len(e.Claims) == 0 {
		return "but nothing ever claimed that key"
	}
	s := e.StateAt(ev.At)
	if live := e.LiveIn(s); len(live) > 0 {
		return fmt.Sprintf("which was never written; at that instant it was %s (rv %d)", property.Content(live[0]), e.States[s].RV)
	}
	return fmt.Sprintf("which was never written; at that instant nothing claimed that key (rv %d)", e.States[s].RV)
}
