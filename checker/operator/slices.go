package operator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

var Slices = property.Property{
	Name: mode.Slices,
	Promise: "Within a bound in which an operator leads undisturbed, which is 30 s and as long as its queue takes to let each slice pass twice, the CiliumEndpointSlices hold exactly the endpoints of live pods, " +
		"each once, with the pod's addresses and an identity of its labels; none is empty, and none that the operator has written ever holds more than its size. " +
		"A pod is owed that has addresses, a node that exists, an identity, and where slices are made of them a CiliumEndpoint; one that has ended and is still there may be in a slice or not. " +
		"Undisturbed it is while no fault strikes it or a kube-apiserver, and none has since it leads, for 125 s: what its clients take to notice, and its wait with a slice that it could not write.",
	Why:   "agents of other nodes know of a pod what its slice says: one that is missing cannot be reached, one that stays gives its identity to whoever gets the address; cilium 43635, 46800",
	Rules: []*property.Rule{notInSlice, goneInSlice, inTwo, otherIdentity, otherAddresses, emptySlice, overSize},
	Check: checkSlices,
	Step:  property.ByClient("operator", "the slices of the one that led are not what the pods are"),
}

func checkSlices(in *property.Input) property.Result {
	if why, is := nothing(in); is {
		return why
	}
	o := optionsOf(in)
	if !o.slices {
		return property.Inapplicable("endpoints are published as CiliumEndpoints, which agents write themselves: there are no slices")
	}
	s := sliced{in: in, options: o, state: object.NewState(in.History.Plan), lead: leadingOf(in), faults: map[subject]*wrong{}, emptied: map[string]map[string]bool{}, seen: map[string]bool{}}
	for i := range in.Records {
		if err := s.record(i, &in.Records[i]); err != nil {
			return property.Undecided("the history cannot be read: " + err.Error())
		}
	}
	end := in.Records[len(in.Records)-1].At
	for _, w := range s.inOrder() {
		s.end(w, end, true)
	}
	var quiet time.Duration
	for _, q := range s.lead.quiet {
		quiet += q.length()
	}
	measures := []property.Measure{property.NewMeasure(mode.Slices, "pod to slice", s.took[live]), property.NewMeasure(mode.Slices, "deleted pod to slice", s.took[gone])}
	if quiet < s.bound() {
		return property.Undecided(fmt.Sprintf("an operator led undisturbed for %s, which is less than the bound of %s", text.Seconds(quiet), text.Seconds(s.bound()))).Measured(measures...)
	}
	return property.Judged(fmt.Sprintf("%s in %s at most, in %s in which an operator led undisturbed", text.Count(len(s.seen), "pod"), text.Count(s.most, "slice"), text.Seconds(quiet)), s.violations).Measured(measures...)
}

// subject is a pod, by namespace and name, or a slice.
type subject struct{ kind, key string }

// The demands that slices are measured by.
const (
	live = iota // the pod is to be in a slice
	gone        // in none
	demands
)

// wrong is a subject that is not as it must be.
type wrong struct {
	subject
	demand string // what it must be
	rule   *property.Rule
	since  time.Duration
	record int32
	facts  property.Facts
}

// sliced follows what is wrong with slices, and since when.
type sliced struct {
	in         *property.Input
	options    options
	state      *object.State
	lead       leading
	faults     map[subject]*wrong
	emptied    map[string]map[string]bool // slices that are empty, by namespace
	took       [demands][]time.Duration
	seen       map[string]bool
	most       int
	violations []property.Violation
}

// bound is how long a change may take.
func (s *sliced) bound() time.Duration {
	bound := works + 2*time.Duration(s.most)*time.Second/slicePerSec
	if s.options.ofObjects { // of which an agent writes a relabelled pod's later
		bound += s.options.jitter
	}
	return bound
}

