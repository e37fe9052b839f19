package views

import (
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

var Readiness = property.Property{
	Name: "readiness",
	Promise: "Each pod that is created during the churn and lives on has its address alone is usable once the heal's bound has passed: every agent that is up has its endpoint, in view and datapath, and its identity. " +
		"Until when that takes from the pod's first endpoint on is measured.",
	Why:     "raised against the proposal: pod start latency may mislead; measure until another pod can connect subject to policy, which is until all other agents know",
	RestsOn: []string{"convergence"},
	Rules:   []*property.Rule{notUsable, usableLate, goneBefore},
	Check:   checkReadiness,
}

func checkReadiness(in *property.Input) property.Result {
	from, to := in.Churn()
	x := newOwnerIndex(in)
	all := birthsOf(in, x, from, to)
	if len(all) == 0 {
		return property.Undecided("no pod was created during the churn")
	}
	if len(in.Views.Agents) == 0 {
		return property.Undecided("there is no agent")
	}
	n := newPendingPods(in, x)
	h := in.Horizon()
	var took [aspects][]time.Duration
	var late []*Birth
	spared, pending := 0, 0
	for _, b := range all {
		n.follow(b)
		for a, at := range b.Ready {
			if at != index.Unready {
				took[a] = append(took[a], at-b.At)
			}
		}
		livedOn := h.Problem == "" && h.Over && b.until > h.Deadline && !b.shared
		switch {
		case livedOn && (b.Ready[usable] == index.Unready || b.Ready[usable] > h.Deadline):
			late = append(late, b)
		case b.Ready[usable] != index.Unready:
		case b.until == index.Forever && !b.shared:
			pending++
		default:
			spared++
		}
	}
	measures := []property.Measure{
		property.NewMeasure("readiness", "endpoint in all views", took[inView]),
		property.NewMeasure("readiness", "endpoint in all datapaths", took[inDatapath]),
		property.NewMeasure("readiness", "usable: endpoint and identity", took[usable]),
	}
	if !n.Datapaths {
		measures = []property.Measure{measures[0], measures[2]}
	}
	if pending > 0 && len(late) == 0 {
		return property.Undecided(fmt.Sprintf("%s of %s created during the churn were not yet usable when the run ended", text.Thousands(pending), text.Count(len(all), "pod"))).Measured(measures...)
	}
	evidence := fmt.Sprintf("%d of %s created during the churn became usable; %s of the others had ended before, or shared their address", len(took[usable]), text.Count(len(all), "pod"), text.Thousands(spared))
	return property.Judged(evidence, n.lateViolations(late, h)).Measured(measures...)
}

// The ways in which a pod is not usable in time.
var (
	notUsable = bornAnd("not-usable", func(f *property.Facts) string {
		return fmt.Sprintf("was still not usable when the run ended, %s after the heal: %s", text.Seconds(f.After), lacking(f))
	})
	usableLate = bornAnd("usable-late", func(f *property.Facts) string {
		return fmt.Sprintf("was usable only at %s, %s after the heal, and not within %v", text.Seconds(f.At), text.Seconds(f.After), f.Allowed)
	})
	goneBefore = bornAnd("gone-before", func(f *property.Facts) string {
		return fmt.Sprintf("was not usable before it was gone at %s", text.Seconds(f.At))
	})
)

func bornAnd(name string, what func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s got %s at %s and %s", property.AndOf(f.Owners), f.Key, text.Seconds(f.Since), what(f))
	}}
}

// lacking names what agents lack of a pod at the end.
func lacking(f *property.Facts) string {
	var all []string
	for _, d := range f.Differences {
		what := "its " + d.Kind
		if d.Layer == property.Datapath {
			what += " in the datapath"
		}
		all = append(all, d.Agent+" lacks "+what)
	}
	if len(all) == 0 {
		return "no agent was up"
	}
	return text.Few(all, f.Differs())
}

// lateViolations returns a violation for each pod that was not usable in time.
func (n *pendingPods) lateViolations(late []*Birth, h index.Horizon) []property.Violation {
	var violations []property.Violation
	for _, b := range late {
		v := property.Violation{Rule: notUsable, Records: []int{int(b.Record), h.Heal}, Facts: property.Facts{
			Kind: history.Endpoint, Key: n.in.Views.Entries[b.Entry].Key, At: n.in.Records[h.End].At, Owners: []string{b.Who.String()}, Since: b.At}}
		if at := b.Ready[usable]; at != index.Unready {
			v.Rule, v.At, v.Allowed = usableLate, at, h.Bound
		} else if b.until != index.Forever {
			v.Rule, v.At = goneBefore, b.until
		} else {
			n.missing(b, &v.Facts)
		}
		v.After = v.At - n.in.Records[h.Heal].At
		violations = append(violations, v)
	}
	return violations
}

// missing notes what agents that are up lack of a pod at the end.
func (n *pendingPods) missing(b *Birth, facts *property.Facts) {
	const most = 3
	for agent, h := range b.have {
		d := property.Difference{How: property.Missing, Agent: n.in.Views.Agents[agent]}
		switch {
		case h&isUp == 0:
			continue
		case h&hasView == 0:
			d.Layer, d.Kind = property.View, history.Endpoint
		case h&hasDatapath == 0:
			d.Layer, d.Kind = property.Datapath, history.Endpoint
		case h&hasIdentity == 0:
			d.Layer, d.Kind = property.View, history.Identity
		default:
			continue
		}
		facts.Differ(d, most, nil)
	}
}
