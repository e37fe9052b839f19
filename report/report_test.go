package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	properties "github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/fault"
)

// says is a rule whose violations read so.
func says(text string) *checker.Rule {
	return &checker.Rule{Name: "says", Text: func(*checker.Facts) string { return text }}
}

func violation(at time.Duration, sentence string, records ...int) checker.Violation {
	return checker.Violation{Rule: says(sentence), Facts: checker.Facts{Agent: "a3", Kind: "identity", Key: "70000", At: at}, Records: records}
}

// broken is a run with one property of each outcome.
func broken() *Run {
	return &Run{
		Name: "seed 7",
		Plan: &fault.Plan{Version: 1, Seed: 7, Mode: "clustermesh"},
		Verdict: checker.Verdict{Results: []checker.Result{
			{Property: "integrity", Outcome: checker.Pass, Evidence: "4,211 entries seen by 6 agents, each existed before"},
			{Property: "monotonic", Outcome: checker.Fail, Promised: true, Evidence: "5 steps back among 4,211", Violations: []checker.Violation{
				violation(12400*time.Millisecond, "agent a3 went back in time", 318, 402),
				violation(13*time.Second, "the second"),
				violation(14*time.Second, "the third"),
				violation(15*time.Second, "the fourth"),
				violation(16*time.Second, "the fifth"),
			}},
			{Property: "convergence", Outcome: checker.Unknown, Evidence: "there is no heal phase"},
		}},
		Hash:          "abc123",
		Virtual:       663250 * time.Millisecond,
		Wall:          710 * time.Millisecond,
		Checking:      80 * time.Millisecond,
		Records:       23456,
		PeakMemory:    113 << 20,
		Deterministic: true,
		Commands:      []Command{{"replay", "simrun -seed 7"}},
	}
}

func TestVerdictText(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteVerdict(&b, broken(), Style{}))
	require.Equal(t, `
verdict     FAIL: 1 of 3 properties broken; 5 violations look like no finding; 1 of 3 properties could not be decided, which is not a pass
12.400s     looks like no finding: monotonic; 5 violations; agent a3
            agent a3 went back in time [violation 1; history lines 321, 405]
undecided   convergence: there is no heal phase
holds       1 of 3 properties of the control plane; 0 of 0 guarantees of the servers that it stands on (-v shows them)

run         663.250s of virtual time in 0.71s of wall time, 934 times as fast; 23,456 events; 113 MiB; checked in 0.08s
of          a history does not say what code it is of: that of its run
trace       sha256 abc123
replay      simrun -seed 7
`, b.String())

	b.Reset()
	require.NoError(t, WriteVerdict(&b, broken(), Style{All: true}))
	require.Contains(t, b.String(), `
the control plane:
  pass      integrity    4,211 entries seen by 6 agents, each existed before
  FAIL      monotonic    5 violations
         12.400s  agent a3 went back in time [violation 1; history lines 321, 405]
         13.000s  the second [violation 2]
         14.000s  the third [violation 3]
         15.000s  the fourth [violation 4]
         16.000s  the fifth [violation 5]
                  of 5 steps back among 4,211
  unknown   convergence  there is no heal phase

run `)
}

