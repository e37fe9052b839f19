// Package enforcement has the property of what whole agents enforce: what the policy maps of their
// endpoints let through is what network policies demand. The reference of that is small, and knows
// nothing of Cilium's policy engine.
package enforcement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

var Enforced = property.Property{
	Name: mode.Enforced,
	Promise: "The policy map of each endpoint of a pod that runs on the node of a whole agent lets through what the network policies demand, by the labels of the identities that there are, by network, entity and port: " +
		"what every version of every policy has allowed since a while is let through, and what every one has denied since then is not, also where an agent goes by some that are older than others. " +
		"A while is 30 s, and begins 125 s after any fault that may keep news from the agent; when the run has come to rest it is a minute, whatever faults there were. " +
		"For how long something was let through that was denied by then, and kept out that was allowed, is measured.",
	Why:     "what counts is that another pod can connect subject to policy: the datapath of a pod is disrupted when its policy map drops a peer that is allowed, and its policy is void when that lets in one that is not",
	RestsOn: []string{"convergence"},
	Rules:   []*property.Rule{dropped, shutOut, letIn},
	Check:   check,
	Step:    property.ByAgent("policy map", "what the agent has written into it, of the policies and identities that it knew"),
}

// The ways in which a policy map is not what policies demand.
var (
	dropped = &property.Rule{Name: "dropped", Text: func(f *property.Facts) string {
		return fmt.Sprintf("the policy map of %s's endpoint of pod %s dropped %s at %s, which it had let through, and which every policy since %s allows%s", f.Agent, f.Key, f.Note, text.Seconds(f.At), text.Seconds(f.Since), others(f))
	}}
	shutOut = &property.Rule{Name: "shut-out", Text: func(f *property.Facts) string {
		return fmt.Sprintf("the policy map of %s's endpoint of pod %s did not let through %s at %s, which every policy since %s allows%s", f.Agent, f.Key, f.Note, text.Seconds(f.At), text.Seconds(f.Since), others(f))
	}}
	letIn = &property.Rule{Name: "let-in", Text: func(f *property.Facts) string {
		return fmt.Sprintf("the policy map of %s's endpoint of pod %s let through %s at %s, which no policy since %s allows%s", f.Agent, f.Key, f.Note, text.Seconds(f.At), text.Seconds(f.Since), others(f))
	}}
)

func others(f *property.Facts) string {
	if f.Others == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %s likewise)", text.Count(f.Others, "other flow"))
}

// sampling is how often all maps are looked at, whatever happens.
const sampling = 10 * time.Second

// rest is since when, before the end of a run that has come to rest, nothing may be otherwise.
const rest = time.Minute

func check(in *property.Input) property.Result {
	if len(in.Records) == 0 {
		return property.Undecided("the history is empty")
	}
	if in.First(0, len(in.Records), func(r *history.Record) bool { return r.Verb == history.Enforce }) < 0 {
		return property.Inapplicable("nobody enforces policies: no agent is whole, or there was no policy")
	}
	f := newFollower(in)
	if err := f.follow(); err != nil {
		return property.Undecided("the history cannot be read: " + err.Error())
	}
	measures := []property.Measure{
		property.NewMeasure(mode.Enforced, "let through though denied", f.stale),
		property.NewMeasure(mode.Enforced, "kept out though allowed", f.late),
		property.NewMeasure(mode.Enforced, "entry of an identity that was gone", f.gone),
	}
	if f.judged == 0 {
		return property.Undecided("no policy map was there for a while of which policies demanded anything").Measured(measures...)
	}
	return property.Judged(fmt.Sprintf("%s of policy maps that policies demand something of", text.Count(f.judged, "look")), f.violations).Measured(measures...)
}

