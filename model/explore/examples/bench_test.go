package examples

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/explore"
)

var large = flag.Bool("large", false, "run the benchmark of a hundred million states, which takes 8 GB and minutes")

func BenchmarkTwoPhase(b *testing.B) {
	for _, workers := range []int{1, 2} {
		for _, search := range []explore.Search{explore.BreadthFirst, explore.DepthFirst} {
			b.Run(fmt.Sprintf("workers=%d/search=%d", workers, search), func(b *testing.B) {
				var generated, distinct int64
				var table float64
				for b.Loop() {
					o := exhaustive
					o.Workers, o.Search = workers, search
					r, err := explore.Check(b.Context(), TwoPhase(8), o)
					require.NoError(b, err)
					require.EqualValues(b, 1_745_408, r.Stats.Distinct)
					generated += r.Stats.Generated
					distinct = r.Stats.Distinct
					table = float64(r.Stats.Table)
				}
				b.ReportMetric(float64(generated)/b.Elapsed().Seconds(), "generated/s")
				b.ReportMetric(table/float64(distinct), "table-B/state")
			})
		}
	}
}

// BenchmarkHundredMillion explores two-phase commit among 11 resource managers
// until there are a hundred million distinct states, in 8 GB.
func BenchmarkHundredMillion(b *testing.B) {
	if !*large {
		b.Skip("not run without -large")
	}
	for b.Loop() {
		o := exhaustive
		o.Memory, o.MaxStates = 8<<30, 100_000_000
		o.Progress, o.ProgressEvery = func(p explore.Progress) { b.Log(p) }, 10*time.Second
		r, err := explore.Check(b.Context(), TwoPhase(11), o)
		require.NoError(b, err)
		require.GreaterOrEqual(b, r.Stats.Distinct, int64(100_000_000), "%v", r)
		b.ReportMetric(float64(r.Stats.Generated)/r.Stats.Elapsed.Seconds(), "generated/s")
		b.ReportMetric(float64(r.Stats.Distinct), "states")
		b.ReportMetric(float64(r.Stats.Table)/float64(r.Stats.Distinct), "table-B/state")
		b.ReportMetric(float64(r.Stats.Memory)/(1<<30), "counted-GiB")
		b.ReportMetric(peakGiB(b), "resident-GiB")
	}
}

// peakGiB is the most memory that the process has had, as Linux counts it.
func peakGiB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	for line := range strings.Lines(string(status)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
			return kib / (1 << 20)
		}
	}
	b.Fatal("no VmHWM in /proc/self/status")
	return 0
}
