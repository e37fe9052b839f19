package index

import (
	"slices"
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
	Fault    *Fault // nil if a process is down
	From, To time.Duration
}

// Disturbances returns those of each host in order of their beginning: the faults that
// count, which strike the host, and the times between the end and the start of the
// processes. A fault that is never lifted is taken for one of an instant.
func (x *Index) Disturbances(counts func(*Fault) bool, processes ...string) map[string][]Disturbance {
	all := map[string][]Disturbance{}
	down := map[[2]string]int{} // by host and process: index in the host's disturbances
	faults := x.Faults
	for i := range x.Records {
		r := &x.Records[i]
		switch process := [2]string{r.Actor, r.Kind}; r.Verb {
		case history.Up:
			if i, ok := down[process]; ok {
				all[r.Actor][i].To = r.At
				delete(down, process)
			}
		case history.Down:
			if slices.Contains(processes, r.Kind) {
				down[process] = len(all[r.Actor])
				all[r.Actor] = append(all[r.Actor], Disturbance{nil, r.At, Forever})
			}
		case history.Fault:
			f := faults[0]
			faults = faults[1:]
			if !counts(f) {
				continue
			}
			for _, host := range slices.Concat(f.Hosts, f.Peers, f.Members) {
				all[host] = append(all[host], Disturbance{f, f.From, f.To})
			}
		}
	}
	return all
}
