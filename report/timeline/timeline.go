// Package timeline lays a history out over virtual time, for those who draw it: which hosts
// there are, when their processes ran, which connections agents had, when faults were on,
// and how many entries of each agent's view were not as they are true.
package timeline

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// What a span shows.
const (
	Process = "process" // of the kind that is its name
	Ready   = "ready"   // a replica is in the Service, or an operator leads
	Session = "session" // the connection of an agent with the server that is its name
	Loading = "loading" // an agent that has not yet its complete lists
	Fault   = "fault"
	Phase   = "phase"
)

// Span is something that lasts.
type Span struct {
	What   string        `json:"what"`
	Host   int           `json:"host"` // in Hosts; -1: the world
	Name   string        `json:"name"`
	From   time.Duration `json:"from"`
	To     time.Duration `json:"to"`
	Record int           `json:"record"` // with which it begins; -1: before the first
	Note   string        `json:"note,omitempty"`
	Number int64         `json:"number,omitempty"` // of a fault, or of a session in its incarnation
	Hosts  []int         `json:"hosts,omitempty"`  // that a fault strikes
}

// Host is a host, or the world.
type Host struct {
	Name string `json:"name"`
	Role string `json:"role"` // as history.Record names what runs there: kube, etcd, agent, ...
}

// Series is how many entries of an agent's view were not as they are true: from each instant
// until the next. It is -1 while the agent is down or has not yet its complete lists.
type Series struct {
	At    []time.Duration
	Wrong []int32
}

// Timeline is a history over virtual time.
type Timeline struct {
	Hosts  []Host
	End    time.Duration // of the run, without its shutdown
	Spans  []Span        // in order of their beginning
	Series []Series      // by host; empty of those that are no agent
}

// Of lays a history out.
func Of(x *index.Index) *Timeline {
	t := &Timeline{}
	if n := len(x.Records); n > 0 {
		t.End = x.Records[n-1].At
	}
	t.hosts(x)
	b := builder{Timeline: t, x: x, open: map[string]int{}, sessions: map[string]int64{}}
	b.known = slices.ContainsFunc(x.Records, func(r history.Record) bool { return r.Verb == history.Synced })
	for i := range x.Records {
		b.record(i, &x.Records[i])
	}
	for _, i := range b.open {
		t.Spans[i].To = t.End
	}
	b.faults()
	b.kubeSessions()
	slices.SortStableFunc(t.Spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Record, b.Record), cmp.Compare(a.Host, b.Host), cmp.Compare(a.What, b.What))
	})
	t.Series = series(x, t)
	return t
}

// order is that of roles from top to bottom, as a change goes from the workload to agents.
var order = "wkora"

