package report

import (
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker"
)

// Pool joins the durations that a measure has in many runs. It keeps counts, not
// durations, so that its size does not grow with the number of runs: quantiles are
// by nearest rank, and too great by less than 1 %; the maximum is exact.
type Pool struct {
	Name    string        `json:"name"`
	Group   string        `json:"group,omitempty"`
	Buckets map[int]int   `json:"buckets"` // how many durations there are in each bucket that has some
	N       int           `json:"n"`
	Max     time.Duration `json:"maxNanoseconds"`
}

// A bucket has all durations that agree in their first bucketBits+1 binary digits.
const bucketBits = 7

// Add adds the durations of a measure.
func (p *Pool) Add(m checker.Measure) {
	for _, d := range m.Samples() {
		p.AddDuration(d)
	}
}

// AddDuration adds one.
func (p *Pool) AddDuration(d time.Duration) {
	p.count(bucket(d), 1)
	p.Max = max(p.Max, d)
}

// Join adds those of another pool.
func (p *Pool) Join(other *Pool) {
	for b, n := range other.Buckets {
		p.count(b, n)
	}
	p.Max = max(p.Max, other.Max)
}

func (p *Pool) count(bucket, n int) {
	if p.Buckets == nil {
		p.Buckets = map[int]int{}
	}
	p.Buckets[bucket] += n
	p.N += n
}

// Measure is the distribution of all durations that were added.
func (p *Pool) Measure() checker.Measure {
	return checker.Measure{
		Name: p.Name, Group: p.Group, Unit: "s", N: p.N,
		P50: p.quantile(50).Seconds(), P99: p.quantile(99).Seconds(), Max: p.Max.Seconds(),
	}
}

// Curve is the distribution, ascending: numbers of seconds, and the part of all durations
// that are not greater.
func (p *Pool) Curve() (curve [][2]float64) {
	seen := 0
	for _, b := range slices.Sorted(maps.Keys(p.Buckets)) {
		seen += p.Buckets[b]
		curve = append(curve, [2]float64{min(greatest(b), p.Max).Seconds(), float64(seen) / float64(p.N)})
	}
	return curve
}

func (p *Pool) quantile(percent int) time.Duration {
	left := (p.N*percent + 99) / 100
	for _, b := range slices.Sorted(maps.Keys(p.Buckets)) {
		if left -= p.Buckets[b]; left <= 0 {
			return min(greatest(b), p.Max)
		}
	}
	return 0
}

// bucket numbers the buckets in order of their durations, which are not negative.
func bucket(d time.Duration) int {
	shift := max(0, bits.Len64(uint64(d))-bucketBits-1)
	return shift<<bucketBits + int(uint64(d)>>shift)
}

// greatest is the greatest duration in a bucket.
func greatest(bucket int) time.Duration {
	if bucket < 2<<bucketBits {
		return time.Duration(bucket)
	}
	shift := bucket>>bucketBits - 1
	first := bucket - shift<<bucketBits
	return time.Duration((first+1)<<shift - 1)
}
