package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// plugin is the CNI plugin of node n0, whose agent may be away.
type plugin struct {
	mu    sync.Mutex
	away  bool
	asked []string
	given int
}

func (p *plugin) On(node string) bool { return node == "n0" }

func (p *plugin) Add(_ context.Context, _ string, s agent.Sandbox) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, "add "+s.Pod)
	if p.away {
		return nil, errors.New("no agent")
	}
	p.given++
	return []string{fmt.Sprintf("10.128.0.%d", p.given), fmt.Sprintf("fd00::%d", p.given)}, nil
}

func (p *plugin) Del(_ context.Context, _, container string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, "del "+container[len(container)-1:])
	if p.away {
		return errors.New("no agent")
	}
	return nil
}

func (p *plugin) isAway(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

// said returns what the plugin was asked for since the last time.
func (p *plugin) said() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// phase returns that of a pod with its first address, or "" if there is none.
func (w *world) phase(name string) string {
	w.T.Helper()
	o := w.Store.Get("Pod", "ns", name)
	if o == nil {
		return ""
	}
	var p corev1.Pod
	require.NoError(w.T, o.Decode(&p))
	return fmt.Sprint(p.Status.Phase, " ", p.Status.PodIP)
}

// The agent gives the addresses, whatever the plan says, and writes the endpoint.
func TestPodsOfAWholeAgent(t *testing.T) {
	for _, operators := range []int{0, 1} {
		p := alone(create(0, "p0", "web", "10.0.0.1"), op(5*time.Second, fault.PodRelabel, fault.Pod{Namespace: "ns", Name: "p0", App: "db"}), remove(10*time.Second, "p0"))
		p.Topology.Operators = operators
		cni := &plugin{}
		simulateWith(t, p, cni, func(w *world) {
			simtest.Pass(4 * time.Second)
			require.Equal(t, "Running 10.128.0.1", w.phase("p0"))
			require.Equal(t, []string{"add p0"}, cni.said())
			simtest.Pass(4 * time.Second)
			require.Nil(t, w.Store.Get("CiliumEndpoint", "ns", "p0"))
			require.Empty(t, cni.said(), "the agent hears of other labels")
			simtest.Pass(4 * time.Second)
			require.Empty(t, w.phase("p0"))
			require.Equal(t, []string{"del 1"}, cni.said())
			require.NoError(t, w.err)
		})
	}
}

// Who cannot start a pod removes what there is of its sandbox, and tries again after a while with
// another one; who is to end it does not wait for that.
func TestKubeletTriesAgain(t *testing.T) {
	cni := &plugin{away: true}
	simulateWith(t, alone(create(0, "p0", "web", "10.0.0.1"), create(0, "p1", "web", "10.0.0.2"), remove(20*time.Second, "p1")), cni, func(w *world) {
		simtest.Pass(5 * time.Second)
		require.Equal(t, "Pending ", w.phase("p0"))
		require.Subset(t, []string{"add p0", "add p1", "del 1"}, cni.said())
		cni.isAway(false)
		simtest.Pass(30 * time.Second)
		require.Contains(t, w.phase("p0"), "Running 10.128.0.")
		require.Empty(t, w.phase("p1"))
		require.True(t, w.isDone())
	})
}

// A Pod does not move: another one comes under its name, and what the agent has of the first
// one ends.
func TestPodsComeToAWholeAgent(t *testing.T) {
	p := alone(create(0, "p0", "web", "10.0.0.1"), op(5*time.Second, fault.PodUpdate, fault.Pod{Namespace: "ns", Name: "p0", Node: "n1"}))
	cni := &plugin{}
	simulateWith(t, p, cni, func(w *world) {
		simtest.Pass(20 * time.Second)
		require.Equal(t, []string{"add p0", "del 1"}, cni.said())
		require.Equal(t, "10.0.0.1", w.address("p0"), "which an agent that is not whole has no other for")
		require.Equal(t, "Running 10.0.0.1", w.phase("p0"))
		require.NoError(t, w.err)
	})
}
