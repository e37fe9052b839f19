package kube_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

// BenchmarkWatch measures changes that reach one reflector through HTTP: one
// patch of the store and one event per op.
func BenchmarkWatch(b *testing.B) {
	w := newWorld(b, kube.Config{})
	o := w.create(pod("ns1", "web-0", "n0"))
	store := reflect(b, podListerWatcher(w.clientset()), &corev1.Pod{}, streaming)
	require.Eventually(b, func() bool { return len(store.ListKeys()) == 1 }, time.Minute, time.Millisecond)
	b.ResetTimer()
	for i := range b.N {
		w.do("PATCH", "/api/v1/namespaces/ns1/pods/web-0", fmt.Sprintf(`{"metadata":{"labels":{"app":"%d"}}}`, i), "Content-Type", "application/merge-patch+json")
	}
	last := fmt.Sprint(w.store.Revision())
	for {
		got, _, err := store.Get(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns1", Name: "web-0"}})
		require.NoError(b, err)
		if got.(*corev1.Pod).ResourceVersion == last {
			break
		}
		time.Sleep(10 * time.Microsecond)
	}
	b.StopTimer()
	require.Greater(b, w.store.Revision(), o.RV)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkList measures lists of 1,000 CiliumIdentities through HTTP: served,
// and with the client's decoding.
func BenchmarkList(b *testing.B) {
	w := newWorld(b, kube.Config{})
	seedIdentities(w, 1000)
	b.Run("server", func(b *testing.B) {
		for b.Loop() {
			require.Equal(b, 200, w.do("GET", identities+"?resourceVersion=0", "").code)
		}
	})
	b.Run("clientset", func(b *testing.B) {
		c := w.cilium()
		for b.Loop() {
			l, err := c.CiliumV2().CiliumIdentities().List(context.Background(), metav1.ListOptions{ResourceVersion: "0"})
			require.NoError(b, err)
			require.Len(b, l.Items, 1000)
		}
	})
}

// BenchmarkRun measures the apiserver's part of a reference run: 300 virtual
// seconds, one pod operation a second, four informers on each of two clients.
func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		synctest.Test(&testing.T{}, func(*testing.T) {
			store := storage.New(storage.Config{})
			server := kube.NewServer(store, kube.Config{})
			w := &world{t: b, store: store, server: server, net: simnet.New(simnet.Config{})}
			l := w.listen()
			done := make(chan error, 1)
			go func() { done <- server.Serve(l) }()
			ctx, cancel := context.WithCancel(context.Background())
			stopped := make(chan struct{})
			const informers = 8
			for range informers {
				r := cache.NewReflectorWithOptions(podListerWatcher(w.clientset()), &corev1.Pod{}, cache.NewStore(cache.MetaNamespaceKeyFunc), cache.ReflectorOptions{})
				go func() {
					r.RunWithContext(ctx)
					stopped <- struct{}{}
				}()
			}
			for i := range 300 {
				w.create(pod("ns1", fmt.Sprint("web-", i), "n0"))
				time.Sleep(time.Second)
			}
			cancel()
			for range informers {
				<-stopped
			}
			require.NoError(b, server.Close())
			require.NoError(b, <-done)
			w.reset()
		})
	}
	b.ReportMetric(300*float64(b.N)/b.Elapsed().Seconds(), "virtual-s/s")
}
