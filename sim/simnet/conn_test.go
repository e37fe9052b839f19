package simnet

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"
)

// TestConformance runs in real time: subtests cannot run in a bubble.
func TestConformance(t *testing.T) {
	for name, latency := range map[string]time.Duration{"no latency": 0, "latency": 100 * time.Microsecond} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				n := New(Config{LatencyMax: latency})
				c1, c2 = connect(t, n.Host("a0"), n.Host("r0"))
				return c1, c2, n.Close, nil
			})
		})
	}
}

func TestDataTakesOneLatencyAndEOFComesAfterIt(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		read := readLater(s)
		mustWrite(t, c, "hello")
		require.NoError(t, c.Close())
		got := <-read
		assert.Equal(t, "hello", got.bytes)
		assert.Equal(t, latency, got.after)
		got = <-readLater(s)
		assert.Equal(t, io.EOF, got.err, "exactly, as net.Conn's users compare")
		assert.Zero(t, got.after, "the FIN left with the data")
	})
}

func TestAddresses(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		assert.Equal(t, "sim", c.RemoteAddr().Network())
		assert.Equal(t, server, c.RemoteAddr().String())
		assert.Equal(t, Addr{"a0", 32768}, c.LocalAddr())
		assert.Equal(t, c.LocalAddr(), s.RemoteAddr())
		assert.Equal(t, c.RemoteAddr(), s.LocalAddr())
	})
}

func TestReadDeadline(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Second)))
		got := <-readLater(c)
		assert.Equal(t, time.Second, got.after)
		assert.ErrorIs(t, got.err, os.ErrDeadlineExceeded)
		assert.True(t, got.err.(net.Error).Timeout())

		require.NoError(t, c.SetReadDeadline(time.Time{}))
		assertEcho(t, c, s)
	})
}

func TestDeadlineSetWhileReadWaits(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, _ := pair(t, n)
		read := readLater(c)
		pass(time.Second)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		pass(time.Second)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Second)))
		got := <-read
		assert.Equal(t, 3*time.Second, got.after)
		assert.ErrorIs(t, got.err, os.ErrDeadlineExceeded)
	})
}

func TestWriteWaitsForTheWindow(t *testing.T) {
	cfg := exact
	cfg.Window = 1000
	simulate(t, cfg, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		written := writeLater(c, bytes.Repeat([]byte("x"), 1500))
		pass(time.Second)
		assert.Empty(t, written, "500 bytes do not fit")
		_, err := io.ReadFull(s, make([]byte, 1500))
		require.NoError(t, err)
		got := <-written
		assert.NoError(t, got.err)
		assert.Equal(t, time.Second, got.after)
	})
}

func TestWriteDeadlineReportsWhatWasWritten(t *testing.T) {
	cfg := exact
	cfg.Window = 1000
	simulate(t, cfg, func(t *testing.T, n *Network) {
		c, _ := pair(t, n)
		require.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Second)))
		size, err := c.Write(make([]byte, 1500))
		assert.Equal(t, 1000, size)
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	})
}

func TestConcurrentWritesDoNotMix(t *testing.T) {
	cfg := exact
	cfg.Window = 100
	simulate(t, cfg, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		const size = 1000
		for _, letter := range []string{"a", "b", "c"} {
			writeLater(c, bytes.Repeat([]byte(letter), size))
		}
		for range 3 {
			p := make([]byte, size)
			_, err := io.ReadFull(s, p)
			require.NoError(t, err)
			assert.Equal(t, size, bytes.Count(p, p[:1]))
		}
	})
}

func TestWriteAfterThePeerClosed(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		require.NoError(t, s.Close())
		assert.Equal(t, io.EOF, (<-readLater(c)).err)
		mustWrite(t, c, "the kernel does not know yet")
		pass(2 * latency)
		_, err := c.Write([]byte("now it does"))
		assert.ErrorIs(t, err, syscall.EPIPE)
		assert.Equal(t, io.EOF, (<-readLater(c)).err)
	})
}

func TestCloseWithUnreadDataResets(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		mustWrite(t, c, "never read")
		pass(latency)
		mustWrite(t, s, "an answer")
		require.NoError(t, s.Close())
		got := <-readLater(c)
		assert.Equal(t, "an answer", got.bytes)
		assert.ErrorIs(t, (<-readLater(c)).err, syscall.ECONNRESET)
	})
}

func TestCloseFreesAWriterOfThePeer(t *testing.T) {
	cfg := exact
	cfg.Window = 1000
	simulate(t, cfg, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		written := writeLater(c, make([]byte, 1500))
		pass(time.Second)
		require.NoError(t, s.Close())
		got := <-written
		assert.ErrorIs(t, got.err, syscall.ECONNRESET)
		assert.Equal(t, time.Second+latency, got.after)
	})
}

func TestClosedEnd(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, _ := pair(t, n)
		read := readLater(c)
		pass(time.Second)
		require.NoError(t, c.Close())
		assert.ErrorIs(t, (<-read).err, net.ErrClosed)
		_, err := c.Write([]byte("x"))
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.ErrorIs(t, c.SetDeadline(time.Now()), net.ErrClosed)
		assert.ErrorIs(t, c.Close(), net.ErrClosed)
	})
}
