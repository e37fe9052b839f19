package load

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
)

// A Metric is something that is counted in each second of a run.
type Metric struct {
	Name  string
	Help  string
	Gauge bool // what there is at the end of a second; else how much there was until then
	Unit  string
}

// Metrics are all that is counted, in the order in which they are written.
var Metrics = append([]*Metric{requests, watches, events, connections, sent, puts, deletes, revision, keepalives, behind, cpu}, saidMetrics...)

var (
	requests    = &Metric{Name: "meshcheck_requests", Help: "requests that a server answered, by verb and resource; of an etcd also those about leases"}
	watches     = &Metric{Name: "meshcheck_watches", Help: "open watches", Gauge: true}
	events      = &Metric{Name: "meshcheck_watch_events", Help: "changes that a server told of in watches, without initial states"}
	connections = &Metric{Name: "meshcheck_connections_accepted", Help: "connections that a server accepted"}
	sent        = &Metric{Name: "meshcheck_sent_bytes", Help: "bytes of answers and of what watches were sent", Unit: "bytes"}
	puts        = &Metric{Name: "meshcheck_etcd_puts", Help: "keys that an etcd put"}
	deletes     = &Metric{Name: "meshcheck_etcd_deletes", Help: "keys that an etcd deleted, by leases that expired, too"}
	revision    = &Metric{Name: "meshcheck_etcd_revision", Help: "revision of an etcd's store", Gauge: true}
	keepalives  = &Metric{Name: "meshcheck_lease_keepalives", Help: "renewals of leases that an etcd answered"}
	behind      = &Metric{Name: "meshcheck_entries_behind", Help: "entries that are true and that an etcd or an agent does not have so, or has though they are not: the queue of all that stands before it", Gauge: true}
	cpu         = &Metric{Name: "meshcheck_cpu_seconds", Help: "seconds of a core that a server takes for what was counted, by the plan's prices or those that were measured", Unit: "seconds"}
)

// series are the metrics of a run, by second.
type series struct {
	values map[labels]*values
	second int // that is being counted
}

// labels say of what a value is. What does not apply is empty.
type labels struct {
	metric                       *Metric
	host, client, verb, resource string
}

// values are those of a metric, of the seconds in which it changed.
type values struct {
	now    float64
	points []point
}

type point struct {
	second int
	value  float64
}

func newSeries() *series { return &series{values: map[labels]*values{}} }

func (s *series) of(l labels) *values {
	v := s.values[l]
	if v == nil {
		v = &values{}
		s.values[l] = v
	}
	return v
}

func (s *series) add(l labels, n float64) { s.set(l, s.of(l).now+n) }

func (s *series) set(l labels, to float64) {
	v := s.of(l)
	v.now = to
	if n := len(v.points); n > 0 && v.points[n-1].second == s.second {
		v.points[n-1].value = to
	} else {
		v.points = append(v.points, point{s.second, to})
	}
}

// record counts a record. Initial tells whether it is of a watch that is still sent its
// initial state.
func (s *series) record(r *history.Record, initial bool) {
	s.second = int(r.At / time.Second)
	host, client, kind := r.Actor, r.Peer, r.Kind
	switch r.Verb {
	case history.Put:
		s.add(labels{metric: puts, host: host, resource: kind}, 1)
		s.set(labels{metric: revision, host: host}, float64(r.Rev))
	case history.Del:
		s.add(labels{metric: deletes, host: host, resource: kind}, 1)
		s.set(labels{metric: revision, host: host}, float64(r.Rev))
	}
	if client == "" {
		return
	}
	switch r.Verb {
	case history.Request, history.Call:
		if kind == "" {
			kind = "none"
		}
		s.add(labels{requests, host, client, r.Op, kind}, 1)
		s.add(labels{metric: sent, host: host, client: client}, float64(r.Bytes))
	case history.Lease:
		s.add(labels{requests, host, client, "lease-" + r.Op, "lease"}, 1)
		if r.Op == "keepalive" {
			s.add(labels{metric: keepalives, host: host, client: client}, 1)
		}
	case history.Watch:
		s.add(labels{requests, host, client, "watch", kind}, 1)
		s.add(labels{metric: watches, host: host, client: client, resource: kind}, 1)
	case history.Unwatch:
		s.add(labels{metric: watches, host: host, client: client, resource: kind}, -1)
	case history.Event:
		if n := Changes(r.Value); n > 0 && !initial {
			s.add(labels{metric: events, host: host, client: client, resource: kind}, float64(n))
		}
		s.add(labels{metric: sent, host: host, client: client}, float64(r.Bytes))
	case history.Net:
		if r.Key == "accept" {
			s.add(labels{metric: connections, host: host, client: client}, 1)
		}
	}
}

