// Package meter keeps what Cilium and etcd say of themselves in the world, by host and second: the sizes of
// databases and queues, and how long requests waited for limiters. Cilium's own metrics are read, where they
// are set: some belong to one process of a host, and those of which a program has only one here are told apart by the host
// of the goroutine that sets them.
//
// To be read must change nothing, and what is allocated changes a run (package det): so all of it is kept in places
// that are there from the start, in every run, and is written when the run is over.
package meter

import (
	"bufio"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/server/v3/storage/backend"
)

// What is metered, as it is written.
const (
	databaseBytes = "etcd_database_bytes"
	databaseUsed  = "etcd_database_used_bytes"
	syncQueue     = "kvstore_sync_queue"
	etcdRequests  = "kvstore_limiter_requests"
	etcdWait      = "kvstore_limiter_wait_seconds"
	kubeRequests  = "api_limiter_requests"
	kubeWait      = "api_limiter_wait_seconds"
)

// How much there is room for: values, and their changes. What a run needs above that is left out, and it says so.
const (
	maxCells     = 1 << 14
	maxDatabases = 1 << 10
	maxRows      = 1 << 22
)

// cell is a value. Of a time it is in nanoseconds.
type cell struct {
	metric, host, resource string
	now                    atomic.Int64
	written                int64
}

// row is a value that is another one than at the second before.
type row struct {
	second, cell int32
	value        int64
}

// database is the etcd of a host that runs.
type database struct {
	host string
	of   Database
}

var (
	mu        sync.Mutex // of what follows, but for the values
	cells     [maxCells]cell
	free      int
	buckets   [2 * maxCells]int32 // of cells, by their hash, from 1
	databases [maxDatabases]database

	rows    [maxRows]row
	written int
	sampled int32 // the last second
	cut     bool  // there was no more room
)

// Database is an etcd that has one: nil while it cannot be had without waiting.
type Database interface{ Backend() backend.Backend }

// Begin forgets what an earlier world of this process left. Waits are told apart by Cilium's own global metrics, which a
// program can only have once: limiters says that nobody else in this world sets them.
func Begin(limiters bool) {
	mu.Lock()
	defer mu.Unlock()
	for i := range free {
		cells[i].metric, cells[i].host, cells[i].resource, cells[i].written = "", "", "", 0
		cells[i].now.Store(0)
	}
	for i := range buckets {
		buckets[i] = 0
	}
	clear(databases[:])
	free, written, sampled, cut, started, queued = 0, 0, 0, false, 0, 0
	if limiters {
		observe()
	}
}

// Serves says that an etcd runs on a host from now on; nil: that none does.
func Serves(host string, etcd Database) {
	mu.Lock()
	defer mu.Unlock()
	for i := range databases {
		if d := &databases[i]; d.host == host || d.host == "" {
			d.host, d.of = host, etcd
			return
		}
	}
	cut = true
}

// Sample takes the values of a second that has begun, if none were taken in it.
func Sample(at time.Duration) {
	second := int32(at / time.Second)
	mu.Lock()
	defer mu.Unlock()
	if second <= sampled {
		return
	}
	sampled = second
	for i := range databases {
		d := &databases[i]
		if d.host == "" {
			break
		}
		if d.of == nil {
			set(databaseBytes, d.host, "", 0)
			set(databaseUsed, d.host, "", 0)
		} else if b := d.of.Backend(); b != nil {
			set(databaseBytes, d.host, "", b.Size())
			set(databaseUsed, d.host, "", b.SizeInUse())
		}
	}
	for i := range free {
		c := &cells[i]
		now := c.now.Load()
		if now == c.written {
			continue
		}
		if written == maxRows {
			cut = true
			return
		}
		rows[written] = row{second, int32(i), now}
		written++
		c.written = now
	}
}

// Write writes all samples as rows of CSV: second, metric, host, resource and value. If there was no room for
// all, "cut" is the last line.
func Write(to io.Writer) error {
	mu.Lock()
	defer mu.Unlock()
	b := bufio.NewWriter(to)
	for _, r := range rows[:written] {
		c := &cells[r.cell]
		value := fmt.Sprint(r.value)
		if c.metric == etcdWait || c.metric == kubeWait {
			value = fmt.Sprint(time.Duration(r.value).Seconds())
		}
		fmt.Fprintf(b, "%d,%s,%s,%s,%s\n", r.second, c.metric, c.host, c.resource, value)
	}
	if cut {
		fmt.Fprintln(b, "cut")
	}
	return b.Flush()
}

func set(metric, host, resource string, to int64) {
	if c := find(metric, host, resource); c != nil {
		c.now.Store(to)
	}
}

// count counts a request of a host that waited.
func count(host, requests, wait string, seconds float64) {
	mu.Lock()
	defer mu.Unlock()
	if c := find(requests, host, ""); c != nil {
		c.now.Add(1)
	}
	if c := find(wait, host, ""); c != nil {
		c.now.Add(int64(seconds * 1e9))
	}
}

// find returns the cell of a value, which is zero at first; nil if there is no room. The lock is held.
func find(metric, host, resource string) *cell {
	hash := uint32(2166136261) // FNV-1a
	for _, text := range [3]string{metric, host, resource} {
		for i := range len(text) {
			hash = (hash ^ uint32(text[i])) * 16777619
		}
		hash *= 16777619
	}
	for i := hash % uint32(len(buckets)); ; i = (i + 1) % uint32(len(buckets)) {
		n := buckets[i]
		if n == 0 {
			if free == maxCells {
				cut = true
				return nil
			}
			c := &cells[free]
			c.metric, c.host, c.resource = metric, host, resource
			free++
			buckets[i] = int32(free)
			return c
		}
		if c := &cells[n-1]; c.metric == metric && c.host == host && c.resource == resource {
			return c
		}
	}
}
