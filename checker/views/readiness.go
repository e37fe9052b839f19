package views

import (
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

var Readiness = property.Property{
	Name: "readiness",
	Promise: "Each pod that is created during the churn and lives on has its address alone is usable once the heal's bound has passed: every agent that is up has its endpoint, in view and datapath, and its identity. " +
		"Until when that takes from the pod's first endpoint on is measured.",
	Why:   "mission R9: pod start latency may mislead; measure until another pod can connect subject to policy, which is until all other agents know",
	Check: checkReadiness,
}

func checkReadiness(in *property.Input) property.Result {
	from, to := index.ChurnOf(in.Records)
	x := NewOwnerIndex(in)
	births := BirthsOf(in, x, from, to)
	if len(births) == 0 {
		return property.Undecided("no pod was created during the churn")
	}
	if len(in.Views.Agents) == 0 {
		return property.Undecided("there is no agent")
	}
	n := NewNursery(in, x)
	n.Follow(births)
	h := index.HorizonOf(in.Records)
	var took [aspects][]time.Duration
	var late []*birth
	spared, pending := 0, 0
	for _, b := range births {
		for a, at := range b.Ready {
			if at != index.Unready {
				took[a] = append(took[a], at-b.At)
			}
		}
		livedOn := h.Problem == "" && h.Over && b.until > h.Deadline && !b.shared
		switch {
		case livedOn && (b.Ready[Usable] == index.Unready || b.Ready[Usable] > h.Deadline):
			late = append(late, b)
		case b.Ready[Usable] != index.Unready:
		case b.until == index.Forever && !b.shared:
			pending++
		default:
			spared++
		}
	}
	measures := []property.Measure{
		property.NewMeasure("readiness", "endpoint in all views", took[inView]),
		property.NewMeasure("readiness", "endpoint in all datapaths", took[inDatapath]),
		property.NewMeasure("readiness", "usable: endpoint and identity", took[Usable]),
	}
	if !n.Datapaths {
		measures = []property.Measure{measures[0], measures[2]}
	}
	if pending > 0 && len(late) == 0 {
		return property.Undecided(fmt.Sprintf("%s of %s created during the churn were not yet usable when the run ended", property.Thousands(pending), property.Count(len(births), "pod", "pods"))).Measured(measures...)
	}
	evidence := fmt.Sprintf("%d of %s created during the churn became usable; %s of the others had ended before, or shared their address", len(took[Usable]), property.Count(len(births), "pod", "pods"), property.Thousands(spared))
	return property.Judged(evidence, n.lateViolations(late, h)).Measured(measures...)
}

func NewNursery(in *property.Input, x *ownerIndex) *nursery {
	return &nursery{
		in: in, owners: x, identities: index.IdentityEntries(in.Views), Datapaths: index.EndOf(in.Views).Datapaths,
		ending: index.NewEnding(in.Views), byEntry: map[int32][]*birth{},
	}
}

// lateViolations returns a violation for each pod that was not usable in time.
func (n *nursery) lateViolations(late []*birth, h index.Horizon) []property.Violation {
	var violations []property.Violation
	for _, b := range late {
		e := &n.in.Views.Entries[b.Entry]
		v := property.Violation{Kind: history.Endpoint, Key: e.Key, At: n.in.Records[h.End].At, Records: []int{int(b.Record), h.Heal}}
		what := fmt.Sprintf("was still not usable when the run ended, %s after the heal: %s", property.Seconds(v.At-n.in.Records[h.Heal].At), n.missing(b))
		if at := b.Ready[Usable]; at != index.Unready {
			v.At = at
			what = fmt.Sprintf("was usable only at %s, %s after the heal, and not within %v", property.Seconds(at), property.Seconds(at-n.in.Records[h.Heal].At), h.Bound)
		} else if b.until != index.Forever {
			v.At = b.until
			what = fmt.Sprintf("was not usable before it was gone at %s", property.Seconds(b.until))
		}
		v.Sentence = fmt.Sprintf("%s got %s at %s and %s", b.Who, e.Key, property.Seconds(b.At), what)
		violations = append(violations, v)
	}
	property.SortByTime(violations)
	return violations
}

// missing names what agents that are up lack of a pod at the end.
func (n *nursery) missing(b *birth) string {
	const most = 3
	var all []string
	for agent, h := range b.have {
		what := ""
		switch {
		case h&isUp == 0:
		case h&hasView == 0:
			what = "its endpoint"
		case h&hasDatapath == 0:
			what = "its endpoint in the datapath"
		case h&hasIdentity == 0:
			what = "its identity"
		}
		if what != "" {
			all = append(all, n.in.Views.Agents[agent]+" lacks "+what)
		}
	}
	if len(all) == 0 {
		return "no agent was up"
	}
	return property.Few(all[:min(most, len(all))], len(all))
}
