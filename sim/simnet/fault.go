package simnet

import (
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
)

// The faults name hosts that exist, and panic otherwise. A fault that lasts
// returns what ends it, which does nothing when called again; faults of the same
// link or host add up, and segments arrive again when the last one has ended.

// Partition keeps everything sent by one host from arriving at another, and
// unless oneWay the other way round too. As TCP sends again what was lost,
// segments are held, also those that were on their way: after the heal each takes
// its latency once more. Until then dials hang, and connections stay open until
// their ends give up (see Config.UserTimeout and Config.KeepAlive, and Socket; with oneWay
// acknowledgements are lost, too).
func (n *Network) Partition(from, to string, oneWay bool) (heal func()) {
	if from == to {
		panic("simnet: a partition of " + from + " from itself; the loopback of a host always works")
	}
	return n.last(func(step int) {
		l := n.link(n.host(from), n.host(to))
		l.cuts += step
		l.refresh()
		if !oneWay {
			l.reverse.cuts += step
			l.reverse.refresh()
		}
	})
}

// Pause keeps a host from sending to others and receiving from them, as a
// partition from all of them would.
func (n *Network) Pause(host string) (resume func()) {
	return n.last(func(step int) {
		h := n.host(host)
		h.pauses += step
		h.refresh()
	})
}

// Down takes a host away without a word: its processes lose their listeners and
// connections (ENETDOWN), the other ends are not told and find out by their
// timeouts, or after the host is up again by a reset. Dials to a host that is
// down, or from it, hang.
func (n *Network) Down(host string) (up func()) {
	return n.last(func(step int) {
		h := n.host(host)
		h.downs += step
		h.refresh()
		if step > 0 {
			h.shutListeners(os.NewSyscallError("accept", syscall.ENETDOWN))
			for _, c := range h.conns() {
				c.abort(syscall.ENETDOWN)
			}
		}
	})
}

// Slow sets how long segments take between two hosts, in both directions, for
// those sent from now on. Of those in force for a link the one that began last
// counts, and without any what SetLink set. When it is lifted, segments that wait
// to be transmitted go on at the pace that the link then has.
func (n *Network) Slow(a, b string, cfg LinkConfig) (lift func()) {
	cfg.check(a, b)
	slow := &cfg
	return n.last(func(step int) {
		there := n.link(n.host(a), n.host(b))
		there.slow(slow, step)
		if there.reverse != there {
			there.reverse.slow(slow, step)
		}
	})
}

// BlackHole makes the connections that are open or being opened between two
// hosts dead for good: what is sent vanishes, and neither end is told. New
// connections work. It returns how many connections that were.
func (n *Network) BlackHole(a, b string) int64 {
	return n.each(a, b, func(c *conn) {
		c.dark, c.peer.dark = true, true
		c.linkChanged()
		c.peer.linkChanged()
	})
}

// Reset resets both ends of the connections that are open between two hosts, at
// once: ECONNRESET. Dials under way fail with ECONNREFUSED, as in Linux. It returns how
// many connections that were.
func (n *Network) Reset(a, b string) int64 {
	return n.each(a, b, func(c *conn) {
		c.reset()
		c.peer.reset()
	})
}

// Kill is the death of processes whose host lives on: of all on "host", or of
// the one that listens at "host:port". Their listeners are closed, and so are their
// connections: as with Close the other end reads an EOF, or has a reset if they had not read
// everything. What they had sent still arrives. With a port, connections are those accepted
// there.
func (n *Network) Kill(address string) {
	n.mu.Lock()
	defer n.unlock()
	h, port := n.process(address)
	for _, l := range h.sortedListeners() {
		if port == 0 || port == l.addr.Port {
			l.shut(net.ErrClosed)
		}
	}
	for _, c := range h.conns() {
		if port == 0 || !c.client && port == c.local.Port {
			c.end()
		}
	}
}

// last begins a fault with a step of 1 and returns what ends it with one of -1.
func (n *Network) last(change func(step int)) (end func()) {
	locked := func(step int) {
		n.mu.Lock()
		defer n.unlock()
		if !n.closed {
			change(step)
		}
	}
	locked(1)
	return sync.OnceFunc(func() { locked(-1) })
}

// each calls f with one end of every connection between two hosts, and counts them.
func (n *Network) each(a, b string, f func(*conn)) (count int64) {
	n.mu.Lock()
	defer n.unlock()
	for _, c := range slices.Clone(n.link(n.host(a), n.host(b)).conns) {
		if a != b || c.client { // a loopback has both ends
			f(c)
			count++
		}
	}
	return count
}

// process returns the host of an address and its port, or zero if it has none.
func (n *Network) process(address string) (*Host, int) {
	if _, found := n.hosts[address]; found {
		return n.hosts[address], 0
	}
	addr, err := parseAddr(address)
	if err != nil {
		panic("simnet: " + err.Error())
	}
	return n.host(addr.Host), addr.Port
}
