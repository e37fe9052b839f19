package meter

import (
	"sync"
	"sync/atomic"

	"github.com/cilium/cilium/pkg/kvstore/store"
	"github.com/cilium/cilium/pkg/metrics"
	"github.com/cilium/cilium/pkg/metrics/metric"

	"github.com/meshcheck/meshcheck/sim/hosts"
)

// waits stands in for a histogram of Cilium's, of how long requests waited for a limiter.
type waits struct {
	metric.Vec[metric.Observer]
	observer
}

type observer struct {
	metric.Observer
	requests, wait string
}

func (w *waits) WithLabelValues(...string) metric.Observer { return &w.observer }

func (o *observer) Observe(seconds float64) {
	if host, _ := hosts.Current(); host != "" {
		count(host, o.requests, o.wait, seconds)
	}
}

var (
	ofEtcd = waits{observer: observer{requests: etcdRequests, wait: etcdWait}}
	ofKube = waits{observer: observer{requests: kubeRequests, wait: kubeWait}}
	once   sync.Once
)

// observe has Cilium set these: its clients of an etcd after each request that its limiter let through, and
// client-go before each request, through Cilium's adapter.
func observe() {
	once.Do(func() {
		ofEtcd.Vec, ofKube.Vec = metrics.APILimiterWaitHistoryDuration, metrics.KubernetesAPIRateLimiterLatency
		metrics.APILimiterWaitHistoryDuration, metrics.KubernetesAPIRateLimiterLatency = &ofEtcd, &ofKube
	})
}

// queueSizes stands in for the metric of one writer of how many keys it has to put, which it passes on.
type queueSizes struct {
	metric.Vec[metric.Gauge]
	host string
	over atomic.Bool
}

// queueSize is that of the keys of a kind.
type queueSize struct {
	metric.Gauge
	of   *queueSizes
	cell *cell
}

// The metrics of all writers that ever start, and of their queues.
const (
	maxWriters = 1 << 10
	perWriter  = 8
)

var (
	writers [maxWriters]queueSizes
	queues  [maxWriters * perWriter]queueSize
	started int // writers
	queued  int // queues
)

// Queues has the metrics of a writer, which starts on the host of this goroutine, say how long its queues are.
func Queues(m *store.Metrics) {
	if host, _ := hosts.Current(); host != "" {
		queuesOf(host, m)
	}
}

func queuesOf(host string, m *store.Metrics) {
	mu.Lock()
	defer mu.Unlock()
	if started == maxWriters {
		cut = true
		return
	}
	w := &writers[started]
	started++
	w.Vec, w.host = m.KVStoreSyncQueueSize, host
	w.over.Store(false)
	m.KVStoreSyncQueueSize = w
}

// QueuesEnd says that a host's writer has ended: nobody has its queues any more.
func QueuesEnd(host string) {
	mu.Lock()
	defer mu.Unlock()
	for i := range started {
		if writers[i].host == host {
			writers[i].over.Store(true)
		}
	}
	for i := range free {
		if c := &cells[i]; c.host == host && c.metric == syncQueue {
			c.now.Store(0)
		}
	}
}

func (w *queueSizes) WithLabelValues(values ...string) metric.Gauge {
	gauge := w.Vec.WithLabelValues(values...)
	mu.Lock()
	defer mu.Unlock()
	c := find(syncQueue, w.host, values[0])
	if c == nil || queued == len(queues) {
		cut = true
		return gauge
	}
	q := &queues[queued]
	queued++
	q.Gauge, q.of, q.cell = gauge, w, c
	return q
}

func (q *queueSize) Set(to float64) {
	q.Gauge.Set(to)
	if !q.of.over.Load() {
		q.cell.now.Store(int64(to))
	}
}
