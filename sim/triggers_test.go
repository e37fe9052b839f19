package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

func when(event fault.Event, actor, kind string, nth int) *fault.Trigger {
	return &fault.Trigger{Event: event, Actor: actor, Kind: kind, Nth: nth}
}

// before returns what had happened when the fault number n took effect.
func before(t *testing.T, h *history.History, n int64) []history.Record {
	t.Helper()
	for i, r := range h.Records {
		if r.Verb == history.Fault && r.Rev == n {
			return h.Records[:i]
		}
	}
	require.Fail(t, "fault did not happen", n)
	return nil
}

func matching(records []history.Record, match func(history.Record) bool) (n int) {
	for _, r := range records {
		if match(r) {
			n++
		}
	}
	return n
}

// lossOf is the loss of a replica that makes the other trigger's event happen.
func lossOf(replica string) fault.Fault {
	return fault.Fault{At: seconds(2), Kind: fault.ReplicaLoss, Target: replica, For: seconds(1)}
}

func TestTriggers(t *testing.T) {
	newStore := func(records []history.Record, replica string) []history.Record {
		for i := len(records) - 1; i >= 0; i-- {
			if by(history.Up, replica, "etcd")(records[i]) {
				return records[i:]
			}
		}
		return nil
	}
	cut := func(w *fault.Trigger) fault.Fault {
		return fault.Fault{At: seconds(2), When: w, Kind: fault.Partition, Target: w.Actor, Peer: "r0", For: seconds(5)}
	}
	for _, c := range []struct {
		name   string
		faults []fault.Fault
		check  func(t *testing.T, h *history.History)
	}{
		{"just before the canary of identities", []fault.Fault{lossOf("r0"),
			{At: seconds(2), When: when(fault.EtcdPut, "r0", "identity-canary", 1), Kind: fault.WriterRestart, Target: "r0", For: seconds(5)}},
			func(t *testing.T, h *history.History) {
				filled := newStore(before(t, h, 2), "r0")
				require.NotZero(t, matching(filled, by(history.Put, "r0", history.Identity)))
				require.Zero(t, matching(filled, func(r history.Record) bool {
					return r.Verb == history.Put && strings.HasPrefix(r.Key, "cilium/synced/") && strings.Contains(r.Key, "identities")
				}))
			}},
		{"when a replica has put half of its first sync", []fault.Fault{lossOf("r0"),
			{At: seconds(2), When: &fault.Trigger{Event: fault.EtcdSync, Actor: "r0", Percent: 50}, Kind: fault.WriterRestart, Target: "r0", For: seconds(5)}},
			func(t *testing.T, h *history.History) {
				// Of 3 nodes, an identity and an endpoint the third put is about to come: it does not,
				// as its writer is gone. The two before it have come to the etcd, but one of them may
				// be applied in the instant of the fault, and so be recorded after it.
				until := len(before(t, h, 2))
				for !by(history.Up, "r0", "writer")(h.Records[until]) {
					until++
				}
				filled := newStore(h.Records[:until], "r0")
				require.Equal(t, 2, matching(filled, func(r history.Record) bool { return r.Verb == history.Put && r.Actor == "r0" && r.Kind != history.Meta }))
			}},
		{"between the list and the watch of an agent", []fault.Fault{
			{At: seconds(2), Kind: fault.AgentCrash, Target: "a0", For: seconds(1)}, cut(when(fault.EtcdWatch, "a0", "endpoint", 1))},
			func(t *testing.T, h *history.History) {
				at := times(h, verb(history.Fault))[1]
				require.Greater(t, at, 3*time.Second)
				require.Less(t, at, 5*time.Second)
			}},
		{"when a lease is granted", []fault.Fault{lossOf("r0"),
			{At: seconds(2), When: when(fault.EtcdLease, "r0", "", 1), Kind: fault.EtcdClock, Target: "r0", Ahead: seconds(86400)}},
			func(t *testing.T, h *history.History) {
				granted := func(r history.Record) bool { return r.Verb == history.Lease && r.Actor == "r0" && r.Op == "grant" }
				require.Equal(t, 1, matching(newStore(before(t, h, 2), "r0"), granted))
				require.Greater(t, matching(newStore(h.Records, "r0"), granted), 1, "it is lost, and another one asked for")
			}},
		{"when an agent has listed", []fault.Fault{
			{At: seconds(2), Kind: fault.AgentCrash, Target: "a0", For: seconds(1)}, cut(when(fault.EtcdList, "a0", "identity", 1))},
			func(t *testing.T, h *history.History) {
				require.Greater(t, times(h, verb(history.Fault))[1], 3*time.Second)
			}},
		{"when an agent connects", []fault.Fault{
			{At: seconds(2), Kind: fault.AgentCrash, Target: "a0", For: seconds(1)}, cut(when(fault.Connect, "a0", "", 1))},
			func(t *testing.T, h *history.History) {
				require.Equal(t, 2, matching(before(t, h, 2), by(history.Connect, "a0", "")))
			}},
		{"when a replica is ready", []fault.Fault{lossOf("r0"),
			{At: seconds(2), When: when(fault.Ready, "r0", "", 1), Kind: fault.Reset, Target: "a0", Peer: "r0"}},
			func(t *testing.T, h *history.History) {
				ready := times(h, by(history.Ready, "r0", ""))
				require.Equal(t, ready[1], times(h, verb(history.Fault))[1])
			}},
		{"when a writer lists or watches", []fault.Fault{
			{At: seconds(2), Kind: fault.WriterRestart, Target: "r0", For: seconds(1)},
			{At: seconds(2), When: when(fault.KubeWatch, "r0", "CiliumIdentity", 1), Kind: fault.KubeFreeze, Target: "k0", For: seconds(3)}},
			func(t *testing.T, h *history.History) {
				require.GreaterOrEqual(t, times(h, verb(history.Fault))[1], 3*time.Second)
			}},
		{"between two writes", []fault.Fault{
			{At: 0, When: when(fault.KubeWrite, "w0", "", 2), Kind: fault.KubeLoss, Target: "k0", For: seconds(3)}},
			func(t *testing.T, h *history.History) {
				var churn []history.Record
				for i, r := range h.Records {
					if r.Verb == history.Phase && r.Key == "churn" {
						churn = before(t, h, 1)[i:]
					}
				}
				require.Equal(t, 1, matching(churn, func(r history.Record) bool { return r.Verb == history.Write && r.Peer == "w0" }))
			}},
		{"when an agent has seen something", []fault.Fault{
			{At: 0, When: when(fault.See, "a1", "endpoint", 1), Kind: fault.AgentCrash, Target: "a1", For: seconds(3)}},
			func(t *testing.T, h *history.History) {
				require.Equal(t, times(h, sees("a1", "10.0.0.2"))[0], times(h, verb(history.Fault))[0])
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := quiet(t, 7)
			p.Faults = c.faults
			p.Ops = []fault.Op{podCreate(4, "p1", "10.0.0.2")}
			require.NoError(t, p.Validate())
			h := play(t, p)
			require.Equal(t, "settled", ends(t, h))
			require.Empty(t, times(h, verb(history.Unfired)))
			c.check(t, h)
		})
	}
}

