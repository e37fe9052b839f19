package checker

import (
	"fmt"

	"github.com/meshcheck/meshcheck/history/index"
)

var integrity = Property{
	Name:    "integrity",
	Promise: "Whatever an agent sees or its datapath holds existed before, as a whole, for that kind and key.",
	Why:     "mission C7, R3: a source in between may delay the truth, but not invent or mix it; cilium 16565, 30964",
	check:   checkIntegrity,
}

func checkIntegrity(in *input) Result {
	var violations []Violation
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
		violations = append(violations, in.violation(ev, fmt.Sprintf("%s at %s (%s), %s", saw(r), seconds(r.At), source(r), neverWas(in, ev, e))))
	}
	if looked == [2]int{} {
		return unknown("no agent saw anything")
	}
	if in.Views.Truths == 0 {
		return unknown("the history says of nothing that it is true")
	}
	return judged(fmt.Sprintf("%s seen by %s and %s programmed, each compared with what had been written before",
		count(looked[index.View], "entry", "entries"), count(len(in.Views.Agents), "agent", "agents"), thousands(looked[index.Datapath])), violations)
}

// neverWas says what was true instead of what ev saw.
func neverWas(in *input, ev index.Event, e *index.Entry) string {
	if ev.Claim >= 0 {
		first := e.States[e.Claims[ev.Claim].Live[0].From]
		return fmt.Sprintf("before that was first written at %s (rv %d)", seconds(first.At), first.RV)
	}
	if len(e.Claims) == 0 {
		return "but nothing ever claimed that key"
	}
	s := e.StateAt(ev.At)
	if live := e.LiveIn(s); len(live) > 0 {
		return fmt.Sprintf("which was never written; at that instant it was %s (rv %d)", content(live[0]), e.States[s].RV)
	}
	return fmt.Sprintf("which was never written; at that instant nothing claimed that key (rv %d)", e.States[s].RV)
}

// violation returns the violation by an event, proven by its record and others
// before it.
func (in *input) violation(ev index.Event, sentence string, before ...int32) Violation {
	r := &in.Records[ev.Record]
	v := Violation{Agent: r.Actor, Kind: r.Kind, Key: r.Key, At: r.At, Sentence: sentence}
	for _, i := range append(before, ev.Record) {
		if i >= 0 {
			v.Records = append(v.Records, int(i))
		}
	}
	return v
}
