package shrink

import (
	"time"

	"github.com/meshcheck/meshcheck/fault"
)

const (
	second = fault.Duration(time.Second)
	ms     = fault.Duration(time.Millisecond)
)

// cutEnd ends the churn soon after the first violation, or else after a half or
// three quarters of it.
func cutEnd(s *search) {
	for {
		churn := s.best.Churn
		var ends []fault.Duration
		if first := s.seen.First; first >= 0 && first < churn {
			whole := (first/second + 1) * second
			ends = append(ends, whole, whole+5*second)
		}
		ends = append(ends, churn/2/second*second, churn*3/4/second*second)
		taken := s.first(len(ends), func(i int) *fault.Plan { return cut(s.best, ends[i]) })
		if taken < 0 {
			return
		}
	}
}

// cut returns the plan with a churn that ends earlier, or nil if it would not.
// Nothing is left that would begin later, and no fault lasts longer.
func cut(p *fault.Plan, end fault.Duration) *fault.Plan {
	if end < second || end >= p.Churn {
		return nil
	}
	c := clone(p)
	c.Churn = end
	c.Ops = c.Ops[:0]
	for _, op := range p.Ops {
		if op.At <= end {
			c.Ops = append(c.Ops, op)
		}
	}
	c.Faults = c.Faults[:0]
	for _, f := range p.Faults {
		if f.At >= end {
			continue
		}
		if f.For > 0 {
			f.For = min(f.For, end-f.At)
		}
		c.Faults = append(c.Faults, f)
	}
	return c
}