// follow goes through the history: after each instant it looks at the maps that have changed, and at
// all of them every now and then.
func (f *follower) follow() error {
	next := sampling
	records := f.in.Records
	c := newChanges()
	for i := range records {
		r := &records[i]
		for next < r.At {
			f.lookAtAll(next, func(e *endpoint) time.Duration { return calm(f.disturbances(e.agent), next) })
			next += sampling
		}
		if err := f.apply(i, r, c); err != nil {
			return err
		}
		if i+1 < len(records) && records[i+1].At == r.At || !c.some {
			continue
		}
		f.settle(r.At, c)
		c = newChanges()
	}
	end := records[len(records)-1]
	if h := f.in.Horizon(); h.Problem == "" && (h.Over || end.Verb == history.Phase && end.Value == "settled") {
		f.lookAtAll(end.At, func(*endpoint) time.Duration { return end.At - rest })
	}
	return nil
}

// settle looks at what an instant has changed.
func (f *follower) settle(at time.Duration, c *changes) {
	exact := f.window(at)
	windows := map[time.Duration]*window{}
	for _, e := range f.live() {
		if c.policies || c.maps[e] || c.pods[e.pod] {
			f.wait(e, exact, exact.peers, at)
		} else {
			f.wait(e, exact, c.peers, at)
		}
		if !c.maps[e] {
			continue
		}
		since := calm(f.disturbances(e.agent), at)
		if windows[since] == nil {
			windows[since] = f.window(since)
		}
		f.look(e, windows[since], at)
	}
}

func (f *follower) lookAtAll(at time.Duration, since func(*endpoint) time.Duration) {
	windows := map[time.Duration]*window{}
	for _, e := range f.live() {
		from := since(e)
		if windows[from] == nil {
			windows[from] = f.window(from)
		}
		f.look(e, windows[from], at)
	}
}

// look judges a map by what has been so since a while.
func (f *follower) look(e *endpoint, w *window, at time.Duration) {
	e.looks++
	s := f.subjectOf(e)
	judged := s.since <= w.since && e.begun <= w.since // it is not too new
	for _, p := range w.peers {
		for _, egress := range directions {
			if !judged {
				break
			}
			lets := e.lets(p, egress, f.ports)
			for i, want := range w.wants(s, p, egress) {
				if want == either || want == allowed && w.partly[p] {
					continue
				}
				f.judged++
				if fl := (flow{egress, p, f.ports[i]}); lets[i] != (want == allowed) {
					f.violate(e.broken(fl, want), e, fl, w, at)
				}
			}
		}
	}
	e.looked(judged)
}

// broken is the rule of a map that does not do with a flow what policies want.
func (e *endpoint) broken(fl flow, want verdict) *property.Rule {
	switch {
	case want == denied:
		return letIn
	case e.before.lets(fl):
		return dropped
	}
	return shutOut
}

// violate notes a violation: of each endpoint one for flows that are allowed, and one for those that are
// denied, with how many there are besides at that instant.
func (f *follower) violate(rule *property.Rule, e *endpoint, fl flow, w *window, at time.Duration) {
	if told, known := e.told[rule == letIn]; known {
		if told.look == e.looks {
			f.violations[told.violation].Others++
		}
		return
	}
	e.told[rule == letIn] = telling{len(f.violations), e.looks}
	direction := "ingress from"
	if fl.egress {
		direction = "egress to"
	}
	facts := property.Facts{
		Agent: e.agent, Kind: object.PodKind, Key: e.pod, At: at, Since: w.since,
		Note: fmt.Sprintf("%s %s on %s", direction, fl.peer.describe(), fl.port),
	}
	if fl.peer.labels != nil {
		facts.Identity = fl.peer.name
	}
	f.violations = append(f.violations, property.NewViolation(rule, facts, f.written, e.changed))
}

// describe names a peer in a sentence.
func (p *peer) describe() string {
	if p.labels == nil {
		return strings.Replace(p.of, "cidr:", "the network ", 1)
	}
	var labels []string
	for key, value := range p.labels {
		if key = strings.TrimPrefix(key, "k8s:"); !strings.HasPrefix(key, "io.") {
			labels = append(labels, key+"="+value)
		}
	}
	slices.Sort(labels)
	return fmt.Sprintf("identity %s (%s in %s)", p.name, property.Content(strings.Join(labels, " ")), p.labels["k8s:io.kubernetes.pod.namespace"])
}
