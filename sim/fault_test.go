package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// A faultCase shows the effect of a kind of fault on a small world.
type faultCase struct {
	kind   fault.Kind
	name   string // if there are several of the kind
	world  func(*fault.Plan)
	faults []fault.Fault
	ops    []fault.Op
	stays  int // faults that are never lifted
	check  func(t *testing.T, h *history.History)
}

// Each kind of fault has its effect on the world, and the world heals.
func TestFaults(t *testing.T) {
	shown := map[fault.Kind]bool{}
	for _, cases := range [][]faultCase{replicaCases, etcdCases, agentCases, kubeCases, operatorCases, networkCases} {
		for _, c := range cases {
			shown[c.kind] = true
			t.Run(string(c.kind)+c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t)
			})
		}
	}
	for i := range fault.Specs {
		require.Contains(t, shown, fault.Specs[i].Kind, "no case shows what this fault does")
	}
}

func (c faultCase) run(t *testing.T) {
	p := quiet(t, 7)
	p.Faults, p.Ops = c.faults, c.ops
	if c.world != nil {
		c.world(p)
	}
	require.NoError(t, p.Validate())
	h := play(t, p)
	require.Equal(t, "settled", ends(t, h))
	require.Empty(t, times(h, verb(history.Unfired)))
	require.Len(t, times(h, verb(history.Fault)), len(c.faults))
	require.Len(t, times(h, verb(history.Heal)), len(c.faults)-c.stays, "every fault is lifted that does not stay")
	did := index.New(h).Faults
	require.Len(t, did, len(c.faults))
	for _, f := range did {
		require.NotEmpty(t, f.Effect, "what fault %d did is recorded", f.Number)
	}
	require.True(t, slices.ContainsFunc(did, func(f *index.Fault) bool { return f.Kind == string(c.kind) && f.Did }), "one of the kind did something")
	c.check(t, h)
}

// A fault of a process that is down already has done something if the process is down for
// longer because of it, and only then.
func TestAFaultOfAProcessThatIsDown(t *testing.T) {
	t.Parallel()
	p := quiet(t, 7)
	for _, span := range [][2]int{{2, 10}, {4, 2}, {6, 20}} {
		p.Faults = append(p.Faults, at(span[0], fault.Fault{Kind: fault.AgentCrash, Target: "a0", For: seconds(span[1])}))
	}
	var did []string
	for _, f := range index.New(play(t, p)).Faults {
		did = append(did, f.Effect)
	}
	require.Equal(t, []string{"process-ended:1", "process-ended:0", "process-ended:1"}, did)
}

func verb(v history.Verb) func(history.Record) bool {
	return func(r history.Record) bool { return r.Verb == v }
}

// by matches a verb of an actor and, if it is not empty, of a kind.
func by(v history.Verb, actor, kind string) func(history.Record) bool {
	return func(r history.Record) bool {
		return r.Verb == v && r.Actor == actor && (kind == "" || r.Kind == kind)
	}
}

// puts matches the puts of an endpoint into a replica's etcd.
func puts(replica, ip string) func(history.Record) bool {
	return func(r history.Record) bool {
		return r.Verb == history.Put && r.Actor == replica && r.Key == "cilium/state/ip/v1/default/"+ip
	}
}

// first returns the first instant, which there must be.
func first(t *testing.T, at []time.Duration) time.Duration {
	t.Helper()
	require.NotEmpty(t, at)
	return at[0]
}

// firstAfter returns the first instant after another, which there must be.
func firstAfter(t *testing.T, at []time.Duration, after time.Duration) time.Duration {
	t.Helper()
	for _, a := range at {
		if a > after {
			return a
		}
	}
	require.Fail(t, "nothing happened any more", "after %s; instants are %v", after, at)
	return 0
}

func seenBetween(t *testing.T, h *history.History, agent, ip string, from, to int) {
	t.Helper()
	at := first(t, times(h, sees(agent, ip)))
	require.Greater(t, at, time.Duration(from)*time.Second, "%s saw %s", agent, ip)
	require.Less(t, at, time.Duration(to)*time.Second, "%s saw %s", agent, ip)
}

func at(n int, f fault.Fault) fault.Fault {
	f.At = seconds(n)
	return f
}
