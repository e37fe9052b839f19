package life

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
	"github.com/meshcheck/meshcheck/report"
)

// Subject is what a violation is about, as far as it is part of a life.
type Subject struct {
	Entry  index.EntryKey // empty: none that views have
	Agent  string         // whose view or datapath it is about, or who asked; may be empty
	Record int            // at which it came to be
	Step   property.Step  // whose step was wrong, if the property says so; else the entry's way shows it
}

// About returns what a violation is about: the entry that it names or, if it is about an
// object or a key, the one that comes of it.
func About(x *index.Index, v report.Numbered) Subject {
	s := Subject{Record: instant(x, v), Step: stepOf(x, v)}
	s.Agent = cmp.Or(v.Agent, s.Agent)
	if slices.Contains(x.Views.Agents, v.Client) {
		s.Agent = cmp.Or(s.Agent, v.Client)
	}
	if len(v.Differences) > 0 {
		s.Agent = cmp.Or(s.Agent, v.Differences[0].Agent)
	}
	if len(x.Views.Agents) == 0 {
		return s
	}
	if v.Identity != "" { // an endpoint without its identity: it is about that one, unless it is the endpoint that ought to be gone
		began := max(0, x.By(v.Since)-1)
		if number, known := x.Views.Number(schema.Identity, v.Identity); known && len(live(&x.Views.Entries[number], began)) > 0 {
			s.Entry, s.Record = index.EntryKey{Kind: schema.Identity, Key: v.Identity}, began
			return s
		}
	}
	for _, it := range namedIn(v) {
		if entry, known := entryOf(x, it.Kind, it.Key); known {
			s.Entry = entry
			break
		}
	}
	return s
}

// namedIn are the kinds and keys that a violation names, the closest to its matter first.
func namedIn(v report.Numbered) (all []index.EntryKey) {
	if len(v.Differences) > 0 && v.Differences[0].Key != "" {
		d := v.Differences[0]
		all = append(all, index.EntryKey{Kind: cmp.Or(d.Kind, v.Kind), Key: d.Key})
	}
	if len(v.Differences) > 0 && v.Differences[0].Kind == schema.Identity && len(v.Owners) > 0 { // the owner's, which an agent lacks
		_, number, _ := strings.Cut(v.Owners[0], "with identity ")
		all = append(all, index.EntryKey{Kind: schema.Identity, Key: number})
	}
	all = append(all, index.EntryKey{Kind: v.Kind, Key: v.Key})
	for _, version := range []*property.Version{v.Shown, v.Truth, v.Before} {
		if version != nil && version.Key != "" {
			all = append(all, index.EntryKey{Kind: cmp.Or(version.Kind, v.Kind), Key: version.Key})
		}
	}
	return all
}

// entryOf finds the entry of a kind and key, of an etcd's key, of an object, or of a pod.
func entryOf(x *index.Index, kind, key string) (entry index.EntryKey, known bool) {
	keys := []index.EntryKey{{Kind: kind, Key: key}}
	if of, name := schema.EntryOf(key); of != nil {
		keys = []index.EntryKey{{Kind: of.Name, Key: strings.TrimPrefix(key, of.Prefix)}, {Kind: of.Name, Key: name}}
	}
	for _, k := range keys {
		if _, known := x.Views.Number(k.Kind, k.Key); known && k.Key != "" {
			return k, true
		}
	}
	last := int32(-1)
	for i := range x.Views.Entries { // the one that is true last
		e := &x.Views.Entries[i]
		for _, t := range e.Truths {
			r := &x.Records[t]
			ofKind, name := ownerOf(r.Owner)
			if t > last && (ofKind == kind && name == key || kind == object.PodKind && index.PossessionOf(r.Value).Pod() == key) {
				last, entry = t, index.EntryKey{Kind: e.Kind, Key: e.Key}
			}
		}
	}
	return entry, last >= 0
}