func (s *sliced) record(i int, r *history.Record) error {
	touched, err := s.state.Apply(i, r)
	if err != nil {
		return err
	}
	s.most = max(s.most, len(s.state.Slices))
	if touched.Slice != "" {
		s.size(i, r)
	}
	namespaces := map[string]bool{}
	for _, key := range touched.Pods {
		s.seen[key] = true
		demand, rule, facts := s.pod(key)
		s.note(subject{object.PodKind, key}, demand, rule, facts, i, r)
		namespace, _, _ := strings.Cut(key, "/")
		namespaces[namespace] = true
	}
	if touched.Slice != "" {
		s.slice(touched.Slice, i, r)
	}
	for _, namespace := range slices.Sorted(maps.Keys(namespaces)) {
		for _, name := range slices.Sorted(maps.Keys(s.emptied[namespace])) {
			s.slice(name, i, r)
		}
	}
	return nil
}

// size judges that a slice holds no more than it may.
func (s *sliced) size(i int, r *history.Record) {
	if n := len(s.state.Slices[r.Key].Endpoints); n > s.options.size && mode.Operator.Is(r.Peer) {
		s.violations = append(s.violations, property.NewViolation(overSize, property.Facts{Kind: object.SliceKind, Key: r.Key, At: r.At, Client: r.Peer, Counts: map[string]int{"endpoints": n, "size": s.options.size}}, int32(i)))
	}
}

// pod returns what a pod demands of slices, and what is wrong with it. A demand that is "" is none.
func (s *sliced) pod(key string) (demand string, rule *property.Rule, facts property.Facts) {
	p, in := s.state.Pods[key], s.state.Published[key]
	if p == nil {
		if len(in) > 0 {
			return "none", goneInSlice, property.Facts{Note: in[0].Slice, Shown: &property.Version{Value: in[0].String()}}
		}
		return "none", nil, facts
	}
	numbers := s.state.Numbers(p.Demands)
	if p.HostNetwork || p.Ending || p.Phase == "Succeeded" || p.Phase == "Failed" || len(p.IPs) == 0 || p.HostIP == "" || !s.state.Nodes[p.Node] || len(numbers) == 0 {
		return "", nil, facts
	}
	if _, made := s.state.Endpoints[key]; s.options.ofObjects && !made {
		return "", nil, facts // the agent's duty comes first
	}
	demand = strings.Join(append(slices.Clone(p.IPs), numbers...), ",")
	facts.Truth = &property.Version{Value: object.Endpoint{Identity: strings.Join(numbers, "|"), IPs: p.IPs}.String()}
	if len(in) == 0 {
		return demand, notInSlice, facts
	}
	facts.Note, facts.Shown = in[0].Slice, &property.Version{Value: in[0].String()}
	switch {
	case len(in) > 1:
		facts.Note += " and " + in[1].Slice
		return demand, inTwo, facts
	case !slices.Contains(numbers, in[0].Identity):
		return demand, otherIdentity, facts
	case !sameAddresses(in[0].IPs, p.IPs):
		return demand, otherAddresses, facts
	}
	return demand, nil, facts
}

// sameAddresses reports whether a slice has the addresses of a pod: of each family the last one
// at most, as it has room for one (Cilium: operator/pkg/ciliumendpointslice, GetPodEndpointNetworking).
func sameAddresses(in, of []string) bool {
	for _, ip := range in {
		if !slices.Contains(of, ip) {
			return false
		}
	}
	family := func(ips []string, v6 bool) bool {
		return slices.ContainsFunc(ips, func(ip string) bool { return strings.Contains(ip, ":") == v6 })
	}
	return family(in, false) == family(of, false) && family(in, true) == family(of, true)
}

