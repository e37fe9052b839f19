package sources

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

var FailOver = property.Property{
	Name: mode.FailOver,
	Promise: "Also while faults are in force, an agent whose replica is gone or cut off, or whose replica's writer is gone or frozen, reads another one within a bound: what Cilium's client takes to notice it " +
		"(40 s of an unanswered keep-alive; two heartbeats of a minute and a status check, which are 30 s times ln(1+nodes), of a writer), the back-off that it can have reached while there was none to go to, and the connection and the lists at its rate limit. " +
		"It counts from when every replica that the Service may give it could be read, for as long as that stays so and no fault strikes these or the agent.",
	Why:   "the proposal has an agent connect to another replica when its own is lost; for how long it is without one is the window of stale data that it names",
	Rules: []*property.Rule{notOver},
	Check: checkFailOver,
	Step:  failOverStep,
}

func checkFailOver(in *property.Input) property.Result {
	if len(in.Records) == 0 {
		return property.Undecided("the history is empty")
	}
	f := failOvers{in: in, readings: newReadings(in), bounds: boundsOf(in), open: map[string]*loss{}, reading: map[string]bool{}}
	for i := range in.Records {
		f.record(i, &in.Records[i])
	}
	f.overdue(in.Records[len(in.Records)-1].At)
	if f.readers == 0 {
		return property.Undecided("no agent had watches of all kinds at a replica")
	}
	return property.Judged(f.evidence(), f.violations).Measured(f.measures()...)
}

// failOvers follows all agents from the loss of a source to the next one.
type failOvers struct {
	in *property.Input
	*readings
	bounds  bounds
	open    map[string]*loss
	reading map[string]bool

	readers                             int // times that an agent came to read a replica
	losses, demanded, over, back, ended int
	parts                               [4][]time.Duration // of those that went to another replica, as in partNames
	whole                               []time.Duration
	violations                          []property.Violation
}

var partNames = [4]string{"notice", "back-off", "connect", "list"}

// loss is a time in which an agent that had read a replica has no source.
type loss struct {
	why           index.Lack
	server        string // that it had read
	from          time.Duration
	record        int
	lack          index.Lack    // what it lacks now
	noticeBy      time.Duration // until when Cilium may take to notice that
	usable        time.Duration // since when it could go elsewhere; index.Unready if it cannot
	could         bool          // it could at some time
	late          bool          // it was told of
	noticed, dial time.Duration // the first sign that it has noticed, and its last dial; index.Unready if there is none
	connect       time.Duration // its last connection; likewise
}

func (f *failOvers) record(i int, r *history.Record) {
	if l := f.open[r.Actor]; l != nil && isSign(r) {
		f.overdue(r.At - 1)
		l.sign(r)
	}
	if !f.apply(r) {
		return
	}
	f.overdue(r.At - 1)
	for _, agent := range f.in.Views.Agents {
		f.agent(agent, i, r)
	}
}

// isSign reports whether a record tells how far its agent is.
func isSign(r *history.Record) bool {
	return r.Verb == history.Net && r.Key == "dial" || r.Verb == history.Connect || r.Verb == history.Disconnect
}

// sign notes what tells how far the agent is.
func (l *loss) sign(r *history.Record) {
	switch r.Verb {
	case history.Net:
		l.dial = r.At
	case history.Connect:
		l.connect = r.At
	}
	if l.noticed == index.Unready {
		l.noticed = r.At
	}
}

// agent takes note of where an agent is after a record.
func (f *failOvers) agent(agent string, i int, r *history.Record) {
	lack, _ := f.world.LacksReplica(agent)
	was, reads := f.reading[agent], f.reads(agent)
	if reads && !was {
		f.readers++
	}
	f.reading[agent] = reads || was && lack == index.HasSource // it lists anew where it is
	l := f.open[agent]
	switch {
	case l == nil && was && lack != index.HasSource && lack != index.NotUp:
		l = &loss{why: lack, server: f.last(agent, i), from: r.At, record: i, noticeBy: index.Forever, usable: index.Unready, noticed: index.Unready, dial: index.Unready, connect: index.Unready}
		f.open[agent] = l
		f.losses++
		if isSign(r) {
			l.sign(r)
		}
	case l == nil:
		return
	case reads || lack == index.NotUp:
		f.close(l, agent, r.At, reads)
		return
	}
	f.usable(l, agent, lack, r)
}

// last returns the replica that an agent had read before a record.
func (f *failOvers) last(agent string, i int) string {
	if i = index.ConnectionAt(f.in.Records, agent, i-1); i < 0 {
		return ""
	}
	return f.in.Records[i].Peer
}

// hadBetter reports whether every replica that the Service gives could be read when the agent dialed last, and
// since: that it lacks something again with the one that it has is its own choice.
func (l *loss) hadBetter() bool {
	return l.usable != index.Unready && l.dial != index.Unready && l.dial >= l.usable
}

// lacks notes what an agent lacks from now on. It is given no time to notice what it has chosen.
func (l *loss) lacks(lack index.Lack, at time.Duration, b bounds, chosen bool) {
	l.lack = lack
	if chosen {
		return
	}
	switch lack {
	case index.ServerGone, index.CutOff:
		l.noticeBy = at + keepAlive
	case index.WriterGone, index.WriterFrozen:
		l.noticeBy = at + b.silence()
	default: // it has no connection, or not all watches yet: it has noticed
		l.noticeBy = min(l.noticeBy, at)
	}
}

