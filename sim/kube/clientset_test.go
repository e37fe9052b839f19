package kube_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	"github.com/cilium/cilium/pkg/k8s/client/informers/externalversions"
	slim "github.com/cilium/cilium/pkg/k8s/slim/k8s/client/clientset/versioned"
	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// protobufClientset talks as Cilium's client does to built-in kinds.
func (w *world) protobufClientset() *kubernetes.Clientset {
	config := w.restConfig()
	config.ContentType = runtime.ContentTypeProtobuf
	c, err := kubernetes.NewForConfig(config)
	require.NoError(w.t, err)
	return c
}

func TestCiliumClientsetRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, kube.Config{})
		c := w.cilium()
		factory := externalversions.NewSharedInformerFactory(c, 0)
		v2, alpha := factory.Cilium().V2(), factory.Cilium().V2alpha1()
		for _, inf := range []interface{ HasSynced() bool }{
			v2.CiliumIdentities().Informer(), v2.CiliumNodes().Informer(), v2.CiliumEndpoints().Informer(), alpha.CiliumEndpointSlices().Informer(),
		} {
			require.False(t, inf.HasSynced())
		}
		stop := make(chan struct{})
		factory.Start(stop)
		for kind, synced := range factory.WaitForCacheSync(stop) {
			require.True(t, synced, kind)
		}

		id, err := c.CiliumV2().CiliumIdentities().Create(ctx, &ciliumv2.CiliumIdentity{
			ObjectMeta: metav1.ObjectMeta{Name: "65537"}, SecurityLabels: map[string]string{"k8s:app": "web"},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		node, err := c.CiliumV2().CiliumNodes().Create(ctx, &ciliumv2.CiliumNode{
			ObjectMeta: metav1.ObjectMeta{Name: "n0"},
			Spec:       ciliumv2.NodeSpec{Addresses: []ciliumv2.NodeAddress{{Type: "InternalIP", IP: "192.168.0.3"}}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		endpoint, err := c.CiliumV2().CiliumEndpoints("ns1").Create(ctx, &ciliumv2.CiliumEndpoint{
			ObjectMeta: metav1.ObjectMeta{Name: "web-0"},
			Status:     ciliumv2.EndpointStatus{ID: 7, Networking: &ciliumv2.EndpointNetworking{NodeIP: "192.168.0.3"}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		slice, err := c.CiliumV2alpha1().CiliumEndpointSlices().Create(ctx, &v2alpha1.CiliumEndpointSlice{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "ces-"}, Namespace: "ns1",
			Endpoints: []v2alpha1.CoreCiliumEndpoint{{Name: "web-0", IdentityID: 65537}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		simtest.Pass(time.Second)

		gotID, err := v2.CiliumIdentities().Lister().Get("65537")
		require.NoError(t, err)
		require.Equal(t, id, gotID)
		gotNode, err := v2.CiliumNodes().Lister().Get("n0")
		require.NoError(t, err)
		require.Equal(t, node, gotNode)
		gotEndpoint, err := v2.CiliumEndpoints().Lister().CiliumEndpoints("ns1").Get("web-0")
		require.NoError(t, err)
		require.Equal(t, endpoint, gotEndpoint)
		require.EqualValues(t, 7, gotEndpoint.Status.ID)
		gotSlice, err := alpha.CiliumEndpointSlices().Lister().Get(slice.Name)
		require.NoError(t, err)
		require.Equal(t, slice, gotSlice)

		// Cilium's endpoint synchronizer patches the status so.
		patched, err := c.CiliumV2().CiliumEndpoints("ns1").Patch(ctx, "web-0", types.JSONPatchType,
			[]byte(`[{"op":"test","path":"/metadata/uid","value":"`+string(endpoint.UID)+`"},{"op":"replace","path":"/status","value":{"id":8}}]`), metav1.PatchOptions{})
		require.NoError(t, err)
		require.EqualValues(t, 8, patched.Status.ID)

		node.Labels = map[string]string{"zone": "a"}
		_, err = c.CiliumV2().CiliumNodes().Update(ctx, node, metav1.UpdateOptions{})
		require.NoError(t, err)
		_, err = c.CiliumV2().CiliumNodes().Update(ctx, node, metav1.UpdateOptions{})
		require.True(t, apierrors.IsConflict(err), "%v", err)
		_, err = c.CiliumV2().CiliumIdentities().Create(ctx, id, metav1.CreateOptions{})
		require.Error(t, err, "a resourceVersion is set")
		uid := id.UID
		require.NoError(t, c.CiliumV2().CiliumIdentities().Delete(ctx, "65537", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}))
		_, err = c.CiliumV2().CiliumIdentities().Get(ctx, "65537", metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
		_, err = c.CiliumV2().CiliumNetworkPolicies("").List(ctx, metav1.ListOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)

		simtest.Pass(time.Second)
		rest, err := v2.CiliumIdentities().Lister().List(labels.Everything())
		require.NoError(t, err)
		require.Empty(t, rest)
		close(stop)
		factory.Shutdown()
	})
}

func TestProtobufClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, kube.Config{})
		c := w.protobufClientset()
		p, err := c.CoreV1().Pods("ns1").Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "web-0", Labels: map[string]string{"app": "web"}},
			Spec:       corev1.PodSpec{NodeName: "n0", HostNetwork: true},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		require.True(t, p.Spec.HostNetwork)
		p.Status.PodIP = "10.0.0.1"
		p, err = c.CoreV1().Pods("ns1").UpdateStatus(ctx, p, metav1.UpdateOptions{})
		require.NoError(t, err)
		same, err := c.CoreV1().Pods("ns1").Update(ctx, p, metav1.UpdateOptions{})
		require.NoError(t, err)
		require.Equal(t, p.ResourceVersion, same.ResourceVersion, "what comes back unchanged is no write, in protobuf either")

		config := w.restConfig()
		config.ContentType = runtime.ContentTypeProtobuf
		s, err := slim.NewForConfig(config)
		require.NoError(t, err)
		list, err := s.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: "app=web", FieldSelector: "spec.nodeName=n0"})
		require.NoError(t, err)
		require.Len(t, list.Items, 1)
		require.Equal(t, "10.0.0.1", list.Items[0].Status.PodIP)

		wrong := types.UID("another")
		err = c.CoreV1().Pods("ns1").Delete(ctx, "web-0", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrong}})
		require.True(t, apierrors.IsConflict(err), "the options of a delete come as protobuf: %v", err)
		require.NoError(t, c.CoreV1().Pods("ns1").DeleteCollection(ctx, *metav1.NewDeleteOptions(0), metav1.ListOptions{LabelSelector: "app=web"}))
		require.Empty(t, w.store.List("Pod"))

		_, err = c.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n0"}}, metav1.CreateOptions{})
		require.NoError(t, err)
		_, err = c.CoreV1().Nodes().Patch(ctx, "n0", types.StrategicMergePatchType, []byte(`{"status":{"conditions":[{"type":"NetworkUnavailable","status":"False"}]}}`), metav1.PatchOptions{}, "status")
		require.NoError(t, err)
		r := w.do("POST", "/api/v1/nodes", "k8s\x00nonsense", "Content-Type", runtime.ContentTypeProtobuf)
		require.Equal(t, http.StatusBadRequest, r.code)
	})
}

func TestDiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, kube.Config{})
		c := w.protobufClientset()
		v, err := c.Discovery().ServerVersion()
		require.NoError(t, err)
		require.Equal(t, "v1.36.0", v.GitVersion)
		groups, resources, err := c.Discovery().ServerGroupsAndResources()
		require.NoError(t, err)
		var names []string
		for _, g := range groups {
			names = append(names, g.Name)
		}
		require.Equal(t, []string{"", "cilium.io", "coordination.k8s.io", "discovery.k8s.io"}, names)
		found := map[string]bool{}
		for _, list := range resources {
			for _, r := range list.APIResources {
				found[list.GroupVersion+"/"+r.Name] = r.Namespaced
			}
		}
		require.Contains(t, found, "cilium.io/v2alpha1/ciliumendpointslices")
		require.Contains(t, found, "cilium.io/v2/ciliumnodes/status")
		require.True(t, found["v1/pods"])
		require.False(t, found["v1/nodes"])
		_, err = c.Discovery().ServerResourcesForGroupVersion("multicluster.x-k8s.io/v1alpha1")
		require.True(t, apierrors.IsNotFound(err), "%v", err)
		require.NoError(t, c.CoreV1().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error())
		_, err = c.CoreV1().Namespaces().Get(ctx, "kube-system", metav1.GetOptions{})
		require.NoError(t, err)
	})
}

func TestServiceExportsIfServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		require.Equal(t, http.StatusNotFound, w.do("GET", "/apis/multicluster.x-k8s.io/v1alpha1/serviceexports", "").code)
		other := &world{t: t, store: storage.New(storage.Config{AnyNamespace: true, Resources: append(storage.DefaultResources(), storage.ServiceExports())}), net: simnet.New(simnet.Config{})}
		other.start(kube.Config{})
		t.Cleanup(other.stop)
		require.Empty(t, other.do("GET", "/apis/multicluster.x-k8s.io/v1alpha1/serviceexports", "").list().Items)
		require.Equal(t, http.StatusOK, other.do("GET", "/apis/multicluster.x-k8s.io", "").code)
	})
}

// Leases work for client-go's leader election: one leader, and another one soon
// after the first is cut off.
func TestLeaderElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		leaders := make(chan string, 10)
		candidate := func(name string) context.CancelFunc {
			ctx, cancel := context.WithCancel(context.Background())
			lock := &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Namespace: "kube-system", Name: "operator"},
				Client:     w.protobufClientset().CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: name},
			}
			go leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
				Lock: lock, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
				Callbacks: leaderelection.LeaderCallbacks{
					OnStartedLeading: func(context.Context) { leaders <- name },
					OnStoppedLeading: func() {},
				},
			})
			return cancel
		}
		first := candidate("a")
		simtest.Pass(time.Second)
		second := candidate("b")
		simtest.Pass(time.Minute)
		require.Equal(t, "a", <-leaders)
		require.Empty(t, leaders)
		first()
		simtest.Pass(time.Minute)
		require.Equal(t, "b", <-leaders)
		var lease coordinationv1.Lease
		require.NoError(t, w.store.Get("Lease", "kube-system", "operator").Decode(&lease))
		require.Equal(t, "b", *lease.Spec.HolderIdentity)
		second()
		simtest.Pass(time.Minute)
	})
}
