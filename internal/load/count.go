package load

import (
	"bytes"
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
)

// Count is what a run shows of load.
type Count struct {
	Plan    *fault.Plan
	Hash    string
	Records int
	Churn   time.Duration // when the load begins
	End     time.Duration // of the run; its shutdown is not counted
	Costs   []*Cost

	Done   int         // operations that are over
	Late   int         // of those, such as came to nothing
	Create report.Pool // of pods: from the planned time until it is ready on its node
	Reach  report.Pool // from the planned time until every agent knows it

	// Of etcds and of agents, since the churn began: how long a change takes to get there, the
	// most entries that one of them was behind, and when the last of them had caught up.
	Lag        map[mode.Role]*report.Pool
	MostBehind map[mode.Role]int
	CaughtUp   map[mode.Role]time.Duration

	Storm *Storm // from the first fault on; nil if there was none
	// Database is the most bytes that the database of each etcd had, as the etcd said; see Hear.
	Database map[string]int64
	Busy     map[string][]float64 // how many cores a server was busy with, by prices, in each of equal parts of the run

	series *series
}

// CountFile counts a run from the file of its history.
func CountFile(file []byte) (*Count, error) {
	c := &Count{
		series: newSeries(), Lag: map[mode.Role]*report.Pool{}, MostBehind: map[mode.Role]int{}, CaughtUp: map[mode.Role]time.Duration{},
		Create: report.Pool{Name: "pod created, until it is ready on its node"}, Reach: report.Pool{Name: "pod created, until every agent knows it"},
	}
	costs, copies, storms, initial, ended := newCosts(), newCopies(c), newStorms(), map[int64]bool{}, false
	plan, planErr := planOf(file)
	work := newWork(c.series, plan)
	h, err := history.Scan(file, func(r *history.Record) {
		c.Records++
		switch {
		case ended:
			return
		case r.Verb == history.Phase && r.Key == "churn":
			c.Churn, copies.churn = r.At, true
		case r.Verb == history.Phase && r.Key == "end":
			c.End, ended = r.At, true
			return
		case r.Verb == history.Watch && AsksInitial(r):
			initial[r.ID] = true
		case r.Verb == history.Operation:
			c.operation(r, copies)
		}
		costs.add(r)
		storms.add(r)
		work.add(r)
		c.series.record(r, initial[r.ID])
		copies.add(r)
		if r.Verb == history.Event && EndsInitial(r) {
			delete(initial, r.ID)
		}
	})
	if err != nil {
		return nil, err
	}
	c.Hash, c.Costs, c.Storm = h.Hash, costs.all(), storms.end()
	if planErr != nil {
		return nil, fmt.Errorf("its load cannot be counted: %w", planErr)
	}
	c.Plan, c.Busy = plan, work.cores(c.End)
	return c, nil
}

// planOf is the plan of a history's file, in its second line; one without contents if it cannot be read.
func planOf(file []byte) (*fault.Plan, error) {
	_, rest, _ := bytes.Cut(file, []byte("\nplan "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	plan, err := fault.Read("the history's plan", line)
	if err != nil {
		return new(fault.Plan), err
	}
	return plan, nil
}

func (c *Count) operation(r *history.Record, copies *copies) {
	switch {
	case r.Err == "unfinished":
		return
	case r.Err != "":
		c.Late++
	case fault.OpKind(r.Op) == fault.PodCreate:
		c.Create.AddDuration(r.At - r.From)
		copies.created(r.Key, r.From)
	}
	c.Done++
}
