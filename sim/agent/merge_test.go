package agent

import (
	"testing"

	"github.com/cilium/cilium/pkg/source"
	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/truth"
)

const replica, apiServer = mode.FromReplica, mode.FromAPIServer

func entry(key, value string) truth.Entry {
	return truth.Entry{Kind: history.Node, Key: key, Value: value}
}

// mergeForTest returns a merge, and what it hands on.
func mergeForTest() (*Merge, *log) {
	l := &log{}
	v := newView(l.record)
	return NewMerge(Sink{consumers{v, newDatapath(l.record)}}), l
}

// From one source to the other, both ways, there is one change for each entry of which they
// differ: no hole where they agree, and no ghost of what only the old one has.
func TestMergeSwitches(t *testing.T) {
	m, l := mergeForTest()
	crd, etcd := m.Sink(apiServer).to, m.Sink(replica).to
	m.Counting(Learned{}, replica)
	for _, e := range []truth.Entry{entry("same", "1"), entry("moved", "old"), entry("gone", "1")} {
		crd.set(Learned{}, e)
	}
	require.Empty(t, l.take(), "it does not count")
	m.Counting(Learned{}, apiServer)
	require.Equal(t, []string{"see node gone 1", "see node moved old", "see node same 1"}, l.take())
	for _, e := range []truth.Entry{entry("same", "1"), entry("moved", "new"), entry("more", "1")} {
		etcd.set(Learned{}, e)
	}
	require.Empty(t, l.take())
	m.Counting(Learned{}, replica)
	require.Equal(t, []string{"drop node gone ", "see node more 1", "see node moved new"}, l.take())
	m.Forget(apiServer)
	m.Counting(Learned{}, replica, apiServer)
	require.Empty(t, l.take(), "what it had said is forgotten")

	crd.set(Learned{}, entry("same", "1"))
	m.Counting(Learned{}, apiServer)
	require.Equal(t, []string{"drop node more ", "drop node moved "}, l.take())
}

// While both count, the first takes precedence, and the other one fills its gaps.
func TestMergePrecedence(t *testing.T) {
	m, l := mergeForTest()
	crd, etcd := m.Sink(apiServer).to, m.Sink(replica).to
	m.Counting(Learned{}, replica, apiServer)
	crd.set(Learned{}, entry("n0", "crd"))
	etcd.set(Learned{}, entry("n0", "etcd"))
	crd.set(Learned{}, entry("n0", "crd again"))
	require.Equal(t, []string{"see node n0 crd", "see node n0 etcd"}, l.take())
	etcd.delete(Learned{}, history.Node, "n0")
	require.Equal(t, []string{"see node n0 crd again"}, l.take(), "what was refused is not forgotten")
	require.True(t, crd.has(history.Node, "n0"))
	require.False(t, etcd.has(history.Node, "n0"))
	crd.delete(Learned{}, history.Node, "n0")
	crd.delete(Learned{}, history.Node, "n0")
	require.Equal(t, []string{"drop node n0 ", "drop node n0 "}, l.take(), "a deletion of what nobody has is handed on")
}

// What Cilium's node manager does with two sources: who is refused is forgotten, and what a
// reader that has stopped had told of stays.
func TestRankedNodes(t *testing.T) {
	l := &log{}
	r := NewRanked(Sink{consumers{newView(l.record), newDatapath(l.record)}})
	crd, etcd := r.Sink(source.CustomResource).to, r.Sink(source.ClusterMesh).to
	crd.set(Learned{}, entry("n0", "crd"))
	etcd.set(Learned{}, entry("n0", "etcd"))
	etcd.delete(Learned{}, history.Node, "n0")
	require.Equal(t, []string{"see node n0 crd"}, l.take())
	crd.delete(Learned{}, history.Node, "n0")
	require.Equal(t, []string{"drop node n0 "}, l.take(), "a hole, until the etcd tells of it again")
	etcd.set(Learned{}, entry("n0", "etcd"))
	crd.set(Learned{}, entry("n0", "crd"))
	require.Equal(t, []string{"see node n0 etcd", "see node n0 crd"}, l.take(), "upwards there is none")
}
