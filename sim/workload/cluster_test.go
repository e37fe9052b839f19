package workload

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
)

func plan() *fault.Plan {
	return &fault.Plan{
		Topology: fault.Topology{Nodes: 2},
		Options:  fault.Options{EndpointSlices: true, ClusterID: 1, ClusterName: "c1"},
	}
}

func seeded(t *testing.T, p *fault.Plan) (*cluster, []string) {
	t.Helper()
	c := newCluster(p)
	var made []string
	require.NoError(t, c.seed(p, func(object []byte) error {
		var o struct {
			Kind     string
			Metadata struct{ Name, Namespace string }
		}
		require.NoError(t, json.Unmarshal(object, &o))
		made = append(made, o.Kind+" "+o.Metadata.Namespace+"/"+o.Metadata.Name)
		return nil
	}))
	return c, made
}

func TestSeed(t *testing.T) {
	p := plan()
	for i := range 11 {
		p.Pods = append(p.Pods, fault.Pod{Namespace: "ns", Name: fmt.Sprintf("p%d", i), App: "a", Node: "n1", IP: fmt.Sprintf("10.0.0.%d", i)})
	}
	c, made := seeded(t, p)
	require.Equal(t, []string{"CiliumNode /n0", "CiliumNode /n1", "Namespace /ns", "CiliumIdentity /65792", "Pod ns/p0"}, made[:5])
	require.Equal(t, []string{"CiliumEndpointSlice /ces-ns-0", "CiliumEndpointSlice /ces-ns-1"}, made[len(made)-2:], "the eleventh pod needs a second slice")
	require.Len(t, c.groups["ces-ns-0"].object().Endpoints, MaxPerSlice)
	require.Equal(t, "192.168.0.2", c.pods[podKey{"ns", "p0"}].nodeIP)
}

func TestIdentityNumbersAreReused(t *testing.T) {
	c := newCluster(plan())
	a, isNew := c.identityOf("ns", "a")
	require.True(t, isNew)
	again, isNew := c.identityOf("ns", "a")
	require.False(t, isNew)
	require.Same(t, a, again)
	b, _ := c.identityOf("ns", "b")
	require.NotEqual(t, a.id, b.id)
	require.True(t, c.forgetIdentity(a))
	require.False(t, c.forgetIdentity(a))
	other, _ := c.identityOf("other", "a")
	require.NotEqual(t, a.id, other.id, "it is being deleted")
	delete(c.used, a.id)
	other, _ = c.identityOf("third", "a")
	require.Equal(t, a.id, other.id)
}

func TestSlicesFillAndVanish(t *testing.T) {
	c := newCluster(plan())
	id, _ := c.identityOf("ns", "a")
	place := func(name string) *pod {
		p := &pod{podKey: podKey{"ns", name}, identity: id}
		c.pods[p.podKey] = p
		c.place(p)
		return p
	}
	first := place("p0")
	require.Equal(t, absent, first.slice.version)
	for i := range MaxPerSlice {
		place(fmt.Sprintf("q%d", i))
	}
	require.Len(t, c.groups, 2)
	c.remove(first)
	require.Same(t, first.slice, place("again").slice, "room is used again")
	for _, p := range c.podsOf("ns") {
		c.remove(p)
	}
	require.Empty(t, c.groups)
}

func TestAdoptedSliceKeepsWhatItHas(t *testing.T) {
	p := plan()
	p.Objects = []json.RawMessage{
		json.RawMessage(`{"apiVersion":"cilium.io/v2","kind":"CiliumIdentity","metadata":{"name":"65800"},"security-labels":{"k8s:app":"x"}}`),
		json.RawMessage(`{"apiVersion":"cilium.io/v2","kind":"CiliumNode","metadata":{"name":"worker"},"spec":{"addresses":[{"type":"InternalIP","ip":"172.16.0.1"}]}}`),
		json.RawMessage(`{"apiVersion":"cilium.io/v2alpha1","kind":"CiliumEndpointSlice","metadata":{"name":"ces-1"},"namespace":"ns","endpoints":[
			{"name":"p0","id":65800,"networking":{"addressing":[{"ipv4":"10.0.0.1","ipv6":"fd00::1"}],"node":"172.16.0.1"},"named-ports":[{"name":"http","port":80,"protocol":"TCP"}]}]}`),
	}
	c, made := seeded(t, p)
	require.Len(t, made, 3, "given nodes stand for those of the topology, and nothing is made twice")
	require.Equal(t, "172.16.0.1", c.nodes["worker"].ip())
	s := c.groups["ces-1"]
	require.Equal(t, unknown, s.version)
	other, _ := c.identityOf("ns", "b")
	s.pods[0].identity = other
	e := s.object().Endpoints[0]
	require.Equal(t, int64(other.id), e.IdentityID)
	require.Equal(t, "fd00::1", e.Networking.Addressing[0].IPV6)
	require.Equal(t, "http", e.NamedPorts[0].Name)
}

// A node that is made keeps away from the addresses of what was given.
func TestAddressesOfGivenNodes(t *testing.T) {
	p := plan()
	p.Objects = []json.RawMessage{
		json.RawMessage(`{"apiVersion":"cilium.io/v2","kind":"CiliumNode","metadata":{"name":"worker"},"spec":{"addresses":[{"type":"InternalIP","ip":"192.168.0.1"},{"type":"CiliumInternalIP","ip":"10.128.1.1"}]}}`),
		json.RawMessage(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"ns"},"status":{"hostIP":"192.168.0.3","podIP":"10.0.0.9"}}`),
	}
	c, _ := seeded(t, p)
	require.Equal(t, "192.168.0.4", c.newNode("extra0", nil).ip())
	require.Equal(t, "192.168.0.5", c.newNode("extra1", nil).ip())
}

func TestAdoptedEndpointKeepsWhatItHas(t *testing.T) {
	p := plan()
	p.Options.EndpointSlices = false
	p.Objects = []json.RawMessage{json.RawMessage(`{"apiVersion":"cilium.io/v2","kind":"CiliumEndpoint","metadata":{"name":"p0","namespace":"ns"},
		"status":{"id":7,"identity":{"id":65800},"networking":{"addressing":[{"ipv4":"10.0.0.1"}],"node":"172.16.0.1"}}}`)}
	c, _ := seeded(t, p)
	q := c.pods[podKey{"ns", "p0"}]
	require.Equal(t, 65800, q.identity.id)
	q.identity, _ = c.identityOf("ns", "b")
	o := q.endpoint()
	require.Equal(t, int64(q.identity.id), o.Status.Identity.ID)
	require.Equal(t, "10.0.0.1", o.Status.Networking.Addressing[0].IPV4)
	require.Equal(t, int64(65800), q.givenEndpoint.Status.Identity.ID, "what was given is not changed")
}
