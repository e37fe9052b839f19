package kube_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

func TestCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		r := w.do("POST", identities, identity("100", "web"))
		require.Equal(t, http.StatusCreated, r.code)
		m := r.meta()
		require.Equal(t, "6", m.ResourceVersion)
		require.EqualValues(t, 1, m.Generation)
		require.NotEmpty(t, m.UID)

		r = w.do("POST", identities, identity("100", "web"))
		require.Equal(t, http.StatusConflict, r.code)
		require.Equal(t, metav1.StatusReasonAlreadyExists, r.status().Reason)

		r = w.do("POST", identities, `{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":"101","resourceVersion":"3"}}`)
		require.Equal(t, http.StatusInternalServerError, r.code)
		require.Contains(t, r.status().Message, "resourceVersion should not be set on objects to be created")

		r = w.do("POST", identities, `{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"generateName":"1-"}}`)
		require.Equal(t, http.StatusCreated, r.code)
		require.Len(t, r.meta().Name, len("1-")+5)

		r = w.do("POST", "/api/v1/namespaces/ns1/pods", `{"metadata":{"name":"a","namespace":"ns2"}}`)
		require.Equal(t, http.StatusBadRequest, r.code)
		r = w.do("POST", "/api/v1/namespaces/ns1/pods", identity("1", "x"))
		require.Equal(t, http.StatusBadRequest, r.code)

		r = w.do("POST", "/api/v1/namespaces/ns1/pods", `{"metadata":{"name":"a"},"status":{"podIP":"10.0.0.1"}}`)
		require.Equal(t, http.StatusCreated, r.code)
		require.NotContains(t, string(r.body), "10.0.0.1", "a create does not set the status of a pod")
	})
}

func TestUpdateConflictsAndPreconditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		first := w.do("POST", identities, identity("100", "web")).meta()
		put := func(uid, rv, app string) response {
			return w.do("PUT", identities+"/100", `{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":"100","uid":"`+uid+`","resourceVersion":"`+rv+`"},"security-labels":{"k8s:app":"`+app+`"}}`)
		}
		r := put("", first.ResourceVersion, "db")
		require.Equal(t, http.StatusOK, r.code)
		second := r.meta()
		require.Equal(t, "7", second.ResourceVersion)
		require.EqualValues(t, 2, second.Generation)
		require.Equal(t, first.UID, second.UID)
		require.Equal(t, first.CreationTimestamp, second.CreationTimestamp)

		r = put("", first.ResourceVersion, "late")
		require.Equal(t, http.StatusConflict, r.code)
		require.Contains(t, r.status().Message, `Operation cannot be fulfilled on ciliumidentities.cilium.io "100": the object has been modified`)
		r = put("another", second.ResourceVersion, "late")
		require.Equal(t, http.StatusConflict, r.code)
		require.Contains(t, r.status().Message, "UID in precondition: another")
		r = put("", "", "blind")
		require.Equal(t, http.StatusUnprocessableEntity, r.code, "custom resources are not updated unconditionally")
		require.Contains(t, r.status().Message, "must be specified for an update")

		r = put("", second.ResourceVersion, "db")
		require.Equal(t, http.StatusOK, r.code)
		require.Equal(t, "7", r.meta().ResourceVersion, "an update that changes nothing is not a write")
		require.EqualValues(t, 7, w.store.Revision())

		r = w.do("PUT", identities+"/100", `{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":"7","resourceVersion":"7"}}`)
		require.Equal(t, http.StatusBadRequest, r.code)
		r = w.do("PUT", identities+"/404", `{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":"404","resourceVersion":"7"}}`)
		require.Equal(t, http.StatusNotFound, r.code)

		w.create(pod("ns1", "a", "n0"))
		r = w.do("PUT", "/api/v1/namespaces/ns1/pods/a", `{"metadata":{"name":"a","labels":{"x":"y"}}}`)
		require.Equal(t, http.StatusOK, r.code, "pods are updated unconditionally")
	})
}

