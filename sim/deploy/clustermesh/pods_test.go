package clustermesh

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mode"
)

func allReady(string) bool { return true }

// A new pod of a replica has another address than the last, so that who dials that misses it.
func TestPodAddresses(t *testing.T) {
	changes := 0
	p := newPods(1, mode.Default.By(mode.ByDialer), 0, allReady, func() { changes++ })
	first, other := p.place("r0"), p.place("r1")
	require.Equal(t, "r0", p.at(first.ip))
	require.Equal(t, "r1", p.at(other.ip))
	p.remove(first)
	p.remove(first)
	require.Equal(t, 3, changes, "what is gone goes once")
	require.Empty(t, p.at(first.ip))
	next := p.place("r0")
	require.NotEqual(t, first.ip, next.ip)
	require.NotEqual(t, first.name, next.name)
	require.Equal(t, []string{first.ip + ":", "r0", "r1"}, p.replicas([]string{next.ip, other.ip, first.ip}))
	p.end(other)
	require.Equal(t, []podState{{*other, false}, {*next, true}}, p.states())
}

// A node has one pod at a time, and a new pod comes to another node if one is free.
func TestNodes(t *testing.T) {
	p := newPods(1, mode.Default.By(mode.ByHostNetwork), 2, allReady, func() {})
	first := p.place("r0")
	require.True(t, p.isNode(first.ip))
	require.False(t, p.isNode("172.22.0.3"))
	p.remove(first)
	second := p.place("r0")
	require.NotEqual(t, first.node, second.node)
	third := p.place("r1")
	require.Equal(t, first.node, third.node)
	require.Nil(t, p.place("r2"), "there is no room")
	p.remove(third)
	require.Equal(t, first.ip, p.place("r2").ip)
}
