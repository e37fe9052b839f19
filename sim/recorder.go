package sim

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/meter"
)

// recorder gives every record its instant and writes it to the history.
type recorder struct {
	mu    sync.Mutex
	start time.Time
	w     *history.Writer
	n     int
	err   error
	phase string

	watches atomic.Int64 // numbers given out

	onRecord func(*history.Record) // called with each record, with the lock held
}

func newRecorder(out io.Writer, plan string) (*recorder, error) {
	w, err := history.NewWriter(out, plan)
	if err != nil {
		return nil, fmt.Errorf("writing the history: %w", err)
	}
	return &recorder{start: time.Now(), w: w}, nil
}

// now is the virtual time since the start of the run.
func (r *recorder) now() time.Duration { return time.Since(r.start) }

// nextWatch returns the number of the next watch of the run, from 1.
func (r *recorder) nextWatch() int64 { return r.watches.Add(1) }

// record writes rec with the present instant. What still happens after the end,
// when the world stops its processes, is no part of the history, but for what is
// left of them.
func (r *recorder) record(rec history.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == "end" && rec.Verb != history.Left {
		return
	}
	rec.At = r.now()
	r.n++
	meter.Sample(rec.At)
	switch {
	case rec.Verb == history.Phase:
		if r.phase = rec.Key; r.phase == "end" {
			meter.Sample(rec.At + time.Second)
		}
	case rec.Verb == history.Down && rec.Kind == "writer":
		meter.QueuesEnd(rec.Actor)
	}
	r.onRecord(&rec)
	if err := r.w.Write(&rec); err != nil && r.err == nil {
		r.err = fmt.Errorf("writing the history: %w", err)
	}
}

// progress returns how far the run is.
func (r *recorder) progress() (virtual time.Duration, records int, phase string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now(), r.n, r.phase
}

func (r *recorder) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.w.Close(); err != nil && r.err == nil {
		r.err = fmt.Errorf("writing the history: %w", err)
	}
	return r.err
}