func TestStatusSubresource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		const node = "/apis/cilium.io/v2/ciliumnodes/n0"
		w.create(`{"kind":"CiliumNode","apiVersion":"cilium.io/v2","metadata":{"name":"n0"},"spec":{"a":1},"status":{"s":1}}`)
		r := w.do("PUT", node, `{"kind":"CiliumNode","apiVersion":"cilium.io/v2","metadata":{"name":"n0","resourceVersion":"6"},"spec":{"a":2},"status":{"s":2}}`)
		require.Equal(t, http.StatusOK, r.code)
		require.Contains(t, string(r.body), `"spec":{"a":2},"status":{"s":1}`)
		r = w.do("PUT", node+"/status", `{"kind":"CiliumNode","apiVersion":"cilium.io/v2","metadata":{"name":"n0","resourceVersion":"7","labels":{"x":"y"}},"spec":{"a":3},"status":{"s":3}}`)
		require.Equal(t, http.StatusOK, r.code)
		require.Contains(t, string(r.body), `"spec":{"a":2},"status":{"s":3}`)
		require.Empty(t, r.meta().Labels)
		require.EqualValues(t, 2, r.meta().Generation, "a generation counts specs")
		require.Equal(t, http.StatusOK, w.do("GET", node+"/status", "").code)

		w.create(`{"kind":"CiliumEndpoint","apiVersion":"cilium.io/v2","metadata":{"name":"e","namespace":"ns1"},"status":{"id":1}}`)
		const endpoint = "/apis/cilium.io/v2/namespaces/ns1/ciliumendpoints/e"
		r = w.do("PUT", endpoint, `{"kind":"CiliumEndpoint","apiVersion":"cilium.io/v2","metadata":{"name":"e","resourceVersion":"9"},"status":{"id":2}}`)
		require.Contains(t, string(r.body), `"status":{"id":2}`, "the status of a CiliumEndpoint is no subresource")
		require.Equal(t, http.StatusNotFound, w.do("PUT", endpoint+"/status", `{"kind":"CiliumEndpoint","apiVersion":"cilium.io/v2","metadata":{"name":"e"}}`).code)
	})
}

func TestPatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		w.create(identity("100", "web"))
		patch := func(path, kind, body string) response {
			return w.do("PATCH", path, body, "Content-Type", "application/"+kind)
		}
		one := identities + "/100"
		r := patch(one, "merge-patch+json", `{"metadata":{"labels":{"app":null,"tier":"front"}}}`)
		require.Equal(t, http.StatusOK, r.code, "%s", r.body)
		require.Equal(t, map[string]string{"tier": "front"}, r.meta().Labels)
		r = patch(one, "json-patch+json", `[{"op":"test","path":"/metadata/labels/tier","value":"front"},{"op":"replace","path":"/security-labels","value":{"k8s:app":"db"}}]`)
		require.Equal(t, http.StatusOK, r.code, "%s", r.body)
		require.Contains(t, string(r.body), `"security-labels":{"k8s:app":"db"}`)
		require.EqualValues(t, 8, w.store.Revision())
		r = patch(one, "merge-patch+json", `{}`)
		require.Equal(t, "8", r.meta().ResourceVersion)

		r = patch(one, "json-patch+json", `[{"op":"test","path":"/metadata/labels/tier","value":"back"}]`)
		require.Equal(t, http.StatusUnprocessableEntity, r.code)
		r = patch(one, "merge-patch+json", `{"metadata":{"resourceVersion":"6","labels":{"late":"yes"}}}`)
		require.Equal(t, http.StatusConflict, r.code)
		r = patch(one, "merge-patch+json", `{"metadata":{"name":"7"}}`)
		require.Equal(t, http.StatusBadRequest, r.code)
		r = patch(one, "merge-patch+json", `[]`)
		require.Equal(t, http.StatusBadRequest, r.code)
		r = patch(one, "json-patch+json", `{}`)
		require.Equal(t, http.StatusBadRequest, r.code)
		r = patch(one, "strategic-merge-patch+json", `{}`)
		require.Equal(t, http.StatusUnsupportedMediaType, r.code)
		r = patch(one, "cbor", `{}`)
		require.Equal(t, http.StatusUnsupportedMediaType, r.code)
		r = patch(identities+"/404", "merge-patch+json", `{}`)
		require.Equal(t, http.StatusNotFound, r.code)
		require.EqualValues(t, 8, w.store.Revision())

		w.create(`{"kind":"Node","apiVersion":"v1","metadata":{"name":"n0"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`)
		r = patch("/api/v1/nodes/n0/status", "strategic-merge-patch+json", `{"status":{"conditions":[{"type":"NetworkUnavailable","status":"False"}]}}`)
		require.Equal(t, http.StatusOK, r.code, "%s", r.body)
		require.Contains(t, string(r.body), "NetworkUnavailable")
		require.Contains(t, string(r.body), "Ready", "a strategic merge keeps the other conditions")
	})
}

