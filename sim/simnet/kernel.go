package simnet

import (
	"cmp"
	"net"
	"os"
	"syscall"
)

// receive is what the kernel does with a segment of the peer.
func (c *conn) receive(s segment) {
	if c.err != nil {
		return // the reset that tells the peer is under way
	}
	switch s.kind {
	case syn:
		c.greet()
	case synAck:
		c.state = established
		c.n.agenda.cancel(&c.giveUp)
		c.link.stats.Connections++
		close(c.answered)
		c.send(ack, 0)
	case ack:
		c.state = established
		c.listener.take(c)
	case data:
		if c.closed {
			c.abort(net.ErrClosed)
			return
		}
		c.peer.arrived += s.size
		if c.cut { // one way: the peer will send it again
			c.watch()
		}
		c.canRead.Broadcast()
	case fin:
		c.eof = true
		c.canRead.Broadcast()
	case rst:
		c.reset()
	}
}

// greet answers the SYN of the peer.
func (c *conn) greet() {
	c.state = connecting
	c.listener = c.link.from.listeners[c.local.Port]
	if c.listener == nil {
		c.abort(syscall.ECONNREFUSED)
		return
	}
	c.socket = c.listener.socket.within(&c.n.cfg)
	c.send(synAck, 0)
}

// reset follows a reset by the peer or by the network.
func (c *conn) reset() {
	switch {
	case c.client && c.state == connecting:
		c.n.tell(Refuse, c)
		c.die(syscall.ECONNREFUSED)
	case c.eof:
		c.tellProgram(Reset)
		c.die(syscall.EPIPE) // as in Linux: the program has been told of the end
	default:
		c.tellProgram(Reset)
		c.die(syscall.ECONNRESET)
	}
}

// watch sets when the kernel gives the connection up, of which the way there or back is
// closed: with segments that are not acknowledged, by the user timeout; idle, by the
// keep-alive, whose probes have no answer. What the peer sends again counts as one, and its own
// probes do not: they are outside the window, and tcp_ack, which notes that something was
// heard, never sees them.
func (c *conn) watch() {
	if c.client && c.state == connecting {
		return // the connect timeout runs
	}
	alive := c.err == nil && c.state != unknown
	wasCut := c.cut
	c.cut = alive && !(c.flows() && c.peer.flows())
	if c.cut && !wasCut {
		c.cutSince = c.n.agenda.now()
	}
	sent, waiting := c.oldest()
	_, told := c.peer.oldest()
	switch {
	case c.cut && waiting:
		c.n.agenda.schedule(&c.giveUp, sent+cmp.Or(c.socket.UserTimeout, c.n.cfg.UserTimeout))
	case c.cut && told && c.peer.flows():
		c.n.agenda.cancel(&c.giveUp)
	case c.cut && c.socket.KeepAlive > 0:
		c.n.agenda.schedule(&c.giveUp, c.cutSince+c.socket.idleTimeout())
	default:
		c.n.agenda.cancel(&c.giveUp)
	}
}

// giveUpNow ends what had no answer for too long.
func (c *conn) giveUpNow() {
	c.tellProgram(Timeout)
	c.abort(syscall.ETIMEDOUT)
}

// tellProgram tells an event of an end that a program holds.
func (c *conn) tellProgram(kind EventKind) {
	if !c.closed && (c.client || c.state == established) {
		c.n.tell(kind, c)
	}
}

// abort ends an end at once. The peer gets a reset, after what is on its way to
// it; what a closed link holds is lost.
func (c *conn) abort(err error) {
	if c.err != nil {
		return
	}
	c.die(err)
	switch {
	case c.peer.err != nil:
	case c.peer.state == unknown:
		c.peer.die(err)
	default:
		if !c.flows() {
			c.forget()
		}
		c.send(rst, 0)
	}
}

// die ends an end for its kernel. The program can still read what has arrived.
func (c *conn) die(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	c.cut = false
	c.n.agenda.cancel(&c.giveUp)
	if c.client && c.state == connecting {
		close(c.answered)
	}
	if c.peer.err != nil {
		c.forget()
		c.peer.forget()
	}
	c.canRead.Broadcast()
	c.canWrite.Broadcast()
	c.settle()
}

// settle takes the connection off its links when nothing can happen to it any
// more.
func (c *conn) settle() {
	if c.done() && c.peer.done() {
		c.link.remove(c)
		c.peer.link.remove(c.peer)
	}
}

func (c *conn) done() bool {
	return (c.err != nil || c.closed) && c.segments.len() == 0
}

// cancelDial gives the dial up for a reason, unless it has an answer.
func (c *conn) cancelDial(reason error) {
	c.n.mu.Lock()
	defer c.n.unlock()
	if c.state == connecting && c.err == nil {
		c.abort(reason)
	}
}

// dialError returns why the dial failed, or nil.
func (c *conn) dialError() error {
	c.n.mu.Lock()
	defer c.n.unlock()
	if c.state == established {
		return nil
	}
	if errno, ok := c.err.(syscall.Errno); ok {
		return os.NewSyscallError("connect", errno)
	}
	return c.err
}
