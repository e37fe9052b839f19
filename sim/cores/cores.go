// Package cores makes computing take virtual time: what a server does waits for a core of its host, and then
// has it for as long as the plan's prices say.
package cores

import (
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/fault"
)

// Cores are those that a server's process has, from its start on. One piece of work has one core, and they begin
// in the order in which they come: a long one holds up those behind it, where a real machine would share its cores
// among all. Nil is a process whose work takes no time.
type Cores struct {
	prices fault.Prices

	mu   sync.Mutex
	free []time.Time // from when on each core has nothing to do
}

// New returns the cores of a process that starts, nil for nil.
func New(p *fault.Prices) *Cores {
	if p == nil {
		return nil
	}
	return &Cores{prices: *p, free: make([]time.Time, p.Cores)}
}

// Read is a request that changes nothing, Write one that may, before they are served.
func (c *Cores) Read(gone <-chan struct{}) {
	if c != nil {
		c.use(gone, c.prices.Read.Std())
	}
}

// Write is what [Cores.Read] is of a request that may change something.
func (c *Cores) Write(gone <-chan struct{}) {
	if c != nil {
		c.use(gone, c.prices.Write.Std())
	}
}

// Change is a write of a replica's own writer, which has made it of an object that it was told of.
func (c *Cores) Change(gone <-chan struct{}) {
	if c != nil {
		c.use(gone, c.prices.Change.Std()+c.prices.Write.Std())
	}
}

// List is a list, or the state that a watch begins with, of so many bytes, and Tell is to tell a watch of so many
// changes at once, before they are sent.
func (c *Cores) List(gone <-chan struct{}, bytes int64) {
	if c != nil {
		c.use(gone, time.Duration(bytes*int64(c.prices.Kilobyte)/1024))
	}
}

// Tell is described with [Cores.List].
func (c *Cores) Tell(gone <-chan struct{}, changes int) {
	if c != nil {
		c.use(gone, time.Duration(changes)*c.prices.Event.Std())
	}
}

// use returns when a core has been had for so long, or when who asked is gone: the work is done all the same.
func (c *Cores) use(gone <-chan struct{}, long time.Duration) {
	if long <= 0 {
		return
	}
	timer := time.NewTimer(time.Until(c.take(time.Now(), long)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-gone:
	}
}

// take gives work that comes now the core that is free first, and returns when it is done.
func (c *Cores) take(now time.Time, long time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := 0
	for i, at := range c.free {
		if at.Before(c.free[first]) {
			first = i
		}
	}
	begin := c.free[first]
	if begin.Before(now) {
		begin = now
	}
	c.free[first] = begin.Add(long)
	return c.free[first]
}
