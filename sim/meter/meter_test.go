package meter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/storage/backend"

	"github.com/cilium/cilium/pkg/kvstore/store"
)

// sized is an etcd of which half is in use.
type sized struct{ none }

type none = backend.Backend

func (s sized) Backend() backend.Backend { return s }
func (s sized) Size() int64              { return 100 }
func (s sized) SizeInUse() int64         { return 50 }

// away is one that cannot say.
type away struct{}

func (away) Backend() backend.Backend { return nil }

func samples(t *testing.T) string {
	var b strings.Builder
	require.NoError(t, Write(&b))
	return b.String()
}

func TestSamples(t *testing.T) {
	Begin(false)
	Serves("r0", sized{})
	Sample(1500 * time.Millisecond)
	set(syncQueue, "r0", "ip/v1", 7)
	set(etcdWait, "a0", "", int64(1500*time.Millisecond))
	Sample(1900 * time.Millisecond) // in the same second
	Sample(4 * time.Second)
	Serves("r0", away{}) // it is what it was
	set(syncQueue, "r0", "ip/v1", 7)
	Sample(5 * time.Second)
	Serves("r0", nil)
	Sample(6 * time.Second)
	require.Equal(t, "1,etcd_database_bytes,r0,,100\n1,etcd_database_used_bytes,r0,,50\n"+
		"4,kvstore_sync_queue,r0,ip/v1,7\n4,kvstore_limiter_wait_seconds,a0,,1.5\n"+
		"6,etcd_database_bytes,r0,,0\n6,etcd_database_used_bytes,r0,,0\n", samples(t))
	Begin(false)
	require.Empty(t, samples(t))
}

// A writer's queue is what Cilium's metric says, until the writer ends.
func TestQueues(t *testing.T) {
	Begin(false)
	m := store.MetricsProvider()
	queuesOf("r0", m)
	gauge := m.KVStoreSyncQueueSize.WithLabelValues("ip/v1", "c1")
	gauge.Set(3)
	require.EqualValues(t, 3, gauge.Get(), "Cilium's own has it, too")
	Sample(time.Second)
	QueuesEnd("r0")
	gauge.Set(5) // what a goroutine that is left does
	Sample(2 * time.Second)
	again := store.MetricsProvider()
	queuesOf("r0", again)
	again.KVStoreSyncQueueSize.WithLabelValues("ip/v1", "c1").Set(4)
	Sample(3 * time.Second)
	require.Equal(t, "1,kvstore_sync_queue,r0,ip/v1,3\n2,kvstore_sync_queue,r0,ip/v1,0\n3,kvstore_sync_queue,r0,ip/v1,4\n", samples(t))
}

// What is metered must not decide on a run, as what is allocated would.
func TestNothingIsAllocated(t *testing.T) {
	Begin(false)
	m := store.MetricsProvider()
	queuesOf("r0", m)
	gauge, second := m.KVStoreSyncQueueSize.WithLabelValues("ip/v1", "c1"), 0
	require.Zero(t, testing.AllocsPerRun(100, func() {
		second++
		gauge.Set(float64(second))
		count("a0", etcdRequests, etcdWait, 0.1)
		ofEtcd.WithLabelValues().Observe(1)
		Sample(time.Duration(second) * time.Second)
	}))
	require.Equal(t, 3*101, strings.Count(samples(t), "\n"))
}

// A run that is too large says so, and is not cut without a word.
func TestNoRoom(t *testing.T) {
	Begin(false)
	for i := range maxCells + 1 {
		set(syncQueue, fmt.Sprint(i), "", 1)
	}
	Sample(time.Second)
	require.True(t, strings.HasSuffix(samples(t), "\ncut\n"))
}
