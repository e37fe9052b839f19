package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mesh"
)

func records(t *testing.T, text string) []history.Record {
	t.Helper()
	all, err := history.Parse(text)
	require.NoError(t, err)
	return all
}

// failOver is a run of the counterexample of the same name.
const failOver = `
1 a0 connect - - peer=r0 store=aaaaaaaaaaaaaaaa inc=1
10 world phase - churn
25 k0 write CiliumEndpointSlice ces-0 op=update peer=w0 rv=9
25 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpointSlice/ces-0 rv=9
25.1 r0 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=aaaaaaaaaaaaaaaa rev=5
25.2 a0 drop endpoint 10.0.0.1 peer=r0 store=aaaaaaaaaaaaaaaa inc=1
28 r0 down etcd - store=aaaaaaaaaaaaaaaa inc=1
28.1 a0 disconnect - - value=reset peer=r0 store=aaaaaaaaaaaaaaaa inc=1
28.5 a0 connect - - peer=r1 store=bbbbbbbbbbbbbbbb inc=1
48 world phase - heal value=6m
50 r1 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=bbbbbbbbbbbbbbbb rev=5
`

func failOverCounterexample(t *testing.T) *mesh.Counterexample {
	gone := deleted(2)
	return ce(t, "clustermesh", "monotonic", gone, delivers(0, gone), sees(0, 0), befalls(mesh.ReplicaCrashes, 0), connects(0, 1))
}

func TestFollow(t *testing.T) {
	found, err := Follow(failOverCounterexample(t), records(t, failOver))
	require.NoError(t, err)
	require.Equal(t, []int{3, 4, 5, 6, 8}, found)
}

func TestFollowFindsWhatIsMissing(t *testing.T) {
	early := "25.05 r1 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=bbbbbbbbbbbbbbbb rev=5\n"
	for name, c := range map[string]struct{ old, new, want string }{
		"another start":   {"1 a0 connect - - peer=r0", "1 a0 connect - - peer=r1", "a0 reads r1 at the first step, and not r0"},
		"not seen":        {"25.2 a0 drop endpoint 10.0.0.1", "25.2 a0 drop endpoint 10.0.0.2", "step 3 of 5, See of a0 at r0, is not in the history where it should be"},
		"no delivery":     {"25.1 r0 del", "25.1 r9 del", "step 2 of 5, Deliver at r0 of rv 2, is not in the history where it should be"},
		"no crash":        {"28 r0 down etcd", "28 r0 down writer", "step 4 of 5, Crash at r0, is not in the history where it should be"},
		"elsewhere":       {"28.5 a0 connect - - peer=r1", "28.5 a0 connect - - peer=r0", "step 5 of 5, Connect of a0 at r1, is not in the history where it should be"},
		"heard too soon":  {"25.1 r0 del", early + "25.1 r0 del", "r1 hears of rv 2 too soon"},
		"another address": {"25 k0 truth endpoint 10.0.0.1", "25 k0 truth endpoint 10.0.0.7", "step 1 of 5, Write of rv 2, is not in the history where it should be"},
	} {
		_, err := Follow(failOverCounterexample(t), records(t, strings.Replace(failOver, c.old, c.new, 1)))
		require.EqualError(t, err, c.want, name)
	}
}

// The other steps, in an order and in a wrong one.
func TestFollowWritersAndAgentsThatRestart(t *testing.T) {
	gone := deleted(2)
	c := ce(t, "clustermesh", "convergence",
		befalls(mesh.WriterRestarts, 0), gone, befalls(mesh.WriterListsNow, 0), restarts(0), connects(0, 0), delivers(1, gone))
	const run = `
1 a0 connect - - peer=r0 store=aaaaaaaaaaaaaaaa inc=1
10 world phase - churn
15 r0 down writer - inc=1
17 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpointSlice/ces-0 rv=9
17.1 r1 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=bbbbbbbbbbbbbbbb rev=5
20 r0 up writer - inc=2
35 a0 down agent - inc=1
37 a0 connect - - peer=r0 store=aaaaaaaaaaaaaaaa inc=2
`
	found, err := Follow(c, records(t, run))
	require.NoError(t, err)
	require.Equal(t, []int{2, 3, 5, 6, 7, 4}, found)
	late := strings.Replace(run, "17 k0", "14 k0", 1)
	lines := strings.Split(strings.TrimSpace(late), "\n")
	lines[2], lines[3] = lines[3], lines[2]
	_, err = Follow(c, records(t, strings.Join(lines, "\n")))
	require.EqualError(t, err, "step 2 of 6, Write of rv 2, is not in the history where it should be")
}

