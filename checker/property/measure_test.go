package property

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMeasure(t *testing.T) {
	var samples []time.Duration
	for i := 1000; i > 0; i-- {
		samples = append(samples, time.Duration(i)*time.Second)
	}
	m := NewMeasure("staleness", "views", samples)
	require.Equal(t, "p50 500.000s, p99 990.000s, max 1000.000s of 1,000", m.String())
	require.Equal(t, time.Second, m.Samples()[0])
	one := NewMeasure("staleness", "views", []time.Duration{time.Millisecond})
	require.Equal(t, "p50 0.001s, p99 0.001s, max 0.001s of 1", one.String())
	none := NewMeasure("staleness", "views", nil)
	require.Equal(t, Measure{Name: "staleness", Group: "views", Unit: "s"}, none)
	require.Equal(t, "none", none.String())
	require.Equal(t, "p50 1200, p99 3000, max 3000 of 4", Measure{N: 4, P50: 1200, P99: 3000, Max: 3000}.String())
	require.Equal(t, "p50 0.5 B, p99 3 B, max 3 B of 4", Measure{Unit: "B", N: 4, P50: 0.5, P99: 3, Max: 3}.String())
}
