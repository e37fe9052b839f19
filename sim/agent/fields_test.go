package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cilium/cilium/api/v1/models"
	alibabaTypes "github.com/cilium/cilium/pkg/alibabacloud/types"
	awsTypes "github.com/cilium/cilium/pkg/aws/types"
	azureTypes "github.com/cilium/cilium/pkg/azure/types"
	"github.com/cilium/cilium/pkg/cidr"
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/identity"
	iputil "github.com/cilium/cilium/pkg/ip"
	ipamTypes "github.com/cilium/cilium/pkg/ipam/types"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/k8s"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	"github.com/cilium/cilium/pkg/kvstore/store"
	"github.com/cilium/cilium/pkg/labels"
	nodeTypes "github.com/cilium/cilium/pkg/node/types"
	"github.com/cilium/cilium/pkg/source"
	"github.com/cilium/cilium/pkg/types"
	"github.com/cilium/cilium/pkg/u8proto"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// subject is one of Cilium's types: two values that differ in each field, and the content
// that one makes.
type subject struct {
	base, other any
	content     func(t *testing.T, value any) string
}

// Each field of Cilium's types is in the list; what is compared changes the content, and
// what is excused does not.
func TestFieldsOfCilium(t *testing.T) {
	listed := map[string][]schema.Field{}
	for _, f := range schema.Fields() {
		require.NotEqual(t, f.As == "", f.Why == "", "%s.%s has either a name in the content or a reason", f.Of, f.Name)
		listed[f.Of] = append(listed[f.Of], f)
	}
	for _, s := range append(subjects(), subjectsOfServices()...) {
		of := reflect.TypeOf(s.base)
		var names []string
		for i := range of.NumField() {
			if f := of.Field(i); f.IsExported() && !f.Anonymous {
				names = append(names, f.Name)
			}
		}
		fields := listed[of.String()]
		delete(listed, of.String())
		require.Equal(t, names, namesOf(fields), "model/schema/fields.go has other fields of %s than this version of Cilium", of)
		base := s.content(t, s.base)
		for _, f := range fields {
			changed := reflect.New(of).Elem()
			changed.Set(reflect.ValueOf(s.base))
			other := reflect.ValueOf(s.other).FieldByName(f.Name)
			require.True(t, differ(changed.FieldByName(f.Name), other), "%s.%s", of, f.Name)
			changed.FieldByName(f.Name).Set(other)
			require.Equal(t, f.As != "", s.content(t, changed.Interface()) != base, "whether %s.%s changes <%s>", of, f.Name, base)
		}
	}
	require.Empty(t, listed, "types that are not tested")
}

