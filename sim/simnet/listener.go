package simnet

import (
	"net"
	"sync"
)

// listener is a net.Listener on a host's port.
type listener struct {
	host    *Host
	addr    Addr
	backlog []*conn // established, not yet accepted
	closed  bool
	changed sync.Cond
}

func newListener(h *Host, addr Addr) *listener {
	l := &listener{host: h, addr: addr}
	l.changed.L = &h.n.mu
	return l
}

// Accept waits for the next connection. After Close it fails with net.ErrClosed.
func (l *listener) Accept() (net.Conn, error) {
	n := l.host.n
	n.mu.Lock()
	defer n.unlock()
	for len(l.backlog) == 0 && !l.closed {
		l.changed.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: "sim", Addr: l.addr, Err: net.ErrClosed}
	}
	c := l.backlog[0]
	l.backlog = l.backlog[1:]
	return c, nil
}

// Close ends listening. Connections that were not accepted are reset.
func (l *listener) Close() error {
	n := l.host.n
	n.mu.Lock()
	defer n.unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "sim", Addr: l.addr, Err: net.ErrClosed}
	}
	l.shut()
	return nil
}

// Addr returns the Addr that clients dial.
func (l *listener) Addr() net.Addr { return l.addr }

func (l *listener) shut() {
	l.closed = true
	delete(l.host.listeners, l.addr.Port)
	for _, c := range l.backlog {
		c.abort(net.ErrClosed)
	}
	l.backlog = nil
	l.changed.Broadcast()
}

// take adds an established connection.
func (l *listener) take(c *conn) {
	if l.closed {
		c.abort(net.ErrClosed)
		return
	}
	l.host.n.tell(Accept, c)
	l.backlog = append(l.backlog, c)
	l.changed.Signal()
}
