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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// What client-go makes of the failures is what its users look at.
func TestFailuresAsClientGoSeesThem(t *testing.T) {
	newPod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns1", Name: "web-0"}}
	requests := map[string]func(ctx context.Context, c *kubernetes.Clientset) error{
		"create": func(ctx context.Context, c *kubernetes.Clientset) error {
			_, err := c.CoreV1().Pods("ns1").Create(ctx, newPod, metav1.CreateOptions{})
			return err
		},
		"update": func(ctx context.Context, c *kubernetes.Clientset) error {
			_, err := c.CoreV1().Pods("ns1").Update(ctx, newPod, metav1.UpdateOptions{})
			return err
		},
		"patch": func(ctx context.Context, c *kubernetes.Clientset) error {
			_, err := c.CoreV1().Pods("ns1").Patch(ctx, "web-0", types.MergePatchType, []byte("{}"), metav1.PatchOptions{})
			return err
		},
		"list": func(ctx context.Context, c *kubernetes.Clientset) error {
			_, err := c.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
			return err
		},
	}
	for _, s := range []struct {
		request string
		fail    kube.Fail
		is      func(error) bool
		message string
		delay   int // seconds that the client is told to wait; -1: it is not
	}{
		{"create", kube.Fail{Code: http.StatusConflict}, apierrors.IsAlreadyExists, `pods "web-0" already exists`, -1},
		{"update", kube.Fail{Code: http.StatusConflict}, apierrors.IsConflict,
			`Operation cannot be fulfilled on pods "web-0": the object has been modified; please apply your changes to the latest version and try again`, -1},
		{"patch", kube.Fail{Code: http.StatusConflict}, apierrors.IsConflict,
			`Operation cannot be fulfilled on pods "web-0": the object has been modified; please apply your changes to the latest version and try again`, -1},
		{"list", kube.Fail{Code: http.StatusTooManyRequests, RetryAfter: 1500 * time.Millisecond}, apierrors.IsTooManyRequests, "the server has received too many requests and has asked us to try again later (get pods)", 2},
		{"create", kube.Fail{Code: http.StatusInternalServerError}, apierrors.IsInternalError, "Internal error occurred: etcdserver: leader changed", -1},
		{"list", kube.Fail{Code: http.StatusServiceUnavailable}, apierrors.IsServiceUnavailable, "the server is currently unable to handle the request", -1},
		{"list", kube.Fail{Code: http.StatusGatewayTimeout}, apierrors.IsTimeout, "Timeout: request did not complete within the allotted timeout", -1},
		{"update", kube.Fail{Code: http.StatusGatewayTimeout, RetryAfter: time.Second}, apierrors.IsTimeout, "Timeout: request did not complete within the allotted timeout", 1},
		{"update", kube.Fail{Code: http.StatusForbidden}, apierrors.IsForbidden, "Forbidden (update pods web-0)", -1},
	} {
		t.Run(fmt.Sprint(s.request, " ", s.fail.Code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				w := newWorld(t, kube.Config{Intercept: func(context.Context, *kube.Request) *kube.Fail { asked++; return &s.fail }})
				before := w.store.Revision()
				err := requests[s.request](t.Context(), w.clientset())
				require.True(t, s.is(err), "%T %v", err, err)
				require.EqualError(t, err, s.message)
				seconds, told := apierrors.SuggestsClientDelay(err)
				require.Equal(t, s.delay >= 0, told)
				if told {
					require.Equal(t, s.delay, seconds)
				}
				const tries = 11 // client-go's, of a request that may be tried again
				wanted := 1
				if s.fail.RetryAfter > 0 {
					wanted = tries
				}
				require.Equal(t, wanted, asked, "Retry-After is what makes client-go try again by itself")
				require.Equal(t, before, w.store.Revision(), "nothing was written")
			})
		})
	}
}

// A frozen watch cache shows nothing, and then everything in the order of commits.
func TestFrozenCacheThaws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, kube.Config{})
		o := w.watch(identities + "?watch=true")
		require.Empty(t, o.got())
		w.server.SetLag("", 1000*time.Hour)
		for i := range 3 {
			w.create(identity(fmt.Sprint(100+i), "web"))
			simtest.Pass(time.Minute)
		}
		require.Equal(t, http.StatusOK, w.do("DELETE", identities+"/100", "").code)
		w.create(identity("100", "db"))
		require.Empty(t, o.got())
		require.Empty(t, w.do("GET", identities+"?resourceVersion=0", "").list().names(), "the cache is stale")
		require.Equal(t, []string{"100", "101", "102"}, w.do("GET", identities, "").list().names(), "the store is not")

		w.server.SetLag("", 0)
		require.Equal(t, []string{"ADDED 100 6", "ADDED 101 7", "ADDED 102 8", "DELETED 100 9", "ADDED 100 10"}, o.got())
		w.create(identity("103", "web"))
		require.Equal(t, []string{"ADDED 103 11"}, o.got(), "at once, as before")
	})
}
