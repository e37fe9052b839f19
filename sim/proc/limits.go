package proc

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Pause freezes the process as the cgroup freezer does, as far as others can see:
// nothing is read from or written to its connections, no dial completes, and none
// is closed, until resume is called. Pauses add up. Kill ends a paused process at
// once. resume returns how much was held up: reads, writes and dials.
//
// Its goroutines run on, and so do its timers: what they do shows when it
// resumes. What a read or a write that was waiting at the time of the pause moves
// still crosses the connection; they return on resumption.
func (p *Process) Pause() (resume func() int64) {
	var before int64
	p.change(func() { p.pauses++; before = p.held })
	return sync.OnceValue(func() (held int64) {
		p.change(func() { p.pauses--; held = p.held - before })
		p.closeDeferred()
		return held
	})
}

// Paused reports whether the process is frozen.
func (p *Process) Paused() bool { return p.limited.Load() && p.isPaused() }

// AwaitRunning waits while the process is paused and alive.
func (p *Process) AwaitRunning() { p.awaitRunning(nil) }

// SlowReads lets the process read only that many bytes per second, one at least,
// from all its connections together, as one that cannot keep up with what it
// gets: what is not read fills the windows of its connections and holds their
// senders up. With several in force the slowest counts. lift returns how many reads had
// to wait.
func (p *Process) SlowReads(bytesPerSecond int) (lift func() int64) {
	if bytesPerSecond < 1 {
		panic(fmt.Sprintf("proc: a process cannot read %d bytes per second; it must be 1 or more", bytesPerSecond))
	}
	rate := &bytesPerSecond
	var before int64
	p.change(func() { p.rates = append(p.rates, rate); before = p.slowed })
	return sync.OnceValue(func() (slowed int64) {
		p.change(func() {
			i := slices.Index(p.rates, rate)
			p.rates = slices.Delete(p.rates, i, i+1)
			slowed = p.slowed - before
		})
		return slowed
	})
}

// change changes a limit and wakes who waits for one.
func (p *Process) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.update()
}

// update follows a change; the lock is held.
func (p *Process) update() {
	p.limited.Store(!p.dead && (p.pauses > 0 || len(p.rates) > 0))
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// wait returns what is closed at the next change; the lock is held.
func (p *Process) wait() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

func (p *Process) isPaused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pauses > 0 && !p.dead
}

// awaitRunning waits while the process is paused and alive, but no longer than
// until done is closed.
func (p *Process) awaitRunning(done <-chan struct{}) {
	for first := true; p.limited.Load(); first = false {
		p.mu.Lock()
		paused, changed := p.pauses > 0 && !p.dead, p.wait()
		if first && paused {
			p.held++
		}
		p.mu.Unlock()
		if !paused {
			return
		}
		select {
		case <-changed:
		case <-done:
			return
		}
	}
}

// chunk is how much of a second's bytes a slow process reads at once.
const chunk = 10 // 1/10

// turn waits until the process may read from a connection, or the connection is
// closed, and returns how many of size bytes it may read.
func (p *Process) turn(c *conn, size int) int {
	for first := true; ; {
		p.awaitRunning(c.closing)
		p.mu.Lock()
		rate, slow := p.rate()
		busy, changed := time.Until(p.reading), p.wait()
		if slow && busy > 0 && first {
			p.slowed, first = p.slowed+1, false
		}
		p.mu.Unlock()
		switch {
		case !slow || c.isClosing():
			return size
		case busy <= 0:
			return min(size, max(1, rate/chunk))
		}
		timer := time.NewTimer(busy)
		select {
		case <-timer.C:
		case <-changed:
		case <-c.closing:
		}
		timer.Stop()
	}
}

// spend accounts for bytes that were read.
func (p *Process) spend(size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rate, slow := p.rate()
	if !slow {
		return
	}
	if now := time.Now(); p.reading.Before(now) {
		p.reading = now
	}
	p.reading = p.reading.Add(time.Duration(size) * time.Second / time.Duration(rate))
}

// rate returns how fast the process may read, if that is limited; the lock is
// held.
func (p *Process) rate() (bytesPerSecond int, slow bool) {
	if p.dead {
		return 0, false
	}
	for _, r := range p.rates {
		if !slow || *r < bytesPerSecond {
			bytesPerSecond, slow = *r, true
		}
	}
	return bytesPerSecond, slow
}

// closeDeferred closes the connections that the program has closed while the
// process was paused.
func (p *Process) closeDeferred() {
	if p.isPaused() {
		return
	}
	p.mu.Lock()
	conns := slices.Clone(p.conns)
	p.mu.Unlock()
	for _, c := range conns {
		if c.isClosing() && p.letGo(c) {
			c.Conn.Close()
		}
	}
}
