// Package simnet is the simulated network: named hosts, listeners and
// connections with the behaviour of TCP, in virtual time, under faults.
//
// # Map
//
// A [Network] (network.go) has a [Host] per name (host.go), which listens
// (listener.go) and dials. A connection is a pair of ends (conn.go is what the
// program sees of one, kernel.go what the peer's segments do to it). What an end
// sends waits in its queue (send.go) and travels over a directed link (link.go),
// which says how long each segment takes (delay.go). Whatever happens later than
// now is in the agenda (agenda.go). Faults (fault.go) close, open and slow links, or
// hit connections.
//
// # Determinism
//
// A network lives in one testing/synctest bubble (outside of one it runs in real
// time) and starts no goroutine of its own: one timer runs the agenda in the
// order of instants and, at one instant, of scheduling. The delay of a segment is
// a pure function of the seed, the two hosts and the number of the segment on
// its link, so other links, hosts and draws do not disturb it.
//
// # Where it is simpler than TCP
//
// Acknowledgements and window updates take no time, but cross no closed link.
// What a closed link holds is sent again at the instant it opens, without the
// exponential back-off of retransmissions. An end whose peer is gone gets the
// reset as soon as the link is open, whether or not it sends something: the
// answer to its first segment or keep-alive probe would be that reset.
package simnet

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

// Config says how a network behaves. The zero value is a network without delays.
type Config struct {
	// Seed keys the delays.
	Seed uint64

	// LatencyMin and LatencyMax bound the one-way latency of a segment, drawn
	// uniformly, both included. SetLink overrules them for a link.
	LatencyMin, LatencyMax time.Duration

	// OnEvent, if not nil, is told what happens to connections: in order, one at
	// a time, at the virtual instant at which it happens. It may call the network.
	OnEvent func(Event)

	// ConnectTimeout is when a dial that nothing answers gives up. Zero: 127 s,
	// Linux's tcp_syn_retries of 6.
	ConnectTimeout time.Duration

	// UserTimeout is how long a segment may stay unacknowledged, because its way
	// or that of the acknowledgement is closed, before its sender gives the
	// connection up, unless its Socket says another time. Zero: 15 minutes, about Linux's
	// tcp_retries2 of 15.
	UserTimeout time.Duration

	// KeepAlive is after how long without a word from its peer an end sends the first
	// keep-alive probe, unless its Socket says another time. Zero: 15 s, what package net's
	// dialers and listeners set. Negative: never.
	KeepAlive time.Duration

	// Window bounds the bytes of one direction of a connection that are written
	// but not yet read; a Write blocks beyond. Zero: 256 KiB.
	Window int
}

// Network is a set of hosts and the links between them.
type Network struct {
	cfg Config

	mu       sync.Mutex // guards everything below, and all state of hosts, links and connections
	agenda   agenda
	hosts    map[string]*Host
	closed   bool
	events   []Event // not yet told to OnEvent
	telling  bool    // a goroutine is telling OnEvent
	lastLink *link   // of the links in order of creation; see link.older
}

// New returns a network without hosts. Its instants count from now. Close frees
// it.
func New(cfg Config) *Network {
	if cfg.LatencyMin < 0 || cfg.LatencyMax < cfg.LatencyMin {
		panic(fmt.Sprintf("simnet: the latency is from %s to %s; it must be from zero or more to the same or more", cfg.LatencyMin, cfg.LatencyMax))
	}
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, 127*time.Second)
	cfg.UserTimeout = cmp.Or(cfg.UserTimeout, 15*time.Minute)
	cfg.KeepAlive = cmp.Or(cfg.KeepAlive, 15*time.Second)
	cfg.Window = cmp.Or(cfg.Window, 256<<10)
	n := &Network{cfg: cfg, hosts: make(map[string]*Host)}
	n.agenda.start(n.run)
	return n
}

// Host returns the host with a name; it is made if there is none.
func (n *Network) Host(name string) *Host {
	n.mu.Lock()
	defer n.unlock()
	if h, found := n.hosts[name]; found {
		return h
	}
	h := &Host{n: n, name: name, listeners: make(map[int]*listener)}
	n.hosts[name] = h
	return h
}

// Close ends the network: all listeners and connections are closed at once, and
// what is called on them or on the hosts fails with net.ErrClosed. No event tells
// of it. No timer is left.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.unlock()
	if n.closed {
		return
	}
	n.closed = true
	for l := n.lastLink; l != nil; l = l.older {
		for _, c := range slices.Clone(l.conns) {
			c.die(net.ErrClosed)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.hosts)) {
		n.hosts[name].shutListeners(net.ErrClosed)
	}
	n.agenda.stop()
}

// run runs what is due; the agenda's timer calls it.
func (n *Network) run() {
	n.mu.Lock()
	defer n.unlock()
	if !n.closed {
		n.agenda.run()
	}
}

// host returns a host that must exist: a fault that names another would pass
// unnoticed. The caller holds the lock.
func (n *Network) host(name string) *Host {
	h, found := n.hosts[name]
	if !found {
		panic(fmt.Sprintf("simnet: there is no host %q; Network.Host makes it", name))
	}
	return h
}
