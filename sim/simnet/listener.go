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
	err     error   // why it no longer listens; nil while it does
	changed sync.Cond
	socket  Socket // of what it takes
}

func newListener(h *Host, addr Addr) *listener {
	l := &listener{host: h, addr: addr}
	l.changed.L = &h.n.mu
	return l
}

// Accept waits for the next connection. After Close it fails with net.ErrClosed,
// and after its host went down with ENETDOWN.
func (l *listener) Accept() (net.Conn, error) {
	n := l.host.n
	n.mu.Lock()
	defer n.unlock()
	for len(l.backlog) == 0 && l.err == nil {
		l.changed.Wait()
	}
	if l.err != nil {
		return nil, &net.OpError{Op: "accept", Net: "sim", Addr: l.addr, Err: l.err}
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
	if l.err != nil {
		return &net.OpError{Op: "close", Net: "sim", Addr: l.addr, Err: net.ErrClosed}
	}
	l.shut(net.ErrClosed)
	return nil
}

// Addr returns the Addr that clients dial.
func (l *listener) Addr() net.Addr { return l.addr }

// shut ends listening; Accept fails with err from now on.
func (l *listener) shut(err error) {
	l.err = err
	delete(l.host.listeners, l.addr.Port)
	for _, c := range l.backlog {
		c.abort(net.ErrClosed)
	}
	l.backlog = nil
	l.changed.Broadcast()
}

// take adds an established connection.
func (l *listener) take(c *conn) {
	if l.err != nil {
		c.abort(net.ErrClosed)
		return
	}
	l.host.n.tell(Accept, c)
	l.backlog = append(l.backlog, c)
	l.changed.Signal()
}
