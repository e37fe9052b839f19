package simnet

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	latency = 10 * time.Millisecond // of every segment, in tests of exact instants
	server  = "r0:2379"
)

// exact is a network on which every segment takes the same time.
var exact = Config{LatencyMin: latency, LatencyMax: latency}

// simulate runs a test in a bubble, on a network with the hosts a0, a1 and r0.
func simulate(t *testing.T, cfg Config, f func(t *testing.T, n *Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := New(cfg)
		defer n.Close()
		for _, name := range []string{"a0", "a1", "r0"} {
			n.Host(name)
		}
		f(t, n)
	})
}

// tb is what testing and rapid have in common.
type tb interface {
	require.TestingT
	Helper()
}

// connect returns both ends of a new connection from client to port 2379 of
// server, where nobody listens before or afterwards.
func connect(t tb, client, server *Host) (c, s net.Conn) {
	t.Helper()
	l, err := server.Listen(2379)
	require.NoError(t, err)
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		s, _ := l.Accept()
		accepted <- s
	}()
	c, err = client.Dial(context.Background(), l.Addr().String())
	require.NoError(t, err)
	s = <-accepted
	require.NotNil(t, s)
	return c, s
}

// pair returns both ends of a new connection from a0 to r0.
func pair(t *testing.T, n *Network) (c, s net.Conn) {
	t.Helper()
	return connect(t, n.Host("a0"), n.Host("r0"))
}

// pass lets time pass, and what is due at its end happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// result is what a call returned, and the time from the start of the call.
type result struct {
	conn  net.Conn
	bytes string
	err   error
	after time.Duration
}

// later calls f in a goroutine.
func later(f func() (net.Conn, string, error)) <-chan result {
	done := make(chan result, 1)
	start := time.Now()
	go func() {
		conn, bytes, err := f()
		done <- result{conn, bytes, err, time.Since(start)}
	}()
	return done
}

// readLater reads once.
func readLater(c net.Conn) <-chan result {
	return later(func() (net.Conn, string, error) {
		p := make([]byte, 1024)
		size, err := c.Read(p)
		return nil, string(p[:size]), err
	})
}

// writeLater writes once.
func writeLater(c net.Conn, p []byte) <-chan result {
	return later(func() (net.Conn, string, error) {
		_, err := c.Write(p)
		return nil, "", err
	})
}

// dialLater dials the server from a host.
func dialLater(ctx context.Context, h *Host) <-chan result {
	return later(func() (net.Conn, string, error) {
		c, err := h.Dial(ctx, server)
		return c, "", err
	})
}

// mustWrite writes text that fits into the window.
func mustWrite(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
}

// assertEcho asserts that a connection works in both directions.
func assertEcho(t *testing.T, c, s net.Conn) {
	t.Helper()
	mustWrite(t, c, "ping")
	assert.Equal(t, "ping", (<-readLater(s)).bytes)
	mustWrite(t, s, "pong")
	assert.Equal(t, "pong", (<-readLater(c)).bytes)
}
