package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/sim/det"
)

// progress shows one line on a terminal that changes in place. Elsewhere it is a log, in
// which a line appears once in a while.
type progress struct {
	w        io.Writer
	terminal bool

	mu    sync.Mutex
	width int       // of what is shown
	last  time.Time // that a line was shown, or might have been
	line  string    // the newest
}

// Least wall time between two lines: for the eye, and for a log.
const (
	terminalEvery = 100 * time.Millisecond
	logEvery      = time.Minute
	buildEvery    = 20 * time.Second
)

// show replaces the line, unless it was replaced a moment ago. A log has none for what
// takes a moment.
func (p *progress) show(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.IsZero() && !p.terminal {
		p.last = time.Now()
	}
	p.put(logEvery, fmt.Sprintf(format, args...))
}

// log shows a line of a build, which matters even in a log, and at once.
func (p *progress) log(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(buildEvery, line)
}

// keepSaying writes the newest line, or at first this one, into a log once in a while, even
// if nothing new is shown: a seed can take minutes. It ends with what it returns.
func (p *progress) keepSaying(first string) (end func()) {
	p.show("%s", first)
	done := make(chan struct{})
	var saying sync.WaitGroup
	saying.Go(func() {
		every := time.NewTicker(logEvery / 4)
		defer every.Stop()
		for {
			select {
			case <-done:
				return
			case <-every.C:
				p.repeat()
			}
		}
	})
	return func() {
		close(done)
		saying.Wait()
	}
}

// repeat shows the newest line again in a log that is due for one.
func (p *progress) repeat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal {
		p.put(logEvery, p.line)
	}
}

func (p *progress) put(logEvery time.Duration, line string) {
	p.line = line
	now := time.Now()
	if !p.terminal {
		if now.Sub(p.last) >= logEvery {
			p.last = now
			fmt.Fprintln(p.w, line)
		}
		return
	}
	if now.Sub(p.last) < terminalEvery {
		return
	}
	p.last = now
	const widest = 79 // a longer line would wrap and stay
	if len(line) > widest {
		line = line[:widest]
	}
	fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", max(0, p.width-len(line))))
	p.width = len(line)
}

// clear removes the line, before other output.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
}

// before returns a writer that removes the line before it writes.
func (p *progress) before(w io.Writer) io.Writer { return clearing{p, w} }

type clearing struct {
	p *progress
	w io.Writer
}

func (c clearing) Write(b []byte) (int, error) {
	c.p.clear()
	return c.w.Write(b)
}

// bar draws how much of a whole is done.
func bar(done, whole int) string {
	const width = 24
	filled := width * done / max(1, whole)
	return "[" + strings.Repeat("#", filled) + strings.Repeat(".", width-filled) + "]"
}

// runProgress shows how far a run is, and what is left if the views converge at once: the
// run ends when they have been right for some minutes. It is as far as its virtual time is,
// or its records: a large world has most of these before the churn.
func (c *console) runProgress(plan *fault.Plan) func(det.Progress) {
	const around = 200 * time.Second // from the start until the pods are there, and from the heal to the end
	start, whole, records := time.Now(), plan.Churn.Std()+around, drive.CostOf(plan).Records
	return func(p det.Progress) {
		elapsed := time.Since(start)
		done := max(p.Virtual.Seconds()/whole.Seconds(), min(0.9, float64(p.Records)/float64(records)), 1e-3)
		left := time.Duration(float64(elapsed) * max(0, 1-done) / done)
		c.progress.show("%s: %.0f of about %.0f s virtual, %s events, %.0fx real time, %s left", p.Phase, p.Virtual.Seconds(),
			whole.Seconds(), text.Thousands(p.Records), p.Virtual.Seconds()/max(1e-3, elapsed.Seconds()), text.Rounded(left))
	}
}
