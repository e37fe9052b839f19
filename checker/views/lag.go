package views

import (
	"slices"
	"sort"
	"time"

	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/schema"
)

// A view is as old as its oldest entry. Where it is, in all entries, the truth of some instants,
// this is how long ago the last of them was. Where it is that of none, as each entry has its own
// way through queues that merge changes and retry them, and nobody promises an order between
// them, it still says how old what is shown is. (Of 15 drawn plans views were the truth of no
// instant in 0 to 1.6 % of the churn.)
//
// An entry in a view is as old as its content: for how long what the view shows of it, be it
// nothing, has not been true. It counts by when the agent can have heard of it: while it has
// no source, what has become true since then is none of its knowledge, even if the view
// happens to agree with it, as where an endpoint came and went unseen.

// disagreement is a time in which a view showed of an entry what had not been true since an
// instant. The agent's staleness grows with it, from from-since to to-since.
type disagreement struct{ from, to, since time.Duration }

// disagreements appends those of one showing of an entry, given the outages of the agent and
// whether the showing is that of an agent that starts and has nothing yet: this is no
// knowledge of before there was anything, but none.
func disagreements(all []disagreement, e *index.Entry, s *index.Showing, starts bool, outages []index.Outage) []disagreement {
	truth := truthOf(e, s)
	note := func(from, to, heard time.Duration) {
		since, ever := trueUntil(e, truth, heard)
		if !ever {
			since = s.From
		}
		if starts {
			since = max(since, s.From)
		}
		if from = max(from, since); from < to {
			all = append(all, disagreement{from, to, since})
		}
	}
	next := sort.Search(len(outages), func(i int) bool { return outages[i].To > s.From })
	for at := s.From; at < s.To; {
		to := s.To
		if next < len(outages) {
			if o := outages[next]; o.From <= at {
				to = min(to, o.To)
				note(at, to, max(o.From, s.From))
				at = to
				next++
				continue
			}
			to = min(to, outages[next].From)
		}
		for at < to {
			again := nextTrue(e, truth, at)
			note(at, min(to, again), at)
			at = min(to, again)
		}
	}
	return all
}

// trueUntil returns until when a content was true that was so last by an instant, forever if it
// still is; false if it never was by then.
func trueUntil(e *index.Entry, truth []index.Span, by time.Duration) (until time.Duration, ever bool) {
	began := beganBy(e, truth, by)
	if len(began) == 0 {
		return 0, false
	}
	last := began[len(began)-1]
	if last.To == index.Lasting {
		return index.Forever, true
	}
	return e.States[last.To].At, true
}

// nextTrue returns when a content begins to be true again after an instant.
func nextTrue(e *index.Entry, truth []index.Span, after time.Duration) time.Duration {
	if i := len(beganBy(e, truth, after)); i < len(truth) {
		return e.States[truth[i].From].At
	}
	return index.Forever
}

// oldestView is the greatest staleness of a view in entries of one kind, and of which entry.
type oldestView struct {
	agent, entry int32
	age, at      time.Duration
}

// lags is how stale views were: by phase, the greatest staleness of each agent and kind.
type lags struct {
	phases  []time.Duration // beginnings of the phases
	ages    [][]time.Duration
	churn   int              // the phase; 0 if there is none
	outages [][]index.Outage // of what agents read from the source of their mode
	worst   oldestView       // from the churn on: that an agent begins with nothing is no news

	recoveries *recoveries
}

// lags measures the views of all agents.
func (x *stalenessIndex) lags() lags {
	l := lags{ages: make([][]time.Duration, len(x.phases)+1), recoveries: newRecoveries(x.in.Faults)}
	for n, i := range x.phases {
		l.phases = append(l.phases, x.in.Records[i].At)
		if x.in.Records[i].Key == "churn" {
			l.churn = n + 1
		}
	}
	l.outages = x.in.Outages()
	ofServices := x.serviceOutages()
	var buffer []disagreement
	for agent, during := range x.incarnations {
		whole := make([]index.Incarnation, len(during))
		for i := range during {
			whole[i] = during[i].FromStart()
		}
		of := map[string][]time.Duration{} // by kind: the greatest in each phase
		var kinds []string
		var lasting []disagreement // that a fault has to do with
		for id := range x.in.Views.Entries {
			e := &x.in.Views.Entries[id]
			greatest := of[e.Kind]
			if greatest == nil {
				greatest = make([]time.Duration, len(l.ages))
				of[e.Kind], kinds = greatest, append(kinds, e.Kind)
			}
			x.buffer = index.Showings(x.buffer[:0], whole, x.changes.Of(int32(agent), index.View, int32(id)))
			for i := range x.buffer {
				s := &x.buffer[i]
				starts := slices.ContainsFunc(whole, func(w index.Incarnation) bool { return w.Starts(s) })
				outages := l.outages[agent]
				if schema.OfServices(e.Kind) {
					outages = ofServices[agent]
				}
				buffer = disagreements(buffer[:0], e, s, starts, outages)
				for _, d := range buffer {
					l.note(d, greatest, int32(agent), int32(id))
					if l.recoveries.concerns(d) {
						lasting = append(lasting, d)
					}
				}
			}
		}
		l.recoveries.agent(lasting)
		for _, kind := range kinds {
			for phase, age := range of[kind] {
				if l.lived(phase, whole) {
					l.ages[phase] = append(l.ages[phase], age)
				}
			}
		}
	}
	return l
}

// serviceOutages are those in which agents could hear of no Service, if there is one.
func (x *stalenessIndex) serviceOutages() [][]index.Outage {
	if !slices.ContainsFunc(x.in.Views.Entries, func(e index.Entry) bool { return schema.OfServices(e.Kind) }) {
		return nil
	}
	return x.in.ServiceOutages()
}

// note takes a disagreement into account.
func (l *lags) note(d disagreement, greatest []time.Duration, agent, entry int32) {
	for phase := sort.Search(len(l.phases), func(i int) bool { return l.phases[i] > d.from }); phase < len(greatest); phase++ {
		from, to := l.phase(phase)
		if from >= d.to {
			return
		}
		if from == to {
			continue
		}
		age := min(to, d.to) - d.since
		greatest[phase] = max(greatest[phase], age)
		if phase >= l.churn && age > l.worst.age {
			l.worst = oldestView{agent, entry, age, min(to, d.to)}
		}
	}
}

// phase returns when a phase begins and ends.
func (l *lags) phase(phase int) (from, to time.Duration) {
	to = index.Forever
	if phase > 0 {
		from = l.phases[phase-1]
	}
	if phase < len(l.phases) {
		to = l.phases[phase]
	}
	return from, to
}

// lived reports whether an agent was up in a phase.
func (l *lags) lived(phase int, during []index.Incarnation) bool {
	from, to := l.phase(phase)
	return from < to && slices.ContainsFunc(during, func(w index.Incarnation) bool { return w.Overlaps(from, to) })
}
