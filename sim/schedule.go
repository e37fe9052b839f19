package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
)

// schedule makes the plan's faults begin and end: at their times, or when their
// triggers fire. One goroutine does all of it, one step at a time; what a fault
// does over time it does in goroutines of its own.
type schedule struct {
	w        *world
	churn    time.Time // the start of the phase
	triggers *triggers
	fired    chan firing
	stay     []func() // what records what faults did that are never lifted
	steps    []step   // in order of time, those of one instant in the order in which they were added
}

// step is what is due at a time.
type step struct {
	at  time.Duration // since the start of the churn
	run func()
}

// firing is a fault whose trigger has fired.
type firing struct {
	fault int           // index in the plan
	begun chan struct{} // closed when the fault is in force
}

func newSchedule(w *world) *schedule {
	s := &schedule{w: w, fired: make(chan firing, len(w.plan.Faults))}
	s.triggers = newTriggers(w, s.fired)
	return s
}

// run returns at the end of the churn phase, when every fault that can end has
// ended.
func (s *schedule) run() {
	s.churn = time.Now()
	for i := range s.w.plan.Faults {
		f := &s.w.plan.Faults[i]
		if why := s.w.plan.NotApplicable(f); why != "" {
			s.add(time.Duration(f.At), func() { s.unfired(i, why) })
		} else if f.When != nil {
			s.add(time.Duration(f.At), func() { s.triggers.arm(i, f.When) })
		} else {
			s.add(time.Duration(f.At), func() { s.begin(i, 1) })
		}
	}
	length := time.Duration(s.w.plan.Churn)
	for {
		for len(s.steps) > 0 && s.steps[0].at <= min(s.now(), length) {
			run := s.steps[0].run
			s.steps = s.steps[1:]
			s.w.do(run)
		}
		if s.now() >= length {
			break
		}
		next := length
		if len(s.steps) > 0 {
			next = min(next, s.steps[0].at)
		}
		timer := time.NewTimer(next - s.now())
		select {
		case f := <-s.fired:
			s.w.do(func() { s.begin(f.fault, 1) })
			close(f.begun)
		case <-timer.C:
		}
		timer.Stop()
	}
	for _, i := range s.triggers.disarm() {
		s.unfired(i, "its trigger did not fire")
	}
	for len(s.fired) > 0 {
		f := <-s.fired
		s.unfired(f.fault, "its trigger fired when the churn was over")
		close(f.begun)
	}
	for _, step := range s.steps { // what would end later
		s.w.do(step.run)
	}
	for _, did := range s.stay {
		did()
	}
}

func (s *schedule) now() time.Duration { return time.Since(s.churn) }

func (s *schedule) add(at time.Duration, run func()) {
	s.steps = append(s.steps, step{at, run})
	slices.SortStableFunc(s.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
}

// begin makes a fault take effect for the n-th time, and schedules its end and, if it is repeated and the
// churn is not over by then, the next time.
func (s *schedule) begin(i, n int) {
	f := &s.w.plan.Faults[i]
	start := s.now() // what starts may take a while
	if next := start + f.Every.Std(); n < f.Times && next < s.w.plan.Churn.Std() {
		s.add(next, func() { s.begin(i, n+1) })
	}
	effect := s.w.inject(i+1, f)
	if effect.Void != "" {
		s.unfired(i, effect.Void)
		return
	}
	r := s.about(history.Fault, i, f.Sentence())
	if effect.Hosts != nil {
		r.Key = strings.Join(effect.Hosts, ",")
	}
	if effect.Peers != nil {
		r.Peer = strings.Join(effect.Peers, ",")
	}
	for _, what := range f.Disturbs() {
		r.Op = strings.TrimPrefix(r.Op+","+string(what), ",")
	}
	s.w.rec.record(r)
	end := func() {
		if effect.Lift != nil {
			effect.Lift()
		}
		r.Verb = history.Heal
		s.w.rec.record(r)
		s.did(r, f, effect.Did())
	}
	switch {
	case effect.Over != nil:
		go func() {
			<-effect.Over
			end()
		}()
	case effect.Stays:
		s.stay = append(s.stay, func() { s.did(r, f, effect.Did()) })
	default:
		s.add(start+f.For.Std(), end)
	}
}

// did records what a fault has done.
func (s *schedule) did(r history.Record, f *fault.Fault, counts []int64) {
	var did []string
	for i, what := range f.Disturbs() {
		did = append(did, fmt.Sprintf("%s:%d", what, counts[i]))
	}
	r.Verb, r.Value = history.Effect, strings.Join(did, " ")
	s.w.rec.record(r)
}

// unfired records that a fault of the plan has not happened, and why.
func (s *schedule) unfired(i int, why string) {
	s.w.rec.record(s.about(history.Unfired, i, why))
}

// about returns a record about a fault of the plan.
func (s *schedule) about(verb history.Verb, i int, value string) history.Record {
	f := &s.w.plan.Faults[i]
	return history.Record{Actor: "world", Verb: verb, Kind: string(f.Kind), Key: strings.Join(f.Hosts(), ","), Peer: f.Peer, Rev: int64(i + 1), Value: value}
}
