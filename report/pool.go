package report

import (
	"math/bits"
	"time"

	"github.com/meshcheck/meshcheck/checker"
)

// pool joins the durations that a measure has in many runs. It keeps counts, not
// durations, so that its size does not grow with the number of runs: quantiles are
// by nearest rank, and too great by less than 1 %; the maximum is exact.
type pool struct {
	name, group string
	counts      []int // of the durations of each bucket
	n           int
	max         time.Duration
}

// A bucket has all durations that agree in their first bucketBits+1 binary digits.
const bucketBits = 7

func (p *pool) add(m checker.Measure) {
	for _, d := range m.Samples() {
		b := bucket(d)
		if missing := b + 1 - len(p.counts); missing > 0 {
			p.counts = append(p.counts, make([]int, missing)...)
		}
		p.counts[b]++
		p.n++
		p.max = max(p.max, d)
	}
}

// measure is the distribution of all durations that were added.
func (p *pool) measure() checker.Measure {
	return checker.Measure{
		Name: p.name, Group: p.group, Unit: "s", N: p.n,
		P50: p.quantile(50).Seconds(), P99: p.quantile(99).Seconds(), Max: p.max.Seconds(),
	}
}

func (p *pool) quantile(percent int) time.Duration {
	left := (p.n*percent + 99) / 100
	for b, count := range p.counts {
		if left -= count; left <= 0 && count > 0 {
			return min(greatest(b), p.max)
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