// What came about by one mechanism is one line, whatever it broke and for whom.
func TestGroups(t *testing.T) {
	known := func(at time.Duration, agent string) checker.Violation {
		v := violation(at, "it is too old", 3)
		v.Agent = agent
		v.Cause = &checker.Cause{Proofs: []checker.Proof{{Mechanism: "writer-restart-orphans", Rule: says("the writer restarted"), Records: []int{7}}}}
		return v
	}
	r := &Run{Plan: &fault.Plan{}, Verdict: checker.Verdict{Results: []checker.Result{
		{Property: "monotonic", Outcome: checker.Fail, Evidence: "so", Violations: []checker.Violation{known(9*time.Second, "a1"), violation(10*time.Second, "new")}},
		{Property: "staleness", Outcome: checker.Fail, Promised: true, Evidence: "so", Violations: []checker.Violation{known(8*time.Second, "a0"), known(9*time.Second, "a1")},
			Measures: []checker.Measure{properties.NewMeasure("staleness", "views", []time.Duration{90 * time.Second, time.Second}), properties.NewMeasure("staleness", "datapaths", []time.Duration{time.Second})}},
		{Property: "etcd-watch", Outcome: checker.Fail, Promised: true, Evidence: "so", Violations: []checker.Violation{violation(11*time.Second, "an event came twice")}},
	}}}
	var b bytes.Buffer
	require.NoError(t, WriteVerdict(&b, r, Style{}))
	_, text, _ := strings.Cut(b.String(), "\nverdict     ")
	text, _, _ = strings.Cut(text, "\nrun ")
	require.Equal(t, `FAIL: 3 of 3 properties broken (2 that the mode promises, 1 that it does not); 2 violations look like no finding
10.000s     looks like no finding: monotonic (not promised by the mode); 1 violation; agent a3
            new [violation 2]
11.000s     looks like no finding: etcd-watch; 1 violation; agent a3
            an event came twice [violation 5]
8.000s      looks like writer-restart-orphans (Cilium's; testdata/findings/writer-restart-orphans.md): monotonic (not promised by the mode), staleness; 3 violations; agents a0, a1
            it is too old [violation 3; history line 6]
            shown by: the writer restarted [history line 10]
holds       0 of 2 properties of the control plane; 0 of 1 guarantees of the servers that it stands on (-v shows them)
DOUBT       etcd-watch: where a guarantee of the servers is broken, doubt the world before Cilium
stood out   staleness, views: p50 1.000s, p99 90.000s, max 90.000s of 2
`, text)
}

// On a terminal a verdict fits on one screen: news stands first and whole, and of known
// mechanisms as many as there is room for.
func TestVerdictsFold(t *testing.T) {
	var violations []checker.Violation
	for i := range 9 {
		v := violation(time.Duration(i)*time.Second, "it went wrong", i)
		v.Cause = &checker.Cause{Proofs: []checker.Proof{{Mechanism: fmt.Sprintf("mechanism-%d", i), Rule: says("so it was")}}}
		violations = append(violations, v)
	}
	violations = append(violations, violation(time.Hour, "unheard of", 9))
	r := &Run{Plan: &fault.Plan{}, Verdict: checker.Verdict{Results: []checker.Result{{Property: "monotonic", Outcome: checker.Fail, Evidence: "so", Violations: violations}}}}
	written := func(style Style) string {
		var b bytes.Buffer
		require.NoError(t, WriteVerdict(&b, r, style))
		return b.String()
	}
	folded := written(Style{Width: 100, Height: 30})
	require.Less(t, strings.Count(folded, "\n"), 30)
	require.Less(t, strings.Index(folded, "unheard of"), strings.Index(folded, "mechanism-0"), "news comes first")
	require.Regexp(t, `(?m)^and +[56] findings more that it looks like, with the numbers of their violations: mechanism-[34] 1,`, folded)
	require.Contains(t, folded, "\nfolded      the run (-v shows all)\n")
	for i := range 5 {
		r.Verdict.Results[0].Violations = append(r.Verdict.Results[0].Violations, violation(2*time.Hour, strings.Repeat("something long ", 30), i))
		r.Verdict.Results = append(r.Verdict.Results, checker.Result{Property: fmt.Sprintf("property-%d", i), Outcome: checker.Fail, Violations: []checker.Violation{violation(time.Hour, strings.Repeat("it is new ", 20), i)},
			Measures: []checker.Measure{properties.NewMeasure("m", "", []time.Duration{time.Hour})}})
	}
	r.Commands = []Command{{"replay", "simrun -seed 1"}, {"keep", "simrun " + strings.Repeat("-flag ", 30)}}
	for _, size := range [][2]int{{80, 24}, {100, 24}, {80, 30}, {120, 40}, {120, 50}, {200, 50}} {
		text := written(Style{Width: size[0], Height: size[1]})
		require.Less(t, rows(text, size[0]), size[1], "%v", size)
		require.Contains(t, text, "\nreplay      simrun -seed 1\n")
		require.Contains(t, text, "property-4", "all that is new is there")
		require.Less(t, rows(text, size[0]), rows(written(Style{Width: size[0], Height: size[1], All: true}), size[0]))
	}
	require.NotContains(t, written(Style{}), "findings more", "what is no terminal gets all")

	colored := written(Style{Width: 100, Color: true})
	require.Contains(t, colored, "\x1b[31mlooks like no finding\x1b[0m")
	require.Contains(t, colored, "\x1b[33mlooks like mechanism-0")
	require.Equal(t, written(Style{Width: 100}), regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(colored, ""), "colours change nothing else")
}

