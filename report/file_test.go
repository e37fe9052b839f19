package report

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/stores"
	"github.com/meshcheck/meshcheck/checker/views"
)

// leasesBroken is a run whose only violation has a known cause.
func leasesBroken() *Run {
	orphaned := checker.Mechanisms()[0].Rules[0]
	return &Run{
		Name: "a.history", PlanErr: os.ErrInvalid, Hash: "abc123", Virtual: time.Minute, Records: 7,
		Verdict: checker.Verdict{
			Results: []checker.Result{
				{Property: "integrity", Outcome: checker.Pass, Evidence: "all <seen>"},
				{Property: "leases", Outcome: checker.Fail, Promised: true, Evidence: "1 lease", Violations: []checker.Violation{{
					Rule: stores.Leases.Rules[0], Records: []int{3, 4},
					Facts: checker.Facts{Server: "r0", Store: "s0", Kind: "meta", Key: "k", At: 3 * time.Second, Shown: &checker.Version{Gone: true, Rev: 5}, Counts: map[string]int{"keys": 2}},
					Cause: &checker.Cause{Proofs: []checker.Proof{{Mechanism: checker.Mechanisms()[0].Name, Rule: orphaned, Records: []int{1},
						Facts: checker.Facts{Server: "r0", Shown: &checker.Version{}, Truth: &checker.Version{}}}}},
				}}},
				{Property: "load", Outcome: checker.Unknown, Evidence: "nothing", Measures: []checker.Measure{{Name: "requests", N: 3, P50: 1.5, P99: 2, Max: 2}}},
			},
			Unfired: []checker.Unfired{{Fault: 1, Kind: "reset", Why: "nobody was there"}},
			Idle:    []checker.Unfired{{Fault: 2, Kind: "partition", Why: "cut:0"}},
		},
	}
}

func TestVerdictIsReadBack(t *testing.T) {
	run := leasesBroken()
	run.Churn, run.Shutdown = 5*time.Second, 6*time.Second
	file := run.EncodeVerdict()
	read, err := ReadVerdict("v", file)
	require.NoError(t, err)
	require.Equal(t, run.Verdict, read.Verdict)
	require.Equal(t, []time.Duration{run.Churn, run.Virtual, run.Shutdown}, []time.Duration{read.Churn, read.Virtual, read.Shutdown})
	require.EqualError(t, read.PlanErr, run.PlanErr.Error())
	require.Equal(t, file, read.EncodeVerdict())
	require.Equal(t, `etcd of r0 (store s0): "k" was deleted at rev 5 at 3.000s, which nobody asked for, and it had no lease`, read.Verdict.Results[1].Violations[0].Sentence())

	planned := broken()
	planned.Verdict = run.Verdict
	read, err = ReadVerdict("v", planned.EncodeVerdict())
	require.ErrorContains(t, err, "v: plan:1: version: the file form has version 1", "the plan is read as strictly")
	require.Nil(t, read)
}

func TestVerdictRefusals(t *testing.T) {
	file := string(leasesBroken().EncodeVerdict())
	for _, c := range []struct{ old, new, want string }{
		{`"version": 1`, `"version": 2`, `v:2: version: the file form has version 2; a verdict that this program reads has version 1`},
		{` "version": 1,` + "\n", ``, `v:1: version: the version of the file form is missing; a verdict that this program reads has version 1`},
		{`"load"`, `"loads"`, `v:58: results[2].property: found "loads"; want one of integrity, monotonic, `},
		{`"unknown"`, `"skipped"`, `v:59: results[2].outcome: found "skipped"; want one of pass, fail, unknown, not applicable, mistake`},
		{`"outcome": "fail"`, `"outcome": "pass"`, `results[1].violations: a property has violations if its outcome is fail, and else none; found 1 and the outcome pass`},
		{`"deleted-unasked"`, `"deleted"`, `results[1].violations[0].rule: want one of deleted-unasked, expired-early, expired-undisturbed, not-put-back`},
		{`"rule": "orphaned"`, `"rule": "x"`, `results[1].violations[0].cause.proofs[0].rule: want one of orphaned`},
		{`"writer-restart-orphans"`, `"gremlins"`, `results[1].violations[0].cause.proofs[0].mechanism: found "gremlins"; want one of writer-restart-orphans, `},
		{`"rule": "deleted-unasked"`, `"rule": "not-put-back", "shown": null`, `shown: found null; want an object`},
		{`"planError": "invalid argument",`, ``, `v:1: plan: want either plan or planError, which says why there is none`},
		{`"keys": 2`, `"keys": 2.5`, `results[1].violations[0].counts.keys: found 2.5; want a whole number`},
		{`"keys": 2`, `"keys": 2, "keys": 3`, `results[1].violations[0].counts.keys: the field is given twice`},
		{`"p50": 1.5`, `"p50": "x"`, `results[2].measures[0].p50: found "x"; want a number`},
		{`"hash": "abc123"`, `"hash": null`, `v:4: hash: found null; want text in quotes`},
		{`"unfired"`, `"fired"`, `a verdict has no field "fired"; its fields are version, name,`},
	} {
		require.Equal(t, 1, strings.Count(file, c.old), c.old)
		_, err := ReadVerdict("v", []byte(strings.Replace(file, c.old, c.new, 1)))
		require.ErrorContains(t, err, c.want)
		require.True(t, strings.HasPrefix(err.Error(), "v:"), err.Error())
	}
	unshown := leasesBroken()
	unshown.Verdict.Results[1].Violations[0].Shown = nil
	_, err := ReadVerdict("v", unshown.EncodeVerdict())
	require.ErrorContains(t, err, "results[1].violations[0]: facts are missing that the rule deleted-unasked tells")
	_, err = ReadVerdict("v", nil)
	require.EqualError(t, err, "v: the file is empty; a verdict is a JSON object, and simrun check -verdict FILE HISTORY writes one")
	_, err = ReadVerdict("v", []byte{0xff})
	require.EqualError(t, err, "v: this is not a verdict but binary data; a verdict is a JSON object, and simrun check -verdict FILE HISTORY writes one")
	_, err = ReadVerdict("v", []byte(file+"{}"))
	require.ErrorContains(t, err, "there is text after the verdict; a file holds one verdict")
	_, err = ReadVerdict("v", []byte(`{"version": 1}`))
	require.EqualError(t, err, "v:1: results: want the result of each property")
}

// Each field of the file form stands in docs/verdict.md.
func TestVerdictFieldsAreDocumented(t *testing.T) {
	document, err := os.ReadFile("../docs/verdict.md")
	require.NoError(t, err)
	for _, form := range []any{verdictFile{}, checker.Result{}, checker.Violation{}, checker.Facts{}, checker.Version{}, checker.Difference{}, checker.Cause{}, checker.Proof{}, checker.Measure{}, checker.Unfired{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(form)) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				require.Contains(t, string(document), "| `"+name+"` |", "of %T", form)
			}
		}
	}
}

// A sentence is made of facts that JSON has: nothing is lost on the way.
func TestFactsGoThroughJSON(t *testing.T) {
	v := leasesBroken().Verdict.Results[1].Violations[0]
	text, err := json.Marshal(v)
	require.NoError(t, err)
	var back checker.Violation
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, v.Facts, back.Facts)
	require.Equal(t, v.Rule.Name, back.Rule.Name)
	require.Contains(t, views.Monotonic.Rules, views.MonotonicSession.Rules[0], "one rule may be of several properties")
}
