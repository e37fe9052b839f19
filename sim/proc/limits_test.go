package proc

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/sim/simnet"
)

// withPeer runs a test in a bubble, with a process that is connected with a peer.
func withPeer(t *testing.T, f func(t *testing.T, p *Process, dial Dialer, near, far net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{})
		defer n.Close()
		l, err := n.Host("far").Listen(1)
		require.NoError(t, err)
		p := new(Process)
		dial := p.Dial(n.Host("near").Dial)
		near, err := dial(t.Context(), "far:1")
		require.NoError(t, err)
		far, err := l.Accept()
		require.NoError(t, err)
		f(t, p, dial, near, far)
	})
}

// outcome is what a call returned, and the time that it took.
type outcome struct {
	text string
	err  error
	took time.Duration
}

func later(call func() (string, error)) <-chan outcome {
	done := make(chan outcome, 1)
	start := time.Now()
	go func() {
		text, err := call()
		done <- outcome{text, err, time.Since(start)}
	}()
	return done
}

func readLater(c net.Conn) <-chan outcome {
	return later(func() (string, error) {
		b := make([]byte, 100)
		n, err := c.Read(b)
		return string(b[:n]), err
	})
}

func TestPausedProcessNeitherReadsNorWrites(t *testing.T) {
	withPeer(t, func(t *testing.T, p *Process, _ Dialer, near, far net.Conn) {
		waiting := readLater(near)
		synctest.Wait()
		resume, resumeToo := p.Pause(), p.Pause()
		require.True(t, p.Paused())
		_, err := far.Write([]byte("hello"))
		require.NoError(t, err)
		written := later(func() (string, error) {
			_, err := near.Write([]byte("answer"))
			return "", err
		})
		heard := readLater(far)
		time.Sleep(time.Minute)
		resume()
		resume()
		time.Sleep(time.Minute)
		require.Empty(t, waiting)
		require.Empty(t, written)
		require.Empty(t, heard)

		resumeToo()
		require.False(t, p.Paused())
		require.Equal(t, outcome{"hello", nil, 2 * time.Minute}, <-waiting)
		require.Equal(t, outcome{"", nil, 2 * time.Minute}, <-written)
		require.Equal(t, outcome{"answer", nil, 2 * time.Minute}, <-heard)
	})
}

func TestWriteUnderWayWhenPausedReturnsOnResumption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var far net.Conn
		p := new(Process)
		near, err := p.Dial(func(context.Context, string) (near net.Conn, err error) {
			near, far = net.Pipe() // its writes wait for the reader
			return near, nil
		})(t.Context(), "")
		require.NoError(t, err)
		written := later(func() (string, error) {
			_, err := near.Write([]byte("x"))
			return "", err
		})
		synctest.Wait()
		resume := p.Pause()
		require.NoError(t, far.Close())
		time.Sleep(time.Minute)
		require.Empty(t, written, "a frozen program does not learn that its connection broke")
		resume()
		require.Equal(t, outcome{"", io.ErrClosedPipe, time.Minute}, <-written)
	})
}

func TestPausedProcessCompletesNoDial(t *testing.T) {
	withPeer(t, func(t *testing.T, p *Process, dial Dialer, _, _ net.Conn) {
		resume := p.Pause()
		dialled := later(func() (string, error) {
			c, err := dial(context.Background(), "far:1")
			if err != nil {
				return "", err
			}
			return "", c.Close()
		})
		impatient := later(func() (string, error) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, err := dial(ctx, "far:1")
			return "", err
		})
		time.Sleep(time.Minute)
		require.ErrorIs(t, (<-impatient).err, context.DeadlineExceeded)
		require.Empty(t, dialled)
		resume()
		require.Equal(t, outcome{took: time.Minute}, <-dialled)
	})
}

func TestDialUnderWayWhenPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(Process)
		var far net.Conn
		dial := p.Dial(func(context.Context, string) (near net.Conn, err error) {
			time.Sleep(time.Second)
			near, far = net.Pipe()
			return near, nil
		})
		dialled := later(func() (string, error) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, err := dial(ctx, "")
			return "", err
		})
		synctest.Wait()
		resume := p.Pause()
		require.ErrorIs(t, (<-dialled).err, context.DeadlineExceeded)
		end := readLater(far)
		synctest.Wait()
		require.Empty(t, end, "the kernel's connection stays")
		resume()
		require.ErrorIs(t, (<-end).err, io.EOF, "the program had no more use for it")
	})
}

func TestCloseOfAPausedProcessShowsWhenItResumes(t *testing.T) {
	withPeer(t, func(t *testing.T, p *Process, _ Dialer, near, far net.Conn) {
		end := readLater(far)
		resume := p.Pause()
		mine := later(func() (string, error) {
			_, err := near.Write([]byte("x"))
			return "", err
		})
		synctest.Wait()
		require.NoError(t, near.Close())
		require.ErrorIs(t, (<-mine).err, net.ErrClosed)
		_, err := near.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		time.Sleep(time.Second)
		require.Empty(t, end)
		resume()
		require.ErrorIs(t, (<-end).err, io.EOF)
		require.Empty(t, p.conns)
	})
}

func TestKillOfAPausedProcess(t *testing.T) {
	withPeer(t, func(t *testing.T, p *Process, dial Dialer, near, far net.Conn) {
		resume := p.Pause()
		mine := readLater(near)
		running := later(func() (string, error) { p.AwaitRunning(); return "", nil })
		end := readLater(far)
		time.Sleep(time.Second)
		p.Kill()
		require.ErrorIs(t, (<-end).err, io.EOF)
		require.ErrorIs(t, (<-mine).err, net.ErrClosed)
		require.Equal(t, time.Second, (<-running).took)
		_, err := dial(t.Context(), "far:1")
		require.ErrorIs(t, err, ErrKilled)
		resume()
		require.False(t, p.Paused())
	})
}

func TestSlowReadsHoldTheSenderUp(t *testing.T) {
	withPeer(t, func(t *testing.T, p *Process, _ Dialer, near, far net.Conn) {
		lift := p.SlowReads(1000)
		sent := bytes.Repeat([]byte("0123456789"), 100)
		go func() {
			far.Write(sent)
			far.Close()
		}()
		start := time.Now()
		got := make([]byte, 500)
		_, err := io.ReadFull(near, got)
		require.NoError(t, err)
		require.InDelta(t, 0.4, time.Since(start).Seconds(), 0.001, "the first tenth is there at once")

		slower := p.SlowReads(100)
		start = time.Now()
		_, err = io.ReadFull(near, got[:100])
		require.NoError(t, err)
		require.InDelta(t, 1, time.Since(start).Seconds(), 0.1, "the slowest counts")

		waiting := later(func() (string, error) {
			rest, err := io.ReadAll(near)
			return string(rest), err
		})
		time.Sleep(500 * time.Millisecond)
		slower()
		lift()
		rest := <-waiting
		require.NoError(t, rest.err)
		require.Equal(t, 500*time.Millisecond, rest.took, "what waits goes on when it is lifted")
		require.Equal(t, string(sent[600:]), rest.text)
	})
}

func TestSlowReadsFillTheWindow(t *testing.T) {
	withPeer(t, func(t *testing.T, p *Process, _ Dialer, near, far net.Conn) {
		defer p.SlowReads(1000)()
		go io.Copy(io.Discard, near)
		const window = 256 << 10
		start := time.Now()
		_, err := far.Write(make([]byte, window+1000))
		require.NoError(t, err)
		require.Greater(t, time.Since(start), time.Second)
		far.Close()
		near.Close()
	})
}

func TestSlowReadsNeedARate(t *testing.T) {
	require.PanicsWithValue(t, "proc: a process cannot read 0 bytes per second; it must be 1 or more", func() { new(Process).SlowReads(0) })
}
