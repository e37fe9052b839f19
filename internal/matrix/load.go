package matrix

import (
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/load"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Load is what all servers of a role did over a run, in steps of loadStep. The churn begins
// with a step, so that runs can be laid on each other by it.
type Load struct {
	Server   mode.Role `json:"server"`
	Before   int       `json:"before"`   // steps before the churn
	Requests []int     `json:"requests"` // in each step, with those that open watches
	Events   []int     `json:"events"`   // changes that watches told of, without initial states
}

const loadStep = 5 * time.Second

// loadsOf counts the load of a run from its start to its end, in the order of roles. A step
// that the end cuts off is left out.
func loadsOf(records []history.Record) (all []*Load) {
	churn, end := time.Duration(0), time.Duration(0)
	for i := range records {
		r := &records[i]
		if r.Verb == history.Phase && r.Key == "churn" {
			churn = r.At
		}
		if end = r.At; r.Verb == history.Phase && r.Key == "end" {
			records = records[:i]
			break
		}
	}
	before := int((churn + loadStep - 1) / loadStep)
	steps := before + int((end-churn)/loadStep)
	loads := map[mode.Role]*Load{}
	initial := map[int64]bool{} // watches whose initial state is being sent
	for i := range records {
		r := &records[i]
		if r.Peer == "" {
			continue
		}
		asked, told := 0, 0
		switch r.Verb {
		case history.Request, history.Call, history.Lease:
			asked = 1
		case history.Watch:
			asked = 1
			initial[r.ID] = load.AsksInitial(r)
		case history.Event:
			if !initial[r.ID] {
				told = load.Changes(r.Value)
			}
			if load.EndsInitial(r) {
				initial[r.ID] = false
			}
		}
		// Of an instant before the churn, division rounds toward the churn.
		step := before + int((r.At-churn)/loadStep)
		if r.At < churn {
			step = before - 1 - int((churn-r.At-1)/loadStep)
		}
		if asked+told == 0 || step >= steps {
			continue
		}
		server := mode.RoleOf(r.Actor)
		if loads[server] == nil {
			loads[server] = &Load{Server: server, Before: before, Requests: make([]int, steps), Events: make([]int, steps)}
		}
		loads[server].Requests[step] += asked
		loads[server].Events[step] += told
	}
	for _, role := range mode.Roles() {
		if l := loads[role]; l != nil {
			all = append(all, l)
		}
	}
	return all
}

// LoadCurve is the load of a role's servers in the mean of all runs that last so long.
type LoadCurve struct {
	Server   mode.Role
	Requests [][2]float64 // seconds from the start of the churn, and how many in a second
	Events   [][2]float64
}

// loadCurves lays the loads of runs on each other. A curve ends where fewer than half of the
// runs go on, since it would go on with those that are special.
func loadCurves(cells []*Cell) (all []LoadCurve) {
	for _, role := range mode.Roles() {
		var loads []*Load
		first, last := 0, 0
		for _, c := range cells {
			for _, l := range c.Loads {
				if l.Server == role {
					loads = append(loads, l)
					first, last = min(first, -l.Before), max(last, len(l.Requests)-l.Before)
				}
			}
		}
		curve := LoadCurve{Server: role}
		for step := first; step < last; step++ {
			runs, requests, events := 0, 0, 0
			for _, l := range loads {
				if i := step + l.Before; i >= 0 && i < len(l.Requests) {
					runs, requests, events = runs+1, requests+l.Requests[i], events+l.Events[i]
				}
			}
			if runs*2 < len(loads) {
				continue
			}
			at, per := float64(step)*loadStep.Seconds(), float64(runs)*loadStep.Seconds()
			curve.Requests = append(curve.Requests, [2]float64{at, float64(requests) / per})
			curve.Events = append(curve.Events, [2]float64{at, float64(events) / per})
		}
		if len(curve.Requests) > 0 {
			all = append(all, curve)
		}
	}
	return slices.Clip(all)
}
