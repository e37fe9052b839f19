// Package proc stands for a process on a simulated host: what belongs to it is
// its connections. When it is killed they end at once and it can make no new
// ones, whatever its goroutines still try. It can be paused and made to read
// slowly (limits.go).
package proc

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meshcheck/meshcheck/sim/simnet"
)

// ErrKilled is what a killed process gets from Dial.
var ErrKilled = errors.New("the process is dead")

// EtcdSocket is what becomes of a connection of Cilium's etcd clients, which dial as package net
// does: gRPC sets its user timeout to the keep-alive timeout that Cilium gives it
// (pkg/kvstore/etcd.go, newClient; gRPC's internal/transport/http2_client.go).
var EtcdSocket = simnet.Socket{UserTimeout: 25 * time.Second}

// Dialer connects to an address in the simulated network.
type Dialer func(ctx context.Context, address string) (net.Conn, error)

// Process keeps the connections that a process has made. The zero value is a
// living process without any.
type Process struct {
	limited atomic.Bool // it is paused, or reads slowly: what follows must be asked

	mu      sync.Mutex
	dead    bool
	conns   []*conn       // in the order they were made
	pauses  int           // in force
	rates   []*int        // of slow reads in force, in bytes per second
	held    int64         // reads, writes and dials that waited for the end of a pause
	slowed  int64         // reads that waited because of a rate
	reading time.Time     // until when the process is busy reading what it has got
	changed chan struct{} // closed when any of these changes; nil while nobody waits
}

// Dial returns a dialer for the process on top of dial.
func (p *Process) Dial(dial Dialer) Dialer {
	return func(ctx context.Context, address string) (net.Conn, error) {
		p.awaitRunning(ctx.Done())
		if p.isDead() {
			return nil, ErrKilled
		}
		connected, err := dial(ctx, address)
		if err != nil {
			p.awaitRunning(ctx.Done())
			return nil, err
		}
		c := &conn{Conn: connected, p: p, closing: make(chan struct{})}
		if !p.keep(c) {
			connected.Close()
			return nil, ErrKilled
		}
		p.awaitRunning(ctx.Done())
		if p.isPaused() { // the context is done
			c.Close()
			return nil, ctx.Err()
		}
		return c, nil
	}
}

// Kill ends the process: its connections are closed.
func (p *Process) Kill() {
	p.mu.Lock()
	conns := p.conns
	p.conns, p.dead = nil, true
	p.update()
	p.mu.Unlock()
	for _, c := range conns {
		c.Conn.Close()
	}
}

func (p *Process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// keep takes a new connection in, unless the process is dead.
func (p *Process) keep(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dead {
		p.conns = append(p.conns, c)
	}
	return !p.dead
}

// letGo takes a connection that the program has closed out, unless the process is
// paused: then its end comes when the process goes on.
func (p *Process) letGo(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pauses > 0 && !p.dead {
		return false
	}
	if i := slices.Index(p.conns, c); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
	}
	return true
}

// conn is a connection of a process.
type conn struct {
	net.Conn
	p       *Process
	once    sync.Once
	closing chan struct{} // closed by Close
}

// Read reads when the process may, and returns what it got when the process may.
func (c *conn) Read(b []byte) (int, error) {
	if c.p.limited.Load() {
		b = b[:c.p.turn(c, len(b))]
		if c.isClosing() {
			return 0, net.ErrClosed
		}
	}
	n, err := c.Conn.Read(b)
	if c.p.limited.Load() {
		c.p.spend(n)
		c.p.awaitRunning(c.closing)
	}
	return n, err
}

// Write writes when the process may, and returns when the process may.
func (c *conn) Write(b []byte) (int, error) {
	if c.p.limited.Load() {
		c.p.awaitRunning(c.closing)
		if c.isClosing() {
			return 0, net.ErrClosed
		}
	}
	n, err := c.Conn.Write(b)
	if c.p.limited.Load() {
		c.p.awaitRunning(c.closing)
	}
	return n, err
}

// Close closes the connection. The peer of a paused process learns of it when the
// process goes on.
func (c *conn) Close() error {
	c.once.Do(func() { close(c.closing) })
	if !c.p.letGo(c) {
		return nil
	}
	return c.Conn.Close()
}

func (c *conn) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}
