package operator

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// known is after how long an operator knows of a pod or of an endpoint: what it deletes sooner
// it may have decided on before.
const known = 5 * time.Second

var IdentitySafety = property.Property{
	Name: mode.IdentitySafety,
	Promise: "No operator deletes a CiliumIdentity that is in use, or gives it other labels: one that a CiliumEndpoint has, or of which a pod that has not ended has the labels while no other identity has them, and has had for 5 s. " +
		"What changed in these seconds the operator may not know yet.",
	Why:   "who has an identity that is deleted is dropped by policy, and its number may be given to others; with other labels it is let in where they are; cilium 19827, 47571",
	Rules: []*property.Rule{inUse, otherLabels},
	Check: checkSafety,
	Step:  safetyStep,
}

func checkSafety(in *property.Input) property.Result {
	if why, is := nothing(in); is {
		return why
	}
	s := safety{in: in, state: object.NewState(in.History.Plan), since: map[string]map[string]use{}}
	for i := range in.Records {
		if err := s.record(i, &in.Records[i]); err != nil {
			return property.Undecided("the history cannot be read: " + err.Error())
		}
	}
	judged := text.Count(s.deleted, "identity") + " deleted by operators"
	if len(s.violations) > 0 {
		return property.Judged(judged, s.violations)
	}
	if o, took := optionsOf(in), in.Records[len(in.Records)-1].At; s.deleted == 0 && took < o.heartbeat+o.pace {
		return property.Inapplicable(fmt.Sprintf("the run took %s, and no operator deletes an identity before %s", text.Seconds(took), text.Seconds(o.heartbeat+o.pace)))
	}
	if s.deleted == 0 {
		used := 0
		for _, users := range s.since {
			used += min(len(users), 1)
		}
		if used == 0 {
			return property.Undecided("no operator deleted an identity, and none was in use in the end")
		}
		return property.Passed(fmt.Sprintf("no operator deleted an identity; %s in use in the end", text.Count(used, "identity")))
	}
	return property.Passed(judged)
}

// use is since when a pod uses an identity.
type use struct {
	at     time.Duration
	record int32
}

type safety struct {
	in         *property.Input
	state      *object.State
	since      map[string]map[string]use // by number and pod
	deleted    int
	violations []property.Violation
}

func (s *safety) record(i int, r *history.Record) error {
	labels := s.labels(r)
	touched, err := s.state.Apply(i, r)
	if err != nil {
		return err
	}
	if labels != "" && mode.Operator.Is(r.Peer) {
		switch now := s.labels(r); {
		case now == "":
			s.deleted++
			s.judge(inUse, i, r)
		case now != labels:
			s.judge(otherLabels, i, r)
		}
	}
	for _, number := range touched.Identities {
		users := s.users(number)
		for pod := range s.since[number] {
			if !slices.Contains(users, pod) {
				delete(s.since[number], pod)
			}
		}
		for _, pod := range users {
			if s.since[number] == nil {
				s.since[number] = map[string]use{}
			}
			if _, is := s.since[number][pod]; !is {
				s.since[number][pod] = use{r.At, int32(i)}
			}
		}
	}
	return nil
}

// labels are those of the identity that a record writes; "" if it writes none, or there is none.
func (s *safety) labels(r *history.Record) string {
	if id := s.state.Identities[r.Key]; id != nil && r.Verb == history.Write && r.Kind == object.IdentityKind {
		return id.Labels
	}
	return ""
}

// users are the pods that use an identity: by their CiliumEndpoint, or since they demand its labels,
// which are no other's.
func (s *safety) users(number string) (pods []string) {
	for _, key := range s.state.Asking(number) {
		p, e := s.state.Pods[key], s.state.Endpoints[key]
		starts := p != nil && !p.HostNetwork && !p.Ending && p.Phase != "Succeeded" && p.Phase != "Failed" && slices.Equal(s.state.Numbers(p.Demands), []string{number})
		if e.Identity == number || starts {
			pods = append(pods, key)
		}
	}
	return pods
}

// judge judges a write of an identity, by those who used it before.
func (s *safety) judge(rule *property.Rule, i int, r *history.Record) {
	var all []string
	first := use{at: r.At}
	for pod, u := range s.since[r.Key] {
		if r.At-u.at < known {
			continue
		}
		all = append(all, pod)
		if u.at < first.at || u.at == first.at && u.record < first.record {
			first = u
		}
	}
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	s.violations = append(s.violations, property.NewViolation(rule, property.Facts{Kind: object.IdentityKind, Key: r.Key, At: r.At, Client: r.Peer, Since: first.at, Owners: all}, first.record, int32(i)))
}

var (
	inUse = &property.Rule{Name: "in-use", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s deleted identity %s at %s, which is that of %s since %s", f.Client, f.Key, text.Seconds(f.At), text.Few(f.Owners, len(f.Owners)), text.Seconds(f.Since))
	}}
	otherLabels = &property.Rule{Name: "other-labels", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s gave identity %s other labels at %s, which was that of %s since %s", f.Client, f.Key, text.Seconds(f.At), text.Few(f.Owners, len(f.Owners)), text.Seconds(f.Since))
	}}
)

// safetyStep is the part of an operator that wrote.
func safetyStep(v *property.Violation) property.Step {
	what := "its collector took an identity in use for garbage"
	if v.Rule.Name == otherLabels.Name {
		what = "it took an identity's number for one that is free"
	}
	return property.ByClient("operator", what)(v)
}