// changes are the points at which the value is another one than before.
func (v *values) changes() (all []point) {
	for _, p := range v.points {
		if len(all) == 0 || all[len(all)-1].value != p.value {
			all = append(all, p)
		}
	}
	return all
}

// sorted are all labels in the order in which they are written.
func (s *series) sorted() []labels {
	return slices.SortedFunc(maps.Keys(s.values), func(a, b labels) int {
		return cmp.Or(slices.Index(Metrics, a.metric)-slices.Index(Metrics, b.metric), cmp.Compare(a.host, b.host), cmp.Compare(a.client, b.client),
			cmp.Compare(a.verb, b.verb), cmp.Compare(a.resource, b.resource))
	})
}

func (l labels) each(do func(name, value string)) {
	for _, label := range [][2]string{{"host", l.host}, {"client", l.client}, {"verb", l.verb}, {"resource", l.resource}} {
		if label[1] != "" {
			do(label[0], label[1])
		}
	}
}

// WriteOpenMetrics writes the metrics in OpenMetrics' text format, with the virtual time
// since the start of the run as timestamps. A value stands where it changes, at the end of
// its second.
func (c *Count) WriteOpenMetrics(w io.Writer) error {
	b := bufio.NewWriter(w)
	all := c.series.sorted()
	for _, m := range Metrics {
		kind, suffix := "counter", "_total"
		if m.Gauge {
			kind, suffix = "gauge", ""
		}
		fmt.Fprintf(b, "# TYPE %s %s\n", m.Name, kind)
		if m.Unit != "" {
			fmt.Fprintf(b, "# UNIT %s %s\n", m.Name, m.Unit)
		}
		fmt.Fprintf(b, "# HELP %s %s\n", m.Name, m.Help)
		for _, l := range all {
			if l.metric != m {
				continue
			}
			var pairs []string
			l.each(func(name, value string) { pairs = append(pairs, name+"="+strconv.Quote(value)) })
			for _, p := range c.series.values[l].changes() {
				fmt.Fprintf(b, "%s%s{%s} %s %d\n", m.Name, suffix, strings.Join(pairs, ","), strconv.FormatFloat(p.value, 'f', -1, 64), p.second+1)
			}
		}
	}
	b.WriteString("# EOF\n")
	return b.Flush()
}

// CSVHead is the first line of what [Count.WriteCSV] writes.
const CSVHead = "second,metric,host,client,verb,resource,value\n"

// WriteCSV writes the metrics as rows, each a value where it changes, at the end of a second
// of virtual time.
func (c *Count) WriteCSV(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(CSVHead)
	for _, l := range c.series.sorted() {
		for _, p := range c.series.values[l].changes() {
			fmt.Fprintf(b, "%d,%s,%s,%s,%s,%s,%s\n", p.second+1, l.metric.Name, l.host, l.client, l.verb, l.resource, strconv.FormatFloat(p.value, 'f', -1, 64))
		}
	}
	return b.Flush()
}

// isEntry reports whether a kind is one of entries of views.
func isEntry(kind string) bool { return schema.KindNamed(kind) != nil }
