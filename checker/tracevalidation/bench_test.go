package tracevalidation

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
)

// A history that is twice as long takes twice as long: nanoseconds per change do not
// grow with the number of changes of a key, up to as many as can be told apart, nor
// with the number of fail-overs.
func BenchmarkCheck(b *testing.B) {
	for _, writes := range []int{50, 100, 200} {
		b.Run(fmt.Sprintf("writes=%d", writes), func(b *testing.B) {
			var h script
			h.start()
			for i := range writes / 2 {
				h.release("web", "web")
				h.del("r0", "s0")
				h.drop("a0")
				h.claim("web", fmt.Sprint("web", i%2))
				h.put("r0", "s0", fmt.Sprint("web", i%2))
				h.see("a0", fmt.Sprint("web", i%2))
				h.disconnect("a0", "r0", "s0")
				h.connect("a0", "r0", "s0")
			}
			h.end()
			benchmark(b, &h)
		})
	}
}

func benchmark(b *testing.B, h *script) {
	read := &history.History{Records: h.records(b)}
	verdict := Check(index.New(read), mode.Default)
	require.True(b, verdict.Holds())
	changes := verdict.Explained
	b.ResetTimer()
	for b.Loop() {
		Check(index.New(read), mode.Default)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*changes), "ns/change")
}