func namesOf(fields []schema.Field) (names []string) {
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

func subjects() []subject {
	ports := models.NamedPorts{{Name: "http", Port: 8080, Protocol: "TCP"}}
	prefix := func(s string) iputil.Prefix { return iputil.PrefixFrom(netip.MustParsePrefix(s)) }
	networking := func(ip, node string) *v2.EndpointNetworking {
		return &v2.EndpointNetworking{Addressing: v2.AddressPairList{{IPV4: ip, IPV6: "fd00::5"}}, NodeIP: node}
	}
	return []subject{
		{v2.EndpointStatus{Networking: networking("10.0.0.5", "192.168.0.1")}, v2.EndpointStatus{
			ID: 1, Controllers: v2.ControllerList{{Name: "c"}}, ExternalIdentifiers: &models.EndpointIdentifiers{PodName: "p"},
			Health: &models.EndpointHealth{Bpf: "OK"}, Identity: &v2.EndpointIdentity{ID: 7}, Log: []models.EndpointStatusChange{{Code: "ok"}},
			Networking: networking("10.0.0.5", "192.168.0.2"), Encryption: v2.EncryptionSpec{Key: 3}, Policy: &v2.EndpointPolicy{},
			State: "ready", NamedPorts: ports, ServiceAccount: "default",
		}, func(t *testing.T, v any) string {
			return fromObject(t, "CiliumEndpoint", &v2.CiliumEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns"}, Status: v.(v2.EndpointStatus)})
		}},
		{v2alpha1.CoreCiliumEndpoint{Networking: networking("10.0.0.5", "192.168.0.1")}, v2alpha1.CoreCiliumEndpoint{
			Name: "p", IdentityID: 7, PodUID: "u", Networking: networking("10.0.0.6", "192.168.0.1"), Encryption: v2.EncryptionSpec{Key: 3},
			NamedPorts: ports, ServiceAccount: "default",
		}, func(t *testing.T, v any) string {
			return fromObject(t, "CiliumEndpointSlice", &v2alpha1.CiliumEndpointSlice{Namespace: "ns", Endpoints: []v2alpha1.CoreCiliumEndpoint{v.(v2alpha1.CoreCiliumEndpoint)}})
		}},
		{identity.IPIdentityPair{IP: net.ParseIP("10.0.0.5"), HostIP: net.ParseIP("192.168.0.1")}, identity.IPIdentityPair{
			IP: net.ParseIP("fd00::5"), Mask: net.CIDRMask(24, 32), HostIP: net.ParseIP("fd00::1"), ID: 7, Key: 3, Metadata: "m",
			K8sNamespace: "ns", K8sPodName: "p", K8sServiceAccount: "default", NamedPorts: []identity.NamedPort{{Name: "http", Port: 8080, Protocol: "TCP"}},
		}, func(t *testing.T, v any) string { return throughIPCache(t, v.(identity.IPIdentityPair)) }},
		{identity.NamedPort{Name: "http", Port: 8080, Protocol: "TCP"}, identity.NamedPort{Name: "dns", Port: 53, Protocol: "UDP"}, func(t *testing.T, v any) string {
			return throughIPCache(t, identity.IPIdentityPair{IP: net.ParseIP("10.0.0.5"), NamedPorts: []identity.NamedPort{v.(identity.NamedPort)}})
		}},
		{ipcache.Identity{}, ipcache.Identity{Source: source.ClusterMesh, ID: 7}, func(t *testing.T, v any) string {
			return handedOn(v.(ipcache.Identity), nil)
		}},
		{ipcache.K8sMetadata{}, ipcache.K8sMetadata{Namespace: "ns", PodName: "p", NamedPorts: types.NamedPortMap{"http": {Proto: u8proto.TCP, Port: 8080}}}, func(t *testing.T, v any) string {
			m := v.(ipcache.K8sMetadata)
			return handedOn(ipcache.Identity{}, &m)
		}},
		{types.PortProto{Proto: u8proto.TCP, Port: 8080}, types.PortProto{Proto: u8proto.SCTP, Port: 80}, func(t *testing.T, v any) string {
			return handedOn(ipcache.Identity{}, &ipcache.K8sMetadata{NamedPorts: types.NamedPortMap{"http": v.(types.PortProto)}})
		}},
		{v2.NodeSpec{}, v2.NodeSpec{
			InstanceID: "i", BootID: "b", Addresses: []v2.NodeAddress{{Type: "InternalIP", IP: "192.168.0.1"}},
			HealthAddressing: v2.HealthAddressingSpec{IPv4: "10.128.0.2"}, IngressAddressing: v2.AddressPair{IPV4: "10.128.0.3"},
			Encryption: v2.EncryptionSpec{Key: 3}, ENI: awsTypes.ENISpec{InstanceType: "t"}, Azure: azureTypes.AzureSpec{InterfaceName: "e"},
			AlibabaCloud: alibabaTypes.Spec{InstanceType: "t"},
			IPAM:         ipamTypes.IPAMSpec{Pools: ipamTypes.IPAMPoolSpec{Allocated: []ipamTypes.IPAMPoolAllocation{{CIDRs: []iputil.Prefix{prefix("10.128.0.0/24")}}}}},
		}, func(t *testing.T, v any) string {
			return fromObject(t, "CiliumNode", &v2.CiliumNode{ObjectMeta: metav1.ObjectMeta{Name: "n0"}, Spec: v.(v2.NodeSpec)})
		}},
		{nodeTypes.Node{}, nodeTypes.Node{
			Name: "n0", Cluster: "c1", IPAddresses: []nodeTypes.Address{{Type: "InternalIP", IP: net.ParseIP("192.168.0.1")}},
			IPv4AllocCIDR: cidr.MustParseCIDR("10.128.0.0/24"), IPv4SecondaryAllocCIDRs: []*cidr.CIDR{cidr.MustParseCIDR("10.129.0.0/24")},
			IPv6AllocCIDR: cidr.MustParseCIDR("fd00:1::/64"), IPv6SecondaryAllocCIDRs: []*cidr.CIDR{cidr.MustParseCIDR("fd00:2::/64")},
			IPv4HealthIP: net.ParseIP("10.128.0.2"), IPv6HealthIP: net.ParseIP("fd00:1::2"), IPv4IngressIP: net.ParseIP("10.128.0.3"), IPv6IngressIP: net.ParseIP("fd00:1::3"),
			ClusterID: 1, Source: source.ClusterMesh, EncryptionKey: 3, Labels: map[string]string{"zone": "z0"}, Annotations: map[string]string{"owner": "us, and them"},
			WireguardPubKey: "wg", BootID: "b",
		}, func(t *testing.T, v any) string { return observedNode(t, v.(nodeTypes.Node)) }},
		{nodeTypes.Address{Type: "InternalIP", IP: net.ParseIP("192.168.0.1")}, nodeTypes.Address{Type: "ExternalIP", IP: net.ParseIP("fd00::1")}, func(t *testing.T, v any) string {
			return observedNode(t, nodeTypes.Node{IPAddresses: []nodeTypes.Address{v.(nodeTypes.Address)}})
		}},
		{v2.CiliumIdentity{SecurityLabels: map[string]string{"k8s:app": "a"}}, v2.CiliumIdentity{SecurityLabels: map[string]string{"k8s:app": "b"}}, func(t *testing.T, v any) string {
			o := v.(v2.CiliumIdentity)
			return fromObject(t, "CiliumIdentity", &o)
		}},
		{labels.NewLabel("app", "a", "k8s"), labels.NewLabel("role", "b", "any"), func(t *testing.T, v any) string {
			seen := recorded(func(view *View, datapath *Datapath) {
				from := func(identity.NumericIdentity, labels.LabelArray, bool) Learned { return Learned{} }
				identities{consumers{view, datapath}, from}.UpdateIdentities(identity.IdentityMap{7: labels.LabelArray{v.(labels.Label)}}, nil)
			})
			return seen[0]
		}},
	}
}

// fromObject is what an object makes true.
func fromObject(t *testing.T, kind string, object any) string {
	raw, err := json.Marshal(object)
	require.NoError(t, err)
	_, entries, err := truth.FromObject(kind, raw, kind == "CiliumEndpointSlice", truth.Cluster{Name: "c1", ID: 1})
	require.NoError(t, err)
	return fmt.Sprint(entries)
}

// recorded returns what an agent's view records while do tells it something.
func recorded(do func(*View, *Datapath)) (seen []string) {
	record := func(_ Learned, verb history.Verb, kind, key, value string) {
		seen = append(seen, fmt.Sprintf("%s %s %s <%s>", verb, kind, key, value))
	}
	do(newView(record), newDatapath(func(Learned, history.Verb, string, string, string) {}))
	return seen
}

// handedOn is the content of what the ipcache tells a listener.
func handedOn(id ipcache.Identity, meta *ipcache.K8sMetadata) string {
	return recorded(func(v *View, d *Datapath) {
		e := endpoints{consumers{v, d}, func() Learned { return Learned{} }}
		e.OnIPIdentityCacheChange(ipcache.Upsert, cmtypes.MustParsePrefixCluster("10.0.0.5/32"), nil, nil, nil, id, 0, meta, 0)
	})[0]
}

// throughIPCache is what an agent sees of a key in an etcd, by Cilium's reader and
// ipcache, which is what the record of the key says.
func throughIPCache(t *testing.T, pair identity.IPIdentityPair) string {
	seen := recorded(func(v *View, d *Datapath) {
		cache := ipcache.NewIPCache(&ipcache.Configuration{Context: context.Background(), Logger: slog.New(slog.DiscardHandler)})
		cache.AddListener(endpoints{consumers{v, d}, func() Learned { return Learned{} }})
		factory := store.NewFactory(slog.New(slog.DiscardHandler), store.MetricsProvider())
		ipcache.NewIPIdentityWatcher(slog.New(slog.DiscardHandler), "c1", cache, factory, source.ClusterMesh).OnUpdate(&pair)
	})
	raw, err := pair.Marshal()
	require.NoError(t, err)
	_, stored := truth.FromEtcd("cilium/state/ip/v1/default/"+pair.GetKeyName(), raw)
	require.Equal(t, fmt.Sprintf("see endpoint %s <%s>", pair.GetKeyName(), stored), seen[0])
	return seen[0]
}

// observedNode is what an agent sees of a node, which is what the record of its key says.
func observedNode(t *testing.T, n nodeTypes.Node) string {
	seen := recorded(func(v *View, _ *Datapath) {
		nodes{consumers{v, nil}, func() Learned { return Learned{} }}.NodeUpdated(n)
	})
	raw, err := n.Marshal()
	require.NoError(t, err)
	_, stored := truth.FromEtcd("cilium/state/nodes/v1/c1/"+n.Name, raw)
	require.Equal(t, fmt.Sprintf("see node %s <%s>", n.Name, stored), seen[0])
	return seen[0]
}

// What an object makes true is what a node's observer hands on of it.
func TestNodeAsObjectAndAsHandedOn(t *testing.T) {
	object := &v2.CiliumNode{
		ObjectMeta: metav1.ObjectMeta{Name: "n0", Labels: map[string]string{"zone": "z0"}, Annotations: map[string]string{"network.cilium.io/wg-pub-key": "wg=", "note": "two words"}},
		Spec: v2.NodeSpec{
			BootID: "b", Addresses: []v2.NodeAddress{{Type: "InternalIP", IP: "192.168.0.1"}, {Type: "CiliumInternalIP", IP: "10.128.0.1"}, {Type: "InternalIP", IP: "FD00::1"}},
			HealthAddressing: v2.HealthAddressingSpec{IPv4: "10.128.0.2", IPv6: "fd00:1::2"}, IngressAddressing: v2.AddressPair{IPV4: "10.128.0.3", IPV6: "fd00:1::3"},
			Encryption: v2.EncryptionSpec{Key: 3},
			IPAM:       ipamTypes.IPAMSpec{PodCIDRs: []iputil.Prefix{iputil.PrefixFrom(netip.MustParsePrefix("10.128.0.0/24")), iputil.PrefixFrom(netip.MustParsePrefix("fd00:1::/64")), iputil.PrefixFrom(netip.MustParsePrefix("10.129.0.0/24"))}},
		},
	}
	const content = `InternalIP=192.168.0.1 CiliumInternalIP=10.128.0.1 InternalIP=fd00::1 cluster=c1/1 cidr4=10.128.0.0/24 cidr4s=10.129.0.0/24 cidr6=fd00:1::/64 ` +
		`health4=10.128.0.2 health6=fd00:1::2 ingress4=10.128.0.3 ingress6=fd00:1::3 wireguard=wg= boot=b key=3 label.zone=z0 annotation.network.cilium.io/wg-pub-key=wg= annotation.note="two words"`
	require.Equal(t, fmt.Sprint([]truth.Entry{{Kind: "node", Key: "n0", Value: content}}), fromObject(t, "CiliumNode", object))
	n := k8s.ParseCiliumNode(object)
	n.Cluster, n.ClusterID = "c1", 1
	require.Equal(t, "see node n0 <"+content+">", observedNode(t, n))
}

// Whatever Cilium makes of named ports, truth makes the same of them.
func TestNamedPortsAsCiliumTakesThem(t *testing.T) {
	seen := throughIPCache(t, identity.IPIdentityPair{IP: net.ParseIP("10.0.0.5"), NamedPorts: []identity.NamedPort{
		{Name: "http", Port: 80, Protocol: "TCP"}, {Name: "HTTP", Port: 8080}, {Name: "dns", Port: 53, Protocol: "udp"},
		{Name: "none", Port: 0, Protocol: "TCP"}, {Name: "any", Port: 1, Protocol: "ANY"}, {Name: "-dash", Port: 1}, {Name: "a--b", Port: 1},
		{Name: "123", Port: 1}, {Name: "longer-than-fifteen", Port: 1}, {Name: "a-1", Port: 1, Protocol: "SCTP"},
	}})
	require.Equal(t, "see endpoint 10.0.0.5 <id=0 host= pod=/ ports=a-1:1/SCTP,dns:53/UDP,http:8080/TCP>", seen)
}
