package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

// faults are those of a plan, one a line, without the one that leads the agent to
// r0 at the start.
func faults(t *testing.T, c *mesh.Counterexample) string {
	t.Helper()
	p, err := Export(c)
	require.NoError(t, err)
	require.Equal(t, fault.Move, p.Faults[0].Kind)
	var text strings.Builder
	for _, f := range p.Faults[1:] {
		text.WriteString(f.At.String() + " " + f.Sentence() + "\n")
	}
	return text.String()
}

func TestExportOfAFailOver(t *testing.T) {
	gone := deleted(2)
	c := ce(t, "clustermesh", "monotonic", gone, delivers(0, gone), sees(0, 0), befalls(mesh.ReplicaCrashes, 0), connects(0, 1))
	p, err := Export(c)
	require.NoError(t, err)
	require.Equal(t, fault.Topology{APIServers: 1, Replicas: 2, Agents: 1, Nodes: 2}, p.Topology)
	require.Equal(t, []fault.Pod{{Namespace: "mesh", Name: "p0-of-rv1", App: "p0-of-rv1", Node: "n1", IP: "10.0.0.1"}}, p.Pods)
	require.Len(t, p.Ops, 1)
	require.Equal(t, fault.PodDelete, p.Ops[0].Op)
	require.Equal(t, "p0-of-rv1", p.Ops[0].Pod.Name)
	require.Equal(t, "15s", p.Ops[0].At.String())
	require.Equal(t, "38s", p.Churn.String())
	require.Equal(t, `14s when w0 is about to write CiliumEndpointSlice: r1 and k0 are cut off from each other for 23s
18s replica r0 is lost; 20s later a new one starts with an empty etcd
18s the load balancer moves a0 to r1
`, faults(t, c))
}

// Where a cut would be noticed, a watch is late by a link that is slow.
func TestExportOfAWatchThatIsLateAndNotCut(t *testing.T) {
	gone := deleted(2)
	require.Equal(t, `14s when w0 is about to write CiliumEndpointSlice: messages between r1 and k0 take 7s for 23s
18s replica r0 is lost; 20s later a new one starts with an empty etcd
18s the load balancer moves a0 to r1
`, faults(t, ce(t, "clustermesh+heartbeat", "monotonic", gone, delivers(0, gone), sees(0, 0), befalls(mesh.ReplicaCrashes, 0), connects(0, 1))))
}

// What follows the observation of a new entry begins at that event; and a pod that is
// created has another identity than the one before.
func TestExportOfARestartAfterAnObservation(t *testing.T) {
	gone, back := deleted(2), created(3)
	c := ce(t, "clustermesh", "no-spurious-deletion",
		gone, delivers(0, gone), back, delivers(0, back), sees(0, 0), delivers(1, gone), restarts(0), connects(0, 1))
	p, err := Export(c)
	require.NoError(t, err)
	require.Equal(t, "p0-of-rv3", p.Ops[1].Pod.App)
	require.Equal(t, "10.0.0.1", p.Ops[1].Pod.IP)
	require.Equal(t, "18s", p.Ops[1].At.String())
	require.Equal(t, `17s when w0 is about to write CiliumEndpointSlice: r1 and k0 are cut off from each other for 20s
17s when a0 has seen endpoint: a0 restarts with an empty view after 2s; the datapath stays
17s when a0 has seen endpoint: the load balancer moves a0 to r1
`, faults(t, c))
}

func TestExportOfAWriterThatRestarts(t *testing.T) {
	gone := deleted(2)
	require.Equal(t, `15s the writer in replica r0 stops for 5s; its etcd stays
`, faults(t, ce(t, "clustermesh", "convergence",
		befalls(mesh.WriterRestarts, 0), gone, befalls(mesh.WriterListsNow, 0), delivers(1, gone))))
}

