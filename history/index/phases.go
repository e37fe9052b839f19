package index

import (
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// Phase returns the record with which a phase begins, the last one if there are several;
// -1 if it does not.
func (x *Index) Phase(name string) int {
	return x.Last(0, len(x.Records), func(r *history.Record) bool { return r.Verb == history.Phase && r.Key == name })
}

// Churn returns the records of the churn phase.
func (x *Index) Churn() (from, to int) {
	from, to = x.Phase("churn"), x.Phase("heal")
	if to < 0 {
		to = len(x.Records)
	}
	if from < 0 {
		from = to
	}
	return from, to
}

// Horizon is when the plan's bound after the heal has passed.
type Horizon struct {
	Heal     int           // record of the heal
	End      int           // the run's last record
	Bound    time.Duration // that the heal gives
	Deadline time.Duration // instant of the heal plus the bound
	Over     bool          // the run went on until then
	Passed   time.Duration // from the heal to the run's end
	Problem  string        // why there is no horizon, if there is none
}

// Horizon returns when the bound after the heal has passed.
func (x *Index) Horizon() Horizon {
	heal := x.Phase("heal")
	if heal < 0 {
		return Horizon{Problem: "the run has no heal phase"}
	}
	r := &x.Records[heal]
	bound, err := time.ParseDuration(r.Value)
	if err != nil {
		return Horizon{Problem: fmt.Sprintf("the bound of the heal phase, %q, is not a duration such as 5m0s", r.Value)}
	}
	h := Horizon{Heal: heal, End: len(x.Records) - 1, Bound: bound, Deadline: r.At + bound}
	h.Passed = x.Records[h.End].At - r.At
	h.Over = h.Passed >= bound
	return h
}
