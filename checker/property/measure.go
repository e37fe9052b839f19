package property

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/meshcheck/meshcheck/internal/text"
)

// Measure is a distribution of something that was measured in each instance that a
// run had of it. Quantiles are by nearest rank: each is one of the instances.
type Measure struct {
	Name  string  `json:"name"`            // what was measured, such as "staleness"
	Group string  `json:"group,omitempty"` // in which instances, such as "views, churn"
	Unit  string  `json:"unit,omitempty"`  // of P50, P99 and Max: "s" of durations
	N     int     `json:"n"`               // how many instances there were
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`

	samples []time.Duration // of durations, ascending
}

// NewMeasure is the measure of durations, in any order, which it takes over. If there
// are none, all is zero.
func NewMeasure(name, group string, samples []time.Duration) Measure {
	slices.Sort(samples)
	m := Measure{Name: name, Group: group, Unit: "s", N: len(samples), samples: samples}
	if len(samples) > 0 {
		m.P50 = NearestRank(samples, 50).Seconds()
		m.P99 = NearestRank(samples, 99).Seconds()
		m.Max = samples[len(samples)-1].Seconds()
	}
	return m
}

// NewShares is the measure of shares in percent, in any order, which it takes over.
func NewShares(name, group string, percents []float64) Measure {
	slices.Sort(percents)
	m := Measure{Name: name, Group: group, Unit: "%", N: len(percents)}
	if len(percents) > 0 {
		m.P50, m.P99, m.Max = round(NearestRank(percents, 50)), round(NearestRank(percents, 99)), round(percents[len(percents)-1])
	}
	return m
}

// round keeps two digits after the point.
func round(x float64) float64 { return math.Round(100*x) / 100 }

// Samples returns the durations in ascending order, which the caller must not
// change. A measure of something else, or that was read from JSON, has none.
func (m Measure) Samples() []time.Duration { return m.samples }

// NearestRank returns the least of the samples, in ascending order, that at least
// percent of every hundred do not exceed.
func NearestRank[T any](samples []T, percent int) T {
	rank := (len(samples)*percent + 99) / 100
	return samples[max(rank, 1)-1]
}

// String shows the distribution on one line.
func (m Measure) String() string {
	if m.N == 0 {
		return "none"
	}
	return fmt.Sprintf("p50 %s, p99 %s, max %s of %s", m.show(m.P50), m.show(m.P99), m.show(m.Max), text.Thousands(m.N))
}

func (m Measure) show(value float64) string {
	if m.Unit == "s" {
		return strconv.FormatFloat(value, 'f', 3, 64) + m.Unit
	}
	text := strconv.FormatFloat(value, 'f', -1, 64)
	if m.Unit == "" {
		return text
	}
	return text + " " + m.Unit
}
