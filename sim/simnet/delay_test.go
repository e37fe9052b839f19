package simnet

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawn is a network with random delays.
func drawn(seed uint64) Config {
	return Config{Seed: seed, LatencyMin: time.Millisecond, LatencyMax: 20 * time.Millisecond}
}

// arrivals returns the instants at which 50 single bytes arrive at r0 from a0.
// If other is set, a1 sends as much meanwhile.
func arrivals(t *testing.T, cfg Config, other bool) []time.Duration {
	var instants []time.Duration
	simulate(t, cfg, func(t *testing.T, n *Network) {
		if other {
			c, s := connect(t, n.Host("a1"), n.Host("r0"))
			go io.Copy(io.Discard, s)
			for range 50 {
				mustWrite(t, c, "x")
			}
		}
		start := time.Now()
		c, s := pair(t, n)
		for range 50 {
			read := readLater(s)
			mustWrite(t, c, "x")
			<-read
			instants = append(instants, time.Since(start))
		}
		if other {
			n.Close()
		}
	})
	return instants
}

func TestDelaysAreAFunctionOfSeedAndLink(t *testing.T) {
	first := arrivals(t, drawn(1), false)
	assert.Equal(t, first, arrivals(t, drawn(1), false), "same seed")
	assert.Equal(t, first, arrivals(t, drawn(1), true), "another link is used")
	assert.NotEqual(t, first, arrivals(t, drawn(2), false), "another seed")
}

func TestDelaysOfSeedOneStayTheSame(t *testing.T) {
	s := newDraws(1, "net.delay", "a0", "r0")
	var draws []uint64
	for number := range uint64(3) {
		draws = append(draws, s.draw(number))
	}
	assert.Equal(t, []uint64{0xafff384df8a66c31, 0xa703e3542784c1d6, 0xf4d6c31c8c9ab5f0}, draws, "else every seed means another run")
}

func TestBetweenKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "low"))
		high := low + time.Duration(rapid.Int64Range(0, 3).Draw(t, "width"))
		s := newDraws(rapid.Uint64().Draw(t, "seed"), "test")
		seen := make(map[time.Duration]bool)
		for number := range uint64(100) {
			d := s.between(number, low, high)
			require.GreaterOrEqual(t, d, low)
			require.LessOrEqual(t, d, high)
			seen[d] = true
		}
		assert.Len(t, seen, int(high-low)+1, "all values occur")
	})
}

func TestSetLink(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		mustWrite(t, c, "at the old pace, ")
		n.SetLink("a0", "r0", LinkConfig{LatencyMin: time.Second, LatencyMax: time.Second})
		mustWrite(t, c, "slow, ")
		n.SetLink("a0", "r0", LinkConfig{})
		mustWrite(t, c, "and not overtaking")
		start := time.Now()
		for _, want := range []result{
			{bytes: "at the old pace, ", after: latency},
			{bytes: "slow, and not overtaking", after: time.Second},
		} {
			assert.Equal(t, want.bytes, (<-readLater(s)).bytes)
			assert.Equal(t, want.after, time.Since(start))
		}
	})
}

func TestBandwidthIsSharedByConnections(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c1, s1 := pair(t, n)
		c2, s2 := pair(t, n)
		n.SetLink("a0", "r0", LinkConfig{Bandwidth: 100})
		mustWrite(t, c1, "0123456789")
		mustWrite(t, c2, "0123456789")
		first, second := readLater(s1), readLater(s2)
		assert.Equal(t, 100*time.Millisecond, (<-first).after)
		assert.Equal(t, 200*time.Millisecond, (<-second).after)
		pass(time.Second)
		mustWrite(t, c1, "0123456789")
		assert.Equal(t, 100*time.Millisecond, (<-readLater(s1)).after, "idle time is not saved up")
	})
}

func TestSlowCountsBothWaysUntilLifted(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		roundTrip := func() time.Duration {
			start := time.Now()
			assertEcho(t, c, s)
			return time.Since(start)
		}
		of := func(d time.Duration) LinkConfig { return LinkConfig{LatencyMin: d, LatencyMax: d} }
		liftFirst := n.Slow("r0", "a0", of(time.Second))
		assert.Equal(t, 2*time.Second, roundTrip())
		liftSecond := n.Slow("a0", "r0", of(100*time.Millisecond))
		assert.Equal(t, 200*time.Millisecond, roundTrip(), "the last one counts")
		liftSecond()
		liftSecond()
		assert.Equal(t, 2*time.Second, roundTrip())
		n.SetLink("a0", "r0", of(2*latency))
		assert.Equal(t, 2*time.Second, roundTrip())
		liftFirst()
		assert.Equal(t, 3*latency, roundTrip(), "what SetLink set meanwhile")
	})
}

