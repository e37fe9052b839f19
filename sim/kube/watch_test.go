package kube_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/cacher"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

func TestWatchFromVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		seedIdentities(w, 2) // at 6 and 7
		any := w.watch(identities + "?watch=true")
		zero := w.watch(identities + "?watch=1&resourceVersion=0")
		from := w.watch(identities + "?watch=true&resourceVersion=6")
		future := w.watch(identities + "?watch=true&resourceVersion=8")
		require.Equal(t, []string{"ADDED 100 6", "ADDED 101 7"}, any.got())
		require.Equal(t, []string{"ADDED 100 6", "ADDED 101 7"}, zero.got())
		require.Equal(t, []string{"ADDED 101 7"}, from.got())
		require.Empty(t, future.got())

		w.do("DELETE", identities+"/100", "")
		w.do("PATCH", identities+"/101", `{"metadata":{"labels":{"app":"x"}}}`, "Content-Type", "application/merge-patch+json")
		w.create(pod("ns1", "a", "n0"))
		for _, o := range []*watcher{any, zero, from} {
			require.Equal(t, []string{"DELETED 100 8", "MODIFIED 101 9"}, o.got())
		}
		require.Equal(t, []string{"MODIFIED 101 9"}, future.got(), "what is not newer than asked for is left out")
	})
}

func TestWatchThroughSelector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		o := w.watch(identities + "?watch=true&resourceVersion=5&labelSelector=app%3Dweb")
		name := w.watch(identities + "?watch=true&resourceVersion=5&fieldSelector=metadata.name%3D101")
		relabel := func(name, app string) {
			r := w.do("PATCH", identities+"/"+name, `{"metadata":{"labels":{"app":"`+app+`"}}}`, "Content-Type", "application/merge-patch+json")
			require.Equal(t, http.StatusOK, r.code)
		}
		w.create(identity("100", "web")) // 6
		w.create(identity("101", "db"))  // 7
		relabel("101", "web")            // 8: begins to match
		relabel("100", "db")             // 9: no longer does
		relabel("100", "cache")          // 10
		w.do("DELETE", identities+"/100", "")
		w.do("DELETE", identities+"/101", "")
		require.Equal(t, []string{"ADDED 100 6", "ADDED 101 8", "DELETED 100 9", "DELETED 101 12"}, o.got())
		require.Equal(t, []string{"ADDED 101 7", "MODIFIED 101 8", "DELETED 101 12"}, name.got())

		ns := w.watch("/api/v1/namespaces/ns1/pods?watch=true")
		node := w.watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn0")
		w.create(pod("ns1", "a", "n0"))
		w.create(pod("ns2", "b", "n0"))
		w.create(pod("ns1", "c", "n1"))
		require.Equal(t, []string{"ADDED a 13", "ADDED c 15"}, ns.got())
		require.Equal(t, []string{"ADDED a 13", "ADDED b 14"}, node.got())
	})
}

func TestLeavingObjectIsShownAsItMatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		w.create(identity("100", "web"))
		o := w.watch(identities + "?watch=true&resourceVersion=6&labelSelector=app%3Dweb")
		w.do("PATCH", identities+"/100", `{"metadata":{"labels":{"app":"db"}}}`, "Content-Type", "application/merge-patch+json")
		simtest.Pass(0)
		ev := <-o.events
		require.Equal(t, "DELETED", ev.Type)
		require.Equal(t, "7", ev.Object.Metadata.ResourceVersion, "the version of the change")
		require.Equal(t, "web", ev.Object.Metadata.Labels["app"], "the content before it")
	})
}

func TestStreamingList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Cache: cacher.Config{Lag: time.Second}})
		const stream = identities + "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
		simtest.Pass(time.Minute)
		seedIdentities(w, 2)
		old := w.watch(stream + "&resourceVersion=0")
		require.Equal(t, []string{"BOOKMARK 5 initial-events-end"}, old.got(), "at any version: the cache's")
		start := time.Now()
		fresh := w.watch(stream)
		require.Equal(t, time.Second, time.Since(start), "it waited for the present")
		require.Equal(t, []string{"ADDED 100 6", "ADDED 101 7", "BOOKMARK 7 initial-events-end"}, fresh.got())
		require.Equal(t, []string{"ADDED 100 6", "ADDED 101 7"}, old.got())

		late := w.watch(stream + "&resourceVersion=9")
		require.Equal(t, []string{"ERROR Timeout Timeout: Too large resource version: 9, current: 7", "end"}, late.got())

		none := w.watch(identities + "?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0")
		require.Empty(t, none.got())
		w.create(identity("102", "web"))
		simtest.Pass(time.Second)
		for _, o := range []*watcher{old, fresh, none} {
			require.Equal(t, []string{"ADDED 102 8"}, o.got())
		}
		require.Equal(t, http.StatusUnprocessableEntity, w.do("GET", identities+"?watch=true&sendInitialEvents=true", "").code)
	})
}

func TestBookmarksAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		with := w.watch(identities + "?watch=true&resourceVersion=5&timeoutSeconds=150&allowWatchBookmarks=true")
		without := w.watch(identities + "?watch=true&resourceVersion=5&timeoutSeconds=150")
		simtest.Pass(time.Minute)
		require.Empty(t, with.got(), "nothing is newer than where the watch began")
		w.create(pod("ns1", "a", "n0"))
		simtest.Pass(59 * time.Second)
		require.Empty(t, with.got())
		simtest.Pass(time.Second)
		require.Equal(t, []string{"BOOKMARK 6"}, with.got(), "also of other kinds' changes")
		simtest.Pass(28 * time.Second)
		require.Equal(t, []string{"BOOKMARK 6"}, with.got(), "shortly before the end")
		require.Empty(t, without.got())
		simtest.Pass(2 * time.Second)
		require.Equal(t, []string{"end"}, with.got())
		require.Equal(t, []string{"end"}, without.got())
		require.Zero(t, w.server.OpenWatches())
	})
}

func TestWatchExpiresAtOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Cache: cacher.Config{HistoryEvents: 3}})
		seedIdentities(w, 5) // 6 to 10
		require.Equal(t, []string{"ADDED 100 6", "ADDED 101 7", "ADDED 102 8", "ADDED 103 9", "ADDED 104 10"},
			w.watch(identities+"?watch=true&resourceVersion=5").got(), "young events are kept beyond the number")
		simtest.Pass(76 * time.Second)
		w.create(identity("110", "web")) // 11: the window is now 9, 10, 11
		o := w.watch(identities + "?watch=true&resourceVersion=7")
		require.Equal(t, http.StatusOK, o.code)
		require.Equal(t, []string{"ERROR Expired too old resource version: 7 (8)", "end"}, o.got())
		require.Equal(t, []string{"ADDED 103 9", "ADDED 104 10", "ADDED 110 11"}, w.watch(identities+"?watch=true&resourceVersion=8").got())

		w.restart(kube.Config{})
		o = w.watch(identities + "?watch=true&resourceVersion=10")
		require.Equal(t, []string{"ERROR Expired too old resource version: 10 (11)", "end"}, o.got(), "a new server knows no past")
		require.Empty(t, w.watch(identities+"?watch=true&resourceVersion=11").got())
	})
}

func TestFaultsEndWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		a := w.watch(identities + "?watch=true")
		b := w.watch("/api/v1/pods?watch=true")
		require.Equal(t, 2, w.server.OpenWatches())
		w.server.ExpireWatches()
		for _, o := range []*watcher{a, b} {
			require.Equal(t, []string{"ERROR Expired The resourceVersion for the provided watch is too old.", "end"}, o.got())
		}
		c := w.watch(identities + "?watch=true")
		w.server.CloseWatches()
		require.Equal(t, []string{"end"}, c.got())
		d := w.watch(identities + "?watch=true")
		w.reset()
		require.Equal(t, []string{"end"}, d.got())
		require.Zero(t, w.server.OpenWatches())
	})
}

func TestLagDelaysEventsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Cache: cacher.Config{Lag: 10 * time.Second}})
		simtest.Pass(time.Minute)
		o := w.watch(identities + "?watch=true")
		w.create(identity("100", "web")) // due in 10 s
		simtest.Pass(4 * time.Second)
		w.create(identity("101", "web")) // due in 14 s
		simtest.Pass(5 * time.Second)
		require.Empty(t, o.got())
		simtest.Pass(time.Second)
		require.Equal(t, []string{"ADDED 100 6"}, o.got())
		w.server.SetLag("", 0)
		require.Equal(t, []string{"ADDED 101 7"}, o.got())
		w.create(identity("102", "web"))
		require.Equal(t, []string{"ADDED 102 8"}, o.got())
		w.server.SetLag("", 20*time.Minute)
		w.create(identity("103", "web"))
		simtest.Pass(19 * time.Minute)
		require.Empty(t, o.got())
		w.server.SetLag("", time.Minute)
		require.Equal(t, []string{"ADDED 103 9"}, o.got())
	})
}

