// Package pods has the properties that are judged from end to end: from a pod to those who
// are to let it talk.
package pods

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// moves is for how long nobody may say where a pod is that lives on as it is: one slice may be written
// before another.
const moves = 10 * time.Second

var Started = property.Property{
	Name: mode.Started,
	Promise: "Each pod that is bound to a node that exists is usable once the heal's bound has passed since its creation and since the heal, or the run has come to rest before, whatever the operator and its agent have done: " +
		"what agents read says one of its addresses with an identity of its labels and, where agents are whole, an address of its node as its host, and every agent that is up has both. And it stays so while it lives: no fault takes from what agents read, for longer than 10 s, " +
		"a pod that was there and lives on as it is, unless agents write that themselves: then the other properties of views say what a fault takes. How long each hop took, and all of them, is measured.",
	Why:     "a pod counts as started when others can reach it, whoever is in between; what a restart of an operator or an agent takes from a pod that runs is an outage of its user; cilium 43635, 47214",
	RestsOn: []string{mode.Slices, "readiness", "convergence"},
	Rules:   []*property.Rule{neverPublished, notUsable, usableLate, elsewhere, takenAway},
	Check:   checkStarted,
	Step:    startedStep,
}

func checkStarted(in *property.Input) property.Result {
	if len(in.Records) == 0 {
		return property.Undecided("the history is empty")
	}
	if !object.Told(in.Records) {
		return property.Inapplicable("the history does not say what pods there are: its form is an earlier one, or there are none")
	}
	if operator := in.First(0, len(in.Records), func(r *history.Record) bool { return r.Verb == history.Up && mode.Operator.Is(r.Actor) }); operator < 0 && !agentsWrite(in) {
		return property.Inapplicable("there is no operator: the workload writes itself what agents read, and does not keep its pods like it")
	}
	s, err := follow(in)
	if err != nil {
		return property.Undecided("the history cannot be read: " + err.Error())
	}
	if len(in.Views.Agents) == 0 {
		return property.Undecided("there is no agent")
	}
	h := ended(in)
	judged := 0
	for _, l := range s.lives {
		s.measure(l)
		s.away(l)
		if h.Problem == "" && h.Over && l.demanding() && l.since+h.Bound <= in.Records[h.End].At {
			judged++
			s.finally(l, h)
		}
	}
	measures := s.hops.measures()
	switch {
	case len(s.lives) == 0:
		return property.Undecided("there was no pod").Measured(measures...)
	case len(s.violations) == 0 && (h.Problem != "" || !h.Over):
		return property.Undecided("the run ended before the bound after the heal had passed").Measured(measures...)
	case len(s.violations) == 0 && judged == 0:
		return property.Undecided("no pod lived until the bound after the heal had passed").Measured(measures...)
	}
	return property.Judged(fmt.Sprintf("%s, of which %s lived until the bound after the heal had passed", text.Count(len(s.lives), "pod"), text.Thousands(judged)), s.violations).Measured(measures...)
}

// ended is when the bound after the heal has passed, or the run has come to rest before: then what is
// not there will not come.
func ended(in *property.Input) index.Horizon {
	h := in.Horizon()
	if end := in.Phase("end"); h.Problem == "" && !h.Over && end >= 0 && in.Records[end].Value == "settled" {
		h.Over, h.Bound, h.Deadline = true, h.Passed, in.Records[end].At
	}
	return h
}

// life is a pod from when it is as it is: from its creation on, or the last change of what it
// demands, its addresses or its node, until it is deleted or changes.
type life struct {
	key      string
	pod      object.LivePod
	created  bool // by the record from, and not changed
	hidden   bool // its namespace is, or was, from those who read
	nowhere  bool // its node does not exist, or did not
	since    time.Duration
	from, to int32         // records; to is -1 if it lives on
	until    time.Duration // index.Forever if it lives on
	deleted  bool
	stale    bool          // its CiliumEndpoint is still that of the pod before it
	takeover time.Duration // until when it was; index.Forever if it still is
	left     time.Duration // when its agent began to take it down, by deleting its CiliumEndpoint; index.Forever if it did not

	numbered, object time.Duration // when there was an identity for it, and its CiliumEndpoint; unready if never
	births           []*views.Birth
}

// demanding reports whether somebody is to be told of a pod that lives on.
func (l *life) demanding() bool {
	p := &l.pod
	return l.until == index.Forever && p.Node != "" && !l.hidden && !l.nowhere && !p.HostNetwork && !p.Ending && p.Phase != "Succeeded" && p.Phase != "Failed"
}