// slice notes whether a slice is empty. One may be while there is a pod in its namespace that the
// operator knows and cannot publish yet.
func (s *sliced) slice(name string, i int, r *history.Record) {
	is, exists := s.state.Slices[name]
	for namespace := range s.emptied {
		delete(s.emptied[namespace], name)
	}
	var rule *property.Rule
	if exists && len(is.Endpoints) == 0 {
		if s.emptied[is.Namespace] == nil {
			s.emptied[is.Namespace] = map[string]bool{}
		}
		s.emptied[is.Namespace][name] = true
		if !slices.ContainsFunc(s.state.PodsIn(is.Namespace), func(key string) bool { return len(s.state.Published[key]) == 0 }) {
			rule = emptySlice
		}
	}
	s.note(subject{object.SliceKind, name}, "", rule, property.Facts{}, i, r)
}

// note keeps what is wrong with a subject after a record; a nil rule is nothing.
func (s *sliced) note(is subject, demand string, rule *property.Rule, facts property.Facts, i int, r *history.Record) {
	was := s.faults[is]
	if was != nil && (rule == nil || was.demand != demand) {
		s.end(was, r.At, false)
		if rule == nil && was.demand == demand && is.kind == object.PodKind {
			kind := live
			if demand == "none" {
				kind = gone
			}
			s.took[kind] = append(s.took[kind], r.At-was.since)
		}
		delete(s.faults, is)
		was = nil
	}
	if rule == nil {
		return
	}
	if was == nil {
		was = &wrong{subject: is, demand: demand, since: r.At, record: int32(i)}
		s.faults[is] = was
	}
	was.rule, was.facts = rule, facts
}

// end judges what was wrong until an instant.
func (s *sliced) end(w *wrong, until time.Duration, over bool) {
	longest, _ := within(span{w.since, until}, s.lead.quiet)
	if longest.length() <= s.bound() {
		return
	}
	f := w.facts
	f.Kind, f.Key, f.Since, f.At, f.After, f.Allowed = w.kind, w.key, w.since, longest.from+s.bound(), longest.length(), s.bound()
	if !over {
		f.Until = until
	}
	s.violations = append(s.violations, property.NewViolation(w.rule, f, w.record))
}

// inOrder are what is wrong in the end, in order of its beginning.
func (s *sliced) inOrder() []*wrong {
	var all []*wrong
	for _, w := range s.faults {
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b *wrong) int {
		if a.record != b.record {
			return int(a.record - b.record)
		}
		return strings.Compare(a.kind+a.key, b.kind+b.key)
	})
	return all
}

// The ways in which slices are wrong.
var (
	notInSlice = sliceRule("missing", func(f *property.Facts) string {
		return fmt.Sprintf("pod %s (%s) was in no slice", f.Key, f.Truth.Value)
	})
	goneInSlice = sliceRule("extra", func(f *property.Facts) string {
		return fmt.Sprintf("pod %s, which was deleted, stayed in %s (%s)", f.Key, f.Note, f.Shown.Value)
	})
	inTwo         = sliceRule("twice", func(f *property.Facts) string { return fmt.Sprintf("pod %s was in %s", f.Key, f.Note) })
	otherIdentity = sliceRule("identity", func(f *property.Facts) string {
		return fmt.Sprintf("pod %s (%s) was in %s as %s", f.Key, f.Truth.Value, f.Note, f.Shown.Value)
	})
	otherAddresses = sliceRule("addresses", func(f *property.Facts) string {
		return fmt.Sprintf("pod %s (%s) was in %s as %s", f.Key, f.Truth.Value, f.Note, f.Shown.Value)
	})
	emptySlice = sliceRule("empty", func(f *property.Facts) string { return fmt.Sprintf("slice %s was empty", f.Key) })
	overSize   = &property.Rule{Name: "size", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s wrote %d endpoints into slice %s at %s, which may hold %d", f.Client, f.Counts["endpoints"], f.Key, text.Seconds(f.At), f.Counts["size"])
	}}
)

func sliceRule(name string, what func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		until := "until the run ended"
		if f.Until != 0 {
			until = "until " + text.Seconds(f.Until)
		}
		return fmt.Sprintf("%s from %s %s: an operator led undisturbed for %s of it, and %s are enough", what(f), text.Seconds(f.Since), until, text.Seconds(f.After), text.Seconds(f.Allowed))
	}}
}
