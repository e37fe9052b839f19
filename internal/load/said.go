package load

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/model/schema"
)

// What Cilium and etcd say of themselves, read in the world at the first thing that happens in a second: no history
// tells it (sim/meter).
var (
	databaseBytes = &Metric{Name: "meshcheck_etcd_database_bytes", Help: "size of the file of an etcd's database, as etcd says it", Gauge: true, Unit: "bytes"}
	databaseUsed  = &Metric{Name: "meshcheck_etcd_database_used_bytes", Help: "how much of an etcd's database is in use, as etcd says it", Gauge: true, Unit: "bytes"}
	syncQueue     = &Metric{Name: "meshcheck_kvstore_sync_queue", Help: "keys that wait in a writer's queue to be put or deleted: Cilium's own kvstore_sync_queue_size", Gauge: true}
	etcdRequests  = &Metric{Name: "meshcheck_kvstore_limiter_requests", Help: "requests to an etcd that have passed the limiter of Cilium's client and were answered"}
	etcdWait      = &Metric{Name: "meshcheck_kvstore_limiter_wait_seconds", Help: "seconds that these requests had waited for the limiter, as Cilium observes them", Unit: "seconds"}
	kubeRequests  = &Metric{Name: "meshcheck_api_limiter_requests", Help: "requests to a kube-apiserver that have passed client-go's limiter"}
	kubeWait      = &Metric{Name: "meshcheck_api_limiter_wait_seconds", Help: "seconds that these requests had waited for the limiter, as client-go observes them", Unit: "seconds"}
)

var saidMetrics = []*Metric{databaseBytes, databaseUsed, syncQueue, etcdRequests, etcdWait, kubeRequests, kubeWait}

// Hear adds what Cilium and etcd said of themselves in the run, as its worker has written it; nothing, of a history
// alone.
func (c *Count) Hear(said []byte) error {
	for line := range bytes.Lines(said) {
		text := strings.TrimSuffix(string(line), "\n")
		if text == "cut" {
			return fmt.Errorf("the run had no room for all that Cilium and etcd said of themselves: its plan is too large for metrics of them")
		}
		fields := strings.Split(text, ",")
		if len(fields) != 5 {
			return fmt.Errorf("the worker's metrics have the line %q, and not second, metric, host, resource and value", text)
		}
		second, errSecond := strconv.Atoi(fields[0])
		value, errValue := strconv.ParseFloat(fields[4], 64)
		metric := saidMetric(fields[1])
		if errSecond != nil || errValue != nil || metric == nil || second < 1 {
			return fmt.Errorf("the worker's metrics have the line %q, which cannot be read: it may be of another version", text)
		}
		if metric == databaseBytes {
			if c.Database == nil {
				c.Database = map[string]int64{}
			}
			c.Database[fields[2]] = max(c.Database[fields[2]], int64(value))
		}
		c.series.second = second - 1
		c.series.set(labels{metric: metric, host: fields[2], resource: resourceOf(fields[3])}, value)
	}
	return nil
}

func saidMetric(name string) *Metric {
	for _, m := range saidMetrics {
		if m.Name == "meshcheck_"+name {
			return m
		}
	}
	return nil
}

// resourceOf is the kind of the keys that Cilium's scope of a metric names, such as ip/v1.
func resourceOf(scope string) string {
	if kind := schema.KindOfScope(scope); kind != nil {
		return kind.Name
	}
	return scope
}
