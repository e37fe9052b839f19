package services

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/proc"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

func TestMain(m *testing.M) { simtest.Main(m) }

// none is a source that reads nothing.
type none struct{ agent.Source }

func (none) Start(context.Context, *proc.Process, agent.Sink) error { return nil }
func (none) Synced(ctx context.Context) (agent.Lists, error) {
	<-ctx.Done()
	return agent.Lists{}, ctx.Err()
}
func (none) Stop()  {}
func (none) Close() {}

func webService(port int32) *corev1.Service {
	return &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.1", ClusterIPs: []string{"10.96.0.1"}, Ports: []corev1.ServicePort{{Name: "http", Port: port, Protocol: corev1.ProtocolTCP}}},
	}
}

func webSlice(name string, ips ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		TypeMeta:    metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(8080)), Protocol: new(corev1.ProtocolTCP)}},
	}
	for _, ip := range ips {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{ip}})
	}
	return s
}

// What the tables have of a Service and its slices is in the view, each change with its
// origin, also what a list says after a reset.
func TestServicesAreSeen(t *testing.T) {
	simtest.Run(t, func(w *simtest.World) {
		w.ServeKube(kube.Config{})
		w.Create(webService(80), webSlice("web-1", "10.0.0.1", "10.0.0.2"))
		host := agent.NewHost(agent.Config{Host: "a0", Record: w.Record, NewSource: func() agent.Source {
			return agent.Beside(New(Config{Cluster: "c1", ClusterID: 1, Dial: w.DialKube("a0"), Log: slog.New(slog.DiscardHandler)}), agent.Source(none{}))
		}})
		require.NoError(t, host.Start())
		defer host.Stop(agent.DefaultGrace)
		seen := func() []string {
			return w.Lines(func(r history.Record) string {
				if r.Verb != history.See && r.Verb != history.Drop {
					return ""
				}
				return fmt.Sprintf("%s %s %s <%s> %s %s %d", r.Verb, r.Kind, r.Key, r.Value, r.Op, r.Peer, r.Session)
			})
		}
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{
			"see service default/web <ClusterIP=10.96.0.1:80/TCP:http port.http=80> list k0 1",
			"see backend default/web/10.0.0.1:8080/TCP <state=active ports=http> list k0 1",
			"see backend default/web/10.0.0.2:8080/TCP <state=active ports=http> list k0 1",
		}, seen())

		w.Create(webSlice("web-2", "10.0.0.3"))
		clients := w.Clients("w0")
		changed := webSlice("web-1", "10.0.0.2")
		changed.Endpoints[0].Conditions.Ready = new(false)
		_, err := clients.DiscoveryV1().EndpointSlices("default").Update(w.T.Context(), changed, metav1.UpdateOptions{})
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{
			"drop backend default/web/10.0.0.1:8080/TCP <> watch k0 1",
			"see backend default/web/10.0.0.2:8080/TCP <state=maintenance ports=http> watch k0 1",
			"see backend default/web/10.0.0.3:8080/TCP <state=active ports=http> watch k0 1",
		}, seen())

		heal := w.Net.Partition("a0", "k0", false)
		require.NoError(t, clients.CoreV1().Services("default").Delete(w.T.Context(), "web", metav1.DeleteOptions{}))
		require.NoError(t, clients.DiscoveryV1().EndpointSlices("default").Delete(w.T.Context(), "web-1", metav1.DeleteOptions{}))
		w.Store.Compact()
		time.Sleep(2 * time.Minute)
		heal()
		time.Sleep(2 * time.Minute)
		got := seen()
		require.Len(t, got, 2)
		for i, entry := range []string{"backend default/web/10.0.0.2:8080/TCP", "service default/web"} {
			require.Regexp(t, "^drop "+entry+" <> list k0 [2-9]$", got[i])
		}
	})
}