// hosts names all hosts that records name as actors or that ran something.
func (t *Timeline) hosts(x *index.Index) {
	roles := map[string]string{}
	for i := range x.Records {
		r := &x.Records[i]
		if r.Actor == "world" || r.Actor == "" {
			continue
		}
		if roles[r.Actor] == "" {
			roles[r.Actor] = ""
		}
		if r.Verb == history.Up {
			roles[r.Actor] = r.Kind
		}
	}
	for _, agent := range x.Views.Agents {
		roles[agent] = "agent"
	}
	for name, role := range roles {
		t.Hosts = append(t.Hosts, Host{name, role})
	}
	slices.SortFunc(t.Hosts, func(a, b Host) int {
		place := func(h Host) int { return (strings.IndexByte(order, h.Name[0]) + len(order) + 1) % (len(order) + 1) }
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Name[:1], b.Name[:1]), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
}

// Host returns a host by its name, or -1.
func (t *Timeline) Host(name string) int {
	return slices.IndexFunc(t.Hosts, func(h Host) bool { return h.Name == name })
}

type builder struct {
	*Timeline
	x        *index.Index
	open     map[string]int   // spans that have begun
	sessions map[string]int64 // by agent: connections in its incarnation
	numbers  map[string]int
	known    bool // the history says when agents have their complete lists
}

func (b *builder) host(name string) int {
	if b.numbers == nil {
		b.numbers = map[string]int{}
		for i, h := range b.Hosts {
			b.numbers[h.Name] = i
		}
	}
	if i, ok := b.numbers[name]; ok {
		return i
	}
	return -1
}

func (b *builder) begin(key string, s Span) {
	b.end(key, s.From)
	b.open[key] = len(b.Spans)
	b.Spans = append(b.Spans, s)
}

func (b *builder) end(key string, at time.Duration) {
	if i, ok := b.open[key]; ok {
		b.Spans[i].To = at
		delete(b.open, key)
	}
}

func (b *builder) record(i int, r *history.Record) {
	s := Span{Host: b.host(r.Actor), From: r.At, Record: i, Name: r.Kind}
	switch r.Verb {
	case history.Phase:
		s.What, s.Host, s.Name, s.Note = Phase, -1, r.Key, r.Value
		b.begin("phase", s)
	case history.Up:
		s.What, s.Note = Process, r.Store
		b.begin(r.Actor+" "+r.Kind, s)
		if r.Kind == "agent" {
			b.sessions[r.Actor] = 0
			if b.known {
				s.What, s.Name = Loading, "loading"
				b.begin(r.Actor+" loading", s)
			}
		}
	case history.Down:
		b.end(r.Actor+" "+r.Kind, r.At)
		if r.Kind == "agent" {
			b.end(r.Actor+" session", r.At)
			b.end(r.Actor+" loading", r.At)
		}
	case history.Synced:
		b.end(r.Actor+" loading", r.At)
	case history.Ready:
		s.What, s.Name = Ready, cmp.Or(r.Kind, "ready")
		b.begin(r.Actor+" ready", s)
	case history.Unready:
		b.end(r.Actor+" ready", r.At)
	case history.Connect:
		b.sessions[r.Actor]++
		s.What, s.Name, s.Note, s.Number = Session, r.Peer, r.Store, b.sessions[r.Actor]
		b.begin(r.Actor+" session", s)
	case history.Disconnect:
		b.end(r.Actor+" session", r.At)
	}
}

// faults adds the faults.
func (b *builder) faults() {
	for _, f := range b.x.Faults {
		s := Span{What: Fault, Host: -1, Name: f.Kind, From: f.From, To: f.To, Record: int(f.Begin), Number: f.Number, Note: b.x.Records[f.Begin].Value}
		for _, name := range slices.Concat(f.Hosts, f.Peers) {
			if host := b.host(name); host >= 0 && !slices.Contains(s.Hosts, host) {
				s.Hosts = append(s.Hosts, host)
			}
		}
		if f.Effect != "" {
			s.Note += "; it did: " + f.Effect
		}
		b.Spans = append(b.Spans, s)
	}
}

// kubeSessions adds the connections of agents that read a kube-apiserver, by what their
// views learned in each: from the first change of a session to that of the next one, or
// until the agent stops.
func (b *builder) kubeSessions() {
	type key struct {
		agent   string
		inc     int
		session int64
	}
	last := map[string]int{} // by agent: its open span
	seen := map[key]bool{}
	end := func(agent string, at time.Duration) {
		if i, ok := last[agent]; ok {
			b.Spans[i].To = at
			delete(last, agent)
		}
	}
	for i := range b.x.Records {
		r := &b.x.Records[i]
		if r.Verb == history.Down && r.Kind == "agent" {
			end(r.Actor, r.At)
			continue
		}
		if r.Verb != history.See && r.Verb != history.Drop || r.Store != "" || r.Session == 0 || r.Peer == "" {
			continue
		}
		k := key{r.Actor, r.Inc, r.Session}
		if seen[k] {
			continue
		}
		seen[k] = true
		end(r.Actor, r.At)
		last[r.Actor] = len(b.Spans)
		b.Spans = append(b.Spans, Span{What: Session, Host: b.host(r.Actor), Name: r.Peer, From: r.At, To: b.End, Record: i, Number: r.Session, Note: "from what the view learned"})
	}
}