func TestRowsAreWrapped(t *testing.T) {
	var b bytes.Buffer
	out := NewOutput(&b, Style{Width: 34})
	out.Row("breaks      ", "identity %s is not of a pod", strings.Repeat("k8s:a=b;", 6))
	out.Command("replay      ", "simrun -plan a/long/path/to/a/plan.json -worker w")
	require.NoError(t, out.Flush())
	require.Equal(t, `breaks      identity
            k8s:a=b;k8s:a=b;k8s:a=
            b;k8s:a=b;k8s:a=b;k8s:
            a=b; is not of a pod
replay      simrun -plan a/long/path/to/a/plan.json -worker w
`, b.String())
}

func TestHeadlines(t *testing.T) {
	outcomes := func(outcomes ...checker.Outcome) (v checker.Verdict) {
		for _, outcome := range outcomes {
			v.Results = append(v.Results, checker.Result{Outcome: outcome, Promised: true})
		}
		return v
	}
	require.Equal(t, "pass: all 2 properties hold", Headline(outcomes(checker.Pass, checker.Pass)))
	require.Equal(t, "UNKNOWN: nothing was judged", Headline(outcomes()))
	require.Equal(t, "FAIL: 1 of 2 properties broken; every violation looks like a finding (suspected; simrun judge measures it)", Headline(outcomes(checker.Pass, checker.Fail)))
	require.Equal(t, "UNKNOWN: no property is broken; 1 of 2 properties could not be decided, which is not a pass", Headline(outcomes(checker.Pass, checker.Unknown)))
}

func TestNotesBeforeRelyingOnAReplay(t *testing.T) {
	r := broken()
	require.Empty(t, notes(r))
	r.Unseeded, r.Reruns = 2, 3
	require.Equal(t, []string{
		"the seed did not determine 2 events, such as a slow system call: this run may not replay",
		"the plan was run again 3 times because the seed had not determined every event",
	}, notes(r))
	logged := broken()
	logged.Logged = true
	require.Equal(t, []string{"writing the log can change the trace, and with it what breaks: this trace is that of the run with -log"}, notes(logged))
	r.Deterministic, r.Reruns = false, 0
	require.Equal(t, []string{"the stock Go runtime was used: the seed fixes the plan and not the execution, so this run does not replay"}, notes(r))
	require.Empty(t, notes(&Run{}), "a history from a file was not run now")
}

func TestPlanText(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WritePlan(&b, broken(), Style{}))
	require.True(t, strings.HasPrefix(b.String(), "seed 7\n  mode      clustermesh, "), b.String())
	b.Reset()
	require.NoError(t, WritePlan(&b, &Run{Name: "old.history", PlanErr: errors.New("line 2:1: version: 9")}, Style{}))
	require.Equal(t, "old.history\n  plan      cannot be shown: line 2:1: version: 9\n", b.String())
}

