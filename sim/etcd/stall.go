package etcd

import (
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/etcdserver/apply"

	"github.com/meshcheck/meshcheck/sim/cilium"
)

// StallApply slows the application of what raft has committed, as a disk does
// that is slow: while it is in force each entry takes delay longer, and with a
// delay of zero or less none is applied. Writes and linearizable reads wait
// behind it; watches, serializable reads and the lease clock go on. Stalls add
// up. A lifted stall is over for the entry that waits, too. A stall ends with the
// server; lift may be called again, and after that, and returns how many entries came up
// under it.
func (s *Server) StallApply(delay time.Duration) (lift func() int64) {
	return s.applier.stall(delay)
}

// applier holds the entries that the server's own applier then applies, and records
// the leases that end by them without a client's call. The server's alarms change what is
// inside that one, so they work as ever; a snapshot of another member replaces it: see keep.
type applier struct {
	apply.UberApplier
	server *Server

	mu      sync.Mutex
	stalls  []*stall      // in force
	changed chan struct{} // closed when stalls change; nil while nobody waits
}

type stall struct {
	delay   time.Duration
	entries int64 // that came up while it was in force
}

// wrapApplier puts an applier into a server that has not started.
func wrapApplier(s *Server) *applier {
	field := cilium.Applier(s.server)
	a := &applier{UberApplier: *field, server: s}
	*field = a
	return a
}

// keep puts the applier back into its place, where a snapshot from another member has made
// the server make a new one (etcdserver, applySnapshot). What was applied since is recorded,
// and no stall has held it.
func (a *applier) keep() {
	field := cilium.Applier(a.server.server)
	if _, ours := (*field).(*applier); !ours {
		a.UberApplier = *field
		*field = a
	}
}

// Apply applies an entry after what the stalls demand. Entries that are in the
// backend already, as after a restart, are not held.
func (a *applier) Apply(r *apply.InternalRaftRequestWrapper, shouldApplyV3 membership.ShouldApplyV3) *apply.Result {
	if shouldApplyV3 {
		a.hold()
		if r.LeaseRevoke != nil {
			a.server.recordLeaseEnd(r.LeaseRevoke)
		}
	}
	return a.UberApplier.Apply(r, shouldApplyV3)
}

// hold returns when an entry that came up for application now may be applied, or
// when the server stops, which waits for the applier.
func (a *applier) hold() {
	start := time.Now()
	a.change(func() {
		for _, s := range a.stalls {
			s.entries++
		}
	})
	for {
		delay, forever, changed := a.inForce()
		var over <-chan time.Time
		if !forever {
			rest := delay - time.Since(start)
			if rest <= 0 {
				return
			}
			timer := time.NewTimer(rest)
			defer timer.Stop()
			over = timer.C
		}
		select {
		case <-over:
			return
		case <-changed:
		case <-a.server.server.StoppingNotify():
			return
		}
	}
}

// inForce returns the sum of the stalls, or that one of them lasts until it is
// lifted, and what is closed when that changes.
func (a *applier) inForce() (delay time.Duration, forever bool, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.stalls {
		delay += s.delay
		forever = forever || s.delay <= 0
	}
	if len(a.stalls) > 0 && a.changed == nil {
		a.changed = make(chan struct{})
	}
	return delay, forever, a.changed
}

func (a *applier) stall(delay time.Duration) (lift func() int64) {
	s := &stall{delay: delay}
	a.change(func() { a.stalls = append(a.stalls, s) })
	return sync.OnceValue(func() (entries int64) {
		a.change(func() {
			i := slices.Index(a.stalls, s)
			a.stalls = slices.Delete(a.stalls, i, i+1)
			entries = s.entries
		})
		return entries
	})
}

func (a *applier) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}
