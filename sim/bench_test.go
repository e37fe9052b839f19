package sim_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/internal/drive"
)

// total sums up runs of the reference plan, which is what a seed draws.
type total struct{ virtual, wall, check, peak atomic.Int64 }

func (s *total) add(b *testing.B, simulator *drive.Simulator, seed uint64) error {
	p, err := draw.Plan(seed, draw.Config{})
	if err != nil {
		return err
	}
	r, err := simulator.Run(b.Context(), p)
	if err != nil {
		return err
	}
	s.check.Add(int64(r.Checking))
	s.virtual.Add(int64(r.Virtual))
	s.wall.Add(int64(r.Wall))
	s.peak.Store(max(s.peak.Load(), r.PeakMemory))
	return nil
}

func (s *total) report(b *testing.B) {
	b.ReportMetric(0, "ns/op") // says nothing that the others do not
	b.ReportMetric(float64(s.virtual.Load())/float64(s.wall.Load()), "virtual-s/s")
	b.ReportMetric(100*float64(s.check.Load())/float64(s.wall.Load()+s.check.Load()), "check-%")
	b.ReportMetric(float64(s.peak.Load())/1e6, "peak-MB")
}

// BenchmarkReferencePlan runs seeds one after the other: the worker's start is
// included.
func BenchmarkReferencePlan(b *testing.B) {
	simulator, err := simulator()
	require.NoError(b, err)
	var s total
	for seed := range uint64(b.N) {
		require.NoError(b, s.add(b, simulator, seed))
	}
	s.report(b)
}

// BenchmarkSeeds runs seeds on all cores, as simrun -seeds does, and says how long
// a thousand would take.
func BenchmarkSeeds(b *testing.B) {
	simulator, err := simulator()
	require.NoError(b, err)
	var s total
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	start := time.Now()
	for seed := range uint64(b.N) {
		g.Go(func() error { return s.add(b, simulator, seed) })
	}
	require.NoError(b, g.Wait())
	b.ReportMetric(time.Since(start).Seconds()*1000/float64(b.N), "s/1000-seeds")
	s.report(b)
}
