package draw

import (
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/fault"
)

// repeated is how often a fault comes, and how long after the end of one the next one begins.
type repeated struct {
	times int
	pause fault.Duration
}

var repeats = rapid.Custom(func(t *rapid.T) (r repeated) {
	if uniform(t, 5, "is") == 0 {
		r.times = oneOf(t, "times", 2, 3, 3, 5, 10)
	}
	r.pause = oneOf(t, "pause", second/2, 5*second, 10*second, 20*second, 40*second) // the kubelet's back-off among them
	return r
})

// drawRepeats makes crash loops of some faults that end processes.
func drawRepeats(from source, p *fault.Plan) {
	for i := range p.Faults {
		f := &p.Faults[i]
		if !fault.SpecOf(f.Kind).Repeats {
			continue
		}
		if r := draw(from, repeats, "repeated", i); r.times > 0 {
			f.Times, f.Every = r.times, f.For+r.pause
		}
	}
}