// An agent that connects with a replica which has no writer is sent there by a Service that is wrong.
func TestExportOfAConnectionWithAnUnreadyReplica(t *testing.T) {
	require.Equal(t, `1s the Service gives a0 no endpoint for 16s
14s the load balancer moves a0 to r0
15s the writer in replica r0 stops for 24s; its etcd stays
16s the Service names r0 to a0, ready or not, for 23s
`, sentences(t, handover(t, "handover", befalls(mesh.WriterRestarts, 0), connects(0, 0), befalls(mesh.WriterListsNow, 0))))
}

// The agent is kept from the other replica until its own is ready again; and what
// the emptied one never delivered it does not deliver before it is gone.
func TestExportOfAnEmptiedEtcd(t *testing.T) {
	gone, back := deleted(2), created(3)
	require.Equal(t, `14s when w0 is about to write CiliumEndpointSlice: r0 and k0 are cut off from each other for 4s
18s the Service gives a0 no endpoint for 19s
18s the etcd in replica r0 stops for 4s and comes back empty; its writer goes on
18s the writer in replica r0 stops for 5s; its etcd stays
`, faults(t, ce(t, "clustermesh", "owner",
		gone, befalls(mesh.EtcdEmptied, 0), delivers(1, gone), back, befalls(mesh.ReplicaStarts, 0), delivers(1, back))))
}

// An agent that goes elsewhere later than it could waits for that.
func TestExportOfALateConnection(t *testing.T) {
	gone := deleted(2)
	require.Equal(t, `15s the Service gives a0 no endpoint for 7s
15s replica r0 is lost; 23s later a new one starts with an empty etcd
15s the load balancer moves a0 to r1
`, faults(t, ce(t, "clustermesh", "monotonic",
		befalls(mesh.ReplicaCrashes, 0), gone, delivers(1, gone), connects(0, 1))))
}

func TestExportOfWhatTheWorldDoesNot(t *testing.T) {
	gone := deleted(2)
	for name, c := range map[string]struct {
		mode  string
		steps []mesh.Step
		want  string
	}{
		"base":                         {"central", []mesh.Step{gone}, "Cilium's replicas compute nothing: they copy"},
		"a writer that sweeps":         {"clustermesh+sweep", []mesh.Step{befalls(mesh.WriterRestarts, 0), befalls(mesh.WriterListsNow, 0)}, ""},
		"nothing to sweep":             {"clustermesh+sweep+token", []mesh.Step{gone, delivers(0, gone)}, ""},
		"a watch that is late":         {"clustermesh+heartbeat", []mesh.Step{gone, delivers(0, gone)}, ""},
		"one that is late for long":    {"clustermesh+heartbeat", []mesh.Step{gone, delivers(0, gone), befalls(mesh.WriterRestarts, 0), befalls(mesh.WriterListsNow, 0), connects(0, 1)}, "heartbeat: r1 would have to hear of rv 2 later than 7s after it, and its connection would tell"},
		"a connection that is checked": {"clustermesh+fence", []mesh.Step{gone, restarts(0), connects(0, 1)}, ""},
		"an agent that asks":           {"clustermesh+fence+anchor", []mesh.Step{gone, restarts(0), connects(0, 1)}, "anchor: no edit of Cilium has an agent ask the kube-apiserver for its resourceVersion"},
		"no connection":                {"clustermesh+fence+anchor", []mesh.Step{gone, delivers(0, gone)}, ""},
		"one of two writes":            {"clustermesh", []mesh.Step{gone, connects(0, 1), delivers(1, gone), created(3), sees(0, 1)}, ""},
	} {
		_, err := Export(ce(t, c.mode, "agree", c.steps...))
		if c.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.EqualError(t, err, c.want, name)
		require.ErrorAs(t, err, new(Obstacle), name)
	}
}

// Each base but two has a reason, so that a new one cannot be forgotten.
func TestEveryBaseIsRunOrHasAReason(t *testing.T) {
	for _, base := range mode.Bases() {
		_, other := baseObstacles[base]
		require.Equal(t, base != mode.ClusterMesh && base != mode.Handover, other, base)
	}
}