// started is the lives of all pods, and what came of them.
type started struct {
	in         *property.Input
	exports    bool            // agents see what a ClusterMesh API server exports
	agents     bool            // and write themselves what they read
	whole      map[string]bool // nodes whose agent is cilium-agent itself
	lives      []*life
	goneFrom   func(*views.Birth, time.Duration) time.Duration
	final      *object.State
	hops       hops
	violations []property.Violation
}

func follow(in *property.Input) (*started, error) {
	s := &started{in: in, final: object.NewState(in.History.Plan), exports: exports(in), agents: agentsWrite(in), whole: wholeNodes(in)}
	now := map[string]*life{}
	for i := range in.Records {
		r := &in.Records[i]
		touched, err := s.final.Apply(i, r)
		if err != nil {
			return nil, err
		}
		for _, key := range touched.Pods {
			s.look(now, key, i, r)
		}
	}
	births, goneFrom := views.Births(in)
	s.goneFrom = goneFrom
	s.join(births)
	return s, nil
}

// look takes into account what a pod is after a record.
func (s *started) look(now map[string]*life, key string, i int, r *history.Record) {
	l, p := now[key], s.final.Pods[key]
	if l != nil && (p == nil || l.from < p.Created || p.Demands != l.pod.Demands || p.Node != l.pod.Node || len(l.pod.IPs) > 0 && !slices.Equal(p.IPs, l.pod.IPs)) {
		l.until, l.to, l.deleted = r.At, int32(i), p == nil || l.from < p.Created
		delete(now, key)
		l = nil
	}
	if p == nil {
		return
	}
	if l == nil {
		l = &life{key: key, created: int(p.Created) == i, since: r.At, from: int32(i), to: -1, until: index.Forever, left: index.Forever, numbered: index.Unready, object: index.Unready}
		_, l.stale = s.final.Endpoints[key]
		if l.stale = l.stale && l.created; l.stale {
			l.takeover = index.Forever
		}
		now[key] = l
		s.lives = append(s.lives, l)
	}
	l.pod = *p
	l.hidden = l.hidden || s.exports && s.final.Namespaces[p.Namespace].Hidden
	l.nowhere = l.nowhere || !s.final.Nodes[p.Node]
	if l.numbered == index.Unready && len(s.final.Numbers(p.Demands)) > 0 {
		l.numbered = r.At
	}
	if r.Kind == object.EndpointKind && r.Op == "delete" && mode.Client.Is(r.Peer) {
		if !l.stale {
			l.left = r.At
		} else {
			l.takeover = r.At
		}
		l.stale = false
	}
	if _, has := s.final.Endpoints[key]; has && !l.stale && l.object == index.Unready {
		l.object = r.At
	}
}

// join gives each life its births: those that began while it was so, or were there when it began.
func (s *started) join(births []*views.Birth) {
	byPod := map[string][]*views.Birth{}
	for _, b := range births {
		byPod[b.Who.Pod()] = append(byPod[b.Who.Pod()], b)
	}
	for _, l := range s.lives {
		for _, b := range byPod[l.key] {
			if (b.Until() == index.Forever || b.Until() > l.since) && (l.to < 0 || b.Record < l.to) && (len(l.pod.IPs) == 0 || slices.Contains(l.pod.IPs, s.in.Views.Entries[b.Entry].Key)) {
				l.births = append(l.births, b)
			}
		}
	}
}

// finally judges a pod that lives on.
func (s *started) finally(l *life, h index.Horizon) {
	f := property.Facts{Kind: object.PodKind, Key: l.key, Since: l.since, At: s.in.Records[h.End].At, Allowed: h.Bound}
	f.After = f.At - l.since
	numbers := s.final.Numbers(l.pod.Demands)
	var late *views.Birth
	last := false // something says it in the end
	for _, b := range l.births {
		if b.Until() != index.Forever || !slices.Contains(numbers, b.Who.Identity) && !s.anyNumber() {
			continue
		}
		last = true
		if host, addresses := s.misplaced(l, b); host != "" {
			f.Truth, f.Shown = &property.Version{Value: addresses}, &property.Version{Value: host}
			s.violations = append(s.violations, property.NewViolation(elsewhere, f, l.from, b.Record))
			return
		}
		if b.Shared() || b.Usable() != index.Unready && b.Usable() <= max(h.Deadline, l.since+h.Bound) {
			return
		}
		late = b
	}
	switch {
	case !last:
		f.Counts = map[string]int{"identities": len(numbers)}
		f.Truth = &property.Version{Value: l.pod.String()}
		s.violations = append(s.violations, property.NewViolation(neverPublished, f, l.from, int32(h.Heal)))
	case late.Usable() != index.Unready:
		f.At, f.After = late.Usable(), late.Usable()-l.since
		s.violations = append(s.violations, property.NewViolation(usableLate, f, l.from, late.Record, int32(h.Heal)))
	default:
		s.violations = append(s.violations, property.NewViolation(notUsable, f, l.from, late.Record, int32(h.Heal)))
	}
}

