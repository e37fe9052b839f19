package truth

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServices(t *testing.T) {
	for name, test := range map[string]struct {
		kind, object string
		want         []Entry
	}{
		"cluster IPs": {"Service", `{"metadata":{"namespace":"ns","name":"web","labels":{"a":"b"}},"spec":{"clusterIP":"10.96.0.1","clusterIPs":["10.96.0.1","FD00::1"],
			"ports":[{"name":"http","port":80,"protocol":"TCP"}],"sessionAffinity":"ClientIP","internalTrafficPolicy":"Cluster","selector":{"app":"x"}}}`,
			[]Entry{{"service", "ns/web", "ClusterIP=10.96.0.1:80/TCP:http ClusterIP=[fd00::1]:80/TCP:http port.http=80 affinity=10800s selector.app=x label.a=b"}}},
		"headless": {"Service", `{"metadata":{"namespace":"ns","name":"web"},"spec":{"clusterIP":"None","clusterIPs":["None"],"ports":[{"port":80,"protocol":"TCP"}]}}`,
			[]Entry{{"service", "ns/web", "port.=80"}}},
		"load balancer": {"Service", `{"metadata":{"namespace":"ns","name":"web"},"spec":{"type":"LoadBalancer","clusterIP":"10.96.0.1","externalTrafficPolicy":"Local","ports":[{"port":80,"protocol":"TCP"}]},
			"status":{"loadBalancer":{"ingress":[{"ip":"10.1.0.1"},{"ip":"10.1.0.2","ipMode":"Proxy"}]}}}`,
			[]Entry{{"service", "ns/web", "ClusterIP=10.96.0.1:80/TCP LoadBalancer=10.1.0.1:80/TCP LoadBalancer=10.1.0.1:80/TCP:inside port.=80 external=Local"}}},
		"for another proxy": {"Service", `{"metadata":{"namespace":"ns","name":"web","labels":{"service.kubernetes.io/service-proxy-name":"x"}},"spec":{"ports":[{"port":80,"protocol":"TCP"}]}}`, nil},
		"backends": {"EndpointSlice", `{"metadata":{"namespace":"ns","name":"web-1","labels":{"kubernetes.io/service-name":"web"}},"addressType":"IPv4",
			"endpoints":[{"addresses":["10.0.0.1"],"nodeName":"n0","zone":"z0","hints":{"forZones":[{"name":"z1"}]}},{"addresses":["10.0.0.2","what"],"conditions":{"ready":false,"serving":true,"terminating":true}}],
			"ports":[{"name":"http","port":80},{"name":"web","port":80,"protocol":"TCP"},{"name":"none"}]}`,
			[]Entry{{"backend", "ns/web/10.0.0.1:80/TCP", "state=active ports=http,web node=n0 zone=z0 for=z1"}, {"backend", "ns/web/10.0.0.2:80/TCP", "state=terminating ports=http,web"}}},
		"of other clusters": {"EndpointSlice", `{"metadata":{"namespace":"ns","name":"web-1","labels":{"endpointslice.kubernetes.io/managed-by":"endpointslice-mesh-controller.cilium.io"}},
			"endpoints":[{"addresses":["10.0.0.1"]}],"ports":[{"port":80}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			namespace, got, err := FromObject(test.kind, []byte(test.object), false, Cluster{})
			require.NoError(t, err)
			require.Empty(t, namespace, "agents read those of all namespaces")
			require.Equal(t, test.want, got)
			for _, e := range got {
				if e.Kind == "backend" {
					require.Equal(t, "ns/web", ServiceOfBackend(e.Key))
				}
			}
		})
	}
}

func TestBackendStates(t *testing.T) {
	yes, no := true, false
	require.Equal(t, BackendActive, backendState(nil, nil, nil))
	require.Equal(t, BackendActive, backendState(&yes, &no, &yes))
	require.Equal(t, BackendTerminating, backendState(&no, nil, &yes))
	require.Equal(t, BackendNotServing, backendState(&no, &no, &yes))
	require.Equal(t, BackendMaintenance, backendState(&no, &yes, &no))
}
