package load

import (
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// relistWindow is the time over which lists are counted: a storm of them is over when
// clients with back-off have got theirs.
const relistWindow = 10 // seconds

// timetable is what the servers of a run did, second by second. It holds the seconds in
// which something was done: a history may be of any length.
type timetable struct {
	names   []serverName // in order of their first record
	servers map[serverName]*server
	phases  []phase        // in order of time
	last    int            // second of the run
	initial map[int64]bool // watches whose initial state is being sent
}

// phase is the part of a run from the second that begins in it.
type phase struct {
	from int
	name string
}

// serverName is a kind of server, "kube" or "etcd", and its host.
type serverName struct{ kind, host string }

type server struct {
	upSince int // the second, or -1
	up      []span
	seconds map[int]*second // in which it did something
}

// span is a range of seconds, both ends included.
type span struct{ from, to int }

// second is what a server did in one second.
type second struct {
	requests, watches, events, bytes int64
	lists, listBytes                 int64 // ranges of keys or objects, and initial states of watches
}

func newTimetable(records []history.Record) *timetable {
	t := &timetable{servers: map[serverName]*server{}, initial: map[int64]bool{}, last: -1}
	if len(records) == 0 {
		return t
	}
	t.last = secondOf(records[len(records)-1].At)
	for i := range records {
		if r := &records[i]; r.Verb == history.Phase {
			t.phases = append(t.phases, phase{secondOf(r.At + time.Second - 1), r.Key})
		}
		t.record(&records[i])
	}
	for _, name := range t.names {
		t.servers[name].down(t.last)
	}
	return t
}

func secondOf(at time.Duration) int { return int(at / time.Second) }

func (t *timetable) server(kind, host string) *server {
	name := serverName{kind, host}
	s := t.servers[name]
	if s == nil {
		s = &server{upSince: -1, seconds: map[int]*second{}}
		t.servers[name], t.names = s, append(t.names, name)
	}
	return s
}

// down notes that the server was up until a second.
func (s *server) down(until int) {
	if s.upSince < 0 {
		return
	}
	if n := len(s.up); n > 0 && s.upSince <= s.up[n-1].to { // it went down in the same second
		s.up[n-1].to = until
	} else {
		s.up = append(s.up, span{s.upSince, until})
	}
	s.upSince = -1
}

func (s *server) second(n int) *second {
	if s.seconds[n] == nil {
		s.seconds[n] = &second{}
	}
	return s.seconds[n]
}

func (t *timetable) record(r *history.Record) {
	n := secondOf(r.At)
	switch r.Verb {
	case history.Up, history.Down:
		switch {
		case r.Kind != "kube" && r.Kind != "etcd":
		case r.Verb == history.Up:
			t.server(r.Kind, r.Actor).upSince = n
		default:
			t.server(r.Kind, r.Actor).down(n)
		}
	case history.Request:
		t.server("kube", r.Actor).second(n).request(r.Bytes, r.Op == "list")
	case history.Call:
		t.server("etcd", r.Actor).second(n).request(r.Bytes, r.Op == "range" && r.End != "")
	case history.Lease:
		if r.Op != "expire" {
			t.server("etcd", r.Actor).second(n).request(r.Bytes, false)
		}
	case history.Watch:
		s := t.server(kindOfServer(r), r.Actor).second(n)
		s.watches++
		if strings.HasPrefix(r.Ask, "initial:") {
			s.lists++
			t.initial[r.ID] = true
		}
	case history.Event:
		s := t.server(kindOfServer(r), r.Actor).second(n)
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

// spans are the parts of the run that are in a phase.
func (t *timetable) spans(name string) (all []span) {
	for i, p := range t.phases {
		to := t.last
		if i+1 < len(t.phases) {
			to = t.phases[i+1].from - 1
		}
		if p.name == name && p.from <= to {
			all = append(all, span{p.from, to})
		}
	}
	return all
}

// secondsOf returns the seconds of a phase in which servers of a kind were up and did
// something, and the number of those in which they were up and did nothing.
func (t *timetable) secondsOf(kind, phase string) (busy []*second, idle int) {
	spans := t.spans(phase)
	for _, name := range t.names {
		if name.kind != kind {
			continue
		}
		s := t.servers[name]
		for _, up := range s.up {
			for _, in := range spans {
				from, to := max(up.from, in.from), min(up.to, in.to)
				idle += max(0, to-from+1)
				for n, did := range s.seconds { // in any order: who asks sorts them
					if from <= n && n <= to {
						busy = append(busy, did)
						idle--
					}
				}
			}
		}
	}
	return busy, idle
}

// relists returns, for each second in which ten seconds end with a list in them, how
// many lists all servers of a kind answered in these, and of how many bytes; and how
// many seconds there are of which it was none.
func (t *timetable) relists(kind string) (lists, bytes []int64, none int) {
	total := map[int]*second{}
	for _, name := range t.names {
		if name.kind != kind {
			continue
		}
		for n, s := range t.servers[name].seconds {
			if s.lists == 0 && s.listBytes == 0 {
				continue
			}
			for end := n; end < n+relistWindow && end <= t.last; end++ {
				if total[end] == nil {
					total[end] = &second{}
				}
				total[end].lists += s.lists
				total[end].listBytes += s.listBytes
			}
		}
	}
	for _, s := range total { // in any order: who asks sorts them
		lists, bytes = append(lists, s.lists), append(bytes, s.listBytes)
	}
	return lists, bytes, t.last + 1 - len(total)
}
