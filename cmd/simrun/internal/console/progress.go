package console

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Progress shows one line on a terminal that changes in place. Elsewhere it is a log, in
// which a line appears once in a while.
type Progress struct {
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

// Show replaces the line, unless it was replaced a moment ago. A log has none for what
// takes a moment.
func (p *Progress) Show(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.IsZero() && !p.terminal {
		p.last = time.Now()
	}
	p.put(logEvery, fmt.Sprintf(format, args...))
}

// Log shows a line of a build, which matters even in a log, and at once.
func (p *Progress) Log(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(buildEvery, line)
}

// KeepSaying writes the newest line, or at first this one, into a log once in a while, even
// if nothing new is shown: a seed can take minutes. It ends with what it returns.
func (p *Progress) KeepSaying(first string) (end func()) {
	p.Show("%s", first)
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
func (p *Progress) repeat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal {
		p.put(logEvery, p.line)
	}
}

func (p *Progress) put(logEvery time.Duration, line string) {
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

// Clear removes the line, before other output.
func (p *Progress) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
}

// Before returns a writer that removes the line before it writes.
func (p *Progress) Before(w io.Writer) io.Writer { return clearing{p, w} }

type clearing struct {
	p *Progress
	w io.Writer
}

func (c clearing) Write(b []byte) (int, error) {
	c.p.Clear()
	return c.w.Write(b)
}

// Bar draws how much of a whole is done.
func Bar(done, whole int) string {
	const width = 24
	filled := width * done / max(1, whole)
	return "[" + strings.Repeat("#", filled) + strings.Repeat(".", width-filled) + "]"
}
