// Package proc stands for a process on a simulated host: what belongs to it is
// its connections, and when it is killed they end at once and it can make no new
// ones, whatever its goroutines still try.
package proc

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
)

// ErrKilled is what a killed process gets from Dial.
var ErrKilled = errors.New("the process is dead")

// Dialer connects to an address in the simulated network.
type Dialer func(ctx context.Context, address string) (net.Conn, error)

// Process keeps the connections that a process has made. The zero value is a
// living process without any.
type Process struct {
	mu    sync.Mutex
	dead  bool
	conns []net.Conn // in the order they were made
}

// Dial returns a dialer for the process on top of dial.
func (p *Process) Dial(dial Dialer) Dialer {
	return func(ctx context.Context, address string) (net.Conn, error) {
		if p.isDead() {
			return nil, ErrKilled
		}
		c, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.dead {
			c.Close()
			return nil, ErrKilled
		}
		p.conns = append(p.conns, c)
		return &conn{c, p}, nil
	}
}

func (p *Process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// Kill ends the process: its connections are closed.
func (p *Process) Kill() {
	p.mu.Lock()
	conns := p.conns
	p.conns, p.dead = nil, true
	p.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

func (p *Process) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.conns, c); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
	}
}

type conn struct {
	net.Conn
	p *Process
}

func (c *conn) Close() error {
	c.p.forget(c.Conn)
	return c.Conn.Close()
}
