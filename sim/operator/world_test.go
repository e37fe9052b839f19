package operator

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/proc"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

func TestMain(m *testing.M) {
	kubeclient.Fit()
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// world is a kube-apiserver, k0, and operators.
type world struct {
	t       *testing.T
	store   *storage.Store
	net     *simnet.Network
	clients k8sclient.Clientset // of w0

	mu  sync.Mutex
	log []string // records: "o0 up 1", "o0 ready 1", ...
}

// simulate runs a test in a bubble. What it starts must have wound down when f
// returns, but for what a minute ends.
func simulate(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: storage.New(storage.Config{Seed: 1})}
		w.net = simnet.New(simnet.Config{Seed: 1, LatencyMin: time.Millisecond, LatencyMax: time.Millisecond})
		require.NoError(t, w.store.CreateSystemNamespaces())
		server := kube.NewServer(w.store, kube.Config{Name: "k0"})
		listener, err := w.net.Host("k0").Listen(6443)
		require.NoError(t, err)
		go server.Serve(listener)
		clients, closeIdle, err := kubeclient.New("w0", w.dialer("w0"))
		require.NoError(t, err)
		w.clients = clients
		f(w)
		closeIdle()
		time.Sleep(2 * time.Minute)
		server.Close()
		w.net.Close()
	})
}

// config is that of an operator that publishes slices, of two endpoints each.
func (w *world) config(host string) Config {
	return Config{
		Host: host, ClusterName: "c1", ClusterID: 1, EndpointSlices: true, MaxEndpoints: 2,
		DialKube: w.dialer(host),
		Record:   w.record,
		Log:      slog.New(slog.DiscardHandler),
	}
}

func (w *world) dialer(host string) proc.Dialer {
	return func(ctx context.Context, _ string) (net.Conn, error) { return w.net.Host(host).Dial(ctx, "k0:6443") }
}

func (w *world) operator(cfg Config) *Operator {
	require.NoError(w.t, Setup(cfg))
	o := New(cfg)
	require.NoError(w.t, o.Start())
	return o
}

func (w *world) record(r history.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Equal(w.t, "operator", r.Kind)
	w.log = append(w.log, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", r.Actor, r.Verb, r.Inc, r.Err)))
}

// records returns what was recorded since the last call.
func (w *world) records() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log
	w.log = nil
	return log
}

func (w *world) create(o any) {
	w.t.Helper()
	_, err := w.store.Create(o)
	require.NoError(w.t, err)
}

func (w *world) createNamespace(name string) {
	w.t.Helper()
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}})
}

func (w *world) createNode(name, ip string) {
	w.t.Helper()
	w.create(&ciliumv2.CiliumNode{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: ciliumv2.NodeSpec{
		Addresses: []ciliumv2.NodeAddress{{Type: "InternalIP", IP: ip}}}})
}

// createPod creates a running pod on the node n0.
func (w *world) createPod(namespace, name, app, ip string) {
	w.t.Helper()
	w.create(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": app}},
		Spec:       corev1.PodSpec{NodeName: "n0", ServiceAccountName: "default"},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, HostIP: "192.168.0.1", PodIPs: []corev1.PodIP{{IP: ip}}},
	})
}

// identities returns "app -> number of identities".
func (w *world) identities() map[string]int {
	found := map[string]int{}
	for _, o := range w.store.List("CiliumIdentity") {
		var id ciliumv2.CiliumIdentity
		require.NoError(w.t, json.Unmarshal(o.JSON, &id))
		found[id.SecurityLabels["k8s:app"]]++
	}
	return found
}

// endpoints returns "namespace/pod ip app" of every endpoint in a slice, the app
// being that of its identity.
func (w *world) endpoints() []string {
	apps := map[string]string{}
	for _, o := range w.store.List("CiliumIdentity") {
		var id ciliumv2.CiliumIdentity
		require.NoError(w.t, json.Unmarshal(o.JSON, &id))
		apps[id.Name] = id.SecurityLabels["k8s:app"]
	}
	found := []string{}
	for _, o := range w.store.List("CiliumEndpointSlice") {
		var slice v2alpha1.CiliumEndpointSlice
		require.NoError(w.t, json.Unmarshal(o.JSON, &slice))
		for _, e := range slice.Endpoints {
			app := cmp.Or(apps[fmt.Sprint(e.IdentityID)], "?")
			found = append(found, fmt.Sprintf("%s/%s %s %s", slice.Namespace, e.Name, e.Networking.Addressing[0].IPV4, app))
		}
	}
	return found
}

func (w *world) leaseHolder() string {
	o := w.store.Get("Lease", "kube-system", "cilium-operator-resource-lock")
	if o == nil {
		return ""
	}
	var lease coordinationv1.Lease
	require.NoError(w.t, o.Decode(&lease))
	return *lease.Spec.HolderIdentity
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
