package index

import (
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// ChurnOf returns the records of the churn phase.
func ChurnOf(records []history.Record) (from, to int) {
	from, to = -1, len(records)
	for i := range records {
		if r := &records[i]; r.Verb == history.Phase && r.Key == "churn" {
			from = i
		} else if r.Verb == history.Phase && r.Key == "heal" {
			to = i
		}
	}
	if from < 0 {
		return to, to
	}
	return from, to
}

// PhaseAt returns the instant at which a phase begins, or that of the last record if it
// does not.
func PhaseAt(records []history.Record, name string) time.Duration {
	for i := range records {
		if r := &records[i]; r.Verb == history.Phase && r.Key == name {
			return r.At
		}
	}
	if len(records) == 0 {
		return 0
	}
	return records[len(records)-1].At
}

// Phases returns the records of the heal and of the run's end (its last record, if
// the run was cut), the bound that the heal gives, and why there is nothing to
// judge, if so.
func Phases(records []history.Record) (heal, end int, bound time.Duration, problem string) {
	heal, end = -1, len(records)-1
	for i := range records {
		if records[i].Verb == history.Phase && records[i].Key == "heal" {
			heal = i
		}
	}
	if heal < 0 {
		return 0, 0, 0, "the run has no heal phase"
	}
	bound, err := time.ParseDuration(records[heal].Value)
	if err != nil {
		return 0, 0, 0, fmt.Sprintf("the bound of the heal phase, %q, is not a duration such as 5m0s", records[heal].Value)
	}
	return heal, end, bound, ""
}

// Horizon is when the plan's bound after the heal has passed.
type Horizon struct {
	Heal     int           // record of the heal
	End      int           // the run's last record
	Bound    time.Duration // that the heal gives
	Deadline time.Duration // instant of the heal plus the bound
	Over     bool          // the run went on until then
	Problem  string        // why there is no horizon, if there is none
}

// HorizonOf returns when the bound after the heal has passed.
func HorizonOf(records []history.Record) Horizon {
	var h Horizon
	h.Heal, h.End, h.Bound, h.Problem = Phases(records)
	if h.Problem == "" {
		h.Deadline = records[h.Heal].At + h.Bound
		h.Over = records[h.End].At >= h.Deadline
	}
	return h
}
