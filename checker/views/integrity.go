// Package views has the properties of what agents see and what their datapaths are given.
package views

import (
	"fmt"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/schema"
)

var Integrity = property.Property{
	Name:    "integrity",
	Promise: "Whatever an agent sees or its datapath holds existed before, as a whole, for that kind and key; a node may have the cluster ID that a fault gave the writer that put it.",
	Why:     "a source in between may delay the truth, but not invent or mix it; cilium 16565, 30964",
	Rules:   []*property.Rule{writtenLater, neverClaimed, neverWritten},
	Check:   checkIntegrity,
}

func checkIntegrity(in *property.Input) property.Result {
	var violations []property.Violation
	looked, misconfigured := [2]int{}, 0
	for _, ev := range in.Views.Events {
		if ev.What != index.Seen {
			continue
		}
		looked[ev.Layer]++
		e := &in.Views.Entries[ev.Entry]
		if ev.Claim >= 0 && e.States[e.Claims[ev.Claim].Live[0].From].At <= ev.At {
			continue
		}
		if putMisconfigured(in, ev, e) {
			misconfigured++
			continue
		}
		violations = append(violations, neverWas(in, ev, e))
	}
	if looked == [2]int{} {
		return property.Undecided("no agent saw anything")
	}
	if in.Views.Truths == 0 {
		return property.Undecided("the history says of nothing that it is true")
	}
	evidence := fmt.Sprintf("%s seen by %s and %s programmed, each compared with what had been written before",
		text.Count(looked[index.View], "entry"), text.Count(len(in.Views.Agents), "agent"), text.Thousands(looked[index.Datapath]))
	if misconfigured > 0 {
		evidence += fmt.Sprintf("; %s of them with the cluster ID that a fault had given the writer", text.Thousands(misconfigured))
	}
	return property.Judged(evidence, violations)
}

// putMisconfigured reports whether what an event shows is what the writer of its store had put
// while a fault gave it another configuration, of what was written before.
func putMisconfigured(in *property.Input, ev index.Event, e *index.Entry) bool {
	r := &in.Records[ev.Record]
	written := e.LiveAs(e.Configured(r.Value))
	if e.Kind != history.Node || ev.Claim >= 0 || len(written) == 0 || e.States[written[0].From].At > ev.At {
		return false
	}
	s := in.Store(r.Store)
	return in.Last(0, int(ev.Record), func(put *history.Record) bool {
		return put.Verb == history.Put && put.Store == r.Store && put.Kind == r.Kind && put.Value == r.Value &&
			schema.NameIn(put.Key) == r.Key && in.Misconfigured(s, put) != nil
	}) >= 0
}

// The ways in which what an agent shows was not there before.
var (
	writtenLater = &property.Rule{Name: "written-later", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s, before that was first written at %s (rv %d)", showed(f), text.Seconds(f.Truth.At), f.Truth.RV)
	}}
	neverClaimed = &property.Rule{Name: "never-claimed", Text: func(f *property.Facts) string {
		return showed(f) + ", but nothing ever claimed that key"
	}}
	neverWritten = &property.Rule{Name: "never-written", Text: func(f *property.Facts) string {
		if f.Truth.Gone {
			return fmt.Sprintf("%s, which was never written; at that instant nothing claimed that key (rv %d)", showed(f), f.Truth.RV)
		}
		return fmt.Sprintf("%s, which was never written; at that instant it was %s (rv %d)", showed(f), property.Content(f.Truth.Value), f.Truth.RV)
	}}
)

func showed(f *property.Facts) string {
	return fmt.Sprintf("%s at %s (%s)", f.Saw(), text.Seconds(f.At), f.Shown.From())
}

// neverWas is the violation by ev, which showed what had not been true before.
func neverWas(in *property.Input, ev index.Event, e *index.Entry) property.Violation {
	facts := property.Facts{Shown: property.VersionOf(&in.Records[ev.Record])}
	if ev.Claim >= 0 {
		first := e.States[e.Claims[ev.Claim].Live[0].From]
		facts.Truth = &property.Version{RV: first.RV, At: first.At}
		return in.Violation(writtenLater, ev, facts)
	}
	if len(e.Claims) == 0 {
		return in.Violation(neverClaimed, ev, facts)
	}
	s := e.StateAt(ev.At)
	facts.Truth = &property.Version{Gone: true, RV: e.States[s].RV}
	if live := e.LiveIn(s); len(live) > 0 {
		facts.Truth = &property.Version{Value: live[0], RV: e.States[s].RV}
	}
	return in.Violation(neverWritten, ev, facts)
}