func TestDeleteAndFinalizers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		var commits []*storage.Commit
		w.store.OnCommit = func(c *storage.Commit) { commits = append(commits, c) }
		plain := w.create(identity("100", "web"))
		require.Equal(t, http.StatusConflict, w.do("DELETE", identities+"/100", `{"preconditions":{"uid":"another"}}`).code)
		require.Equal(t, http.StatusConflict, w.do("DELETE", identities+"/100", `{"preconditions":{"resourceVersion":"5"}}`).code)
		r := w.do("DELETE", identities+"/100", `{"preconditions":{"uid":"`+string(plain.Meta.UID)+`","resourceVersion":"6"}}`)
		require.Equal(t, http.StatusOK, r.code)
		require.Equal(t, metav1.StatusSuccess, r.status().Status)
		require.Equal(t, http.StatusNotFound, w.do("DELETE", identities+"/100", "").code)

		w.create(`{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":"101","finalizers":["meshcheck.io/a","meshcheck.io/b"]}}`)
		r = w.do("DELETE", identities+"/101", "")
		require.Equal(t, http.StatusOK, r.code)
		require.NotNil(t, r.meta().DeletionTimestamp)
		require.Equal(t, r.meta(), w.do("DELETE", identities+"/101", "").meta(), "it is being deleted already")
		put := func(finalizers string) response {
			return w.do("PATCH", identities+"/101", `{"metadata":{"finalizers":`+finalizers+`}}`, "Content-Type", "application/merge-patch+json")
		}
		r = put(`["meshcheck.io/a","meshcheck.io/c"]`)
		require.Equal(t, http.StatusUnprocessableEntity, r.code)
		require.Contains(t, r.status().Message, "no new finalizers can be added if the object is being deleted")
		require.Equal(t, http.StatusOK, put(`["meshcheck.io/a"]`).code)
		require.NotNil(t, w.store.Get("CiliumIdentity", "", "101"))
		last := w.store.Get("CiliumIdentity", "", "101")
		r = put(`null`)
		require.Equal(t, http.StatusOK, r.code)
		require.Equal(t, last.Meta.ResourceVersion, r.meta().ResourceVersion, "the answer is of a version that never was")
		require.Empty(t, r.meta().Finalizers)
		require.Nil(t, w.store.Get("CiliumIdentity", "", "101"))
		require.Equal(t, []string{"meshcheck.io/a"}, commits[len(commits)-1].Object.Meta.Finalizers, "deleted is what was before")
		require.EqualValues(t, w.store.Revision(), commits[len(commits)-1].RV)

		var got []string
		for _, c := range commits {
			got = append(got, string(c.Op())+" "+c.Object.Meta.Name)
			require.Equal(t, c.Op() == storage.OpCreate, c.Prev == nil)
			require.Equal(t, c.Op() == storage.OpDelete, c.Deleted)
		}
		require.Equal(t, []string{"create 100", "delete 100", "create 101", "update 101", "update 101", "delete 101"}, got)
		require.Equal(t, "w0", commits[1].By.Client)
		require.Empty(t, commits[0].By.Client)
	})
}

func TestDeleteCollection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Name: "k3"})
		for _, app := range []string{"web", "db", "web"} {
			w.create(identity("10"+string(rune('0'+w.store.Revision())), app))
		}
		var servers []string
		w.store.OnCommit = func(c *storage.Commit) { servers = append(servers, c.By.Server) }
		l := w.do("DELETE", identities+"?labelSelector=app%3Dweb", "").list()
		require.Len(t, l.Items, 2)
		require.Len(t, w.store.List("CiliumIdentity"), 1)
		require.Equal(t, []string{"k3", "k3"}, servers)
		require.EqualValues(t, 10, w.store.Revision(), "each deletion is a version")
	})
}

func TestCommitTellsContentAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{Client: func(r *http.Request) string { return "host of " + r.UserAgent() }})
		var got *storage.Commit
		w.store.OnCommit = func(c *storage.Commit) { got = c }
		time.Sleep(5 * time.Second)
		w.do("POST", identities, identity("100", "web"))
		require.Equal(t, time.Now(), got.At)
		require.Equal(t, "host of w0", got.By.Client)
		require.Equal(t, "CiliumIdentity", got.Object.Resource.Kind)
		require.EqualValues(t, 6, got.RV)
		var o struct {
			Labels map[string]string `json:"security-labels"`
		}
		require.NoError(t, got.Object.Decode(&o))
		require.Equal(t, map[string]string{"k8s:app": "web"}, o.Labels)
		require.True(t, json.Valid(got.Object.JSON))
	})
}

