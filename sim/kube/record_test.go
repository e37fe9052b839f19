package kube_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/cacher"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// lines are the records since the last call without time, actor and client. Of the
// sizes only that there is one is left.
func (w *world) lines() []string {
	lines := []string{}
	for _, line := range w.recorded() {
		if _, record, ok := strings.Cut(line, " k0 "); ok {
			line = record
		}
		words := strings.Split(line, " ")
		kept := words[:0]
		for _, word := range words {
			if word == "peer=w0" || word == "peer=Go-http-client/1.1" || strings.HasPrefix(word, "from=") {
				continue
			}
			if strings.HasPrefix(word, "bytes=") {
				word = "bytes"
			}
			kept = append(kept, word)
		}
		lines = append(lines, strings.Join(kept, " "))
	}
	return lines
}

func TestRecordsOfWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Name: "k0"})
		w.store.OnCommit = func(*storage.Commit) { w.note("commit") }
		for _, r := range []struct{ method, path, body, line string }{
			{"POST", "/api/v1/namespaces/ns1/pods", pod("ns1", "a", "n0"), "request Pod ns1/a op=create rv=6 bytes"},
			{"POST", identities, identity("100", "web"), "request CiliumIdentity 100 op=create rv=7 bytes"},
			{"PUT", identities + "/100", strings.Replace(identity("100", "db"), `"name"`, `"resourceVersion":"7","name"`, 1), "request CiliumIdentity 100 op=update rv=8 bytes"},
			{"PATCH", "/api/v1/namespaces/ns1/pods/a/status", `{"status":{"phase":"Running"}}`, "request Pod ns1/a op=patch rv=9 bytes"},
			{"DELETE", identities + "/100", "", "request CiliumIdentity 100 op=delete rv=10 bytes"},
			{"DELETE", "/api/v1/namespaces/ns1/pods?labelSelector=x!%3Dy&fieldSelector=spec.nodeName%3Dn0", "", `request Pod ns1 value=ns1/a:9 op=deletecollection end=labels=x!=y;fields=spec.nodeName=n0 rv=10 bytes`},
		} {
			media := "application/json"
			if r.method == "PATCH" {
				media = "application/merge-patch+json"
			}
			require.Less(t, w.do(r.method, r.path, r.body, "Content-Type", media).code, 300)
			require.Equal(t, []string{"commit", r.line}, w.lines())
		}
	})
}

func TestRecordsOfRequestsThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fail *kube.Fail
		w := newWorld(t, kube.Config{Name: "k0", Intercept: func(context.Context, *kube.Request) *kube.Fail { return fail }})
		w.create(identity("100", "web"))
		for _, r := range []struct{ method, path, body, line string }{
			{"POST", identities, identity("100", "web"), `request CiliumIdentity 100 op=create err="409 AlreadyExists" bytes`},
			{"POST", identities, "{", `request CiliumIdentity - op=create err="400 BadRequest" bytes`},
			{"PUT", identities + "/100", strings.Replace(identity("100", "db"), `"name"`, `"resourceVersion":"1","name"`, 1), `request CiliumIdentity 100 op=update err="409 Conflict" bytes`},
			{"DELETE", identities + "/101", "", `request CiliumIdentity 101 op=delete err="404 NotFound" bytes`},
			{"GET", identities + "/101", "", `request CiliumIdentity 101 value=none op=get err="404 NotFound" bytes`},
			{"GET", identities + "?resourceVersion=x", "", `request CiliumIdentity - op=list err="400 BadRequest" ask=x bytes`},
			{"GET", identities + "?watch=true&resourceVersion=x", "", `request CiliumIdentity - op=watch err="500 InternalServerError" ask=x bytes`},
			{"GET", "/apis/cilium.io/v2/nothings/a", "", `request - /apis/cilium.io/v2/nothings/a op=get err="404 NotFound" bytes`},
			{"POST", identities + "?dryRun=All", identity("101", "web"), `request CiliumIdentity - op=create err="501 NotImplemented" bytes`},
		} {
			w.do(r.method, r.path, r.body)
			require.Equal(t, []string{r.line}, w.lines())
		}

		fail = &kube.Fail{Code: http.StatusTooManyRequests}
		w.do("GET", identities+"?watch=true", "")
		fail = &kube.Fail{Code: http.StatusInternalServerError}
		w.do("PATCH", identities+"/100", "{}")
		fail = &kube.Fail{Abort: true}
		require.Panics(t, func() { w.do("DELETE", identities+"/100", "") })
		require.Equal(t, []string{
			`request CiliumIdentity - op=watch err="429 TooManyRequests" bytes`,
			`request CiliumIdentity 100 op=patch err="500 InternalError" bytes`,
			"request CiliumIdentity 100 op=delete err=cut",
		}, w.lines())
	})
}

func TestRecordsOfReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Name: "k0"})
		w.create(pod("ns1", "a", "n0")) // 6
		w.create(pod("ns1", "b", "n1"))
		w.create(pod("ns2", "c", "n0")) // 8
		for _, r := range []struct{ path, line string }{
			{"/api/v1/namespaces/ns1/pods/a", "request Pod ns1/a op=get rv=6 bytes"},
			{"/api/v1/namespaces/ns1/pods/a?resourceVersion=7", "request Pod ns1/a op=get rv=6 ask=7 bytes"},
			{"/api/v1/pods", `request Pod - value="ns1/a:6 ns1/b:7 ns2/c:8" op=list rv=8 bytes`},
			{"/api/v1/namespaces/ns1/pods?resourceVersion=0", `request Pod ns1 value="ns1/a:6 ns1/b:7" op=list rv=8 ask=0 bytes`},
			{"/api/v1/pods?resourceVersion=7", `request Pod - value="ns1/a:6 ns1/b:7 ns2/c:8" op=list rv=8 ask=7 bytes`},
			{"/api/v1/pods?resourceVersion=7&resourceVersionMatch=Exact", `request Pod - value="ns1/a:6 ns1/b:7" op=list rv=7 ask==7 bytes`},
			{"/api/v1/pods?resourceVersion=7&limit=1", `request Pod - value=ns1/a:6 op=list rv=7 more=true ask==7 bytes`},
			{"/api/v1/pods?labelSelector=x", "request Pod - op=list end=labels=x rv=8 bytes"},
			{"/api/v1/pods?fieldSelector=spec.nodeName%3Dn0", `request Pod - value="ns1/a:6 ns2/c:8" op=list end=fields=spec.nodeName=n0 rv=8 bytes`},
			{"/version", "request - /version op=discovery bytes"},
			{"/readyz", "request - /readyz op=discovery bytes"},
		} {
			require.Equal(t, http.StatusOK, w.do("GET", r.path, "").code)
			require.Equal(t, []string{r.line}, w.lines())
		}
		page := w.do("GET", "/api/v1/pods?limit=2", "").list()
		w.do("GET", "/api/v1/pods?limit=2&continue="+page.Metadata.Continue, "")
		require.Equal(t, []string{
			`request Pod - value="ns1/a:6 ns1/b:7" op=list rv=8 more=true bytes`,
			`request Pod - value=ns2/c:8 op=list rv=8 ask=continue bytes`,
		}, w.lines())
	})
}

// A request is taken up before it is intercepted, and answered when it is.
func TestRecordsSayWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Name: "k0", Intercept: func(context.Context, *kube.Request) *kube.Fail { return &kube.Fail{Delay: 2 * time.Second} }})
		simtest.Pass(time.Second)
		body := w.do("GET", "/healthz", "").body
		require.Len(t, body, 2)
		require.Equal(t, []string{"3.000000000 k0 request - /healthz op=discovery peer=w0 from=1.000000000 bytes=2"}, w.recorded())
	})
}

func TestRecordsOfWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Name: "k0"})
		w.create(pod("ns1", "a", "n0")) // 6
		o := w.watch("/api/v1/namespaces/ns1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=0")
		require.Len(t, o.got(), 2)
		require.Equal(t, []string{
			"watch Pod ns1 ask=initial:0 id=1",
			`event Pod ns1 value="ADDED:ns1/a:6 INITIAL:6" id=1 bytes`,
		}, w.lines())
		selects := w.watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn0&resourceVersion=6&timeoutSeconds=90")
		w.create(pod("ns2", "c", "n0")) // 7
		require.Equal(t, []string{"ADDED c 7"}, selects.got())
		require.Equal(t, []string{
			"watch Pod - end=fields=spec.nodeName=n0 ask=6 id=2",
			"event Pod - value=ADDED:ns2/c:7 id=2 bytes",
		}, w.lines())
		w.do("PATCH", "/api/v1/namespaces/ns1/pods/a", `{"spec":{"nodeName":"n1"}}`, "Content-Type", "application/merge-patch+json")
		require.ElementsMatch(t, []string{
			"request Pod ns1/a op=patch rv=8 bytes",
			"event Pod - value=DELETED:ns1/a:8 id=2 bytes",
			"event Pod ns1 value=MODIFIED:ns1/a:8 id=1 bytes",
		}, w.lines(), "it no longer matches the selector")
		w.do("DELETE", "/api/v1/namespaces/ns2/pods/c?gracePeriodSeconds=0", "")
		require.ElementsMatch(t, []string{
			"request Pod ns2/c op=delete rv=10 bytes",
			`event Pod - value="MODIFIED:ns2/c:9 DELETED:ns2/c:10" id=2 bytes`,
		}, w.lines())
		simtest.Pass(90 * time.Second)
		require.Equal(t, []string{"event Pod ns1 value=BOOKMARK:10 id=1 bytes", "unwatch Pod - value=timeout id=2"}, w.lines())
		o.cancel()
		require.Equal(t, []string{"unwatch Pod ns1 value=client id=1"}, w.lines())
	})
}

func TestRecordsOfWatchesThatTheServerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Name: "k0"})
		w.create(identity("100", "web")) // 6
		watch := identities + "?watch=true&resourceVersion=6"
		w.watch(identities + "?watch=true&resourceVersion=2")
		require.Equal(t, []string{
			"watch CiliumIdentity - ask=2 id=1",
			"event CiliumIdentity - value=ERROR:410 id=1 bytes",
			"unwatch CiliumIdentity - value=expired id=1",
		}, w.lines())
		w.watch(watch)
		w.server.ExpireWatches()
		require.Equal(t, []string{
			"watch CiliumIdentity - ask=6 id=2",
			"event CiliumIdentity - value=ERROR:410 id=2 bytes",
			"unwatch CiliumIdentity - value=expired id=2",
		}, w.lines())
		w.watch(watch)
		w.server.CloseWatches()
		require.Equal(t, []string{"watch CiliumIdentity - ask=6 id=3", "unwatch CiliumIdentity - value=closed id=3"}, w.lines())
		w.watch(identities + "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=99")
		require.Equal(t, []string{
			"watch CiliumIdentity - ask=initial:99 id=4",
			"event CiliumIdentity - value=ERROR:504 id=4 bytes",
			"unwatch CiliumIdentity - value=closed id=4",
		}, w.lines(), "the version is in the future")
		w.watch(watch)
		w.restart(kube.Config{Name: "k0"})
		require.Equal(t, []string{"watch CiliumIdentity - ask=6 id=5", "unwatch CiliumIdentity - value=closed id=5"}, w.lines())
	})
}

// A watch that waits for the cache is no watch yet when its client goes.
func TestRecordsOfAWatchThatIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Name: "k0", Cache: cacher.Config{Lag: time.Hour}})
		w.create(identity("100", "web")) // 6
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: w.dial}}
		path := "http://kube" + identities + "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		require.NoError(t, err)
		_, err = client.Do(r)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, []string{"request CiliumIdentity - op=watch err=cut ask=initial:"}, w.lines())
	})
}
