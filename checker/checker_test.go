package checker

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

func judge(t *testing.T, fragment string) Verdict {
	records, err := history.Parse(fragment)
	require.NoError(t, err)
	v := Check(index.New(&history.History{Records: records}), Config{})
	for _, r := range v.Results {
		require.Equal(t, r.Outcome == property.Fail, len(r.Violations) > 0, r.Property)
		require.NotEmpty(t, r.Evidence, r.Property)
		for _, violation := range r.Violations {
			require.True(t, hasRule(r.Property, violation.Rule), "%s: %s is none of its rules", r.Property, violation.Rule.Name)
			require.NotEmpty(t, violation.Records, violation.Sentence())
		}
	}
	return v
}

// hasRule reports whether a rule is one of a property's.
func hasRule(name string, rule *property.Rule) bool {
	for _, p := range Properties() {
		if p.Name == name {
			return slices.Contains(p.Rules, rule)
		}
	}
	return false
}

func TestProperties(t *testing.T) {
	names := map[string]bool{}
	for _, p := range Properties() {
		require.False(t, names[p.Name], p.Name)
		names[p.Name] = true
		require.NotEmpty(t, p.Promise)
		require.NotEmpty(t, p.Why)
		require.NotEmpty(t, p.Rules, p.Name)
		rules := map[string]bool{}
		for _, rule := range p.Rules {
			require.NotEmpty(t, rule.Name, p.Name)
			require.False(t, rules[rule.Name], "%s: %s", p.Name, rule.Name)
			rules[rule.Name] = true
		}
	}
}

func TestNothingToJudgeIsUnknown(t *testing.T) {
	v := judge(t, "")
	require.Equal(t, property.Unknown, v.Outcome())
	for _, r := range v.Results {
		require.Equal(t, property.Unknown, r.Outcome, r.Property)
	}
}

func TestVerdict(t *testing.T) {
	verdict := func(outcomes ...property.Outcome) Verdict {
		var v Verdict
		for i, o := range outcomes {
			v.Results = append(v.Results, property.Result{Property: fmt.Sprint("p", i), Outcome: o})
		}
		return v
	}
	require.Equal(t, []string{"p1"}, verdict(property.Pass, property.Fail).Broken())
	r, ok := verdict(property.Pass, property.Fail).Result("p1")
	require.True(t, ok)
	require.Equal(t, property.Fail, r.Outcome)
	_, ok = verdict(property.Pass).Result("p1")
	require.False(t, ok)
}
