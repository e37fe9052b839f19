package property

import (
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history/index"
)

// Rule is one way in which a property can be broken, or a mechanism be shown. How it
// reads is said by its Text and nowhere else: whoever wants to know what happened reads
// the facts, not the sentence.
type Rule struct {
	Name   string
	Family string              // of watches: a watch that breaks one rule of a family is not told of again for the others
	Text   func(*Facts) string // one sentence, without a full stop
}

// MarshalText is the rule's name. A rule that was read from its name has no Text until
// the reader has looked it up.
func (r *Rule) MarshalText() ([]byte, error) { return []byte(r.Name), nil }

func (r *Rule) UnmarshalText(name []byte) error {
	r.Name = string(name)
	return nil
}

// Violation is one instance in which a property was broken.
type Violation struct {
	Rule *Rule `json:"rule"`
	Facts
	Records []int  `json:"records,omitempty"` // indices of the records that prove it, in order of cause
	Cause   *Cause `json:"cause,omitempty"`   // nil if it looks like no finding
}

// NewViolation is the violation of a rule that records prove, of which those below zero are none.
func NewViolation(rule *Rule, facts Facts, records ...int32) Violation {
	v := Violation{Rule: rule, Facts: facts}
	for _, i := range records {
		if i >= 0 {
			v.Records = append(v.Records, int(i))
		}
	}
	return v
}

// Sentence says what happened.
func (v *Violation) Sentence() string { return v.Rule.Text(&v.Facts) }

// Cause is which finding a violation looks like by the records, or several where several
// entries are wrong, with what makes it look so. It is a suspicion (checker/mechanism).
type Cause struct {
	Proofs []Proof `json:"proofs"` // one of each mechanism
}

// Proof is what shows that a violation came about by a mechanism.
type Proof struct {
	Mechanism string `json:"mechanism"` // name of the page in testdata/findings, without ".md"
	Rule      *Rule  `json:"rule"`      // of the mechanism: in which way it shows
	Facts
	Records []int `json:"records,omitempty"` // in order of cause
}

// ByMechanism is the cause that a proof of one mechanism is.
func ByMechanism(name string, rule *Rule, facts Facts, records ...int) *Cause {
	return &Cause{Proofs: []Proof{{Mechanism: name, Rule: rule, Facts: facts, Records: records}}}
}

// Name is the mechanism's, or those of all, sorted.
func (c *Cause) Name() string {
	names := make([]string, len(c.Proofs))
	for i := range c.Proofs {
		names[i] = c.Proofs[i].Mechanism
	}
	slices.Sort(names)
	return strings.Join(names, " + ")
}

// Sentence says what shows it.
func (c *Cause) Sentence() string {
	said := make([]string, len(c.Proofs))
	for i := range c.Proofs {
		said[i] = c.Proofs[i].Rule.Text(&c.Proofs[i].Facts)
	}
	return strings.Join(said, "; ")
}

// Records are those of all proofs.
func (c *Cause) Records() (all []int) {
	for i := range c.Proofs {
		all = append(all, c.Proofs[i].Records...)
	}
	return all
}

// Violation returns the violation of a rule by an event, proven by its record and others
// before it. The facts get the agent, the entry and the instant.
func (in *Input) Violation(rule *Rule, ev index.Event, facts Facts, before ...int32) Violation {
	r := &in.Records[ev.Record]
	facts.Agent, facts.Layer, facts.Kind, facts.Key, facts.At = r.Actor, LayerOf(ev.Layer), r.Kind, r.Key, r.At
	return NewViolation(rule, facts, append(before, ev.Record)...)
}
