package agent

import (
	"iter"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/cilium/statedb"
	"github.com/cilium/statedb/reconciler"

	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	slim_corev1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/core/v1"
	slim_discoveryv1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/discovery/v1"
	slim_metav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/loadbalancer"
	"github.com/cilium/cilium/pkg/source"

	"github.com/meshcheck/meshcheck/sim/truth"
)

// subjectsOfServices are Cilium's types of Services and their backends.
func subjectsOfServices() []subject {
	at := func(ip string, port uint16) loadbalancer.L3n4Addr {
		return loadbalancer.NewL3n4Addr(loadbalancer.TCP, cmtypes.MustParseAddrCluster(ip), port, loadbalancer.ScopeExternal)
	}
	name := loadbalancer.NewServiceName("ns", "web")
	some := loadbalancer.BackendsSeq2(iter.Seq2[*loadbalancer.Backend, statedb.Revision](func(yield func(*loadbalancer.Backend, statedb.Revision) bool) {
		yield(&loadbalancer.Backend{Address: at("10.0.0.9", 80)}, 1)
	}))
	tables := func(t Tables) string {
		return recorded(func(v *View, d *Datapath) {
			Sink{consumers{v, d}}.Services().Update(name, t, func(truth.Entry) Learned { return Learned{} })
		})[0]
	}
	frontend := func(f loadbalancer.Frontend) string {
		s := &loadbalancer.Service{Name: name, ExtTrafficPolicy: loadbalancer.SVCTrafficPolicyCluster, IntTrafficPolicy: loadbalancer.SVCTrafficPolicyCluster}
		return tables(Tables{Service: s, Frontends: []*loadbalancer.Frontend{&f}})
	}
	params := loadbalancer.FrontendParams{Address: at("10.96.0.1", 80), Type: loadbalancer.SVCTypeClusterIP, ServicePort: 80}
	slice := func(t *testing.T, e slim_discoveryv1.Endpoint, p slim_discoveryv1.EndpointPort) string {
		return fromObject(t, "EndpointSlice", &slim_discoveryv1.EndpointSlice{
			ObjectMeta:  slim_metav1.ObjectMeta{Namespace: "ns", Name: "web-1", Labels: map[string]string{slim_discoveryv1.LabelServiceName: "web"}},
			AddressType: "IPv4", Endpoints: []slim_discoveryv1.Endpoint{e}, Ports: []slim_discoveryv1.EndpointPort{p},
		})
	}
	port := slim_discoveryv1.EndpointPort{Name: new("http"), Protocol: new(slim_corev1.ProtocolTCP), Port: new(int32(80))}
	endpoint := slim_discoveryv1.Endpoint{Addresses: []string{"10.0.0.5"}, Zone: new("z0")}
	clientIP := &slim_corev1.SessionAffinityConfig{ClientIP: &slim_corev1.ClientIPConfig{TimeoutSeconds: new(int32(30))}}
	return []subject{
		{slim_corev1.ServiceSpec{Ports: []slim_corev1.ServicePort{{Name: "http", Protocol: "TCP", Port: 80}}, ClusterIP: "10.96.0.1", SessionAffinity: "ClientIP"}, slim_corev1.ServiceSpec{
			Ports: []slim_corev1.ServicePort{{Name: "dns", Protocol: "UDP", Port: 53}}, Selector: map[string]string{"app": "web"}, ClusterIP: "10.96.0.2", ClusterIPs: []string{"10.96.0.3"},
			Type: "NodePort", ExternalIPs: []string{"10.1.0.1"}, SessionAffinity: "None", LoadBalancerIP: "10.1.0.2", LoadBalancerSourceRanges: []string{"10.0.0.0/8"},
			ExternalTrafficPolicy: "Local", HealthCheckNodePort: 30000, SessionAffinityConfig: clientIP, IPFamilies: []slim_corev1.IPFamily{"IPv4"}, IPFamilyPolicy: new(slim_corev1.IPFamilyPolicy("SingleStack")),
			LoadBalancerClass: new("c"), InternalTrafficPolicy: new(slim_corev1.ServiceInternalTrafficPolicy("Local")), TrafficDistribution: new("PreferClose"),
		}, func(t *testing.T, v any) string {
			return fromObject(t, "Service", &slim_corev1.Service{ObjectMeta: slim_metav1.ObjectMeta{Namespace: "ns", Name: "web"}, Spec: v.(slim_corev1.ServiceSpec)})
		}},
		{loadbalancer.Service{Name: name, SessionAffinityTimeout: time.Second, SessionAffinity: true}, loadbalancer.Service{
			Name: loadbalancer.NewServiceName("ns", "db"), Source: source.Kubernetes, Labels: labels.Map2Labels(map[string]string{"a": "b"}, "k8s"), Annotations: map[string]string{"a": "b"},
			Selector: map[string]string{"app": "web"}, NatPolicy: loadbalancer.SVCNatPolicyNat46, ExtTrafficPolicy: loadbalancer.SVCTrafficPolicyLocal, IntTrafficPolicy: loadbalancer.SVCTrafficPolicyLocal,
			ForwardingMode: loadbalancer.SVCForwardingModeDSR, SessionAffinityTimeout: time.Minute, LoadBalancerClass: new("c"),
			ProxyRedirects: loadbalancer.ProxyRedirects{{ProxyPort: 1}}, HealthCheckNodePort: 30000, LoopbackHostPort: true,
			SourceRanges: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, PortNames: map[string]uint16{"http": 80}, TrafficDistribution: loadbalancer.TrafficDistributionPreferClose,
		}, func(_ *testing.T, v any) string {
			s := v.(loadbalancer.Service)
			return recorded(func(v *View, d *Datapath) {
				Sink{consumers{v, d}}.Services().Update(s.Name, Tables{Service: &s}, func(truth.Entry) Learned { return Learned{} })
			})[0]
		}},
		{params, loadbalancer.FrontendParams{Address: at("10.96.0.2", 80), Type: loadbalancer.SVCTypeExternalIPs, ServiceName: name, PortName: "http", ServicePort: 81}, func(_ *testing.T, v any) string {
			return frontend(loadbalancer.Frontend{FrontendParams: v.(loadbalancer.FrontendParams)})
		}},
		{loadbalancer.Frontend{FrontendParams: params}, loadbalancer.Frontend{Status: reconciler.StatusPending(), Backends: some, HealthCheckBackends: some, ID: 1, RedirectTo: &name, Service: &loadbalancer.Service{}},
			func(_ *testing.T, v any) string { return frontend(v.(loadbalancer.Frontend)) }},
		{endpoint, slim_discoveryv1.Endpoint{
			Addresses: []string{"10.0.0.6"}, Conditions: slim_discoveryv1.EndpointConditions{Ready: new(false)}, Hostname: new("h"), DeprecatedTopology: map[string]string{"a": "b"},
			NodeName: new("n0"), Zone: new("z1"), Hints: &slim_discoveryv1.EndpointHints{ForZones: []slim_discoveryv1.ForZone{{Name: "z1"}}},
		}, func(t *testing.T, v any) string { return slice(t, v.(slim_discoveryv1.Endpoint), port) }},
		{slim_discoveryv1.EndpointConditions{Ready: new(false), Serving: new(true), Terminating: new(true)}, slim_discoveryv1.EndpointConditions{Ready: new(true), Serving: new(false), Terminating: new(false)}, func(t *testing.T, v any) string {
			return slice(t, slim_discoveryv1.Endpoint{Addresses: []string{"10.0.0.5"}, Conditions: v.(slim_discoveryv1.EndpointConditions)}, port)
		}},
		{port, slim_discoveryv1.EndpointPort{Name: new("dns"), Protocol: new(slim_corev1.ProtocolUDP), Port: new(int32(53)), AppProtocol: new("a")}, func(t *testing.T, v any) string {
			return slice(t, endpoint, v.(slim_discoveryv1.EndpointPort))
		}},
		{loadbalancer.Backend{Address: at("10.0.0.5", 80)}, loadbalancer.Backend{
			ServiceName: name, Address: at("10.0.0.6", 80), PortNames: []string{"http"}, Weight: 7, NodeName: "n0", Zone: &loadbalancer.BackendZone{Zone: "z0"}, ClusterID: 1, Source: source.Kubernetes,
			State: loadbalancer.BackendStateMaintenance, Unhealthy: true, UnhealthyUpdatedAt: new(time.Unix(1, 0)),
		}, func(_ *testing.T, v any) string {
			b := v.(loadbalancer.Backend)
			return tables(Tables{Backends: []*loadbalancer.Backend{&b}})
		}},
		{loadbalancer.BackendZone{Zone: "z0"}, loadbalancer.BackendZone{Zone: "z1", ForZones: []string{"z0"}}, func(_ *testing.T, v any) string {
			z := v.(loadbalancer.BackendZone)
			return tables(Tables{Backends: []*loadbalancer.Backend{{Address: at("10.0.0.5", 80), Zone: &z}}})
		}},
	}
}

// differ reports whether two values of a field differ; functions cannot be compared.
func differ(a, b reflect.Value) bool {
	if a.Kind() == reflect.Func {
		return a.IsNil() != b.IsNil()
	}
	return !reflect.DeepEqual(a.Interface(), b.Interface())
}
