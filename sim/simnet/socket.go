package simnet

import (
	"cmp"
	"context"
	"net"
	"time"
)

// Socket is what a program sets of a connection that differs from what the network has for all of
// them. The zero value sets nothing.
type Socket struct {
	// KeepAlive is net.Dialer's or net.ListenConfig's field: see Config.KeepAlive.
	KeepAlive time.Duration
	// UserTimeout is the option TCP_USER_TIMEOUT: see Config.UserTimeout. A gRPC client with a
	// keep-alive sets it to the time for which it waits for the answer to a ping, but only of
	// connections that are the kernel's.
	UserTimeout time.Duration
}

// probeInterval is how long an end waits for the answer to a keep-alive probe before it sends the
// next, and probes how many it sends: what package net sets.
const (
	probeInterval = 15 * time.Second
	probes        = 9
)

// within completes what is set by what the network has.
func (s Socket) within(cfg *Config) Socket {
	return Socket{KeepAlive: cmp.Or(s.KeepAlive, cfg.KeepAlive), UserTimeout: s.UserTimeout}
}

// idleTimeout is how long an end without unacknowledged segments can be cut off from what its peer
// sends before it gives the connection up; negative if for ever. With a user timeout, that counts in
// place of the number of probes, from the second on (Linux: net/ipv4/tcp_timer.c,
// tcp_keepalive_timer).
func (s Socket) idleTimeout() time.Duration {
	switch {
	case s.KeepAlive < 0:
		return -1
	case s.UserTimeout == 0:
		return s.KeepAlive + probes*probeInterval
	}
	after := s.KeepAlive + probeInterval
	for after < s.UserTimeout {
		after += probeInterval
	}
	return after
}

type socketKey struct{}

// Dialer makes a dialer of this network, which may be behind others, set sockets so.
func (s Socket) Dialer(dial func(context.Context, string) (net.Conn, error)) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		return dial(context.WithValue(ctx, socketKey{}, s), address)
	}
}

// socketOf is what the dialer of a context sets.
func socketOf(ctx context.Context) Socket {
	s, _ := ctx.Value(socketKey{}).(Socket)
	return s
}

// Listener makes a listener of this network set the sockets that it takes so, and returns it.
func (s Socket) Listener(l net.Listener) net.Listener {
	of := l.(*listener)
	of.host.n.mu.Lock()
	defer of.host.n.unlock()
	of.socket = s
	return l
}
