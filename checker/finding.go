package checker

import (
	"cmp"
	"slices"

	"github.com/meshcheck/meshcheck/checker/property"
)

// Finding is what was broken, without where and when: two runs that break the
// same property on the same kind of object show the same finding to those who
// make a run smaller, whatever the sentences say.
type Finding struct {
	Property string `json:"property"`
	Kind     string `json:"kind,omitempty"` // of the object: identity, endpoint, node, meta; empty for a property without
	// Cause is Violation.Cause's Name: which of the findings with a page it looks like. Empty: none.
	Cause string `json:"cause,omitempty"`
}

// String returns "property", "property of kind" or "property of kind by cause".
func (f Finding) String() string {
	text := f.Property
	if f.Kind != "" {
		text += " of " + f.Kind
	}
	if f.Cause != "" {
		text += " by " + f.Cause
	}
	return text
}

// compare orders findings by property, kind and cause.
func (f Finding) compare(g Finding) int {
	return cmp.Or(cmp.Compare(f.Property, g.Property), cmp.Compare(f.Kind, g.Kind), cmp.Compare(f.Cause, g.Cause))
}

// finding is the violation of a property without where and when.
func finding(v *property.Violation, of string) Finding {
	f := Finding{Property: of, Kind: v.Kind}
	if v.Cause != nil {
		f.Cause = v.Cause.Name()
	}
	return f
}

// Findings returns what the verdict says is broken, each once, in the order of
// properties, kinds and causes.
func (v Verdict) Findings() []Finding {
	var all []Finding
	for _, r := range v.Results {
		if r.Outcome != property.Fail {
			continue
		}
		var found []Finding
		for i := range r.Violations {
			found = append(found, finding(&r.Violations[i], r.Property))
		}
		slices.SortFunc(found, Finding.compare)
		all = append(all, slices.Compact(found)...)
	}
	return all
}

// First returns the instance of the finding that came first, if the verdict has
// one.
func (v Verdict) First(f Finding) (property.Violation, bool) {
	r, _ := v.Result(f.Property)
	for _, violation := range r.Violations {
		if finding(&violation, f.Property) == f {
			return violation, true
		}
	}
	return property.Violation{}, false
}
