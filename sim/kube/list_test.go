package kube_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/cacher"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// seedIdentities creates identities 100 to 100+n-1, at the versions 6 to 5+n.
func seedIdentities(w *world, n int) {
	for i := range n {
		w.create(identity(fmt.Sprint(100+i), []string{"web", "db"}[i%2]))
	}
}

func TestListVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Cache: cacher.Config{Lag: 2 * time.Second}})
		simtest.Pass(10 * time.Second)
		seedIdentities(w, 3) // at 6, 7, 8, seen by the cache in 2 s
		query := func(q string) response { return w.do("GET", identities+"?"+q, "") }

		require.Empty(t, query("resourceVersion=0").list().names(), "as old as the cache")
		require.Equal(t, "5", query("resourceVersion=0").list().Metadata.ResourceVersion)
		page := query("limit=10").list()
		require.Equal(t, []string{"100", "101", "102"}, page.names(), "consistent")
		require.Equal(t, "8", page.Metadata.ResourceVersion)
		require.Equal(t, "CiliumIdentityList", page.Kind)
		require.Equal(t, []string{"100", "101"}, query("resourceVersion=7&resourceVersionMatch=Exact").list().names())
		require.Equal(t, []string{"100"}, query("resourceVersion=6&limit=10").list().names(), "exact by an old rule")

		start := time.Now()
		require.Len(t, query("resourceVersion=7&resourceVersionMatch=NotOlderThan").list().names(), 3)
		require.Equal(t, 2*time.Second, time.Since(start), "it waited for the cache")

		start = time.Now()
		r := query("resourceVersion=9")
		require.Equal(t, http.StatusGatewayTimeout, r.code)
		require.Equal(t, "Timeout: Too large resource version: 9, current: 8", r.status().Message)
		require.Equal(t, metav1.CauseTypeResourceVersionTooLarge, r.status().Details.Causes[0].Type)
		require.Equal(t, "1", r.header.Get("Retry-After"))
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Equal(t, http.StatusGatewayTimeout, query("resourceVersion=9&resourceVersionMatch=Exact").code)

		w.store.Compact()
		r = query("resourceVersion=7&resourceVersionMatch=Exact")
		require.Equal(t, http.StatusGone, r.code)
		require.Equal(t, metav1.StatusReasonExpired, r.status().Reason)
		require.Len(t, query("resourceVersion=8&resourceVersionMatch=Exact").list().names(), 3)

		for _, q := range []string{
			"resourceVersionMatch=Exact", "resourceVersion=0&resourceVersionMatch=Exact", "resourceVersion=1&resourceVersionMatch=Any", "sendInitialEvents=true",
		} {
			require.Equal(t, http.StatusUnprocessableEntity, query(q).code, q)
		}
		for _, q := range []string{"resourceVersion=x", "limit=x", "timeoutSeconds=x", "labelSelector=%3D%3D%3D", "fieldSelector=x", "continue=x", "resourceVersion=5&continue=x"} {
			require.Equal(t, http.StatusBadRequest, query(q).code, q)
		}
	})
}

func TestGetVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Cache: cacher.Config{Lag: time.Second}})
		w.create(identity("100", "web"))
		require.Equal(t, http.StatusOK, w.do("GET", identities+"/100", "").code)
		require.Equal(t, http.StatusNotFound, w.do("GET", identities+"/100?resourceVersion=0", "").code)
		require.Equal(t, http.StatusOK, w.do("GET", identities+"/100?resourceVersion=6", "").code, "it waits for the cache")
		require.Equal(t, http.StatusGatewayTimeout, w.do("GET", identities+"/100?resourceVersion=7", "").code)
	})
}

func TestHistoryIsForgottenAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		seedIdentities(w, 1)
		simtest.Pass(3 * time.Minute)
		w.create(identity("101", "web"))
		exact := func(rv string) int {
			return w.do("GET", identities+"?resourceVersionMatch=Exact&resourceVersion="+rv, "").code
		}
		require.Equal(t, http.StatusOK, exact("1"))
		simtest.Pass(2*time.Minute + time.Second)
		require.Equal(t, http.StatusGone, exact("5"))
		require.Equal(t, http.StatusOK, exact("6"))
		simtest.Pass(time.Hour)
		require.Equal(t, http.StatusGone, exact("6"))
		require.Equal(t, http.StatusOK, exact("7"), "the present is never forgotten")
	})
}

func TestPagesAreOfOneVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		seedIdentities(w, 5)
		page := func(q string) response { return w.do("GET", identities+"?limit=2"+q, "") }
		first := page("").list()
		require.Equal(t, []string{"100", "101"}, first.names())
		require.EqualValues(t, 3, *first.Metadata.RemainingItemCount)

		w.do("DELETE", identities+"/102", "")
		w.create(identity("1000", "web"))
		w.create(identity("109", "web"))
		second := page("&continue=" + first.Metadata.Continue).list()
		require.Equal(t, []string{"102", "103"}, second.names(), "as of the first page")
		require.Equal(t, first.Metadata.ResourceVersion, second.Metadata.ResourceVersion)

		w.store.Compact()
		r := page("&continue=" + second.Metadata.Continue)
		require.Equal(t, http.StatusGone, r.code)
		status := r.status()
		require.Equal(t, metav1.StatusReasonExpired, status.Reason)
		rest := page("&continue=" + status.Continue).list()
		require.Equal(t, []string{"104", "109"}, rest.names(), "inconsistent, but in the present")
		require.Empty(t, rest.Metadata.Continue)

		selected := page("&labelSelector=app%3Dweb").list()
		require.Equal(t, []string{"100", "1000"}, selected.names())
		require.Nil(t, selected.Metadata.RemainingItemCount)
		require.NotEmpty(t, selected.Metadata.Continue)
		require.Len(t, page("&resourceVersion=0").list().Items, 6, "the cache knows no pages")
		require.Equal(t, http.StatusBadRequest, page("&resourceVersion=7&continue="+first.Metadata.Continue).code)
	})
}

func TestSelectors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		w.create(pod("ns1", "a", "n0"))
		w.create(pod("ns1", "b", "n1"))
		w.create(pod("ns10", "a", "n0"))
		w.create(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"c","namespace":"ns2","labels":{"app":"web","tier":"front"}},"spec":{"nodeName":"n1"}}`)
		for _, c := range []struct {
			path, label, field string
			want               []string
		}{
			{"pods", "", "", []string{"ns1/a", "ns1/b", "ns10/a", "ns2/c"}},
			{"namespaces/ns1/pods", "", "", []string{"ns1/a", "ns1/b"}},
			{"namespaces/ns/pods", "", "", nil},
			{"pods", "", "spec.nodeName=n0", []string{"ns1/a", "ns10/a"}},
			{"pods", "", "spec.nodeName!=n0", []string{"ns1/b", "ns2/c"}},
			{"pods", "", "metadata.name=a,metadata.namespace=ns10", []string{"ns10/a"}},
			{"namespaces/ns1/pods", "", "spec.nodeName=n1", []string{"ns1/b"}},
			{"pods", "app in (web,db),tier!=back", "", []string{"ns2/c"}},
			{"pods", "!app", "status.phase!=Running", []string{"ns1/a", "ns1/b", "ns10/a"}},
		} {
			for _, rv := range []string{"", "0"} {
				q := url.Values{"labelSelector": {c.label}, "fieldSelector": {c.field}, "resourceVersion": {rv}}
				var got []string
				for _, o := range w.do("GET", "/api/v1/"+c.path+"?"+q.Encode(), "").list().Items {
					require.Empty(t, o.Kind, "items of built-in kinds carry no kind")
					got = append(got, o.Metadata.Namespace+"/"+o.Metadata.Name)
				}
				require.Equal(t, c.want, got, "%+v", c)
			}
		}
	})
}

// A cache of a kind that nobody writes knows only what the etcd tells, every
// ProgressInterval and when a request waits for a version.
func TestVersionOfAQuietKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		quiet := func() string {
			return w.do("GET", "/apis/cilium.io/v2/ciliumnodes?resourceVersion=0", "").list().Metadata.ResourceVersion
		}
		w.create(identity("100", "web"))
		require.Equal(t, "5", quiet(), "what it began with")
		require.Equal(t, "6", w.do("GET", identities+"?resourceVersion=0", "").list().Metadata.ResourceVersion)
		time.Sleep(5 * time.Second)
		require.Equal(t, "6", quiet(), "told by then")

		w.create(identity("101", "web"))
		require.Equal(t, "6", quiet())
		w.do("GET", "/apis/cilium.io/v2/ciliumnodes?resourceVersion=7", "").list()
		require.Equal(t, "7", quiet(), "told because somebody waited")

		w.create(identity("102", "web"))
		require.Equal(t, "7", quiet())
		require.Equal(t, "8", w.do("GET", "/apis/cilium.io/v2/ciliumnodes", "").list().Metadata.ResourceVersion)
		require.Equal(t, "8", quiet(), "told because somebody wanted the present")
	})
}