func TestJudge(t *testing.T) {
	c := failOverCounterexample(t)
	plan, err := Export(c)
	require.NoError(t, err)
	x := index.New(&history.History{Records: records(t, failOver)})
	violated := func(kind string) checker.Verdict {
		return checker.Verdict{Results: []checker.Result{{
			Property: "monotonic", Outcome: checker.Fail, Evidence: "all seen",
			Violations: []checker.Violation{{Facts: checker.Facts{Kind: kind}, Rule: &checker.Rule{Text: func(*checker.Facts) string { return "back in time" }}}},
		}}}
	}
	r, err := Judge(c, plan, x, violated(history.Endpoint))
	require.NoError(t, err)
	require.True(t, r.Broken)
	require.Equal(t, "back in time", r.Sentence)
	require.Empty(t, r.Missed)
	require.Equal(t, []Did{
		{"25.000s", 6, "truth, endpoint 10.0.0.1: no longer claimed by CiliumEndpointSlice/ces-0 (rv 9)"},
		{"25.100s", 7, "r0 store, endpoint 10.0.0.1: nothing: deleted at rev 5 without a request: the lease of the key has expired (store aaaaaaaaaaaaaaaa)"},
		{"25.200s", 8, "a0 view, endpoint 10.0.0.1: drops it, from r0 (session 1)"},
		{"28.000s", 9, "r0: its etcd stops"},
		{"28.500s", 11, "a0: connects with r1 (store bbbbbbbbbbbbbbbb)"},
	}, r.Did)

	r, err = Judge(c, plan, x, violated(history.Node))
	require.NoError(t, err)
	require.False(t, r.Broken, "the model has no nodes")
	require.Equal(t, "all seen", r.Sentence)

	// A fault that did not happen, unless it leads an agent to where it is already.
	v := violated(history.Endpoint)
	v.Unfired = []checker.Unfired{{Fault: 1, Kind: string(fault.Move), Why: "no other replica is ready"}}
	r, err = Judge(c, plan, x, v)
	require.NoError(t, err)
	require.Empty(t, r.Missed)
	v.Unfired[0] = checker.Unfired{Fault: 2, Kind: string(fault.Partition), Why: "its trigger did not fire"}
	r, err = Judge(c, plan, x, v)
	require.NoError(t, err)
	require.Equal(t, "fault 2 did not happen: its trigger did not fire", r.Missed)

	x = index.New(&history.History{Records: records(t, strings.Replace(failOver, "28 r0 down", "28 r1 down", 1))})
	r, err = Judge(c, plan, x, v)
	require.NoError(t, err)
	require.NotEmpty(t, r.Missed)
	require.Empty(t, r.Did)

	c.Property = "speed"
	_, err = Judge(c, plan, x, v)
	require.EqualError(t, err, `the checker has no property "speed" to judge a counterexample of the model's by`)
}

func TestJudgeWhetherReplicasAgree(t *testing.T) {
	c := failOverCounterexample(t)
	plan, err := Export(c)
	require.NoError(t, err)
	c.Property = agree
	r, err := Judge(c, plan, index.New(&history.History{Records: records(t, failOver)}), checker.Verdict{})
	require.NoError(t, err)
	require.False(t, r.Broken)
	require.Equal(t, "replicas that were ready never differed", r.Sentence)
	const differ = `
1 r0 up etcd - store=aaaaaaaaaaaaaaaa inc=1
1 r1 up etcd - store=bbbbbbbbbbbbbbbb inc=1
2 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p0 store=aaaaaaaaaaaaaaaa rev=2
3 r0 ready - -
4 r1 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p0 store=bbbbbbbbbbbbbbbb rev=2
5 r1 ready - -
10 r0 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=aaaaaaaaaaaaaaaa rev=3
12 world phase - end value=bound
`
	r, err = Judge(c, plan, index.New(&history.History{Records: records(t, differ)}), checker.Verdict{})
	require.NoError(t, err)
	require.True(t, r.Broken)
	require.Equal(t, "r0 and r1 gave different answers about 10.0.0.1 for 2.000s, from 10.000s on", r.Sentence)
	require.NotEmpty(t, r.Missed, "this is no run of the counterexample")
}
