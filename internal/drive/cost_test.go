package drive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/det"
)

func sized(replicas, agents, nodes, pods, ops int) *fault.Plan {
	return &fault.Plan{
		Topology: fault.Topology{APIServers: 1, Replicas: replicas, Agents: agents, Nodes: nodes},
		Pods:     make([]fault.Pod, pods), Ops: make([]fault.Op, ops),
	}
}

// The estimate is within a factor of two of what runs took.
func TestCost(t *testing.T) {
	for _, measured := range []struct {
		plan    *fault.Plan
		records int
		mib     int64
	}{
		{sized(1, 1, 10, 10_000, 0), 70_825, 288},
		{sized(1, 1, 5_000, 10, 0), 25_363, 224},
		{sized(1, 10, 10, 1_000, 0), 26_967, 181},
		{sized(8, 10, 20, 1_000, 0), 44_018, 259},
		{sized(2, 50, 1_000, 1_000, 600), 268_126, 463},
		{sized(2, 100, 100, 2_000, 60), 457_106, 680},
		{sized(2, 10, 10, 10_000, 0), 272_762, 498},
		{sized(4, 200, 200, 500, 60), 310_716, 640},
		{sized(16, 1_000, 1_000, 100, 20), 1_428_234, 3_040},
		{sized(1, 1, 10, 100_000, 0), 701_447, 1_679},
	} {
		c := CostOf(measured.plan)
		require.InEpsilon(t, measured.records, c.Records, 0.5)
		require.InEpsilon(t, measured.mib, c.Memory>>20, 0.5)
	}
}

func TestBounds(t *testing.T) {
	const machine = 24 << 30
	r := &Simulator{}
	limits, err := r.bounds(sized(2, 6, 20, 40, 300), machine)
	require.NoError(t, err)
	require.Equal(t, det.RunConfig{WallLimit: 10 * time.Minute, StallLimit: time.Minute, MemoryLimit: 2<<30 + 6*8<<20}, limits)

	limits, err = r.bounds(sized(16, 1_000, 1_000, 1_000, 600), machine) // the most agents and replicas
	require.NoError(t, err)
	require.Greater(t, limits.WallLimit, 20*time.Minute)
	require.Greater(t, limits.MemoryLimit, int64(8<<30))

	limits, err = r.bounds(sized(2, 10, 1_000, 0, 240_000), machine) // the proposal's load at full size
	require.NoError(t, err)
	require.Greater(t, limits.StallLimit, 4*time.Minute, "a minute has stopped it")
	require.Less(t, limits.StallLimit, 10*time.Minute)

	huge := sized(16, 1_000, 1_000, 100_000, 0)
	_, err = r.bounds(huge, machine)
	require.EqualError(t, err, "this plan is too large for this machine: with 16 replicas, 1,000 agents, 1,000 nodes, 100,000 pods and objects and 0 ops "+
		"it would write about 238,474,000 records, which takes some 6h37m0s and 289 GiB of memory, and the machine has 24 GiB; make it smaller, or try with -memory MIB and -wall TIME")
	set := det.RunConfig{MemoryLimit: 5 << 30, WallLimit: time.Hour, StallLimit: 2 * time.Minute}
	r.Limits = set
	limits, err = r.bounds(huge, machine)
	require.NoError(t, err)
	require.Equal(t, set, limits, "what is asked for counts")
	require.Positive(t, machineMemory())
}
