package simnet

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEvents(t *testing.T) {
	type at struct {
		Event
		at time.Duration
	}
	var events []at
	start := time.Time{}
	cfg := exact
	cfg.OnEvent = func(e Event) { events = append(events, at{e, time.Since(start)}) }
	simulate(t, cfg, func(t *testing.T, n *Network) {
		start = time.Now()
		expect := func(kind EventKind, host, peer string, after time.Duration) at {
			return at{Event{Kind: kind, Host: host, Peer: peer, Server: Addr{"r0", 2379}}, after}
		}
		<-dialLater(t.Context(), n.Host("a0"))
		c, s := pair(t, n)
		require.NoError(t, c.Close())
		require.NoError(t, s.Close())
		c, s = pair(t, n)
		mustWrite(t, c, "unread")
		pass(latency)
		n.Kill("r0")
		pass(latency)
		assert.Equal(t, []at{
			expect(Dial, "a0", "r0", 0),
			expect(Refuse, "a0", "r0", 2*latency),
			expect(Dial, "a0", "r0", 2*latency),
			expect(Accept, "r0", "a0", 5*latency),
			expect(Close, "a0", "r0", 5*latency),
			expect(Close, "r0", "a0", 5*latency),
			expect(Dial, "a0", "r0", 5*latency),
			expect(Accept, "r0", "a0", 8*latency),
			expect(Reset, "a0", "r0", 10*latency),
		}, events)

		events = nil
		defer n.Partition("a0", "r0", false)()
		<-dialLater(t.Context(), n.Host("a0"))
		pass(0)
		assert.Equal(t, []at{
			expect(Dial, "a0", "r0", 10*latency),
			expect(Timeout, "a0", "r0", 10*latency+127*time.Second),
		}, events)
	})
}

func TestOnEventMayCallTheNetwork(t *testing.T) {
	var kinds []EventKind
	var n *Network
	cfg := exact
	cfg.OnEvent = func(e Event) {
		kinds = append(kinds, e.Kind)
		if e.Kind == Accept {
			n.Reset(e.Host, e.Peer)
		}
	}
	simulate(t, cfg, func(t *testing.T, network *Network) {
		n = network
		pair(t, n)
		pass(0)
		assert.Equal(t, []EventKind{Dial, Accept, Reset, Reset}, kinds)
	})
}

func TestStats(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := connect(t, n.Host("r0"), n.Host("a0"))
		mustWrite(t, c, "four")
		mustWrite(t, c, "more")
		mustWrite(t, s, "answer")
		assert.Equal(t, []LinkStats{
			{From: "a0", To: "r0", Segments: 2, Bytes: 6},                 // SYN-ACK, data
			{From: "r0", To: "a0", Connections: 1, Segments: 4, Bytes: 8}, // SYN, ACK, data twice
		}, n.Stats())
	})
}

func TestCloseLeavesNothing(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		l, err := n.Host("r0").Listen(80)
		require.NoError(t, err)
		c, s := pair(t, n)
		accepted := later(func() (net.Conn, string, error) {
			_, err := l.Accept()
			return nil, "", err
		})
		n.Partition("a1", "r0", false)
		dialled := dialLater(context.Background(), n.Host("a1"))
		mustWrite(t, c, "on its way")
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Hour)))
		read, unread := readLater(c), readLater(s)
		pass(0)
		n.Close()
		for _, waiting := range []<-chan result{accepted, dialled, read, unread} {
			got := <-waiting
			assert.ErrorIs(t, got.err, net.ErrClosed)
			assert.Zero(t, got.after)
		}
		assertNothingLeft(t, n)
		require.NoError(t, s.SetDeadline(time.Now().Add(time.Hour)))
		assert.False(t, n.agenda.timer.Stop(), "the timer ran")

		_, err = n.Host("r0").Listen(81)
		assert.ErrorIs(t, err, net.ErrClosed)
		_, err = n.Host("a0").Dial(context.Background(), server)
		assert.ErrorIs(t, err, net.ErrClosed)
		n.Close()
	})
}

func TestConfigIsChecked(t *testing.T) {
	assert.PanicsWithValue(t,
		"simnet: the latency is from 2s to 1s; it must be from zero or more to the same or more",
		func() { New(Config{LatencyMin: 2 * time.Second, LatencyMax: time.Second}) })
}
