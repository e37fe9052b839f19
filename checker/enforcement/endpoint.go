package enforcement

import (
	"maps"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// endpoint is a policy map, while it is there.
type endpoint struct {
	agent, pod string
	begun      time.Duration
	table      table
	changed    int32 // the record of its last change
	rows       map[whom][]bool
	looks      int              // at it, so far
	known      bool             // as of the last look, by which it was judged
	before     table            // what it was then, if it has changed since
	told       map[bool]telling // of what is denied, and of what is allowed
	waits      map[flow]wait
}

// whom is a peer by name, and the direction.
type whom struct {
	egress bool
	name   string
}

// telling is where an endpoint's violation stands among all, and by which look at it that was found.
type telling struct{ violation, look int }

// wait is since when a map is not what policies demand just then.
type wait struct {
	since time.Duration
	want  verdict
}

func newEndpoint(r *history.Record) *endpoint {
	return &endpoint{agent: r.Actor, pod: r.Key, begun: r.At, table: table{}, rows: map[whom][]bool{}, told: map[bool]telling{}, waits: map[flow]wait{}}
}

// apply takes a record of an entry into account.
func (e *endpoint) apply(i int32, r *history.Record) {
	if e.known && e.before == nil {
		e.before = maps.Clone(e.table)
	}
	e.changed = i
	if about := e.table.apply(r); isMany(about.peer) {
		clear(e.rows)
	} else {
		delete(e.rows, whom{about.egress, about.peer})
	}
}

// lets reports which ports of a peer the map lets through.
func (e *endpoint) lets(p *peer, egress bool, ports []string) []bool {
	row, known := e.rows[whom{egress, p.name}]
	if !known {
		for _, port := range ports {
			row = append(row, e.table.lets(flow{egress, p, port}))
		}
		e.rows[whom{egress, p.name}] = row
	}
	return row
}

// looked notes what the map is as of a look at it.
func (e *endpoint) looked(judged bool) { e.known, e.before = judged, nil }

// wait measures for how long a map does not do with the flows of peers what policies demand.
func (f *follower) wait(e *endpoint, now *window, peers []*peer, at time.Duration) {
	s := f.subjectOf(e)
	for _, p := range peers {
		for _, egress := range directions {
			lets := e.lets(p, egress, f.ports)
			for i, want := range now.wants(s, p, egress) {
				right := want == either || want == allowed && now.partly[p] || lets[i] == (want == allowed)
				f.waited(e, flow{egress, p, f.ports[i]}, want, right, at)
			}
		}
	}
}

// waited ends a flow's wait that is over, and begins one.
func (f *follower) waited(e *endpoint, fl flow, want verdict, right bool, at time.Duration) {
	w, waits := e.waits[fl]
	if waits && (right || w.want != want) {
		f.ended(w, at)
		delete(e.waits, fl)
		waits = false
	}
	if !waits && !right {
		e.waits[fl] = wait{at, want}
	}
}

func (f *follower) ended(w wait, at time.Duration) {
	if w.want == denied {
		f.stale = append(f.stale, at-w.since)
	} else {
		f.late = append(f.late, at-w.since)
	}
}

// endWaits ends all waits of a map that policies demand nothing of any more.
func (f *follower) endWaits(e *endpoint, at time.Duration) {
	for _, w := range e.waits {
		f.ended(w, at)
	}
	clear(e.waits)
}
