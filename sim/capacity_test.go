package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

// With capacities all that happens without them happens, later; and equal plans have equal histories.
func TestCapacity(t *testing.T) {
	const (
		read, write, event = 20 * time.Millisecond, 30 * time.Millisecond, 50 * time.Millisecond
	)
	for _, m := range []mode.Base{mode.CRD, mode.ClusterMesh} {
		p := quiet(t, 1)
		p.Mode = string(m)
		if m == mode.CRD {
			p.Topology.Replicas = 0
		}
		for i, name := range []string{"p1", "p2", "p3"} {
			p.Ops = append(p.Ops, podCreate(4+i, name, "10.0.0."+string('2'+byte(i))))
		}
		require.NoError(t, p.Validate())
		without := play(t, p)
		p.Capacity = &fault.Capacity{}
		prices := fault.Prices{Cores: 1, Read: fault.Duration(read), Write: fault.Duration(write), Event: fault.Duration(event)}
		p.Capacity.APIServers, p.Capacity.Replicas = &prices, &prices
		with := play(t, p)
		require.Equal(t, with.Hash, play(t, p).Hash, "mode %s", m)
		for _, ip := range []string{"10.0.0.2", "10.0.0.3", "10.0.0.4"} {
			first, last := seen(without, ip), seen(with, ip)
			require.Len(t, last, len(first), "mode %s: each agent sees %s", m, ip)
			require.Greater(t, last[0], first[0]+write+event, "mode %s: the first agent that sees %s is told of it", m, ip)
			require.GreaterOrEqual(t, last[len(last)-1]-last[0], event-time.Millisecond, "mode %s: one agent is told after the other", m)
		}
	}
}

// seen is when agents saw an endpoint first, since the start of the churn.
func seen(h *history.History, ip string) (all []time.Duration) {
	var churn time.Duration
	known := map[string]bool{}
	for _, r := range h.Records {
		switch {
		case r.Verb == history.Phase && r.Key == "churn":
			churn = r.At
		case r.Verb == history.See && r.Kind == history.Endpoint && r.Key == ip && !known[r.Actor]:
			known[r.Actor] = true
			all = append(all, r.At-churn)
		}
	}
	return all
}
