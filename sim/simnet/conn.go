package simnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// conn is one end of a connection, a net.Conn. The two ends are made together by
// a dial; the server's exists for its kernel from the arrival of the SYN on, for
// its program from Accept on.
type conn struct {
	n             *Network
	local, remote Addr
	client        bool
	peer          *conn
	state         state
	answered      chan struct{} // client: closed when the dial succeeded or failed
	listener      *listener     // server: what the SYN met
	socket        Socket        // within the network's

	sender // towards the peer

	eof    bool  // the peer closed its end, and all it wrote has arrived
	closed bool  // the program closed this end
	err    error // why the kernel has nothing more to do with this end; nil while it has
	told   bool  // the program has been told of err

	canRead, canWrite           sync.Cond
	readDeadline, writeDeadline deadline
	writing                     bool // a Write is under way; others wait, so as not to mix with it

	cut      bool // the way to the peer or back is closed
	cutSince time.Duration
	giveUp   task // the dial, or a connection whose peer does not answer
}

type state uint8

const (
	unknown     state = iota // server: no SYN has arrived
	connecting               // the handshake is under way
	established              //
)

// deadline is the read or write deadline of an end.
type deadline struct {
	set    bool
	at     time.Duration
	expire task // wakes who waits
}

func (d *deadline) passed(now func() time.Duration) bool { return d.set && now() >= d.at }

// newConn returns the client's end of a new connection over a link.
func newConn(l *link, local, remote Addr) *conn {
	client := newEnd(l, local, remote)
	client.client = true
	client.state = connecting
	client.answered = make(chan struct{})
	client.peer = newEnd(l.reverse, remote, local)
	client.peer.peer = client
	return client
}

func newEnd(l *link, local, remote Addr) *conn {
	c := &conn{n: l.from.n, local: local, remote: remote, socket: Socket{}.within(&l.from.n.cfg)}
	c.link = l
	c.canRead.L, c.canWrite.L = &c.n.mu, &c.n.mu
	c.arrival.do = c.arrive
	c.giveUp.do = c.giveUpNow
	c.readDeadline.expire.do = c.canRead.Broadcast
	c.writeDeadline.expire.do = c.canWrite.Broadcast
	l.conns = append(l.conns, c)
	return c
}

// Read reads what has arrived. What arrived before a reset is read before its
// error.
func (c *conn) Read(p []byte) (int, error) {
	c.n.mu.Lock()
	defer c.n.unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fail("read", net.ErrClosed)
		case c.readDeadline.passed(c.n.agenda.now):
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case c.peer.arrived > 0:
			return c.peer.take(p), nil
		case c.eof:
			return 0, io.EOF
		case c.told:
			return 0, io.EOF
		case c.err != nil:
			return 0, c.fail("read", c.tell())
		}
		c.canRead.Wait()
	}
}

// Write hands p to the network, and waits only while the window is full.
func (c *conn) Write(p []byte) (int, error) {
	c.n.mu.Lock()
	defer c.n.unlock()
	written, mine := 0, false
	defer func() {
		if mine {
			c.writing = false
			c.canWrite.Broadcast()
		}
	}()
	for {
		switch {
		case c.closed:
			return written, c.fail("write", net.ErrClosed)
		case c.writeDeadline.passed(c.n.agenda.now):
			return written, c.fail("write", os.ErrDeadlineExceeded)
		case c.told:
			return written, c.fail("write", syscall.EPIPE)
		case c.err != nil:
			return written, c.fail("write", c.tell())
		case c.writing && !mine:
			c.canWrite.Wait()
			continue
		}
		mine, c.writing = true, true
		size := min(len(p)-written, c.room())
		if size > 0 {
			c.write(p[written : written+size])
			written += size
		}
		if written == len(p) {
			return written, nil
		}
		c.canWrite.Wait()
	}
}

// Close closes the end. What was written still goes to the peer, and then the
// news of the close: an EOF, or as in TCP a reset if something that the peer
// wrote has not been read.
func (c *conn) Close() error {
	c.n.mu.Lock()
	defer c.n.unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.n.tell(Close, c)
	c.end()
	return nil
}

// end is what the kernel does with an end that its program closes, or leaves behind when it
// dies.
func (c *conn) end() {
	c.shut()
	switch {
	case c.err != nil:
	case c.state != established || c.peer.arrived > 0:
		c.abort(net.ErrClosed)
	default:
		c.send(fin, 0)
	}
	c.settle()
}

// tell returns why the connection is over. As in Linux a program is told once (SO_ERROR); then
// it reads an end, and its writes have EPIPE.
func (c *conn) tell() error {
	_, c.told = c.err.(syscall.Errno)
	return c.err
}

// shut makes everything that the program calls, or waits for, fail.
func (c *conn) shut() {
	c.closed = true
	c.n.agenda.cancel(&c.readDeadline.expire)
	c.n.agenda.cancel(&c.writeDeadline.expire)
	c.canRead.Broadcast()
	c.canWrite.Broadcast()
}

// LocalAddr returns an Addr.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns an Addr.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, true, true) }

// SetReadDeadline sets when calls of Read fail with os.ErrDeadlineExceeded.
func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, true, false) }

// SetWriteDeadline sets when calls of Write fail with os.ErrDeadlineExceeded.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, false, true) }

func (c *conn) setDeadlines(t time.Time, read, write bool) error {
	c.n.mu.Lock()
	defer c.n.unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	if read {
		c.setDeadline(&c.readDeadline, t)
	}
	if write {
		c.setDeadline(&c.writeDeadline, t)
	}
	return nil
}

func (c *conn) setDeadline(d *deadline, t time.Time) {
	c.n.agenda.cancel(&d.expire)
	d.set = !t.IsZero()
	if !d.set {
		return
	}
	d.at = t.Sub(c.n.agenda.epoch)
	if d.passed(c.n.agenda.now) {
		d.expire.do()
	} else {
		c.n.agenda.schedule(&d.expire, d.at)
	}
}

// fail returns the error of an operation in the form of package net's.
func (c *conn) fail(op string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "sim", Source: c.local, Addr: c.remote, Err: err}
}
