package kube_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/cacher"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// A mode is how client-go's reflector gets its initial state.
type mode string

const (
	streaming mode = "streaming" // the default: a watch with sendInitialEvents
	plain     mode = "plain"     // list, then watch
	pages     mode = "pages"     // the same, in pages of two
)

// plainListerWatcher tells the reflector not to ask for streaming lists.
type plainListerWatcher struct{ cache.ListerWatcher }

func (plainListerWatcher) IsWatchListSemanticsUnSupported() bool { return true }

func podListerWatcher(c kubernetes.Interface) cache.ListerWatcher {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return c.CoreV1().Pods("").List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return c.CoreV1().Pods("").Watch(ctx, o)
		},
	}
}

// reflect follows a source with client-go's own reflector until the test ends.
func reflect(t testing.TB, lw cache.ListerWatcher, kind runtime.Object, m mode) cache.Store {
	if m != streaming {
		lw = plainListerWatcher{lw}
	}
	store := cache.NewStore(cache.MetaNamespaceKeyFunc)
	r := cache.NewReflectorWithOptions(lw, kind, store, cache.ReflectorOptions{Name: string(m)})
	if m == pages {
		r.WatchListPageSize = 2
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.RunWithContext(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return store
}

// contents are the objects of a reflector's store, as "namespace/name app".
func contents(s cache.Store) []string {
	var got []string
	for _, o := range s.List() {
		m := o.(metav1.Object)
		got = append(got, m.GetNamespace()+"/"+m.GetName()+" "+m.GetLabels()["app"])
	}
	return sorted(got)
}

// present are those of the server's, in the same form.
func present(store *storage.Store, kind string) []string {
	var got []string
	for _, o := range store.List(kind) {
		got = append(got, o.Meta.Namespace+"/"+o.Meta.Name+" "+o.Meta.Labels["app"])
	}
	return sorted(got)
}

// churn changes the pods of a round: it creates one, changes one, deletes one and
// replaces one by another of its name.
func churn(w *world, round int) {
	w.t.Helper()
	const pods = "/api/v1/namespaces/ns1/pods/web-"
	w.create(pod("ns1", fmt.Sprint("web-", round+5), "n0"))
	r := w.do("PATCH", pods+fmt.Sprint(round+1), fmt.Sprintf(`{"metadata":{"labels":{"app":"r%d"}}}`, round), "Content-Type", "application/merge-patch+json")
	require.Equal(w.t, http.StatusOK, r.code)
	require.Equal(w.t, http.StatusOK, w.do("DELETE", pods+fmt.Sprint(round)+"?gracePeriodSeconds=0", "").code)
	require.Equal(w.t, http.StatusOK, w.do("DELETE", pods+fmt.Sprint(round+3)+"?gracePeriodSeconds=0", "").code)
	w.create(pod("ns1", fmt.Sprint("web-", round+3), "n1"))
}

// rejecting answers everybody but the test itself with a code, for 40 seconds.
func rejecting(code int) kube.Config {
	var until time.Time
	return kube.Config{Intercept: func(_ context.Context, q *kube.Request) *kube.Fail {
		if q.Client == "w0" {
			return nil
		}
		if until.IsZero() {
			until = time.Now().Add(40 * time.Second)
		}
		if time.Now().After(until) {
			return nil
		}
		return &kube.Fail{Code: code, RetryAfter: time.Second}
	}}
}

func TestReflectorConverges(t *testing.T) {
	for _, s := range []struct {
		name   string
		config func() kube.Config
		fault  func(w *world, round int)
	}{
		{name: "nothing", fault: func(*world, int) {}},
		{name: "410 in mid-stream", fault: func(w *world, _ int) { w.server.ExpireWatches() }},
		{name: "410 at open", config: func() kube.Config { return kube.Config{Cache: cacher.Config{HistoryEvents: 1, HistoryAge: 1}} }, fault: func(w *world, round int) {
			w.server.SetLag("", time.Second)
			w.server.CloseWatches()
			for i := range 5 { // while the reflector is away
				w.create(pod("ns2", fmt.Sprintf("extra-%d-%d", round, i), ""))
				time.Sleep(time.Millisecond)
			}
			w.server.SetLag("", 0)
		}},
		{name: "watches closed", fault: func(w *world, _ int) { w.server.CloseWatches() }},
		{name: "connections reset", fault: func(w *world, _ int) { w.reset() }},
		{name: "connections reset and history compacted", fault: func(w *world, _ int) { w.store.Compact(); w.reset() }},
		{name: "429 at first", config: func() kube.Config { return rejecting(http.StatusTooManyRequests) }, fault: func(*world, int) {}},
		{name: "503 at first", config: func() kube.Config { return rejecting(http.StatusServiceUnavailable) }, fault: func(w *world, _ int) { w.reset() }},
		{name: "restart", fault: func(w *world, _ int) { w.restart(kube.Config{}) }},
		{name: "restart, seen from its first moment on", fault: func(w *world, _ int) { w.restart(kube.Config{Starting: true}) }},
		{name: "restart with a lagging cache", fault: func(w *world, _ int) {
			w.restart(kube.Config{Starting: true, Cache: cacher.Config{Lag: 5 * time.Second}})
		}},
		{name: "lag", config: func() kube.Config { return kube.Config{Cache: cacher.Config{Lag: 2 * time.Second}} }, fault: func(w *world, _ int) { w.server.ExpireWatches() }},
	} {
		if s.config == nil {
			s.config = func() kube.Config { return kube.Config{} }
		}
		for _, m := range []mode{streaming, plain, pages} {
			t.Run(s.name+"/"+string(m), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, s.config())
					for i := range 5 {
						w.create(pod("ns1", fmt.Sprint("web-", i), "n0"))
					}
					store := reflect(t, podListerWatcher(w.clientset()), &corev1.Pod{}, m)
					simtest.Pass(5 * time.Second)
					for round := range 4 {
						churn(w, round)
						s.fault(w, round)
						simtest.Pass(20 * time.Second)
					}
					// A reflector that asks for pages lists at the version it has
					// seen, which the store serves as long as it knows it: after a
					// 410 it goes round in circles until that version is forgotten.
					simtest.Pass(2 * storage.DefaultHistory)
					require.Equal(t, present(w.store, "Pod"), contents(store))
					require.NotEmpty(t, contents(store))
				})
			})
		}
	}
}

