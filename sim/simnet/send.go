package simnet

import "time"

// segment is one message of a connection. The bytes of data segments are in the
// sender's buffer.
type segment struct {
	kind    segmentKind
	size    int           // bytes of data
	sent    time.Duration // for the first time
	latency time.Duration
	due     time.Duration // when it arrives, if the link is open then
}

type segmentKind uint8

const (
	syn    segmentKind = iota // asks for a connection
	synAck                    // grants it
	ack                       // completes the handshake
	data                      //
	fin                       // nothing more will be sent
	rst                       // the sender knows nothing of the connection
)

// sender is the sending half of an end: what is on its way to the peer, or has
// arrived there unread.
type sender struct {
	link     *link
	dark     bool            // black-holed: nothing arrives any more
	segments buffer[segment] // not yet arrived, in order
	bytes    buffer[byte]    // unread, then not yet arrived
	arrived  int             // bytes that have arrived unread
	used     int             // bytes of the window in use
	withheld int             // bytes of these that were read, which the sender has not been told
	lastDue  time.Duration   // of the segment sent last
	arrival  task            // of the first segment, while segments arrive

	unacked   bool          // something arrived whose acknowledgement did not
	unackedAt time.Duration // when it was sent
}

// flows says whether segments arrive at the peer.
func (c *conn) flows() bool { return c.link.open && !c.dark }

// room returns how many bytes the window has left.
func (c *conn) room() int { return c.n.cfg.Window - c.used }

// write sends bytes for which there is room.
func (c *conn) write(p []byte) {
	c.bytes.push(p...)
	c.used += len(p)
	c.send(data, len(p))
}

// take reads bytes that have arrived: the peer calls it.
func (c *conn) take(p []byte) int {
	count := copy(p, c.bytes.all()[:c.arrived])
	c.bytes.drop(count)
	c.arrived -= count
	c.withheld += count
	c.release()
	return count
}

// release gives room for what was read, if the sender can know. A Write that
// waits goes on when half of the window is free, not at every read.
func (c *conn) release() {
	if !c.peer.flows() {
		return
	}
	half := c.n.cfg.Window / 2
	full := c.used > half
	c.used -= c.withheld
	c.withheld = 0
	if full && c.used <= half {
		c.canWrite.Broadcast()
	}
}

// send sends a segment; the bytes of data are in the buffer already.
func (c *conn) send(kind segmentKind, size int) {
	now := c.n.agenda.now()
	s := segment{kind: kind, size: size, sent: now, latency: c.link.latency(size)}
	c.segments.push(s)
	if c.flows() {
		c.time(c.segments.all()[c.segments.len()-1:], now)
	}
	c.watch()
}

// time says when segments arrive that leave now.
func (c *conn) time(segments []segment, now time.Duration) {
	for i := range segments {
		s := &segments[i]
		s.due = max(c.lastDue, c.link.transmit(s.size, now)+s.latency)
		c.lastDue = s.due
	}
	if first := c.segments.all()[0].due; c.arrival.index == 0 {
		c.n.agenda.schedule(&c.arrival, first)
	}
}

// hasten follows a change of the link for the better: no segment arrives later
// than it would if it left now.
func (c *conn) hasten() {
	if c.segments.len() == 0 || !c.flows() {
		return
	}
	now, segments := c.n.agenda.now(), c.segments.all()
	c.lastDue = 0
	for i := range segments {
		s := &segments[i]
		s.due = min(s.due, max(c.lastDue, c.link.transmit(s.size, now)+s.latency))
		c.lastDue = s.due
	}
	c.n.agenda.schedule(&c.arrival, segments[0].due)
}

// arrive hands the peer the segments that are due.
func (c *conn) arrive() {
	now := c.n.agenda.now()
	for c.segments.len() > 0 {
		s := c.segments.all()[0]
		if s.due > now {
			c.n.agenda.schedule(&c.arrival, s.due)
			break
		}
		c.segments.drop(1)
		if !c.peer.flows() && !c.unacked {
			c.unacked, c.unackedAt = true, s.sent
		}
		c.peer.receive(s)
	}
	c.watch()
	c.settle()
}

// linkChanged follows a change of flows.
func (c *conn) linkChanged() {
	if c.flows() {
		c.lastDue = 0
		if c.segments.len() > 0 {
			c.time(c.segments.all(), c.n.agenda.now())
		}
		c.peer.unacked = false
		c.peer.release()
	} else {
		c.n.agenda.cancel(&c.arrival)
	}
	c.watch()
	c.peer.watch()
}

// oldest returns when the oldest segment without acknowledgement was sent.
func (c *conn) oldest() (sent time.Duration, found bool) {
	switch {
	case c.unacked:
		return c.unackedAt, true
	case c.segments.len() > 0:
		return c.segments.all()[0].sent, true
	}
	return 0, false
}

// forget drops the segments that have not arrived.
func (c *conn) forget() {
	c.n.agenda.cancel(&c.arrival)
	c.segments.cut(0)
	c.bytes.cut(c.arrived)
}