func TestRunJSON(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, broken().WriteJSON(&b, true))
	require.Equal(t, 1, strings.Count(b.String(), "\n"))
	var form runJSON
	require.NoError(t, json.Unmarshal(b.Bytes(), &form))
	require.Equal(t, Header{Version: 1, Kind: "run"}, form.Header)
	require.Equal(t, "fail", form.Outcome)
	require.Len(t, form.Properties, 3)
	require.Equal(t, violationJSON{AtSeconds: 12.4, Rule: "says", Agent: "a3", Kind: "identity", Key: "70000", Sentence: "agent a3 went back in time", Records: []int{318, 402}, Lines: []int{321, 405}}, form.Properties[1].Violations[0])
	require.Contains(t, string(form.Plan), `"seed":7`)
	b.Reset()
	require.NoError(t, broken().WriteJSON(&b, false))
	require.NotContains(t, b.String(), `"plan"`)
	require.NotContains(t, b.String(), "null")
}

func TestSummary(t *testing.T) {
	s := Summary{Seeds: 2000, Elapsed: 100 * time.Second}
	good := &Run{
		Verdict: checker.Verdict{Results: []checker.Result{{Property: "integrity"}, {Property: "monotonic"}, {Property: "convergence"}}},
		Virtual: 660 * time.Second, Wall: 800 * time.Millisecond, Checking: 200 * time.Millisecond, Records: 1000, Deterministic: true, PeakMemory: 120 << 20,
	}
	for i := range good.Verdict.Results {
		good.Verdict.Results[i].Outcome = checker.Pass
	}
	for seed := range uint64(90) {
		s.Add(seed, good)
	}
	for seed := uint64(99); seed >= 90; seed-- { // results come in any order
		r := broken()
		if seed == 98 {
			v := violation(time.Second, "it is known")
			v.Cause = &checker.Cause{Proofs: []checker.Proof{{Mechanism: "writer-restart-orphans", Rule: says("")}}}
			r.Verdict.Results[0] = checker.Result{Property: "integrity", Outcome: checker.Fail, Violations: []checker.Violation{v}}
		}
		s.Add(seed, r)
	}
	unseeded := *good
	unseeded.Unseeded, unseeded.Reruns = 1, 3
	s.Add(100, &unseeded)
	s.AddFailure(Failure{Seed: 102, Kind: "hang", Message: "the worker hangs", Kept: "/c/102"})
	s.AddFailure(Failure{Seed: 101, Kind: "crash", Message: "the worker ended", Kept: "/c/101"})
	s.Note = "stopped before all seeds were run"

	require.Equal(t, 103, s.Done())
	require.Equal(t, 10, s.Failing())
	require.Equal(t, 2, s.Failed())
	require.Equal(t, 10, s.News())
	require.Equal(t, 10, s.Unsure())

	s.Code = &Code{Cilium: "../cilium (git 0123456789ab on main)", Etcd: "v3", ClientGo: "v0.36", Go: "go1.26", Worker: "w", Hash: "ab"}
	s.Replay = func(seed uint64) string { return fmt.Sprintf("simrun -seed %d", seed) }
	var b bytes.Buffer
	require.NoError(t, s.WriteText(&b, Style{}))
	require.Equal(t, `suspected 10 of 103 seeds with what looks like no finding; 1 with what looks like 1 finding (-judge measures it): writer-restart-orphans 1
  unlike  monotonic of identity: monotonic; seeds 90, 91, 92, 93, 94, 95, 96, 97 and 2 more
          agent a3 went back in time
  replay  simrun -seed 90
  suspect looks like writer-restart-orphans (Cilium's; testdata/findings/writer-restart-orphans.md): integrity; seeds 98
          it is known
  replay  simrun -seed 98
undecided convergence, which is not a pass: seeds 90, 91, 92, 93, 94, 95, 96, 97 and 2 more; the first: there is no heal phase
FAILURE   seed 101 gave no history (crash): the worker ended; kept in /c/101
FAILURE   seed 102 gave no history (hang): the worker hangs; kept in /c/102
seeds     103 of 2,000: 91 pass, 10 fail, 0 unknown, 2 without a history
note      stopped before all seeds were run
of        cilium ../cilium (git 0123456789ab on main), etcd v3, client-go v0.36, go1.26, worker w (ab)
time      18h31m33s of virtual time in 1m40s: 1.0 seeds/s; workers 1m20s, 834 times as fast as real time, and checks 19.0s (19 %)
events    325,560, 3,223 in the mean; peak memory of a worker 120 MiB
reruns    3, because a seed had not determined every event
note      seeds that may not replay, because even the last run was not determined: 100
`, b.String())

	b.Reset()
	require.NoError(t, s.WriteText(&b, Style{All: true}))
	require.Contains(t, b.String(), `property     pass  fail  unknown  n/a  seeds that did not pass
integrity    100   1     0        0    fail 98
monotonic    91    10    0        0    fail 90, 91, 92, 93, 94, 95, 96, 97, 98, 99
convergence  91    0     10       0    unknown 90, 91, 92, 93, 94, 95, 96, 97, 98, 99

suspected `)

	b.Reset()
	require.NoError(t, s.WriteJSON(&b))
	var form summaryJSON
	require.NoError(t, json.Unmarshal(b.Bytes(), &form))
	require.Equal(t, []uint64{90, 91, 92, 93, 94, 95, 96, 97, 98, 99}, form.Properties[1].Failing)
	require.Equal(t, []uint64{100}, form.Unseeded)
	require.Equal(t, findingJSON{Broken: "monotonic of identity", Properties: []string{"monotonic"}, Seeds: form.Properties[1].Failing, Sentence: "agent a3 went back in time"}, form.Findings[0])
	require.NotContains(t, b.String(), "null")
}