// A watch cache begins with what the etcd has, and may lag only from then on.
func TestRestartedCacheIsNotBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Cache: cacher.Config{Lag: time.Minute}})
		w.create(identity("100", "web"))
		w.restart(kube.Config{Cache: cacher.Config{Lag: time.Minute}})
		o := w.watch(identities + "?watch=true")
		require.Equal(t, []string{"ADDED 100 6"}, o.got())
		w.create(identity("101", "web"))
		require.Empty(t, o.got())
		simtest.Pass(time.Minute)
		require.Equal(t, []string{"ADDED 101 7"}, o.got())
	})
}

// In its first moments a real kube-apiserver does not know custom resources, and then has no
// cache of theirs: it says so, and when to come again.
func TestStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Starting: true})
		refused := func(path string, code int, retryAfter string) {
			t.Helper()
			r := w.do("GET", path, "")
			require.Equal(t, []any{code, retryAfter}, []any{r.code, r.header.Get("Retry-After")}, path)
			require.Equal(t, "application/json", r.header.Get("Content-Type"), "it is a Status")
		}
		serves := func(path string) {
			t.Helper()
			require.Equal(t, http.StatusOK, w.do("GET", path, "").code, path)
		}
		serves("/api/v1/namespaces")
		refused(identities, http.StatusServiceUnavailable, "5")
		simtest.Pass(350 * time.Millisecond)
		require.Equal(t, http.StatusCreated, w.do("POST", identities, identity("100", "web")).code, "the etcd answers")
		for _, path := range []string{"", "?watch=true", "?resourceVersion=0", "?limit=5&labelSelector=a&resourceVersion=0"} {
			refused(identities+path, http.StatusTooManyRequests, "1")
		}
		for _, path := range []string{"/100", "/100?resourceVersion=0", "?limit=5", "?limit=5&resourceVersion=0", "?resourceVersion=6&resourceVersionMatch=Exact"} {
			serves(identities + path)
		}
		simtest.Pass(100 * time.Millisecond)
		serves(identities)
		simtest.Pass(time.Hour)
		refused("/apis/cilium.io/v2/ciliumnodes", http.StatusTooManyRequests, "1")
	})
}

// A list of what is there now comes from the watch cache, which it awaits for as long as a
// real one does; then from the etcd.
func TestConsistentListAwaitsTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for lag, waits := range map[time.Duration]time.Duration{0: 0, 2 * time.Second: 2 * time.Second, time.Hour: 3 * time.Second} {
			w := newWorld(t, kube.Config{Cache: cacher.Config{Lag: lag}})
			w.create(identity("100", "web"))
			start := time.Now()
			r := w.do("GET", identities, "")
			require.Equal(t, waits, time.Since(start))
			require.Equal(t, []string{"100"}, r.list().names())
			start = time.Now()
			w.do("GET", identities+"?limit=5", "")
			require.Zero(t, time.Since(start), "a page comes from the etcd")
		}
	})
}

// After Shutdown nobody is let in, and a watch that is open goes on.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		o := w.watch(identities + "?watch=true")
		w.server.Shutdown()
		simtest.Pass(time.Second)
		_, err := w.dial(t.Context(), "", "")
		require.ErrorContains(t, err, "refused")
		w.create(identity("100", "web"))
		require.Equal(t, []string{"ADDED 100 6"}, o.got())
		simtest.Pass(time.Minute)
		require.NoError(t, w.server.Close())
		require.Equal(t, []string{"end"}, o.got())
	})
}

