package operator

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

func TestMain(m *testing.M) { simtest.Main(m) }

// world is a kube-apiserver, k0, and operators.
type world struct {
	*simtest.World
	clients k8sclient.Clientset // of w0
}

// simulate runs a test in a bubble.
func simulate(t *testing.T, f func(w *world)) {
	t.Helper()
	simtest.Run(t, func(w *simtest.World) {
		w.ServeKube(kube.Config{})
		f(&world{w, w.Clients("w0")})
	})
}

// config is that of an operator that publishes slices, of two endpoints each.
func (w *world) config(host string) Config {
	return Config{
		Host: host, ClusterName: "c1", ClusterID: 1, EndpointSlices: true, MaxEndpoints: 2,
		DialKube: w.DialKube(host),
		Record:   w.Record,
		Log:      slog.New(slog.DiscardHandler),
	}
}

func (w *world) operator(cfg Config) *Operator {
	require.NoError(w.T, Setup(cfg))
	o := New(cfg)
	require.NoError(w.T, o.Start())
	return o
}

// serveEtcd starts the etcd e0, which tells before of requests, and returns a client of it.
func (w *world) serveEtcd(before func(context.Context, etcd.Request) error) *clientv3.Client {
	w.T.Helper()
	member := etcd.New(etcd.Config{
		Host: "e0", DataDir: w.Dir, Log: zap.NewNop(), Before: before,
		Listen: func() (net.Listener, error) { return w.Net.Host("e0").Listen(2379) },
		Record: func(history.Record) {}, OnChange: func(history.Record) {},
		Now: w.Now, NextWatch: w.NextWatch, Client: simtest.ClientOf,
	})
	require.NoError(w.T, member.Start(etcd.NewCluster))
	w.T.Cleanup(member.Kill)
	return w.EtcdClient("w0", "e0")
}

// records returns what was recorded since the last call: "o0 up 1", "o0 ready 1", ...
func (w *world) records() []string {
	return w.Lines(func(r history.Record) string {
		require.Equal(w.T, "operator", r.Kind)
		return strings.TrimSpace(fmt.Sprintf("%s %s %d %s", r.Actor, r.Verb, r.Inc, r.Err))
	})
}

func (w *world) createNamespace(name string) {
	w.T.Helper()
	w.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}})
}

func (w *world) createNode(name, ip string) {
	w.T.Helper()
	w.Create(&ciliumv2.CiliumNode{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: ciliumv2.NodeSpec{
		Addresses: []ciliumv2.NodeAddress{{Type: "InternalIP", IP: ip}}}})
}

// createPod creates a running pod on the node n0.
func (w *world) createPod(namespace, name, app, ip string) {
	w.T.Helper()
	w.Create(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": app}},
		Spec:       corev1.PodSpec{NodeName: "n0", ServiceAccountName: "default"},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, HostIP: "192.168.0.1", PodIPs: []corev1.PodIP{{IP: ip}}},
	})
}

// identities returns "app -> number of identities".
func (w *world) identities() map[string]int {
	found := map[string]int{}
	for _, o := range w.Store.List("CiliumIdentity") {
		var id ciliumv2.CiliumIdentity
		require.NoError(w.T, json.Unmarshal(o.JSON, &id))
		found[id.SecurityLabels["k8s:app"]]++
	}
	return found
}

// endpoints returns "namespace/pod ip app" of every endpoint in a slice, the app
// being that of its identity.
func (w *world) endpoints() []string {
	apps := map[string]string{}
	for _, o := range w.Store.List("CiliumIdentity") {
		var id ciliumv2.CiliumIdentity
		require.NoError(w.T, json.Unmarshal(o.JSON, &id))
		apps[id.Name] = id.SecurityLabels["k8s:app"]
	}
	found := []string{}
	for _, o := range w.Store.List("CiliumEndpointSlice") {
		var slice v2alpha1.CiliumEndpointSlice
		require.NoError(w.T, json.Unmarshal(o.JSON, &slice))
		for _, e := range slice.Endpoints {
			app := cmp.Or(apps[fmt.Sprint(e.IdentityID)], "?")
			found = append(found, fmt.Sprintf("%s/%s %s %s", slice.Namespace, e.Name, e.Networking.Addressing[0].IPV4, app))
		}
	}
	return found
}

func (w *world) leaseHolder() string {
	o := w.Store.Get("Lease", "kube-system", "cilium-operator-resource-lock")
	if o == nil {
		return ""
	}
	var lease coordinationv1.Lease
	require.NoError(w.T, o.Decode(&lease))
	return *lease.Spec.HolderIdentity
}