// A promise that is not decided is not kept.
func TestPromisesAreCounted(t *testing.T) {
	s := Summary{Seeds: 4}
	for seed, outcomes := range [][2]checker.Outcome{{checker.Pass, checker.Pass}, {checker.Fail, checker.Pass}, {checker.Unknown, checker.Pass}} {
		s.Add(uint64(seed), &Run{Plan: &fault.Plan{Promise: []string{"convergence", "no-spurious-deletion"}}, Verdict: checker.Verdict{Results: []checker.Result{
			{Property: "convergence", Outcome: outcomes[0]}, {Property: "no-spurious-deletion", Outcome: outcomes[1]}}}})
	}
	var b bytes.Buffer
	require.NoError(t, s.WriteText(&b, Style{}))
	require.Contains(t, b.String(), "\npromises  kept by 1 of 3: convergence 1, no-spurious-deletion 3\n")
	b.Reset()
	require.NoError(t, s.WriteJSON(&b))
	require.Contains(t, b.String(), `"promising":3,"keeping":1,"promises":[{"property":"convergence","kept":1,"of":3},{"property":"no-spurious-deletion","kept":3,"of":3}]`)
}

func TestSummaryOfNothing(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, (&Summary{Seeds: 9, Note: "stopped before all seeds were run"}).WriteText(&b, Style{}))
	require.Equal(t, "seeds     0 of 9: 0 pass, 0 fail, 0 unknown, 0 without a history\nnote      stopped before all seeds were run\n", b.String())
}

func TestVerification(t *testing.T) {
	v := Verification{Seeds: 5, Elapsed: 3 * time.Second}
	v.Add(Comparison{Seed: 4, Line: 12, First: "a\n", Second: ""}, time.Minute)
	v.Add(Comparison{Seed: 1}, time.Minute)
	v.Add(Comparison{Seed: 2, Reruns: 6, Unseeded: 1, Line: 9}, time.Minute)
	v.AddFailure(Failure{Seed: 3, Kind: "crash", Message: "it ended", Kept: "/c/3"})
	require.Equal(t, []int{4, 1, 1, 1}, []int{v.Done(), v.Differing(), v.Unsure(), v.Failed()})
	var b bytes.Buffer
	require.NoError(t, v.WriteText(&b))
	require.Equal(t, `seed 4 gave two histories, which differ first in line 12:
  - a
  + (the history has ended)
seed 2 could not be decided: it did not determine 1 events, even when run again 6 times
seed 3 gave no history (crash): it ended
  kept in /c/3
verify    4 of 5 seeds: 1 gave the same history twice, 1 gave two, 1 undecided, 1 without a history
time      6m0s of virtual time in 3.00s; runs repeated because a seed had not determined every event: 6
`, b.String())
	b.Reset()
	require.NoError(t, v.WriteJSON(&b))
	require.Contains(t, b.String(), `"kind":"verify"`)
	require.NotContains(t, b.String(), "null")
}