// A running reflector that is moved to a replica whose watch cache is behind
// waits for it. One that starts anew with a list at version 0, as after a
// restart of its process, goes back in time: kubernetes/kubernetes issue 59848.
func TestMoveToAStaleReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fresh := newWorld(t, kube.Config{Name: "k0"})
		stale := &world{t: t, store: fresh.store, net: fresh.net, host: "k1"}
		stale.start(kube.Config{Name: "k1", Cache: cacher.Config{Lag: 10 * time.Minute}})
		t.Cleanup(stale.stop)
		simtest.Pass(time.Hour)

		for i := range 3 {
			fresh.create(pod("ns1", fmt.Sprint("web-", i), "n0"))
		}
		simtest.Pass(11 * time.Minute) // both know the three pods
		running := reflect(t, podListerWatcher(fresh.clientset()), &corev1.Pod{}, plain)
		simtest.Pass(time.Second)
		require.Equal(t, http.StatusOK, fresh.do("DELETE", "/api/v1/namespaces/ns1/pods/web-0?gracePeriodSeconds=0", "").code)
		simtest.Pass(time.Second)
		want := []string{"ns1/web-1 ", "ns1/web-2 "}
		require.Equal(t, want, contents(running))

		// The load balancer moves everybody.
		fresh.move("k1")
		fresh.net.Reset("w0", "k0")
		restarted := reflect(t, podListerWatcher(fresh.clientset()), &corev1.Pod{}, plain)
		restartedStreaming := reflect(t, podListerWatcher(fresh.clientset()), &corev1.Pod{}, streaming)
		simtest.Pass(time.Minute)
		require.Equal(t, want, contents(running))
		require.Equal(t, []string{"ns1/web-0 ", "ns1/web-1 ", "ns1/web-2 "}, contents(restarted), "a deleted pod lives again")
		require.NotEqual(t, []string{"ns1/web-0 ", "ns1/web-1 ", "ns1/web-2 "}, contents(restartedStreaming), "a streaming list is consistent")

		simtest.Pass(15 * time.Minute)
		for _, s := range []cache.Store{running, restarted, restartedStreaming} {
			require.Equal(t, want, contents(s))
		}
	})
}

func TestSharedInformerWithSelector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		c := w.clientset()
		lw := cache.NewFilteredListWatchFromClient(c.CoreV1().RESTClient(), "pods", "", func(o *metav1.ListOptions) {
			o.FieldSelector = "spec.nodeName=n0"
		})
		inf := cache.NewSharedIndexInformer(lw, &corev1.Pod{}, 0, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
		var events []string
		_, err := inf.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { events = append(events, "add "+o.(*corev1.Pod).Name) },
			UpdateFunc: func(_, o any) { events = append(events, "update "+o.(*corev1.Pod).Name) },
			DeleteFunc: func(o any) { events = append(events, "delete "+o.(*corev1.Pod).Name) },
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w.create(pod("ns1", "a", "n0"))
		w.create(pod("ns1", "b", "n1"))
		go inf.RunWithContext(ctx)
		require.True(t, cache.WaitForCacheSync(ctx.Done(), inf.HasSynced))
		move := func(name, node string) {
			r := w.do("PATCH", "/api/v1/namespaces/ns1/pods/"+name, `{"spec":{"nodeName":"`+node+`"}}`, "Content-Type", "application/merge-patch+json")
			require.Equal(t, http.StatusOK, r.code)
		}
		move("b", "n0")
		move("a", "n1")
		move("b", "n0")
		simtest.Pass(time.Second)
		require.Equal(t, []string{"add a", "add b", "delete a"}, events)
		require.Equal(t, []string{"ns1/b"}, inf.GetIndexer().ListKeys())
		cancel()
		simtest.Pass(time.Second)
	})
}
