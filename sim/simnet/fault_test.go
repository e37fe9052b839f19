package simnet

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPartitionHoldsWhatIsSent(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		mustWrite(t, c, "on its way, ")
		pass(latency / 2)
		heal := n.Partition("a0", "r0", false)
		mustWrite(t, c, "and later")
		read := readLater(s)
		pass(time.Minute)
		assert.Empty(t, read)
		heal()
		got := <-read
		assert.Equal(t, "on its way, and later", got.bytes)
		assert.Equal(t, time.Minute+latency, got.after)
		assertEcho(t, c, s)
	})
}

func TestPartitionsAddUp(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		first := n.Partition("a0", "r0", false)
		second := n.Partition("r0", "a0", true)
		mustWrite(t, s, "x")
		read := readLater(c)
		first()
		first()
		pass(time.Second)
		assert.Empty(t, read, "the second is still in force")
		second()
		assert.Equal(t, time.Second+latency, (<-read).after)
	})
}

func TestOneWayPartition(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		heal := n.Partition("a0", "r0", true)
		mustWrite(t, s, "down")
		got := <-readLater(c)
		assert.Equal(t, "down", got.bytes)
		assert.Equal(t, latency, got.after)

		mustWrite(t, c, "up")
		read := readLater(s)
		pass(time.Minute)
		assert.Empty(t, read)
		heal()
		assert.Equal(t, time.Minute+latency, (<-read).after)
	})
}

func TestOneWayPartitionKeepsWindowShut(t *testing.T) {
	cfg := exact
	cfg.Window = 100
	simulate(t, cfg, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		heal := n.Partition("r0", "a0", true)
		written := writeLater(c, make([]byte, 150))
		_, err := io.ReadFull(s, make([]byte, 100))
		require.NoError(t, err)
		pass(time.Minute)
		assert.Empty(t, written, "the window updates do not arrive")
		heal()
		assert.Equal(t, time.Minute+latency, (<-written).after)
	})
}

func TestDialGoesOnAfterTheHeal(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		_, err := n.Host("r0").Listen(2379)
		require.NoError(t, err)
		heal := n.Partition("a0", "r0", false)
		dialled := dialLater(t.Context(), n.Host("a0"))
		pass(time.Minute)
		assert.Empty(t, dialled)
		heal()
		got := <-dialled
		require.NoError(t, got.err)
		assert.Equal(t, time.Minute+2*latency, got.after)
	})
}

// The client writes one second after the cut; the server is idle. Times of the
// client are since its write, those of the server since the cut.
func TestTimeouts(t *testing.T) {
	const userTimeout, keepAlive = 15 * time.Minute, 150 * time.Second
	type end struct {
		err   error
		after time.Duration
	}
	silent := [2]end{{syscall.ETIMEDOUT, userTimeout}, {syscall.ETIMEDOUT, keepAlive}}
	for name, c := range map[string]struct {
		cut  func(n *Network)
		want [2]end // client, server
	}{
		"partition":  {func(n *Network) { n.Partition("a0", "r0", false) }, silent},
		"black hole": {func(n *Network) { n.BlackHole("r0", "a0") }, silent},
		"pause":      {func(n *Network) { n.Pause("r0") }, silent},
		"the server hears nothing": {
			func(n *Network) { n.Partition("a0", "r0", true) },
			[2]end{{syscall.ECONNRESET, keepAlive + latency - time.Second}, {syscall.ETIMEDOUT, keepAlive}},
		},
		"the client hears nothing": {
			func(n *Network) { n.Partition("r0", "a0", true) },
			[2]end{{syscall.ETIMEDOUT, userTimeout}, {syscall.ECONNRESET, time.Second + userTimeout + latency}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, exact, func(t *testing.T, n *Network) {
				client, server := pair(t, n)
				c.cut(n)
				served := later(func() (net.Conn, string, error) {
					_, err := io.ReadAll(server)
					return nil, "", err
				})
				pass(time.Second)
				mustWrite(t, client, "unacknowledged")
				got := <-readLater(client)
				assert.ErrorIs(t, got.err, c.want[0].err)
				assert.Equal(t, c.want[0].after, got.after)
				assert.Equal(t, c.want[0].err == syscall.ETIMEDOUT, got.err.(net.Error).Timeout())
				_, err := client.Write([]byte("x"))
				assert.ErrorIs(t, err, syscall.EPIPE, "the reason is told once")

				got = <-served
				assert.ErrorIs(t, got.err, c.want[1].err)
				assert.Equal(t, c.want[1].after, got.after)
				assertNothingLeft(t, n)
			})
		})
	}
}

func TestHealBeforeTheTimeoutSaves(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		for range 20 {
			heal := n.Partition("a0", "r0", false)
			pass(149 * time.Second)
			heal()
			pass(time.Second)
		}
		assertEcho(t, c, s)
	})
}