func TestKnownCauses(t *testing.T) {
	var b bytes.Buffer
	run := broken()
	run.Verdict.Results[1].Violations[0].Cause = &checker.Cause{Proofs: []checker.Proof{{Mechanism: "writer-restart-orphans", Rule: says("the writer restarted"), Records: []int{7}}}}
	require.NoError(t, WriteVerdict(&b, run, Style{All: true}))
	require.Contains(t, b.String(), "[violation 1; history lines 321, 405]\n                  looks like writer-restart-orphans: the writer restarted [history line 10]\n         13.000s")
}

func TestHeadlinesOfEachOutcome(t *testing.T) {
	for outcomes, want := range map[string]string{
		"pass,pass":           "pass: all 2 properties hold",
		"pass,not applicable": "pass: all 1 properties hold; 1 do not apply to the mode",
		"not applicable":      "UNKNOWN: nothing was judged; 1 do not apply to the mode",
		"":                    "UNKNOWN: nothing was judged",
		"unknown,pass":        "UNKNOWN: no property is broken; 1 of 2 properties could not be decided, which is not a pass",
		"mistake,fail":        "MISTAKE: 1 of 2 properties could not be judged because meshcheck itself is wrong; this is no verdict about Cilium; FAIL: 1 of 2 properties broken (0 that the mode promises, 1 that it does not); every violation looks like a finding (suspected; simrun judge measures it)",
	} {
		var v checker.Verdict
		for o := range strings.SplitSeq(outcomes, ",") {
			if o != "" {
				v.Results = append(v.Results, checker.Result{Property: o, Outcome: checker.Outcome(o), Evidence: "so"})
			}
		}
		require.Equal(t, want, Headline(v), outcomes)
	}
	var b bytes.Buffer
	run := broken()
	run.Verdict.Results = []checker.Result{{Property: "leases", Outcome: checker.NotApplicable, Evidence: "no lease"}, {Property: "staleness", Outcome: checker.Mistake, Evidence: "wrong"}}
	run.Plan.Promise = []string{"leases", "staleness", "owner"}
	require.NoError(t, WriteVerdict(&b, run, Style{All: true}))
	require.Contains(t, b.String(), "\n  n/a       leases     no lease\n  MISTAKE   staleness  wrong\n")
	require.Contains(t, b.String(), "\npromise     leases not applicable, staleness not judged, owner not judged\n")
}

// The plan's times count from the start of the churn, the verdict's from that of the run.
func TestClocks(t *testing.T) {
	run := broken()
	run.Plan.Faults = []fault.Fault{{At: fault.Duration(198665 * time.Millisecond)}}
	run.Churn, run.Shutdown = 17800*time.Millisecond, 1860*time.Second
	var b strings.Builder
	require.NoError(t, WriteVerdict(&b, run, Style{}))
	require.Contains(t, b.String(), "\nchurn       began 17.800s into the run: what the plan has at 198.665s is at 216.465s here\n")
	require.Contains(t, b.String(), "; then 1860.000s of shutdown, after which leftover goroutines are counted; ")
}

func TestIdleFaultsAreCounted(t *testing.T) {
	run := broken()
	run.Verdict.Idle = []checker.Unfired{{Fault: 2, Kind: "partition", Why: "cut:0"}, {Fault: 5, Kind: "reset", Why: "connections-reset:0"}}
	var b strings.Builder
	require.NoError(t, WriteVerdict(&b, run, Style{}))
	require.Contains(t, b.String(), "idle        2 faults took effect and changed nothing, so that the run says nothing about them: 2 (partition), 5 (reset)\n")
}
