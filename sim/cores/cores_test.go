package cores

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
)

// job is work that comes at an instant.
type job struct{ at, long time.Duration }

// byHand is when jobs are done, in the order in which they come: looked for instant by instant.
func byHand(jobs []job, cores int) (done []time.Duration) {
	busy, next := []time.Duration{}, 0 // until when cores are, and the job that waits longest
	done = make([]time.Duration, len(jobs))
	for now := time.Duration(0); next < len(jobs); now += time.Microsecond {
		busy = slices.DeleteFunc(busy, func(end time.Duration) bool { return end <= now })
		for next < len(jobs) && jobs[next].at <= now && len(busy) < cores {
			done[next] = now + jobs[next].long
			busy = append(busy, done[next])
			next++
		}
	}
	return done
}

// Arrivals have the departures that a queue gives them whose every instant is looked at.
func TestDepartures(t *testing.T) {
	for seed := range uint64(200) {
		draw := rand.New(rand.NewPCG(seed, 1))
		cores, jobs, at := 1+draw.IntN(4), make([]job, 1+draw.IntN(40)), time.Duration(0)
		for i := range jobs {
			at += time.Duration(draw.IntN(30)) * time.Microsecond
			jobs[i] = job{at, time.Duration(1+draw.IntN(80)) * time.Microsecond}
		}
		synctest.Test(t, func(t *testing.T) {
			c := New(&fault.Prices{Cores: cores})
			start, left := time.Now(), make([]time.Duration, len(jobs))
			var all sync.WaitGroup
			for i, j := range jobs {
				time.Sleep(j.at - time.Since(start))
				all.Go(func() { c.use(nil, j.long); left[i] = time.Since(start) })
				synctest.Wait() // those of one instant come in order
			}
			all.Wait()
			require.Equal(t, byHand(jobs, cores), left, "seed %d: %d cores, %v", seed, cores, jobs)
		})
	}
}

// At a share of the time that one core is busy, equal work that comes at random waits as long as theory says:
// an M/D/1 queue waits share/(2(1-share)) of a service in the mean.
func TestWaitsAsTheorySays(t *testing.T) {
	const service, n = time.Millisecond, 400_000
	for _, share := range []float64{0.3, 0.6, 0.8} {
		draw, c := rand.New(rand.NewPCG(1, 2)), New(&fault.Prices{Cores: 1})
		at, waited := time.Time{}, time.Duration(0)
		for range n {
			at = at.Add(time.Duration(draw.ExpFloat64() / share * float64(service)))
			waited += c.take(at, service).Sub(at) - service
		}
		require.InEpsilon(t, share/(2*(1-share)), waited.Seconds()/n/service.Seconds(), 0.03, "busy for %g of the time", share)
	}
}

func TestPrices(t *testing.T) {
	second := fault.Duration(time.Second)
	p := &fault.Prices{Cores: 1, Read: 2 * second, Write: 3 * second, Event: 5 * second, Kilobyte: 8 * second, Change: 10 * second}
	for name, of := range map[string]struct {
		do   func(*Cores)
		want time.Duration
	}{
		"a read":              {func(c *Cores) { c.Read(nil) }, 2 * time.Second},
		"a write":             {func(c *Cores) { c.Write(nil) }, 3 * time.Second},
		"a writer's write":    {func(c *Cores) { c.Change(nil) }, 13 * time.Second},
		"a list":              {func(c *Cores) { c.List(nil, 512) }, 4 * time.Second},
		"two changes":         {func(c *Cores) { c.Tell(nil, 2) }, 10 * time.Second},
		"nothing":             {func(c *Cores) { c.Tell(nil, 0); c.List(nil, 0) }, 0},
		"one after another":   {func(c *Cores) { c.Read(nil); c.Read(nil) }, 4 * time.Second},
		"nobody waits for it": {func(c *Cores) { gone := make(chan struct{}); close(gone); c.Read(gone); c.Read(nil) }, 4 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			of.do(New(p))
			require.Equal(t, of.want, time.Since(start), name)
			start = time.Now()
			of.do(New(nil))
			require.Zero(t, time.Since(start), "%s, without prices", name)
		})
	}
}
