package kube_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// A Pod on a node that a user deletes is there until its kubelet deletes it, and whoever watches sees
// both.
func TestAPodEndsWhenItsKubeletSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		w.create(pod("ns1", "a", "n0")) // 6
		const path = "/api/v1/namespaces/ns1/pods/a"
		seen := w.watch("/api/v1/namespaces/ns1/pods?watch=true&resourceVersion=6")

		r := w.do("DELETE", path, "")
		require.Equal(t, http.StatusOK, r.code)
		marked := r.meta()
		require.EqualValues(t, 30, *marked.DeletionGracePeriodSeconds)
		require.Equal(t, 30*time.Second, time.Until(marked.DeletionTimestamp.Time).Round(time.Second))
		require.EqualValues(t, 2, marked.Generation)
		require.Equal(t, marked, w.do("DELETE", path, "").meta(), "it is being deleted already")
		require.Equal(t, http.StatusOK, w.do("PATCH", path+"/status", `{"status":{"phase":"Running"}}`, "Content-Type", "application/merge-patch+json").code)

		sooner := w.do("DELETE", path+"?gracePeriodSeconds=5", "").meta()
		require.Equal(t, 25*time.Second, marked.DeletionTimestamp.Sub(sooner.DeletionTimestamp.Time))
		require.Equal(t, sooner.DeletionTimestamp, w.do("DELETE", path+"?gracePeriodSeconds=20", "").meta().DeletionTimestamp, "it may only be sooner")

		w.do("DELETE", path+"?gracePeriodSeconds=0", "")
		require.Equal(t, []string{"MODIFIED a 7", "MODIFIED a 8", "MODIFIED a 9", "MODIFIED a 10", "DELETED a 11"}, seen.got())
		require.Nil(t, w.store.Get("Pod", "ns1", "a"))
		require.Equal(t, http.StatusBadRequest, w.do("DELETE", path+"?gracePeriodSeconds=soon", "").code)
	})
}

func TestAPodThatNobodyRunsEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		w.create(pod("ns1", "nowhere", ""))
		w.create(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"failed","namespace":"ns1"},"spec":{"nodeName":"n0"},"status":{"phase":"Failed"}}`)
		w.create(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"held","namespace":"ns1","finalizers":["x/y"]},"spec":{"nodeName":"n0"}}`)
		for _, name := range []string{"nowhere", "failed", "held"} {
			require.Equal(t, http.StatusOK, w.do("DELETE", "/api/v1/namespaces/ns1/pods/"+name+"?gracePeriodSeconds=0", "").code)
		}
		require.Len(t, w.store.List("Pod"), 1, "what has a finalizer waits for it")
		r := w.do("PATCH", "/api/v1/namespaces/ns1/pods/held", `{"metadata":{"finalizers":null}}`, "Content-Type", "application/merge-patch+json")
		require.Equal(t, http.StatusOK, r.code)
		require.Empty(t, w.store.List("Pod"))
	})
}

// A namespace that is deleted takes nothing new until it has been emptied, and is gone then.
func TestANamespaceEndsWhenItIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, kube.Config{}, storage.Config{Seed: 1})
		c := w.clientset().CoreV1()
		_, err := c.Pods("new").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}, metav1.CreateOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
		require.ErrorContains(t, err, `namespaces "new" not found`)

		made, err := c.Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "new"}}, metav1.CreateOptions{})
		require.NoError(t, err)
		require.Equal(t, map[string]string{corev1.LabelMetadataName: "new"}, made.Labels)
		require.Equal(t, []corev1.FinalizerName{corev1.FinalizerKubernetes}, made.Spec.Finalizers)
		require.Equal(t, corev1.NamespaceActive, made.Status.Phase)
		_, err = c.Pods("new").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}, metav1.CreateOptions{})
		require.NoError(t, err)

		require.NoError(t, c.Namespaces().Delete(t.Context(), "new", metav1.DeleteOptions{}))
		require.NoError(t, c.Namespaces().Delete(t.Context(), "new", metav1.DeleteOptions{}), "again")
		ending, err := c.Namespaces().Get(t.Context(), "new", metav1.GetOptions{})
		require.NoError(t, err)
		require.Equal(t, corev1.NamespaceTerminating, ending.Status.Phase)
		require.NotNil(t, ending.DeletionTimestamp)
		_, err = c.Pods("new").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "late"}}, metav1.CreateOptions{})
		require.True(t, apierrors.IsForbidden(err) && apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause), "%v", err)

		ending.Labels["kept"], ending.Spec.Finalizers = "yes", nil
		still, err := c.Namespaces().Update(t.Context(), ending, metav1.UpdateOptions{})
		require.NoError(t, err)
		require.NotEmpty(t, still.Spec.Finalizers, "only finalize takes them")
		still.Spec.Finalizers = nil
		_, err = c.Namespaces().Finalize(t.Context(), still, metav1.UpdateOptions{})
		require.NoError(t, err)
		_, err = c.Namespaces().Get(t.Context(), "new", metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
		require.Equal(t, http.StatusMethodNotAllowed, w.do("DELETE", "/api/v1/namespaces", "").code)
	})
}
