package kube_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/sim/kube"
)

const identities = "/apis/cilium.io/v2/ciliumidentities"

func identity(name, app string) string {
	return fmt.Sprintf(`{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":%q,"labels":{"app":%q}},"security-labels":{"k8s:app":%q}}`, name, app, app)
}

func pod(namespace, name, node string) string {
	return fmt.Sprintf(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":%q,"namespace":%q},"spec":{"nodeName":%q}}`, name, namespace, node)
}

func TestStoreCreateSeeds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		store := kube.NewStore(kube.StoreConfig{})
		require.EqualValues(t, 1, store.Revision())

		typed, err := store.Create(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns1", Name: "web-0", UID: "kept"},
			Status:     corev1.PodStatus{PodIP: "10.0.0.1"},
		})
		require.NoError(t, err, "the kind of a typed object is known by its type")
		require.EqualValues(t, 2, typed.RV)
		require.EqualValues(t, "kept", typed.Meta.UID)
		require.Equal(t, "ns1/web-0", typed.Key())
		var back corev1.Pod
		require.NoError(t, typed.Decode(&back))
		require.Equal(t, "10.0.0.1", back.Status.PodIP)
		require.Equal(t, time.Now().Unix(), back.CreationTimestamp.Unix())
		require.Same(t, typed, store.Get("Pod", "ns1", "web-0"))
		require.Nil(t, store.Get("Pod", "ns1", "web-1"))

		for name, c := range map[string]struct{ object, err string }{
			"exists":      {pod("ns1", "web-0", ""), `pods "web-0" already exists`},
			"kind":        {`{"kind":"Secret","metadata":{"name":"s"}}`, `object "s" has kind "Secret", which this store does not serve`},
			"version":     {`{"kind":"CiliumIdentity","apiVersion":"cilium.io/v1","metadata":{"name":"7"}}`, `this store serves "cilium.io/v2"`},
			"bad name":    {pod("ns1", "Web_0", ""), "a lowercase RFC 1123 subdomain"},
			"no space":    {`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"}}`, "metadata.namespace: Required value"},
			"not JSON":    {`kind: Pod`, "the body is not a JSON object"},
			"no metadata": {`{"kind":"Pod","apiVersion":"v1","metadata":7}`, "the field metadata of the body cannot be read"},
		} {
			_, err := store.Create([]byte(c.object))
			require.ErrorContains(t, err, c.err, name)
		}
		require.EqualValues(t, 2, store.Revision(), "what failed did not count")
		require.PanicsWithValue(t, `kube: kind "Secret" is not served by this store`, func() { store.List("Secret") })
		require.PanicsWithValue(t, "kube: resource pods (kind Pod) is given twice; a Store serves each kind in one version", func() {
			pods := kube.Resource{Version: "v1", Name: "pods", Kind: "Pod"}
			kube.NewStore(kube.StoreConfig{Resources: []kube.Resource{pods, pods}})
		})
	})
}

func TestSystemNamespacesOnlyWhereMissing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		store := kube.NewStore(kube.StoreConfig{})
		_, err := store.Create([]byte(`{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"kube-system","labels":{"mine":"yes"}}}`))
		require.NoError(t, err)
		require.NoError(t, store.CreateSystemNamespaces())
		require.NoError(t, store.CreateSystemNamespaces())
		require.Len(t, store.List("Namespace"), 4)
		require.Equal(t, "yes", store.Get("Namespace", "", "kube-system").Meta.Labels["mine"])
	})
}

func TestSameSeedSameNamesAndUIDs(t *testing.T) {
	draw := func(seed uint64) (out []string) {
		inBubble(t, func(t *testing.T) {
			store := kube.NewStore(kube.StoreConfig{Seed: seed})
			for range 50 {
				o, err := store.Create([]byte(`{"kind":"Pod","apiVersion":"v1","metadata":{"generateName":"web-","namespace":"ns1"}}`))
				require.NoError(t, err)
				require.Regexp(t, `^web-[bcdfghjklmnpqrstvwxz2456789]{5}$`, o.Meta.Name)
				require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, string(o.Meta.UID))
				out = append(out, o.Meta.Name, string(o.Meta.UID))
			}
		})
		return out
	}
	one := draw(1)
	require.Equal(t, one, draw(1))
	require.NotEqual(t, one, draw(2))
}
