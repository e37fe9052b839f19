package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
)

// Each kind of fault has its effect on the world, and the world heals.
func TestFaults(t *testing.T) {
	verb := func(v history.Verb, actor, kind string) func(history.Record) bool {
		return func(r history.Record) bool { return r.Verb == v && r.Actor == actor && r.Kind == kind }
	}
	for _, c := range []struct {
		name   string
		faults []fault.Fault
		ops    []fault.Op
		check  func(t *testing.T, h *history.History)
	}{
		{"replica loss", []fault.Fault{{At: seconds(2), Kind: fault.ReplicaLoss, Target: "r0", For: seconds(3)}}, nil,
			func(t *testing.T, h *history.History) {
				stores := map[string]bool{}
				puts := 0
				for _, r := range h.Records {
					if r.Verb == history.Up && r.Actor == "r0" && r.Kind == "etcd" {
						stores[r.Store] = true
						puts = 0
					}
					if r.Verb == history.Put && r.Actor == "r0" && r.Kind == history.Node {
						puts++
					}
				}
				require.Len(t, stores, 2, "the new pod has a new etcd cluster ID")
				require.Equal(t, 3, puts, "the new etcd is filled again")
				require.Equal(t, []time.Duration{2 * time.Second}, times(h, verb(history.Down, "r0", "etcd")))
			}},
		{"writer restart", []fault.Fault{{At: seconds(2), Kind: fault.WriterRestart, Target: "r0", For: seconds(8)}},
			[]fault.Op{podCreate(4, "p1", "10.0.0.2")},
			func(t *testing.T, h *history.History) {
				require.Equal(t, []time.Duration{2 * time.Second}, times(h, verb(history.Down, "r0", "writer")))
				require.Empty(t, times(h, verb(history.Down, "r0", "etcd")), "etcd survives")
				put := times(h, func(r history.Record) bool {
					return r.Verb == history.Put && r.Actor == "r0" && r.Key == "cilium/state/ip/v1/default/10.0.0.2"
				})
				require.NotEmpty(t, put)
				require.Greater(t, put[0], 10*time.Second, "nobody writes meanwhile")
			}},
		{"partition", []fault.Fault{
			{At: seconds(2), Kind: fault.Partition, Target: "r0", Peer: "k0", For: seconds(8)},
			{At: seconds(2), Kind: fault.Partition, Target: "k0", Peer: "r1", For: seconds(8), OneWay: true},
		}, []fault.Op{podCreate(4, "p1", "10.0.0.2")},
			func(t *testing.T, h *history.History) {
				for _, a := range []string{"a0", "a1", "a2"} {
					seen := times(h, sees(a, "10.0.0.2"))
					require.NotEmpty(t, seen)
					require.Greater(t, seen[0], 10*time.Second)
				}
			}},
		{"black hole", []fault.Fault{
			{At: seconds(2), Kind: fault.BlackHole, Target: "a0", Peer: "r0", For: seconds(1)},
			{At: seconds(2), Kind: fault.BlackHole, Target: "a0", Peer: "r1", For: seconds(1)},
		}, []fault.Op{podCreate(4, "p1", "10.0.0.2")},
			func(t *testing.T, h *history.History) {
				seen := times(h, sees("a0", "10.0.0.2"))
				require.NotEmpty(t, seen)
				require.Greater(t, seen[0], 15*time.Second, "the agent finds out by its keep-alive (pings after 15 s, given up 25 s later)")
				require.Less(t, seen[0], 60*time.Second)
			}},
		{"reset", []fault.Fault{
			{At: seconds(2), Kind: fault.Reset, Target: "a0", Peer: "r0"},
			{At: seconds(2), Kind: fault.Reset, Target: "a0", Peer: "r1"},
		}, nil,
			func(t *testing.T, h *history.History) {
				resets := times(h, func(r history.Record) bool {
					return r.Verb == history.Disconnect && r.Actor == "a0" && r.Value == "reset"
				})
				require.Equal(t, []time.Duration{2 * time.Second}, resets)
				connects := times(h, func(r history.Record) bool { return r.Verb == history.Connect && r.Actor == "a0" })
				require.Len(t, connects, 2, "it connects again")
			}},
		{"pause", []fault.Fault{{At: seconds(2), Kind: fault.Pause, Target: "a0", For: seconds(8)}},
			[]fault.Op{podCreate(4, "p1", "10.0.0.2")},
			func(t *testing.T, h *history.History) {
				require.Greater(t, times(h, sees("a0", "10.0.0.2"))[0], 10*time.Second)
				require.Less(t, times(h, sees("a1", "10.0.0.2"))[0], 5*time.Second)
			}},
		{"agent restart", []fault.Fault{{At: seconds(2), Kind: fault.AgentRestart, Target: "a0", For: seconds(3)}}, nil,
			func(t *testing.T, h *history.History) {
				ups := times(h, verb(history.Up, "a0", "agent"))
				require.Equal(t, 5*time.Second, ups[len(ups)-1])
				require.Len(t, times(h, sees("a0", "10.0.0.1")), 2, "the view begins empty")
				require.Len(t, times(h, func(r history.Record) bool { return r.Verb == history.Program && r.Actor == "a0" }), 1, "the datapath does not")
				require.Empty(t, times(h, func(r history.Record) bool { return r.Verb == history.Unprogram }))
			}},
		{"kube-apiserver restart", []fault.Fault{{At: seconds(8), Kind: fault.KubeRestart, Target: "k0", For: seconds(1), Lag: seconds(6)}},
			[]fault.Op{podCreate(4, "p1", "10.0.0.2"), podCreate(12, "p2", "10.0.0.3")},
			func(t *testing.T, h *history.History) {
				require.Equal(t, []time.Duration{8 * time.Second}, times(h, verb(history.Down, "k0", "kube")))
				written := times(h, func(r history.Record) bool { return r.Verb == history.Truth && r.Key == "10.0.0.3" })
				seen := times(h, sees("a0", "10.0.0.3"))
				require.NotEmpty(t, seen)
				require.Greater(t, seen[0]-written[0], time.Second, "its watch cache is behind for a while")
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := quiet(t, 7)
			p.Faults, p.Ops = c.faults, c.ops
			h := read(t, run(t, p))
			require.Equal(t, "settled", ends(t, h))
			begun := times(h, func(r history.Record) bool { return r.Verb == history.Fault })
			healed := times(h, func(r history.Record) bool { return r.Verb == history.Heal })
			require.Len(t, begun, len(c.faults))
			require.Len(t, healed, len(c.faults), "every fault is lifted")
			c.check(t, h)
		})
	}
}