// anyNumber reports whether identities are no objects, whose labels could be compared: agents
// number them.
func (s *started) anyNumber() bool { return len(s.final.Identities) == 0 }

// away judges that what was said of a pod is said as long as it lives on as it is. Where agents write it, it is true
// until the Pod is deleted or its agent is asked to end it (sim/truth, Shared), which may be long before,
// and of which no object tells.
func (s *started) away(l *life) {
	if l.hidden || l.nowhere || s.agents {
		return
	}
	end := min(l.until, l.left, s.in.Records[len(s.in.Records)-1].At)
	births := slices.Clone(l.births)
	slices.SortStableFunc(births, func(a, b *views.Birth) int { return cmp.Compare(a.Record, b.Record) })
	for n, b := range births {
		if b.At < l.since && b.Until() <= l.takeover {
			continue // it was said of the pod before it
		}
		covered := slices.ContainsFunc(births, func(o *views.Birth) bool {
			return o != b && o.At <= b.Until() && (o.Until() > b.Until() || o.Until() == index.Forever)
		})
		if b.Until() == index.Forever || b.Until() < l.since || b.Until() >= end || covered {
			continue
		}
		back, by := end, l.to
		for _, o := range births[n+1:] {
			if o.At > b.Until() {
				back, by = o.At, o.Record
				break
			}
		}
		if gap := back - b.Until(); gap > moves {
			s.violations = append(s.violations, property.NewViolation(takenAway, property.Facts{Kind: object.PodKind, Key: l.key, At: b.Until() + moves, Since: b.Until(), Until: back, After: gap, Allowed: moves}, l.from, b.Ended, by))
			return
		}
	}
}

// The ways in which a pod is not started.
var (
	neverPublished = &property.Rule{Name: "unpublished", Text: func(f *property.Facts) string {
		why := ""
		if f.Counts["identities"] == 0 {
			why = ", and there was no identity of its labels"
		}
		return fmt.Sprintf("pod %s has been as it is since %s (%s), and when the run ended, %s later, nothing that agents read said so%s", f.Key, text.Seconds(f.Since), f.Truth.Value, text.Seconds(f.After), why)
	}}
	notUsable = &property.Rule{Name: "not-usable", Text: func(f *property.Facts) string {
		return fmt.Sprintf("pod %s has been as it is since %s, and when the run ended, %s later, an agent still lacked its endpoint or its identity", f.Key, text.Seconds(f.Since), text.Seconds(f.After))
	}}
	usableLate = &property.Rule{Name: "usable-late", Text: func(f *property.Facts) string {
		return fmt.Sprintf("pod %s has been as it is since %s and was usable only at %s, %s later, and not within %v after that and the heal", f.Key, text.Seconds(f.Since), text.Seconds(f.At), text.Seconds(f.After), f.Allowed)
	}}
	takenAway = &property.Rule{Name: "taken-away", Text: func(f *property.Facts) string {
		return fmt.Sprintf("pod %s lived on as it was, and nothing that agents read said so from %s to %s, for %s", f.Key, text.Seconds(f.Since), text.Seconds(f.Until), text.Seconds(f.After))
	}}
)

// startedStep is the hop that a pod has not come over.
func startedStep(v *property.Violation) property.Step {
	switch {
	case v.Rule.Name == neverPublished.Name && v.Counts["identities"] == 0:
		return property.Step{Part: "the identity", What: "nobody made one of the pod's labels: the operator's step or, where agents do it, that of the pod's agent"}
	case v.Rule.Name == neverPublished.Name:
		return property.Step{Part: "what agents read", What: "there is an identity, and nothing that agents read names the pod with it: its agent's CiliumEndpoint, the operator's slice, or the key of a shared etcd"}
	case v.Rule.Name == elsewhere.Name:
		return property.Step{Part: "the pod's agent", What: "it says in the CiliumEndpoint where the pod is"}
	case v.Rule.Name == takenAway.Name:
		return property.Step{Part: "what agents read", What: "who deleted or rewrote it: the pod lived on"}
	}
	return property.Step{}
}

// exports reports whether agents see what a ClusterMesh API server exports.
func exports(in *property.Input) bool {
	return in.First(0, len(in.Records), func(r *history.Record) bool { return r.Verb == history.Up && r.Kind == "writer" }) >= 0
}

// agentsWrite reports whether agents make endpoints known themselves.
func agentsWrite(in *property.Input) bool {
	var plan struct{ Mode string }
	if json.Unmarshal([]byte(in.History.Plan), &plan) != nil {
		return false
	}
	m, err := mode.Parse(plan.Mode)
	return err == nil && m.AgentsWrite()
}
