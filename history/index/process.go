package index

import (
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// Processes returns the incarnations of a process on a host, in order.
func (x *Index) Processes(host, kind string) (all []Process) {
	for i := range x.Records {
		r := &x.Records[i]
		if r.Actor != host || r.Kind != kind {
			continue
		}
		switch r.Verb {
		case history.Up:
			all = append(all, Process{From: r.At, To: Forever, Up: i})
		case history.Down:
			if len(all) > 0 && all[len(all)-1].To == Forever {
				all[len(all)-1].To, all[len(all)-1].down = r.At, i
			}
		}
	}
	return all
}

// Process is one incarnation of a process, to forever if it lives on.
type Process struct {
	From, To time.Duration
	Up, down int // records
}

// ProcessAt returns the incarnation that an instant is in, or the last one before it.
func ProcessAt(all []Process, at time.Duration) (Process, bool) {
	for _, l := range slices.Backward(all) {
		if l.From <= at {
			return l, true
		}
	}
	return Process{}, false
}

// Disturbance is a time in which something keeps a host, or a process on it, from its
// work.
type Disturbance struct {
	Kind     string // of the fault, or "down" of a process
	From, To time.Duration
}

// Down is the kind of a disturbance in which a process is down.
const Down = "down"

// Disturbances returns those of each host in order of their beginning: the faults of the
// kinds that count, which name the host, and the times between the end and the start of
// the processes. A fault that is never lifted is taken for one of an instant.
func Disturbances(records []history.Record, counts func(kind string) bool, processes ...string) map[string][]Disturbance {
	all := map[string][]Disturbance{}
	type place struct {
		host, kind, process string
		fault               int64
	}
	begun := map[place]int{} // index in the host's disturbances
	begin := func(p place, at, to time.Duration) {
		begun[p] = len(all[p.host])
		all[p.host] = append(all[p.host], Disturbance{p.kind, at, to})
	}
	end := func(p place, at time.Duration) {
		if i, ok := begun[p]; ok {
			all[p.host][i].To = at
			delete(begun, p)
		}
	}
	for i := range records {
		r := &records[i]
		switch r.Verb {
		case history.Up:
			end(place{host: r.Actor, kind: Down, process: r.Kind}, r.At)
		case history.Down:
			if slices.Contains(processes, r.Kind) {
				begin(place{host: r.Actor, kind: Down, process: r.Kind}, r.At, Forever)
			}
		case history.Fault, history.Heal:
			if !counts(r.Kind) {
				continue
			}
			for host := range strings.SplitSeq(r.Key+","+r.Peer, ",") {
				p := place{host: host, kind: r.Kind, fault: r.Rev}
				if r.Verb == history.Heal {
					end(p, r.At)
				} else if host != "" {
					begin(p, r.At, r.At)
				}
			}
		}
	}
	return all
}