func TestSlowLinkIsFastAgainForWhatWaits(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		lift := n.Slow("a0", "r0", LinkConfig{LatencyMin: latency, LatencyMax: latency, Bandwidth: 1})
		mustWrite(t, c, "a")
		mustWrite(t, c, "bc")
		start := time.Now()
		assert.Equal(t, "a", (<-readLater(s)).bytes)
		assert.Equal(t, time.Second+latency, time.Since(start))
		mustWrite(t, c, "d")
		lift()
		assert.Equal(t, "bcd", (<-readLater(s)).bytes)
		assert.Equal(t, time.Second+2*latency, time.Since(start))
		assertEcho(t, c, s)
	})
}

func TestSlowOfAPartitionedLink(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		c, s := pair(t, n)
		lift, heal := n.Slow("a0", "r0", LinkConfig{Bandwidth: 1}), n.Partition("a0", "r0", false)
		mustWrite(t, c, "abc")
		lift()
		read := readLater(s)
		pass(time.Minute)
		assert.Empty(t, read)
		heal()
		assert.Equal(t, "abc", (<-read).bytes)
		assert.PanicsWithValue(t, "simnet: the link from a0 to r0 cannot be {LatencyMin:0s LatencyMax:0s Bandwidth:-1}; values are zero or more, and the latency's maximum is not below its minimum",
			func() { n.Slow("a0", "r0", LinkConfig{Bandwidth: -1}) })
	})
}

// step is one thing the writer of TestBytesArriveInOrder does.
type step struct {
	wait time.Duration
	size int
	cut  time.Duration // partition that begins now
}

func TestBytesArriveInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{
				wait: time.Duration(rapid.IntRange(0, 30).Draw(rt, "wait")) * time.Millisecond,
				size: rapid.IntRange(0, 5000).Draw(rt, "size"),
				cut:  time.Duration(max(0, rapid.IntRange(-100, 50).Draw(rt, "cut"))) * time.Millisecond,
			}
		}), 1, 30).Draw(rt, "steps")
		cfg := drawn(rapid.Uint64().Draw(rt, "seed"))
		cfg.Window = rapid.IntRange(1, 10000).Draw(rt, "window")
		synctest.Test(t, func(*testing.T) { checkOrder(rt, cfg, steps) })
	})
}

// checkOrder sends bytes as the steps say, and checks that they arrive
// complete, in order, none before the least latency.
func checkOrder(t *rapid.T, cfg Config, steps []step) {
	n := New(cfg)
	defer n.Close()
	c, s := connect(t, n.Host("a0"), n.Host("r0"))

	var sent []byte
	for _, step := range steps {
		for i := range step.size {
			sent = append(sent, byte(i*(i+step.size)))
		}
	}
	var mu sync.Mutex
	var sentAt []time.Time // of each byte, at the earliest
	go func() {
		defer c.Close()
		rest := sent
		for _, step := range steps {
			time.Sleep(step.wait)
			if step.cut > 0 {
				heal := n.Partition("a0", "r0", step.size%2 == 0)
				time.AfterFunc(step.cut, heal)
			}
			mu.Lock()
			sentAt = append(sentAt, slices.Repeat([]time.Time{time.Now()}, step.size)...)
			mu.Unlock()
			if _, err := c.Write(rest[:step.size]); err != nil {
				panic(fmt.Sprintf("write: %v", err))
			}
			rest = rest[step.size:]
		}
	}()

	var got bytes.Buffer
	p := make([]byte, 700)
	for {
		size, err := s.Read(p)
		got.Write(p[:size])
		if size > 0 {
			mu.Lock()
			newest := sentAt[got.Len()-1]
			mu.Unlock()
			require.GreaterOrEqual(t, time.Since(newest), cfg.LatencyMin, "byte %d", got.Len()-1)
		}
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	require.True(t, bytes.Equal(sent, got.Bytes()), "%d bytes were sent, %d arrived", len(sent), got.Len())
}
