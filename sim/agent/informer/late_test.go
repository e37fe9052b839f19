package informer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// Each event comes late by the lag at its time, whatever is before it, and in order.
func TestLateWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, lag := watch.NewFake(), 10*time.Second
		w, err := LateWatch(func() time.Duration { return lag }, func(context.Context, metav1.ListOptions) (watch.Interface, error) { return source, nil })(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		start := time.Now()
		source.Add(&corev1.Pod{})
		time.Sleep(time.Second)
		source.Modify(&corev1.Pod{})
		time.Sleep(time.Second)
		lag = 0
		source.Delete(&corev1.Pod{})
		for _, want := range []struct {
			what watch.EventType
			at   time.Duration
		}{{watch.Added, 10 * time.Second}, {watch.Modified, 11 * time.Second}, {watch.Deleted, 11 * time.Second}} {
			require.Equal(t, want.what, (<-w.ResultChan()).Type)
			require.Equal(t, want.at, time.Since(start))
		}
		lag = time.Minute
		source.Add(&corev1.Pod{})
		w.Stop()
		w.Stop()
		_, more := <-w.ResultChan()
		require.False(t, more)
		require.Equal(t, 11*time.Second, time.Since(start), "who stops waits for nothing")
	})
}

func TestLateList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pods := func(context.Context, metav1.ListOptions) (*corev1.PodList, error) { return &corev1.PodList{}, nil }
		start := time.Now()
		_, err := LateList(func() time.Duration { return time.Minute }, pods)(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		require.Equal(t, time.Minute, time.Since(start))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = LateList(func() time.Duration { return time.Minute }, pods)(ctx, metav1.ListOptions{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
