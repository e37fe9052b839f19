package load

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/text"
)

// operations are those of the workload.
type operations struct {
	seconds     int                        // of the churn
	asked, done map[int]int64              // in a second of the churn: planned for it, and over in it
	took        map[string][]time.Duration // by kind: from the planned time until it was over
	all         int
	superseded  int
	unfinished  int
}

// measureOperations returns how many operations a plan asks for in each second of the
// churn and how many were over, and how long they took. They are timed from when the
// plan says that they begin: the loop is open, so that one which waits makes none that
// comes after it look quick.
func measureOperations(records []history.Record, from, to time.Duration) (o operations, all []property.Measure) {
	o.took = map[string][]time.Duration{}
	o.seconds = max(secondOf(to-from+time.Second-1), 1)
	o.asked, o.done = map[int]int64{}, map[int]int64{}
	for i := range records {
		if r := &records[i]; r.Verb == history.Operation {
			o.add(r, from)
		}
	}
	if o.all == 0 {
		return o, nil
	}
	for _, m := range []struct {
		name string
		in   map[int]int64
	}{{"operations asked for per second", o.asked}, {"operations over per second", o.done}} {
		all = appendMeasure(all, m.name, "churn", "", slices.Collect(maps.Values(m.in)), o.seconds-len(m.in))
	}
	for _, kind := range slices.Sorted(maps.Keys(o.took)) {
		all = append(all, property.NewMeasure("operation, from its planned time on", kind, o.took[kind]))
	}
	return o, all
}

func (o *operations) add(r *history.Record, from time.Duration) {
	o.all++
	o.count(o.asked, r.From-from)
	switch r.Err {
	case "":
		o.count(o.done, r.At-from)
		o.took[r.Op] = append(o.took[r.Op], r.At-r.From)
	case "superseded":
		o.superseded++
	default:
		o.unfinished++
	}
}

// count counts an instant in its second; that of the churn's end is in its last one.
func (o *operations) count(seconds map[int]int64, at time.Duration) {
	n := secondOf(at)
	if at == time.Duration(o.seconds)*time.Second {
		n--
	}
	if at >= 0 && n < o.seconds {
		seconds[n]++
	}
}

// String says whether the plan's rate was reached.
func (o *operations) String() string {
	if o.all == 0 {
		return ""
	}
	s := fmt.Sprintf("; %s of the workload asked for, %.1f per second of the churn, of which %.1f were reached",
		text.Count(o.all, "operation"), o.rate(o.asked), o.rate(o.done))
	if o.superseded > 0 {
		s += fmt.Sprintf("; %s superseded by a later one", text.Thousands(o.superseded))
	}
	if o.unfinished > 0 {
		s += fmt.Sprintf("; %s not over when the run ended", text.Thousands(o.unfinished))
	}
	return s
}

func (o *operations) rate(seconds map[int]int64) float64 {
	sum := int64(0)
	for _, n := range seconds {
		sum += n
	}
	return float64(sum) / float64(o.seconds)
}