func TestWhatDidNotHappenIsReported(t *testing.T) {
	p := quiet(t, 7)
	p.Faults = []fault.Fault{
		{At: 0, When: when(fault.Ready, "r0", "", 5), Kind: fault.Reset, Target: "a0", Peer: "r0"},
		{At: seconds(1), Kind: fault.ReplicaLoss, Target: "r2", For: seconds(5)},
		{At: seconds(2), Kind: fault.ScaleUp, Count: 1},
	}
	h := play(t, p)
	require.Equal(t, []checker.Unfired{
		{Fault: 2, Kind: "replica-loss", Why: "r2 did not exist"},
		{Fault: 1, Kind: "reset", Why: "its trigger did not fire"},
	}, checker.Check(index.New(h), checker.Config{}).Unfired)
}

// An op with a trigger begins at its event, and later ones of its object wait for it; without
// the event it begins when the churn is over.
func TestOpsWithTriggers(t *testing.T) {
	t.Parallel()
	p := quiet(t, 7)
	p.Faults = []fault.Fault{at(8, fault.Fault{Kind: fault.AgentCrash, Target: "a0", For: seconds(1)})}
	onEvent, later, never := podCreate(2, "p1", "10.0.0.2"), podCreate(3, "p2", "10.0.0.3"), podCreate(4, "p3", "10.0.0.4")
	onEvent.When, never.When = when(fault.Connect, "a0", "", 1), when(fault.Connect, "a0", "", 9)
	relabel := fault.Op{At: seconds(5), Op: fault.PodRelabel, Pod: &fault.Pod{Namespace: "ns", Name: "p1", App: "b"}}
	p.Ops = []fault.Op{onEvent, later, never, relabel}
	h := play(t, p)
	made := func(ip string) []time.Duration {
		return times(h, func(r history.Record) bool {
			return r.Verb == history.Truth && r.Kind == history.Endpoint && r.Key == ip
		})
	}
	require.Greater(t, first(t, made("10.0.0.2")), 9*time.Second)
	require.Greater(t, len(made("10.0.0.2")), 1, "and then it is relabelled")
	require.Less(t, first(t, made("10.0.0.3")), 4*time.Second)
	require.Greater(t, first(t, made("10.0.0.4")), 20*time.Second)
	require.Equal(t, "settled", ends(t, h))
}