// usable notes whether an agent could go elsewhere, and what it may take to notice that it must.
func (f *failOvers) usable(l *loss, agent string, lack index.Lack, r *history.Record) {
	if lack != l.lack {
		l.lacks(lack, r.At, f.bounds, r.Verb == history.Connect && l.hadBetter())
	}
	struck := r.Verb == history.Fault && f.strikes(agent) // one of an instant
	switch could := lack != index.WriterCutOff && f.couldRead(agent, r.At); {
	case !could:
		l.usable = index.Unready
	case l.usable == index.Unready || struck:
		l.usable = r.At
		if !l.could {
			l.could = true
			f.demanded++
		}
	}
}

// couldRead reports whether an agent could read whatever replica the Service gives it.
func (f *failOvers) couldRead(agent string, at time.Duration) bool {
	ready := f.world.Ready()
	return len(ready) > 0 && !f.world.Disturbed(agent, at) && !slices.ContainsFunc(ready, func(replica string) bool {
		return !f.world.Up("etcd", replica) || f.world.Filled(replica) != index.HasSource || f.world.Disturbed(replica, at)
	})
}

// strikes reports whether the latest fault strikes an agent, or what it could read.
func (f *failOvers) strikes(agent string) bool {
	fault := f.world.Latest()
	return fault.Strikes(agent) || slices.ContainsFunc(f.world.Ready(), fault.Strikes)
}

// overdue tells of the agents that should have read another replica by an instant.
func (f *failOvers) overdue(at time.Duration) {
	for _, agent := range f.in.Views.Agents {
		l := f.open[agent]
		if l == nil || l.late || l.usable == index.Unready {
			continue
		}
		if deadline := max(l.usable, l.noticeBy) + backOff(l.usable-l.from) + f.bounds.list(); deadline < at {
			l.late = true
			f.violations = append(f.violations, property.NewViolation(notOver, property.Facts{
				Agent: agent, Server: l.server, At: deadline, Since: l.from, After: l.usable - l.from, Allowed: deadline - l.from, Note: string(l.why),
				Counts: l.reached()}, int32(l.record)))
		}
	}
}

// How far an agent has come that does not yet read another replica.
const hasNoticed, hasConnected = "noticed", "connected"

func (l *loss) reached() map[string]int {
	counts := map[string]int{}
	if l.noticed != index.Unready {
		counts[hasNoticed] = 1
	}
	if l.connect != index.Unready {
		counts[hasConnected] = 1
	}
	return counts
}

var notOver = &property.Rule{Name: "not-over", Text: func(f *property.Facts) string {
	state := "had not noticed it"
	switch {
	case f.Counts[hasConnected] > 0:
		state = "had connected and did not have all lists and watches"
	case f.Counts[hasNoticed] > 0:
		state = "had noticed it and was not connected"
	}
	return fmt.Sprintf("agent %s, which had read %s, lost its source at %s (%s), and could have another one %s later; at %s, %s after the loss, it %s",
		f.Agent, f.Server, text.Seconds(f.Since), f.Note, text.Seconds(f.After), text.Seconds(f.At), text.Seconds(f.Allowed), state)
}}

// failOverStep is the one that the agent had not come to.
func failOverStep(v *property.Violation) property.Step {
	switch {
	case v.Counts[hasConnected] > 0:
		return property.Step{Host: v.Agent, Part: "reader", What: "it was connected with another replica, and did not have its lists and watches there"}
	case v.Counts[hasNoticed] > 0:
		return property.Step{Host: v.Agent, Part: "client", What: "it had noticed the loss, and did not connect with another replica"}
	}
	return property.Step{Host: v.Agent, Part: "client", What: "it did not notice that its source was gone"}
}

// close ends a loss: the agent reads, or has ended.
func (f *failOvers) close(l *loss, agent string, at time.Duration, reads bool) {
	delete(f.open, agent)
	c, _ := f.world.Connection(agent)
	switch {
	case !reads:
		f.ended++
		return
	case c.Server == l.server:
		f.back++
		return
	}
	f.over++
	f.whole = append(f.whole, at-l.from)
	noticed := max(l.noticed, l.from)
	dial := max(min(l.dial, c.Since), noticed)
	for i, part := range [4]time.Duration{noticed - l.from, dial - noticed, c.Since - dial, at - c.Since} {
		f.parts[i] = append(f.parts[i], part)
	}
}

func (f *failOvers) evidence() string {
	if f.losses == 0 {
		return "no agent lost its source, of " + text.Count(f.readers, "time") + " that one began to read a replica"
	}
	return fmt.Sprintf("%s of a source: %s ended with another replica, %s with the same one, %s with the agent; in %s another one could be read, in the others nothing is demanded",
		text.Count(f.losses, "loss"), text.Thousands(f.over), text.Thousands(f.back), text.Thousands(f.ended), text.Thousands(f.demanded))
}

func (f *failOvers) measures() (all []property.Measure) {
	if len(f.whole) == 0 {
		return nil
	}
	all = append(all, property.NewMeasure("fail-over", "to another replica", f.whole))
	for i, name := range partNames {
		all = append(all, property.NewMeasure("fail-over", name, f.parts[i]))
	}
	return all
}
