package checker

import (
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

var readiness = Property{
	Name: "readiness",
	Promise: "Each pod that is created during the churn and lives on has its address alone is usable once the heal's bound has passed: every agent that is up has its endpoint, in view and datapath, and its identity. " +
		"Until when that takes from the pod's first endpoint on is measured.",
	Why:   "mission R9: pod start latency may mislead; measure until another pod can connect subject to policy, which is until all other agents know",
	check: checkReadiness,
}

func checkReadiness(in *input) Result {
	from, to := index.ChurnOf(in.Records)
	x := newOwnerIndex(in)
	births := birthsOf(in, x, from, to)
	if len(births) == 0 {
		return unknown("no pod was created during the churn")
	}
	if len(in.Views.Agents) == 0 {
		return unknown("there is no agent")
	}
	n := newNursery(in, x)
	n.follow(births)
	h := index.HorizonOf(in.Records)
	var took [aspects][]time.Duration
	var late []*birth
	spared, pending := 0, 0
	for _, b := range births {
		for a, at := range b.ready {
			if at != index.Unready {
				took[a] = append(took[a], at-b.at)
			}
		}
		livedOn := h.Problem == "" && h.Over && b.until > h.Deadline && !b.shared
		switch {
		case livedOn && (b.ready[usable] == index.Unready || b.ready[usable] > h.Deadline):
			late = append(late, b)
		case b.ready[usable] != index.Unready:
		case b.until == index.Forever && !b.shared:
			pending++
		default:
			spared++
		}
	}
	measures := []Measure{
		newMeasure("readiness", "endpoint in all views", took[inView]),
		newMeasure("readiness", "endpoint in all datapaths", took[inDatapath]),
		newMeasure("readiness", "usable: endpoint and identity", took[usable]),
	}
	if !n.datapaths {
		measures = []Measure{measures[0], measures[2]}
	}
	if pending > 0 && len(late) == 0 {
		return unknown(fmt.Sprintf("%s of %s created during the churn were not yet usable when the run ended", thousands(pending), count(len(births), "pod", "pods"))).measured(measures...)
	}
	evidence := fmt.Sprintf("%d of %s created during the churn became usable; %s of the others had ended before, or shared their address", len(took[usable]), count(len(births), "pod", "pods"), thousands(spared))
	return judged(evidence, n.lateViolations(late, h)).measured(measures...)
}

func newNursery(in *input, x *ownerIndex) *nursery {
	return &nursery{
		in: in, owners: x, identities: index.IdentityEntries(in.Views), datapaths: index.EndOf(in.Views).Datapaths,
		ending: index.NewEnding(in.Views), byEntry: map[int32][]*birth{},
	}
}

// lateViolations returns a violation for each pod that was not usable in time.
func (n *nursery) lateViolations(late []*birth, h index.Horizon) []Violation {
	var violations []Violation
	for _, b := range late {
		e := &n.in.Views.Entries[b.entry]
		v := Violation{Kind: history.Endpoint, Key: e.Key, At: n.in.Records[h.End].At, Records: []int{int(b.record), h.Heal}}
		what := fmt.Sprintf("was still not usable when the run ended, %s after the heal: %s", seconds(v.At-n.in.Records[h.Heal].At), n.missing(b))
		if at := b.ready[usable]; at != index.Unready {
			v.At = at
			what = fmt.Sprintf("was usable only at %s, %s after the heal, and not within %v", seconds(at), seconds(at-n.in.Records[h.Heal].At), h.Bound)
		} else if b.until != index.Forever {
			v.At = b.until
			what = fmt.Sprintf("was not usable before it was gone at %s", seconds(b.until))
		}
		v.Sentence = fmt.Sprintf("%s got %s at %s and %s", b.who, e.Key, seconds(b.at), what)
		violations = append(violations, v)
	}
	sortByTime(violations)
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
	return few(all[:min(most, len(all))], len(all))
}
