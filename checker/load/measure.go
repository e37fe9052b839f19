package load

import (
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
)

// relistWindow is the time over which lists are counted: a storm of them is over when
// clients with back-off have got theirs.
const relistWindow = 10 // seconds

// measureLoad returns what the servers did: in each second in which a server was up, by
// kind of server and phase, and how many lists all servers of a kind answered in ten
// seconds. Seconds without anything count.
func measureLoad(records []history.Record) (all []property.Measure) {
	t := newTimetable(records)
	for _, kind := range []string{"kube", "etcd"} {
		for _, phase := range []string{"start", "churn", "heal"} {
			did := t.secondsOf(kind, phase)
			group := kind + ", " + phase
			for _, of := range []struct {
				name, unit string
				value      func(*second) int64
			}{
				{"requests per second", "", func(s *second) int64 { return s.requests }},
				{"watches opened per second", "", func(s *second) int64 { return s.watches }},
				{"events per second", "", func(s *second) int64 { return s.events }},
				{"bytes per second", "B", func(s *second) int64 { return s.bytes }},
			} {
				var samples []int64
				for _, s := range did {
					samples = append(samples, of.value(s))
				}
				all = appendMeasure(all, of.name, group, of.unit, samples)
			}
		}
		lists, bytes := t.relists(kind)
		all = appendMeasure(all, "lists in 10 s", kind, "", lists)
		all = appendMeasure(all, "bytes of lists in 10 s", kind, "B", bytes)
	}
	return all
}

// appendMeasure appends the distribution of samples, if there are any.
func appendMeasure(all []property.Measure, name, group, unit string, samples []int64) []property.Measure {
	if len(samples) == 0 {
		return all
	}
	slices.Sort(samples)
	return append(all, property.Measure{Name: name, Group: group, Unit: unit, N: len(samples),
		P50: float64(property.NearestRank(samples, 50)), P99: float64(property.NearestRank(samples, 99)), Max: float64(samples[len(samples)-1])})
}

// timetable is what the servers of a run did, second by second.
type timetable struct {
	names   []serverName // in order of their first record
	servers map[serverName]*server
	phases  []string       // of each second, that in which it begins
	initial map[int64]bool // watches whose initial state is being sent
}

// serverName is a kind of server, "kube" or "etcd", and its host.
type serverName struct{ kind, host string }

type server struct {
	upSince int // the second, or -1
	seconds []second
}

// second is what a server did in one second.
type second struct {
	up                               bool
	requests, watches, events, bytes int64
	lists, listBytes                 int64 // ranges of keys or objects, and initial states of watches
}

func newTimetable(records []history.Record) *timetable {
	t := &timetable{servers: map[serverName]*server{}, initial: map[int64]bool{}}
	if len(records) == 0 {
		return t
	}
	t.phases = make([]string, secondOf(records[len(records)-1].At)+1)
	for i := range records {
		if r := &records[i]; r.Verb == history.Phase {
			for n := secondOf(r.At + time.Second - 1); n < len(t.phases); n++ {
				t.phases[n] = r.Key
			}
		}
		t.record(&records[i])
	}
	for _, name := range t.names {
		t.servers[name].down(len(t.phases) - 1)
	}
	return t
}

func secondOf(at time.Duration) int { return int(at / time.Second) }

func (t *timetable) server(kind, host string) *server {
	name := serverName{kind, host}
	s := t.servers[name]
	if s == nil {
		s = &server{upSince: -1, seconds: make([]second, len(t.phases))}
		t.servers[name], t.names = s, append(t.names, name)
	}
	return s
}

// down notes that the server was up until a second.
func (s *server) down(until int) {
	if s.upSince >= 0 {
		for n := s.upSince; n <= until; n++ {
			s.seconds[n].up = true
		}
		s.upSince = -1
	}
}

func (t *timetable) record(r *history.Record) {
	n := secondOf(r.At)
	switch r.Verb {
	case history.Up:
		if r.Kind == "kube" || r.Kind == "etcd" {
			t.server(r.Kind, r.Actor).upSince = n
		}
	case history.Down:
		if r.Kind == "kube" || r.Kind == "etcd" {
			t.server(r.Kind, r.Actor).down(n)
		}
	case history.Request:
		s := &t.server("kube", r.Actor).seconds[n]
		s.request(r.Bytes, r.Op == "list")
	case history.Call:
		s := &t.server("etcd", r.Actor).seconds[n]
		s.request(r.Bytes, r.Op == "range" && r.End != "")
	case history.Lease:
		if r.Op != "expire" {
			t.server("etcd", r.Actor).seconds[n].request(r.Bytes, false)
		}
	case history.Watch:
		s := &t.server(kindOfServer(r), r.Actor).seconds[n]
		s.watches++
		if strings.HasPrefix(r.Ask, "initial:") {
			s.lists++
			t.initial[r.ID] = true
		}
	case history.Event:
		s := &t.server(kindOfServer(r), r.Actor).seconds[n]
		s.events += int64(strings.Count(r.Value, " ") + 1)
		s.bytes += r.Bytes
		if t.initial[r.ID] {
			s.listBytes += r.Bytes
			t.initial[r.ID] = !strings.Contains(r.Value, "INITIAL:")
		}
	}
}

// kindOfServer is that of the server of a watch.
func kindOfServer(r *history.Record) string {
	if r.Store == "" {
		return "kube"
	}
	return "etcd"
}

func (s *second) request(bytes int64, list bool) {
	s.requests++
	s.bytes += bytes
	if list {
		s.lists++
		s.listBytes += bytes
	}
}

// secondsOf returns the seconds of a phase in which servers of a kind were up.
func (t *timetable) secondsOf(kind, phase string) (all []*second) {
	for _, name := range t.names {
		for n := range t.phases {
			if s := &t.servers[name].seconds[n]; name.kind == kind && s.up && t.phases[n] == phase {
				all = append(all, s)
			}
		}
	}
	return all
}

// relists returns how many lists all servers of a kind answered in each ten seconds, and
// of how many bytes.
func (t *timetable) relists(kind string) (lists, bytes []int64) {
	var recent, size int64
	for n := range t.phases {
		for _, name := range t.names {
			if name.kind != kind {
				continue
			}
			recent += t.servers[name].seconds[n].lists
			size += t.servers[name].seconds[n].listBytes
			if n >= relistWindow {
				recent -= t.servers[name].seconds[n-relistWindow].lists
				size -= t.servers[name].seconds[n-relistWindow].listBytes
			}
		}
		lists, bytes = append(lists, recent), append(bytes, size)
	}
	return lists, bytes
}
