package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
)

var agentCases = []faultCase{
	{
		kind:   fault.AgentCrash,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.AgentCrash, Target: "a0", For: seconds(3)})},
		check: func(t *testing.T, h *history.History) {
			require.Equal(t, []time.Duration{2 * time.Second}, times(h, by(history.Down, "a0", "agent")))
			ups := times(h, by(history.Up, "a0", "agent"))
			require.Equal(t, 5*time.Second, ups[len(ups)-1])
			require.Len(t, times(h, sees("a0", "10.0.0.1")), 2, "the view begins empty")
			require.Len(t, times(h, by(history.Program, "a0", "")), 1, "the datapath does not")
			require.Empty(t, times(h, verb(history.Unprogram)))
		},
	},
	{
		kind:   fault.AgentRestart,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.AgentRestart, Targets: []string{"a0", "a2"}, For: seconds(3)})},
		check: func(t *testing.T, h *history.History) {
			for _, a := range []string{"a0", "a2"} {
				down := first(t, times(h, by(history.Down, a, "agent")))
				require.GreaterOrEqual(t, down, 2*time.Second)
				require.LessOrEqual(t, down, 3*time.Second, "it is killed after its grace period")
				require.Len(t, times(h, sees(a, "10.0.0.1")), 2)
			}
			require.Empty(t, times(h, by(history.Down, "a1", "agent")))
			require.Empty(t, times(h, verb(history.Unprogram)))
			require.Empty(t, times(h, verb(history.Drop)), "stopping drains nothing")
		},
	},
	{
		kind:   fault.AgentClusterID,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.AgentClusterID, Target: "a0", For: seconds(12)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.Equal(t, []time.Duration{2 * time.Second, 14 * time.Second}, times(h, by(history.Up, "a0", "agent"))[1:])
			require.Greater(t, first(t, times(h, sees("a0", "10.0.0.2"))), 14*time.Second, "it lists nothing while it has the ID of what it reads")
			require.Less(t, first(t, times(h, sees("a0", "10.0.0.2"))), 20*time.Second)
			require.Less(t, first(t, times(h, sees("a1", "10.0.0.2"))), 5*time.Second)
			var connected []time.Duration
			for _, at := range times(h, by(history.Connect, "a0", "")) {
				if at > 2*time.Second && at < 14*time.Second {
					connected = append(connected, at)
				}
			}
			require.NotEmpty(t, connected, "it connects, reads the cluster's configuration and refuses it")
			require.Empty(t, times(h, verb(history.Unprogram)), "its datapath stays")
		},
	},
	{
		kind: fault.AgentSlow,
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.AgentSlow, Target: "a0", Bandwidth: 32, For: seconds(16)}),
		},
		ops: []fault.Op{podCreate(4, "p1", "10.0.0.2"), podCreate(5, "p2", "10.0.0.3")},
		check: func(t *testing.T, h *history.History) {
			require.Greater(t, first(t, times(h, sees("a0", "10.0.0.3"))), 10*time.Second, "it has not read what came before yet")
			require.Less(t, first(t, times(h, sees("a1", "10.0.0.3"))), 6*time.Second)
		},
	},
	{
		kind:   fault.Pause,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.Pause, Target: "a0", For: seconds(8)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.Greater(t, first(t, times(h, sees("a0", "10.0.0.2"))), 10*time.Second)
			require.Less(t, first(t, times(h, sees("a1", "10.0.0.2"))), 5*time.Second)
		},
	},
}