// Without an etcd a server answers what its cache knows; the rest waits.
func TestStorageAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := make(chan struct{})
		w := newWorld(t, kube.Config{Intercept: func(_ context.Context, q *kube.Request) *kube.Fail {
			if q.NeedsStorage() {
				return &kube.Fail{Storage: back}
			}
			return nil
		}})
		takes := func(method, path, body string) (code int, took time.Duration, contentType string) {
			start := time.Now()
			r := w.do(method, path, body)
			return r.code, time.Since(start), r.header.Get("Content-Type")
		}
		for _, path := range []string{"?resourceVersion=0", "/100?resourceVersion=0"} {
			_, took, _ := takes("GET", identities+path, "")
			require.Zero(t, took, path)
		}
		for _, c := range [][3]string{{"GET", identities}, {"GET", identities + "?limit=5"}, {"GET", identities + "/100"}, {"POST", identities, identity("100", "web")}} {
			code, took, contentType := takes(c[0], c[1], c[2])
			require.Equal(t, []any{http.StatusGatewayTimeout, time.Minute, "text/plain; charset=utf-8"}, []any{code, took, contentType}, c)
		}
		time.AfterFunc(59*time.Second, func() { close(back) })
		code, took, _ := takes("POST", identities, identity("100", "web"))
		require.Equal(t, http.StatusCreated, code)
		require.Equal(t, 59*time.Second, took)
	})
}

func TestIntercept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fail *kube.Fail
		var seen kube.Request
		w := newWorld(t, kube.Config{Intercept: func(_ context.Context, q *kube.Request) *kube.Fail { seen = *q; return fail }})
		require.Equal(t, http.StatusOK, w.do("GET", "/api/v1/namespaces/ns1/pods?watch=false", "").code)
		require.Equal(t, []string{"list", "pods", "ns1", "w0"}, []string{seen.Verb, seen.Resource, seen.Namespace, seen.Client})
		fail = &kube.Fail{Code: http.StatusTooManyRequests, RetryAfter: 1500 * time.Millisecond}
		r := w.do("GET", "/api/v1/pods", "")
		require.Equal(t, http.StatusTooManyRequests, r.code)
		require.Equal(t, "2", r.header.Get("Retry-After"))
		fail = &kube.Fail{Delay: 7 * time.Second}
		start := time.Now()
		require.Equal(t, http.StatusCreated, w.do("POST", identities, identity("100", "web")).code)
		require.Equal(t, 7*time.Second, time.Since(start))
		fail = &kube.Fail{Abort: true}
		require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { w.do("GET", "/api/v1/pods", "") })
		fail = nil
	})
}

// A client that does not read is cut off once what it has not read leaves the
// window of the cache.
func TestWatchOfASleepingClientIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOn(t, simnet.Config{Window: 1}, kube.Config{Cache: cacher.Config{HistoryEvents: 2, HistoryAge: time.Second}})
		conn, err := w.dial(t.Context(), "", "")
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write([]byte("GET " + identities + "?watch=true&resourceVersion=5 HTTP/1.1\r\nHost: kube\r\n\r\n"))
		require.NoError(t, err)
		for i := range 10 {
			w.create(identity(fmt.Sprint(100+i), "web"))
			simtest.Pass(2 * time.Second)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err, "the stream ends in an orderly way")
		require.NotContains(t, string(body), `"name":"105"`)
		simtest.Pass(0)
		require.Zero(t, w.server.OpenWatches())
	})
}

func TestServerLifeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := storage.New(storage.Config{})
		server := kube.NewServer(store, kube.Config{Name: "k0", Cache: cacher.Config{Lag: time.Second}})
		l := (&world{t: t, net: simnet.New(simnet.Config{})}).listen()
		require.NoError(t, l.Close())
		require.ErrorContains(t, server.Serve(l), "kube-apiserver k0: ")
		_, err := store.Create([]byte(identity("100", "web"))) // on its way to the cache
		require.NoError(t, err)
		require.NoError(t, server.Close())
		require.NoError(t, server.Close(), "again")
		require.NoError(t, server.Serve(l), "a closed server does not begin to serve")
		w := &world{t: t, store: store, server: server}
		require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { w.do("GET", identities, "") })
	})
}

func TestCloseCutsRequestsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Cache: cacher.Config{Lag: time.Hour}, Intercept: func(_ context.Context, q *kube.Request) *kube.Fail {
			if q.Verb == "get" {
				return &kube.Fail{Delay: time.Hour}
			}
			return nil
		}})
		w.create(identity("100", "web"))
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: w.dial}}
		errs := make(chan error, 2)
		for _, path := range []string{identities + "/100", identities + "?resourceVersion=6"} {
			go func() {
				_, err := client.Get("http://kube" + path)
				errs <- err
			}()
		}
		o := w.watch(identities + "?watch=true")
		simtest.Pass(time.Second)
		w.restart(kube.Config{})
		require.Error(t, <-errs)
		require.Error(t, <-errs)
		require.Equal(t, []string{"end"}, o.got())
	})
}
