package checker

import (
	"fmt"
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
	for _, ev := range in.views.events {
		if ev.what != seen {
			continue
		}
		looked[ev.layer]++
		e := &in.views.entries[ev.entry]
		if ev.claim >= 0 && e.states[e.claims[ev.claim].live[0].from].at <= ev.at {
			continue
		}
		r := &in.records[ev.record]
		violations = append(violations, in.violation(ev, fmt.Sprintf("%s at %s (%s), %s", saw(r), seconds(r.At), source(r), neverWas(in, ev, e))))
	}
	if looked == [2]int{} {
		return unknown("no agent saw anything")
	}
	if in.views.truths == 0 {
		return unknown("the history says of nothing that it is true")
	}
	return judged(fmt.Sprintf("%s seen by %s and %s programmed, each compared with what had been written before",
		count(looked[view], "entry", "entries"), count(len(in.views.agents), "agent", "agents"), thousands(looked[datapath])), violations)
}

// neverWas says what was true instead of what ev saw.
func neverWas(in *input, ev event, e *entry) string {
	if ev.claim >= 0 {
		first := e.states[e.claims[ev.claim].live[0].from]
		return fmt.Sprintf("before that was first written at %s (rv %d)", seconds(first.at), first.rv)
	}
	if len(e.claims) == 0 {
		return "but nothing ever claimed that key"
	}
	s := e.stateAt(ev.at)
	if live := e.liveIn(s); len(live) > 0 {
		return fmt.Sprintf("which was never written; at that instant it was %s (rv %d)", content(live[0]), e.states[s].rv)
	}
	return fmt.Sprintf("which was never written; at that instant nothing claimed that key (rv %d)", e.states[s].rv)
}

// violation returns the violation by an event, proven by its record and others
// before it.
func (in *input) violation(ev event, sentence string, before ...int32) Violation {
	r := &in.records[ev.record]
	v := Violation{Agent: r.Actor, Kind: r.Kind, Key: r.Key, At: r.At, Sentence: sentence}
	for _, i := range append(before, ev.record) {
		if i >= 0 {
			v.Records = append(v.Records, int(i))
		}
	}
	return v
}
