package views

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

var Referential = property.Property{
	Name: "reference",
	Promise: "No endpoint in a view or datapath names an identity that the agent's view lacks for longer than the heal's bound while endpoint and identity exist without a break and the agent stays connected, and none does once the bound has passed at the run's end. " +
		"Shorter gaps are measured: identities and endpoints are separate keyspaces, of which no order is promised.",
	Why:     "an endpoint without its identity is not subject to the right policy",
	RestsOn: []string{"convergence"},
	Rules:   []*property.Rule{identityLacked, identityLacking},
	Check:   checkReferences,
}

func checkReferences(in *property.Input) property.Result {
	if len(in.Records) == 0 {
		return property.Undecided("the history is empty")
	}
	x := followReferences(in)
	if x.shown == 0 {
		return property.Undecided("no agent saw an endpoint that names an identity")
	}
	h := in.Horizon()
	var lasted [2][]time.Duration
	var bad []dangle
	atEnd := 0
	for _, d := range x.Dangles {
		lasted[d.Layer] = append(lasted[d.Layer], d.To-d.From)
		switch {
		case d.atEnd:
			atEnd++
			bad = append(bad, d)
		case h.Problem == "" && d.To-d.From > h.Bound && longestSound(in, d) > h.Bound:
			bad = append(bad, d)
		}
	}
	measures := []property.Measure{
		property.NewMeasure("endpoint without its identity", "views", lasted[index.View]),
		property.NewMeasure("endpoint without its identity", "datapaths", lasted[index.Datapath]),
	}
	evidence := fmt.Sprintf("%s in views and datapaths of %s; %s without the identity",
		text.Count(x.shown, "endpoint"), text.Count(len(in.Views.Agents), "agent"), text.Count(len(x.Dangles), "time"))
	switch {
	case h.Problem != "":
		return property.Undecided(h.Problem).Measured(measures...)
	case atEnd > 0 && !h.Over && atEnd == len(bad):
		return property.Undecided(fmt.Sprintf("%s, with %s without the identity", in.CutShort(h), text.Count(atEnd, "endpoint"))).Measured(measures...)
	case !h.Over:
		bad = slices.DeleteFunc(bad, func(d dangle) bool { return d.atEnd })
	}
	return property.Judged(evidence, danglingViolations(in, bad)).Measured(measures...)
}

// longestSound returns for how long at a stretch, while d lasted, its endpoint and
// its identity both existed and its agent was connected.
func longestSound(in *property.Input, d dangle) time.Duration {
	v := in.Views
	identity, exists := v.Number(history.Identity, d.Identity)
	if !exists || d.claim < 0 {
		return 0
	}
	i, e := &v.Entries[identity], &v.Entries[d.Entry]
	isConnected := connection(v, d.Agent)
	instants := []time.Duration{d.From}
	add := func(at time.Duration) {
		if d.From < at && at < d.To {
			instants = append(instants, at)
		}
	}
	for _, s := range slices.Concat(i.States, e.States) {
		add(s.At)
	}
	for _, m := range v.Marks {
		if m.Agent == d.Agent {
			add(m.At)
		}
	}
	slices.Sort(instants)
	longest, since, sound := time.Duration(0), d.From, false
	for _, at := range append(instants, d.To) {
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

// The ways in which an endpoint is without its identity for too long.
var (
	identityLacked = &property.Rule{Name: "lacked", Text: func(f *property.Facts) string {
		return lacked(f, "until "+text.Seconds(f.Until))
	}}
	identityLacking = &property.Rule{Name: "lacking-at-end", Text: func(f *property.Facts) string {
		return lacked(f, "and still when the run ended, at "+text.Seconds(f.Until))
	}}
)

func lacked(f *property.Facts, until string) string {
	more := ""
	if f.Others > 0 {
		more = fmt.Sprintf("; and %s more", text.Thousands(f.Others))
	}
	return fmt.Sprintf("%s had endpoint %s of identity %s, which the agent's view lacked from %s %s%s",
		f.Who(), f.Key, f.Identity, text.Seconds(f.Since), until, more)
}

// danglingViolations returns a violation for each view or datapath and identity
// that it lacks, told of the endpoint that lacked it longest.
func danglingViolations(in *property.Input, bad []dangle) []property.Violation {
	type place struct {
		agent    int32
		layer    index.Layer
		identity string
	}
	worst := map[place]dangle{}
	others := map[place]int{}
	var places []place
	for _, d := range bad {
		p := place{d.Agent, d.Layer, d.Identity}
		was, known := worst[p]
		if !known {
			places = append(places, p)
		} else {
			others[p]++
		}
		if !known || d.To-d.From > was.To-was.From {
			worst[p] = d
		}
	}
	var violations []property.Violation
	for _, p := range places {
		d := worst[p]
		v := property.Violation{Rule: identityLacked, Records: []int{int(d.began)}, Facts: property.Facts{
			Agent: in.Views.Agents[d.Agent], Layer: property.LayerOf(d.Layer), Kind: history.Endpoint, Key: in.Views.Entries[d.Entry].Key, At: d.To,
			Identity: d.Identity, Since: d.From, Until: d.To, Others: others[p]}}
		if d.atEnd {
			v.Rule = identityLacking
		}
		violations = append(violations, v)
	}
	return violations
}