// stepOf is the step that the property of a violation says was wrong. Which operator it was that led is
// looked up.
func stepOf(x *index.Index, v report.Numbered) property.Step {
	i := slices.IndexFunc(checker.Properties(), func(p checker.Property) bool { return p.Name == v.Property })
	if i < 0 || checker.Properties()[i].Step == nil {
		return property.Step{}
	}
	step := checker.Properties()[i].Step(v.Violation)
	if step.Host == "" && step.Part == "operator" {
		for _, r := range slices.Backward(x.Records[:x.By(v.At)]) {
			if r.Verb == history.Write && r.Kind == "Lease" && mode.Operator.Is(r.Peer) {
				step.Host = r.Peer
				break
			}
		}
	}
	return step
}

// instant is the record at which a violation came to be.
func instant(x *index.Index, v report.Numbered) int {
	last := -1
	for _, i := range v.Records {
		if i < len(x.Records) && x.Records[i].At == v.At {
			last = max(last, i)
		}
	}
	if last >= 0 {
		return last
	}
	return max(0, x.By(v.At)-1)
}

// AgentIn is the agent that the violation of an entry is about: the one that it names or whose record it is
// or, where an agent lacks the entry, the first that never had it.
func (s *Subject) AgentIn(x *index.Index) string {
	number, _ := x.Views.Number(s.Entry.Kind, s.Entry.Key)
	if actor := x.Records[s.Record].Actor; s.Agent == "" && slices.Contains(x.Views.Agents, actor) {
		return actor
	}
	var had, never string
	for a, name := range slices.Backward(x.Views.Agents) {
		if x.Views.SlotOf(int32(a), index.View, number) < 0 {
			never = name
		} else {
			had = name
		}
	}
	if s.Step.Part == "" {
		return cmp.Or(s.Agent, never, had)
	}
	return cmp.Or(s.Agent, had, never)
}

// Violation adds to a life who said what when a violation of its entry came to be.
func (l *Life) Violation(x *index.Index, v report.Numbered, s Subject) {
	l.Explain(x, s.AgentIn(x), s.Record, title(v), s.Step)
}

func title(v report.Numbered) string {
	return fmt.Sprintf("violation %d, of %s: %s", v.Number, v.Property, v.Sentence())
}

// longest is how much of a record a step shows; a list can have thousands of keys.
const longest = 300

// OfViolation tells what there is to tell of a violation that is about no entry of a view: what became of
// the hosts that it names, what was written of the object that it names, and the records that prove it.
func OfViolation(x *index.Index, v report.Numbered) *Life {
	s := About(x, v)
	l := &Life{Kind: v.Kind, Key: v.Key}
	hosts := []string{v.Agent, v.Client, v.Server, s.Step.Host}
	Tell(x, func(entry int32, step Step) {
		if entry != OfHosts || step.Part != Fault && step.Where != "world" && !slices.Contains(hosts, hostIn(step.Where)) {
			return
		}
		l.Steps = append(l.Steps, step)
	})
	proof := func(i int, part Part) {
		r := &x.History.Records[i] // also of those after the end, which count what was left
		_, said, _ := strings.Cut(r.String(), " "+r.Actor+" ")
		if len(said) > longest {
			said = said[:longest] + "..."
		}
		if !slices.ContainsFunc(l.Steps, func(s Step) bool { return s.Record == i }) {
			l.Steps = append(l.Steps, Step{At: r.At, Record: i, Part: part, Where: r.Actor, Text: said})
		}
	}
	for i := range x.Records {
		if r := &x.Records[i]; v.Key != "" && r.Verb == history.Write && r.Kind == v.Kind && r.Key == v.Key {
			proof(i, Truth)
		}
	}
	for _, i := range v.Records {
		proof(i, Proof)
	}
	slices.SortStableFunc(l.Steps, func(a, b Step) int { return cmp.Compare(a.Record, b.Record) })
	c := Chain{Agent: s.Agent, At: v.At, Record: s.Record, Why: title(v)}
	c.on(x)
	c.known(s.Step)
	if c.Wrong == "" { // a property of views, of what no view and no truth has
		c.known(property.Step{Host: s.Agent, Part: "reader", What: "it does not show what its source holds, which nothing makes true"})
	}
	l.add(c)
	return l
}
