package checker

import (
	"cmp"
	"slices"
)

// Finding is what was broken, without where and when: two runs that break the
// same property on the same kind of object show the same finding to those who
// make a run smaller, whatever the sentences say.
type Finding struct {
	Property string `json:"property"`
	Kind     string `json:"kind,omitempty"` // of the object: identity, endpoint, node, meta; empty for a property without
}

// String returns "property" or "property of kind".
func (f Finding) String() string {
	if f.Kind == "" {
		return f.Property
	}
	return f.Property + " of " + f.Kind
}

// Findings returns what the verdict says is broken, each once, in the order of
// properties and kinds.
func (v Verdict) Findings() []Finding {
	var all []Finding
	for _, r := range v.Results {
		if r.Outcome != Fail {
			continue
		}
		var kinds []string
		for i := range r.Violations {
			kinds = append(kinds, r.Violations[i].Kind)
		}
		slices.SortFunc(kinds, cmp.Compare)
		for _, kind := range slices.Compact(kinds) {
			all = append(all, Finding{r.Property, kind})
		}
	}
	return all
}

// First returns the instance of the finding that came first, if the verdict has
// one.
func (v Verdict) First(f Finding) (Violation, bool) {
	r, _ := v.Result(f.Property)
	for _, violation := range r.Violations {
		if violation.Kind == f.Kind {
			return violation, true
		}
	}
	return Violation{}, false
}
