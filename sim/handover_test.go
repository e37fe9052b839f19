package sim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

// handingOver is a quiet plan whose only replica is away before an agent starts, from the start
// of the churn on, and comes back; a pod comes meanwhile, and one later.
func handingOver(t *testing.T, policy mode.Policy) *fault.Plan {
	p := quiet(t, 1)
	p.Mode, p.Topology.Replicas, p.Options.Handover, p.Options.HandoverAfter = string(mode.Handover), 1, policy, seconds(10)
	p.Churn = seconds(180)
	p.Faults = []fault.Fault{
		at(2, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(60)}),
		at(4, fault.Fault{Kind: fault.AgentCrash, Target: "a1", For: seconds(1)}),
	}
	p.Ops = []fault.Op{podCreate(30, "p1", "10.0.0.2"), podCreate(160, "p2", "10.0.0.3")}
	require.NoError(t, p.Validate())
	return p
}

// readings are why the sources of an agent change, in order, from the churn on.
func readings(h *history.History, agent string) (why []string) {
	for _, r := range h.Records {
		if r.Verb == history.Reading && r.Actor == agent {
			why = append(why, r.Op)
		}
	}
	return why
}

func TestModeHandover(t *testing.T) {
	for _, policy := range mode.Policies() {
		h := play(t, handingOver(t, policy))
		// Of both sources, and each change says of which. The agent that starts without a replica
		// reads CRDs at once, the other when it has waited.
		seenBetween(t, h, "a0", "10.0.0.2", 30, 31)
		seenBetween(t, h, "a1", "10.0.0.2", 30, 31)
		sources := map[string]bool{}
		for _, r := range h.Records {
			if r.Verb != history.See || r.Actor != "a0" {
				continue
			}
			sources[r.Source] = true
			require.Equal(t, r.Source == string(mode.FromReplica), r.Store != "", "%v", r)
			require.NotEmpty(t, r.Peer, "%v", r)
		}
		require.Len(t, sources, 2, policy)
		want := []string{history.Begins, history.FallBack, history.Listed, history.GoesOver}
		got := readings(h, "a0")
		require.Equal(t, want[:3], got[:3], policy)
		require.Equal(t, history.GoesOver, got[len(got)-1], policy)
		if policy == mode.ByCutover {
			require.Equal(t, want, got)
		}
	}
}
