package storage_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

func TestStoreCreateSeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := storage.New(storage.Config{})
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
			"exists":      {`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web-0","namespace":"ns1"}}`, `pods "web-0" already exists`},
			"kind":        {`{"kind":"Secret","metadata":{"name":"s"}}`, `object "s" has kind "Secret", which this store does not serve`},
			"version":     {`{"kind":"CiliumIdentity","apiVersion":"cilium.io/v1","metadata":{"name":"7"}}`, `this store serves "cilium.io/v2"`},
			"bad name":    {`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"Web_0","namespace":"ns1"}}`, "a lowercase RFC 1123 subdomain"},
			"no space":    {`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"}}`, "metadata.namespace: Required value"},
			"not JSON":    {`kind: Pod`, "the body is not a JSON object"},
			"no metadata": {`{"kind":"Pod","apiVersion":"v1","metadata":7}`, "the field metadata of the body cannot be read"},
		} {
			_, err := store.Create([]byte(c.object))
			require.ErrorContains(t, err, c.err, name)
		}
		require.EqualValues(t, 2, store.Revision(), "what failed did not count")
		require.PanicsWithValue(t, `storage: kind "Secret" is not served by this store`, func() { store.List("Secret") })
		require.PanicsWithValue(t, "storage: resource pods (kind Pod) is given twice; a Store serves each kind in one version", func() {
			pods := storage.Resource{Version: "v1", Name: "pods", Kind: "Pod"}
			storage.New(storage.Config{Resources: []storage.Resource{pods, pods}})
		})
	})
}

func TestSystemNamespacesOnlyWhereMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := storage.New(storage.Config{})
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
		synctest.Test(t, func(t *testing.T) {
			store := storage.New(storage.Config{Seed: seed})
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
