package checker

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

var referential = Property{
	Name: "reference",
	Promise: "No endpoint in a view or datapath names an identity that the agent's view lacks for longer than the heal's bound while endpoint and identity exist without a break and the agent stays connected, and none does once the bound has passed at the run's end. " +
		"Shorter gaps are measured: identities and endpoints are separate keyspaces, of which no order is promised.",
	Why:   "mission C7, R9: an endpoint without its identity is not subject to the right policy",
	check: checkReferences,
}

func checkReferences(in *input) Result {
	if len(in.Records) == 0 {
		return unknown("the history is empty")
	}
	w := watchReferences(in)
	if w.references == 0 {
		return unknown("no agent saw an endpoint that names an identity")
	}
	h := index.HorizonOf(in.Records)
	var lasted [2][]time.Duration
	var bad []dangle
	atEnd := 0
	for _, d := range w.dangles {
		lasted[d.layer] = append(lasted[d.layer], d.to-d.from)
		switch {
		case d.atEnd:
			atEnd++
			bad = append(bad, d)
		case h.Problem == "" && d.to-d.from > h.Bound && in.longestSound(d) > h.Bound:
			bad = append(bad, d)
		}
	}
	measures := []Measure{
		newMeasure("endpoint without its identity", "views", lasted[index.View]),
		newMeasure("endpoint without its identity", "datapaths", lasted[index.Datapath]),
	}
	evidence := fmt.Sprintf("%s in views and datapaths of %s; %s without the identity",
		count(w.references, "endpoint", "endpoints"), count(len(in.Views.Agents), "agent", "agents"), count(len(w.dangles), "time", "times"))
	switch {
	case h.Problem != "":
		return unknown(h.Problem).measured(measures...)
	case atEnd > 0 && !h.Over && atEnd == len(bad):
		return unknown(fmt.Sprintf("the run ended %s after the heal (%s), before the bound, with %s without the identity",
			seconds(in.Records[h.End].At-in.Records[h.Heal].At), whyEnded(&in.Records[h.End]), count(atEnd, "endpoint", "endpoints"))).measured(measures...)
	case !h.Over:
		bad = slices.DeleteFunc(bad, func(d dangle) bool { return d.atEnd })
	}
	return judged(evidence, in.danglingViolations(bad)).measured(measures...)
}

// longestSound returns for how long at a stretch, while d lasted, its endpoint and
// its identity both existed and its agent was connected.
func (in *input) longestSound(d dangle) time.Duration {
	v := in.Views
	identity, exists := index.IdentityEntries(v)[d.identity]
	if !exists || d.claim < 0 {
		return 0
	}
	i, e := &v.Entries[identity], &v.Entries[d.entry]
	isConnected := connection(v, d.agent)
	instants := []time.Duration{d.from}
	add := func(at time.Duration) {
		if d.from < at && at < d.to {
			instants = append(instants, at)
		}
	}
	for _, s := range slices.Concat(i.States, e.States) {
		add(s.At)
	}
	for _, m := range v.Marks {
		if m.Agent == d.agent {
			add(m.At)
		}
	}
	slices.Sort(instants)
	longest, since, sound := time.Duration(0), d.from, false
	for _, at := range append(instants, d.to) {
		if sound {
			longest = max(longest, at-since)
		}
		now := isConnected(at) && !index.Covers(i.Absent, i.StateAt(at)) && index.Covers(e.Claims[d.claim].Live, e.StateAt(at))
		if now && !sound {
			since = at
		}
		sound = now
	}
	return longest
}

// connection returns whether an agent is connected from an instant on.
func connection(v *index.Views, agent int32) func(time.Duration) bool {
	return func(at time.Duration) bool {
		is := false
		for _, m := range v.Marks {
			if m.At > at {
				break
			}
			if m.Agent == agent && m.What != index.Complete {
				is = m.What == index.Connected
			}
		}
		return is
	}
}

// danglingViolations returns a violation for each view or datapath and identity
// that it lacks, told of the endpoint that lacked it longest.
func (in *input) danglingViolations(bad []dangle) []Violation {
	type place struct {
		agent    int32
		layer    index.Layer
		identity string
	}
	worst := map[place]dangle{}
	others := map[place]int{}
	var places []place
	for _, d := range bad {
		p := place{d.agent, d.layer, d.identity}
		was, known := worst[p]
		if !known {
			places = append(places, p)
		} else {
			others[p]++
		}
		if !known || d.to-d.from > was.to-was.from {
			worst[p] = d
		}
	}
	var violations []Violation
	for _, p := range places {
		d := worst[p]
		until, more := "until "+seconds(d.to), ""
		if d.atEnd {
			until = "and still when the run ended, at " + seconds(d.to)
		}
		if n := others[p]; n > 0 {
			more = fmt.Sprintf("; and %s more", thousands(n))
		}
		e := &in.Views.Entries[d.entry]
		v := Violation{
			Agent: in.Views.Agents[d.agent], Kind: history.Endpoint, Key: e.Key, At: d.to, Records: []int{int(d.record)},
			Sentence: fmt.Sprintf("%s had endpoint %s of identity %s, which the agent's view lacked from %s %s%s",
				who(in.Views.Agents[d.agent], d.layer), e.Key, d.identity, seconds(d.from), until, more),
		}
		violations = append(violations, v)
	}
	sortByTime(violations)
	return violations
}
