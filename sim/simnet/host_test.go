package simnet

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHandshake(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		l, err := n.Host("r0").Listen(2379)
		require.NoError(t, err)
		accepted := later(func() (net.Conn, string, error) {
			c, err := l.Accept()
			return c, "", err
		})
		dialled := <-dialLater(t.Context(), n.Host("a0"))
		require.NoError(t, dialled.err)
		assert.Equal(t, 2*latency, dialled.after)
		got := <-accepted
		require.NoError(t, got.err)
		assert.Equal(t, 3*latency, got.after)
		assertEcho(t, dialled.conn, got.conn)
	})
}

func TestDialWithoutListenerIsRefused(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		got := <-dialLater(t.Context(), n.Host("a0"))
		assert.ErrorIs(t, got.err, syscall.ECONNREFUSED)
		assert.EqualError(t, got.err, "dial sim a0:32768->r0:2379: connect: connection refused")
		assert.Equal(t, 2*latency, got.after)
	})
}

func TestDialOfWrongAddresses(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		var notFound *net.DNSError
		_, err := n.Host("a0").Dial(t.Context(), "r9:2379")
		require.ErrorAs(t, err, &notFound)
		assert.True(t, notFound.IsNotFound)
		for _, address := range []string{"r0", "r0:", "r0:etcd", "r0:0", "r0:65536"} {
			_, err := n.Host("a0").Dial(t.Context(), address)
			assert.Error(t, err, address)
		}
	})
}

func TestDialThatNothingAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration // of the context; zero: none
		after   time.Duration
		err     error
	}{
		"connect timeout": {after: 127 * time.Second, err: syscall.ETIMEDOUT},
		"context":         {timeout: 20 * time.Second, after: 20 * time.Second, err: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, exact, func(t *testing.T, n *Network) {
				_, err := n.Host("r0").Listen(2379)
				require.NoError(t, err)
				defer n.Partition("a0", "r0", false)()
				ctx := t.Context()
				if c.timeout > 0 {
					var cancel func()
					ctx, cancel = context.WithTimeout(ctx, c.timeout)
					defer cancel()
				}
				got := <-dialLater(ctx, n.Host("a0"))
				require.ErrorIs(t, got.err, c.err)
				assert.True(t, got.err.(net.Error).Timeout())
				assert.Equal(t, c.after, got.after)
			})
		})
	}
}

func TestDialGivenUpIsNotAccepted(t *testing.T) {
	var events []Event
	cfg := exact
	cfg.OnEvent = func(e Event) { events = append(events, e) }
	simulate(t, cfg, func(t *testing.T, n *Network) {
		_, err := n.Host("r0").Listen(2379)
		require.NoError(t, err)
		for wait := time.Duration(0); wait < 2*latency; wait += latency / 2 {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			_, err := n.Host("a0").Dial(ctx, server)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
		}
		pass(time.Minute)
		for _, e := range events {
			assert.Equal(t, Dial, e.Kind)
		}
		assertNothingLeft(t, n)
	})
}

func TestListen(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		h := n.Host("r0")
		l, err := h.Listen(2379)
		require.NoError(t, err)
		assert.Equal(t, Addr{"r0", 2379}, l.Addr())

		_, err = h.Listen(2379)
		assert.ErrorIs(t, err, syscall.EADDRINUSE)
		_, err = h.Listen(0)
		assert.EqualError(t, err, "listen sim r0:0: address r0:0: invalid port; ports are 1 to 65535")

		require.NoError(t, l.Close())
		assert.ErrorIs(t, l.Close(), net.ErrClosed)
		_, err = l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
		_, err = h.Listen(2379)
		assert.NoError(t, err, "the port is free again")
	})
}

func TestClosedListenerResetsWhatWasNotAccepted(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		l, err := n.Host("r0").Listen(2379)
		require.NoError(t, err)
		c, err := n.Host("a0").Dial(t.Context(), server)
		require.NoError(t, err)
		pass(time.Second)
		require.NoError(t, l.Close())
		got := <-readLater(c)
		assert.ErrorIs(t, got.err, syscall.ECONNRESET)
		assert.Equal(t, latency, got.after)
	})
}

func TestListenerClosedDuringTheHandshake(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		l, err := n.Host("r0").Listen(2379)
		require.NoError(t, err)
		dialled := dialLater(t.Context(), n.Host("a0"))
		pass(latency)
		require.NoError(t, l.Close())
		got := <-dialled
		require.NoError(t, got.err, "the SYN was answered before")
		got = <-readLater(got.conn)
		assert.ErrorIs(t, got.err, syscall.ECONNRESET)
		assert.Equal(t, 2*latency, got.after)
		assertNothingLeft(t, n)
	})
}

func TestLoopback(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		n.SetLink("r0", "r0", LinkConfig{})
		defer n.Pause("r0")()
		start := time.Now()
		c, s := connect(t, n.Host("r0"), n.Host("r0"))
		assertEcho(t, c, s)
		assert.Zero(t, time.Since(start))
	})
}

// assertNothingLeft asserts that the network keeps no connection and waits for
// nothing.
func assertNothingLeft(t *testing.T, n *Network) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	assert.Empty(t, n.agenda.tasks)
	for l := n.lastLink; l != nil; l = l.older {
		assert.Empty(t, l.conns, "%s to %s", l.from.name, l.to.name)
	}
}