func TestWhatIsUnknownAndWhatIsNotModelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var unmodeled []string
		w := newWorld(t, kube.Config{OnUnmodeled: func(q *kube.Request, what string) { unmodeled = append(unmodeled, q.Verb+": "+what) }})
		w.create(pod("ns1", "a", "n0"))
		for _, path := range []string{
			"/apis/cilium.io/v2/ciliumnetworkpolicies", "/apis/cilium.io/v3/ciliumnodes", "/apis/example.org/v1/things",
			"/api/v1/secrets", "/apis/cilium.io/v2/namespaces/ns1/ciliumnodes", "/apis/example.org", "/apis/example.org/v1",
			"/api/v1/pods/a",
		} {
			r := w.do("GET", path, "")
			require.Equal(t, http.StatusNotFound, r.code, path)
			require.Equal(t, metav1.StatusReasonNotFound, r.status().Reason, path)
		}
		require.Empty(t, unmodeled)
		for _, c := range [][3]string{
			{"GET", "/api/v1/namespaces/ns1/pods/a/log", ""},
			{"POST", "/api/v1/namespaces/ns1/pods/a/binding", "{}"},
			{"GET", "/openapi/v3", ""},
			{"POST", "/apis", "{}"},
			{"GET", "/api/v1/pods?fieldSelector=spec.hostNetwork%3Dtrue", ""},
			{"GET", "/api/v1/pods?pretty=true", ""},
			{"POST", "/api/v1/namespaces/ns1/pods?dryRun=All", "{}"},
			{"POST", "/api/v1/namespaces/ns1/pods?fieldValidation=Strict", "{}"},
			{"DELETE", "/api/v1/namespaces/ns1/pods/a", `{"propagationPolicy":"Foreground"}`},
			{"DELETE", "/api/v1/namespaces/ns1/pods/a", `{"dryRun":["All"]}`},
		} {
			before := len(unmodeled)
			r := w.do(c[0], c[1], c[2])
			require.Equal(t, http.StatusNotImplemented, r.code, "%v", c)
			require.Contains(t, r.status().Message, "not modelled by meshcheck's kube-apiserver: ", "%v", c)
			require.Len(t, unmodeled, before+1, "%v", c)
		}
		r := w.do("PATCH", "/api/v1/namespaces/ns1/pods/a", "{}", "Content-Type", "application/apply-patch+yaml")
		require.Equal(t, http.StatusNotImplemented, r.code)
		r = w.do("GET", "/api/v1/pods", "", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
		require.Equal(t, http.StatusNotImplemented, r.code)
		require.Equal(t, http.StatusOK, w.do("GET", "/api/v1/pods", "", "Accept", "application/vnd.kubernetes.protobuf,application/json").code)
		require.Equal(t, http.StatusMethodNotAllowed, w.do("PUT", "/api/v1/pods", "{}").code)
		require.Equal(t, http.StatusBadRequest, w.do("GET", identities+"?fieldSelector=spec.x%3D1", "").code, "a custom resource has no other fields")
		require.Equal(t, http.StatusUnsupportedMediaType, w.do("POST", "/api/v1/namespaces/ns1/pods", "a: b", "Content-Type", "application/yaml").code)
		require.Equal(t, http.StatusUnsupportedMediaType, w.do("POST", "/api/v1/namespaces/ns1/pods", "{}", "Content-Type", ";").code)
		require.Equal(t, http.StatusBadRequest, w.do("POST", "/api/v1/namespaces/ns1/pods", "[]").code)
		require.Equal(t, http.StatusBadRequest, w.do("PUT", "/api/v1/namespaces/ns1/pods/a", "{").code)
		require.Equal(t, http.StatusBadRequest, w.do("DELETE", "/api/v1/namespaces/ns1/pods/a", "{").code)
		require.Equal(t, http.StatusBadRequest, w.do("DELETE", "/api/v1/namespaces/ns1/pods?labelSelector=%3D", "").code)
		require.Equal(t, http.StatusMethodNotAllowed, w.do("DELETE", "/api/v1/pods", "").code, "not of all namespaces at once")
		require.NotNil(t, w.store.Get("Pod", "ns1", "a"), "nothing was done")
	})
}