func TestPeerOfATimeoutIsResetAfterTheHeal(t *testing.T) {
	cfg := exact
	cfg.KeepAlive = -1
	simulate(t, cfg, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		heal := n.Partition("a0", "r0", false)
		mustWrite(t, c, "lost")
		read := readLater(s)
		pass(time.Hour)
		assert.Empty(t, read, "without keep-alive an idle end waits for ever")
		heal()
		got := <-read
		assert.ErrorIs(t, got.err, syscall.ECONNRESET)
		assert.Equal(t, time.Hour+latency, got.after)
		assertNothingLeft(t, n)
	})
}

func TestBlackHoleLeavesNewConnectionsAlone(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		other, otherServer := connect(t, n.Host("a1"), n.Host("r0"))
		n.BlackHole("a0", "r0")
		read := readLater(s)
		mustWrite(t, c, "vanishes")
		require.NoError(t, c.Close())
		pass(time.Minute)
		assert.Empty(t, read)

		c2, s2 := pair(t, n)
		assertEcho(t, c2, s2)
		assertEcho(t, other, otherServer)
	})
}

func TestReset(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		other, otherServer := connect(t, n.Host("a1"), n.Host("r0"))
		reads := []<-chan result{readLater(c), readLater(s)}
		pass(time.Second)
		n.Reset("r0", "a0")
		for _, read := range reads {
			got := <-read
			assert.ErrorIs(t, got.err, syscall.ECONNRESET)
			assert.Equal(t, time.Second, got.after)
		}
		_, err := c.Write([]byte("x"))
		assert.EqualError(t, err, "write sim a0:32768->r0:2379: write: broken pipe", "the reason is told once")
		assert.Equal(t, io.EOF, (<-readLater(c)).err)
		assertEcho(t, other, otherServer)
	})
}

func TestPause(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		a, b := connect(t, n.Host("a1"), n.Host("a0"))
		resume := n.Pause("r0")
		assertEcho(t, a, b)
		mustWrite(t, c, "to")
		mustWrite(t, s, "from")
		to, from := readLater(s), readLater(c)
		pass(time.Minute)
		assert.Empty(t, to)
		assert.Empty(t, from)
		resume()
		assert.Equal(t, time.Minute+latency, (<-to).after)
		assert.Equal(t, time.Minute+latency, (<-from).after)
	})
}

func TestDownIsSilentAndUpAnswersWithReset(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		l, err := n.Host("r0").Listen(80)
		require.NoError(t, err)
		c, s := pair(t, n)
		up := n.Down("r0")

		_, err = s.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ENETDOWN)
		_, err = l.Accept()
		assert.ErrorIs(t, err, syscall.ENETDOWN)
		_, err = n.Host("r0").Listen(80)
		assert.ErrorIs(t, err, syscall.ENETDOWN)

		read := readLater(c)
		dialled := dialLater(t.Context(), n.Host("a0"))
		pass(time.Minute)
		assert.Empty(t, read)
		assert.Empty(t, dialled)
		up()
		got := <-read
		assert.ErrorIs(t, got.err, syscall.ECONNRESET)
		assert.Equal(t, time.Minute+latency, got.after)
		assert.ErrorIs(t, (<-dialled).err, syscall.ECONNREFUSED)
		c, s = pair(t, n)
		assertEcho(t, c, s)
	})
}

func TestKillOfAProcess(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		l, err := n.Host("r0").Listen(80)
		require.NoError(t, err)
		c, s := pair(t, n)
		out, outServer := connect(t, n.Host("r0"), n.Host("a0"))
		mustWrite(t, s, "last words")
		n.Kill(server)

		_, err = s.Read(make([]byte, 1))
		assert.ErrorIs(t, err, net.ErrClosed)
		got := <-readLater(c)
		assert.Equal(t, "last words", got.bytes)
		assert.Equal(t, latency, got.after)
		assert.Equal(t, io.EOF, (<-readLater(c)).err)
		require.NoError(t, c.Close())
		assertEcho(t, out, outServer)

		mustWrite(t, outServer, "unread")
		pass(latency)
		n.Kill("r0")
		assert.ErrorIs(t, (<-readLater(outServer)).err, syscall.ECONNRESET)
		_, err = l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.ErrorIs(t, (<-dialLater(t.Context(), n.Host("a0"))).err, syscall.ECONNREFUSED)
		pass(latency)
		assertNothingLeft(t, n)
	})
}

func TestKillBehindAPartitionIsKnownAfterTheHeal(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		heal := n.Partition("a0", "r0", false)
		mustWrite(t, s, "sent again by the kernel")
		n.Kill(server)
		read := readLater(c)
		pass(time.Minute)
		assert.Empty(t, read)
		heal()
		got := <-read
		assert.Equal(t, "sent again by the kernel", got.bytes)
		assert.Equal(t, time.Minute+latency, got.after)
		assert.Equal(t, io.EOF, (<-readLater(c)).err)
	})
}

func TestFaultOfAnUnknownHostPanics(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		assert.PanicsWithValue(t, `simnet: there is no host "r9"; Network.Host makes it`, func() {
			n.Partition("a0", "r9", false)
		})
	})
}
