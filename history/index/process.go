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
