package etcd

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/meshcheck/meshcheck/fault"
)

// A put, a list, and what two watchers are told have one core, one after the other.
func TestCapacity(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		ms := fault.Duration(time.Millisecond)
		w.start(Config{Capacity: &fault.Prices{Cores: 1, Read: 100 * ms, Write: 200 * ms, Event: 300 * ms, Kilobyte: 400 * ms, Change: 500 * ms}})
		c := w.EtcdClient("a0", "r0")
		put(t, c, "k/0") // connects
		require.InDelta(t, 0.2, took(func() { put(t, c, "k/1") }).Seconds(), 0.01)
		require.InDelta(t, 0.1+0.4*0.15, took(func() { require.Equal(t, 2, count(t, c)) }).Seconds(), 0.05, "and 0.15 KiB")
		require.InDelta(t, 0.7, took(func() { put(t, w.EtcdClient("r0", "r0"), "k/2") }).Seconds(), 0.1, "the writer's work, too")

		heard := make(chan time.Duration, 10)
		start := time.Now()
		for i := range 2 {
			watch := w.EtcdClient(fmt.Sprintf("a%d", i), "r0").Watch(t.Context(), "k/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
			<-watch
			go func() {
				for answer := range watch {
					for range answer.Events {
						heard <- time.Since(start)
					}
				}
			}()
		}
		time.Sleep(time.Second)
		start = time.Now()
		put(t, c, "k/3")
		require.InDelta(t, 0.5, (<-heard).Seconds(), 0.01)
		require.InDelta(t, 0.8, (<-heard).Seconds(), 0.01, "the second waits for the first")
	})
}
