package views

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/sources"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

var Staleness = property.Property{
	Name: "staleness",
	Promise: "Once the heal's bound has passed, nothing that a view or a datapath shows is older than the bound: it was true at most that long before. " +
		"Before that it is measured, in two ways. Staleness is that of a view, for each agent and kind: at every instant since the agent's start, for how long what it shows of an entry, be it nothing, has not been true, of the entry of which this is longest; " +
		"what became true while the agent has no source does not count as known to it, though the view may agree with it by chance. Recovery is how long after a fault no view shows any more what had ceased to be true before the fault ended. Delta is that of an entry: the least for which it is delta-atomic, if it is read at every instant and reads do not go back.",
	Why: "the proposal names a window of stale data, and for how long; delta: W. Golab, X. Li, M. A. Shah, Analyzing Consistency Properties for Fun and Profit, PODC 2011; " +
		"staleness as a bound in time on what a replica may lack: P. Bailis and others, Probabilistically Bounded Staleness, PVLDB 5(8), 2012; D. Terry, Replicated Data Consistency Explained Through Baseball, CACM 56(12), 2013",
	RestsOn: []string{"revision-origin", "convergence"},
	Rules:   []*property.Rule{tooOld, neverTrue},
	Check:   checkStaleness,
}

func checkStaleness(in *property.Input) property.Result {
	x := newStalenessIndex(in)
	for agent := range in.Views.Agents {
		for _, l := range []index.Layer{index.View, index.Datapath} {
			x.judge(int32(agent), l)
		}
	}
	if x.shown == 0 {
		return property.Undecided("no agent showed anything for any time")
	}
	x.views = x.lags()
	measures := x.measures()
	agreed, contradiction := x.confirm()
	evidence := x.evidence(agreed)
	h := x.horizon
	switch {
	case contradiction != "":
		return property.Mistaken(contradiction)
	case h.Problem != "":
		return property.Undecided(h.Problem + ", so nothing bounds it; until the end " + evidence).Measured(measures...)
	case !h.Over && x.staleAtEnd > 0:
		return property.Undecided(fmt.Sprintf("%s; what it showed then of %s was not true any more", in.CutShort(h), text.Count(x.staleAtEnd, "entry"))).Measured(measures...)
	}
	return property.Judged(evidence, x.violations()).Measured(measures...)
}

// stalenessIndex gathers the ages of what all views and datapaths showed.
type stalenessIndex struct {
	in           *property.Input
	horizon      index.Horizon
	end          time.Duration
	phases       []int // records of the phases, but the end
	incarnations [][]index.Incarnation
	datapaths    []index.Incarnation
	changes      *index.Changes

	shown      int // contents, and absences
	left       int // those that no delta explains
	staleAtEnd int
	ages       [2][][]time.Duration // by layer, and by how many phases had begun
	deltas     [2][]time.Duration   // by layer: the least delta of each agent
	worst      oldest
	beyond     []oldest // the bound, after it has passed
	views      lags
	sample     sample
	buffer     []index.Showing
}

// oldest is what was shown at a great age.
type oldest struct {
	of     subject
	stale  stale
	shown  index.Showing
	others int  // of the same view or datapath and kind that are so too
	untrue bool // it was never true
}

func newStalenessIndex(in *property.Input) *stalenessIndex {
	x := &stalenessIndex{in: in, horizon: in.Horizon()}
	if len(in.Records) > 0 {
		x.end = in.Records[len(in.Records)-1].At
	}
	for i := range in.Records {
		if r := &in.Records[i]; r.Verb == history.Phase && r.Key != "end" {
			x.phases = append(x.phases, i)
		}
	}
	for l := range x.ages {
		x.ages[l] = make([][]time.Duration, len(x.phases)+1)
	}
	x.incarnations, x.datapaths = index.Incarnations(in.Views, x.end)
	x.changes = in.Views.Changes()
	return x
}

// judge judges all entries of an agent's view or its host's datapath.
func (x *stalenessIndex) judge(agent int32, l index.Layer) {
	v := x.in.Views
	anything := false
	delta := time.Duration(0)
	firstBeyond := len(x.beyond)
	for id := range v.Entries {
		e := &v.Entries[id]
		if l == index.Datapath && e.Kind != history.Endpoint {
			continue
		}
		if x.show(agent, l, int32(id)); len(x.buffer) == 0 {
			continue
		}
		anything = true
		delta = max(delta, x.entry(subject{agent: agent, layer: l, Entry: int32(id)}, e, firstBeyond))
	}
	if anything {
		x.deltas[l] = append(x.deltas[l], delta)
	}
}

// show puts what a view or datapath said of an entry into the buffer.
func (x *stalenessIndex) show(agent int32, l index.Layer, entry int32) {
	during := x.incarnations[agent]
	if l == index.Datapath {
		during = x.datapaths[agent : agent+1]
	}
	x.buffer = index.Showings(x.buffer[:0], during, x.changes.Of(agent, l, entry))
}

// entry judges one entry, of which the buffer has the showings, and returns its
// least delta.
func (x *stalenessIndex) entry(of subject, e *index.Entry, firstBeyond int) time.Duration {
	x.shown += len(x.buffer)
	explained, left := splitInOrder(e, x.buffer)
	x.left += len(left)
	for i := range left {
		age, ever := ageAt(e, &left[i], left[i].To)
		x.judgeAge(firstBeyond, oldest{of: of, stale: stale{age, left[i].To}, shown: left[i], untrue: !ever})
	}
	for i, age := range agesOf(e, explained) {
		if age.By == 0 {
			continue
		}
		of.Delta = max(of.Delta, age.By)
		x.add(of.layer, age)
		o := oldest{of: of, stale: age, shown: explained[i]}
		if age.By > x.worst.stale.By {
			x.worst = o
		}
		if !x.tooOld(o) { // but it may be when it is shown last
			o.stale.By, _ = ageAt(e, &explained[i], explained[i].To)
			o.stale.at = explained[i].To
		}
		x.judgeAge(firstBeyond, o)
	}
	if len(explained) > 0 && len(explained)+len(e.States) <= confirmable {
		x.sample.Add(of)
	}
	return of.Delta
}

// judgeAge notes what is too old, and what is not true when the run ends.
func (x *stalenessIndex) judgeAge(first int, o oldest) {
	if o.stale.at == x.end && (o.stale.By > 0 || o.untrue) {
		x.staleAtEnd++
	}
	if !x.tooOld(o) {
		return
	}
	entries := x.in.Views.Entries
	same := func(known oldest) bool { return entries[known.of.Entry].Kind == entries[o.of.Entry].Kind }
	i := slices.IndexFunc(x.beyond[first:], same)
	if i < 0 {
		x.beyond = append(x.beyond, o)
		return
	}
	known := &x.beyond[first+i]
	o.others = known.others + 1
	if o.stale.By > known.stale.By {
		*known = o
	}
	known.others = o.others
}

// tooOld reports whether something is older than the bound after the bound has
// passed.
func (x *stalenessIndex) tooOld(o oldest) bool {
	h := x.horizon
	return h.Problem == "" && o.stale.at >= h.Deadline && (o.stale.By > h.Bound || o.untrue)
}

// add notes an age in its group.
func (x *stalenessIndex) add(l index.Layer, s stale) {
	phase := sort.Search(len(x.phases), func(i int) bool { return x.in.Records[x.phases[i]].At > s.at })
	x.ages[l][phase] = append(x.ages[l][phase], s.By)
}

// who names the view or datapath of a subject.
func who(in *property.Input, s subject) string {
	return (&property.Facts{Agent: in.Views.Agents[s.agent], Layer: property.LayerOf(s.layer)}).Who()
}

func layerName(l index.Layer) string {
	if l == index.Datapath {
		return "datapaths"
	}
	return "views"
}

func (x *stalenessIndex) measures() []property.Measure {
	var all []property.Measure
	for phase, ages := range x.views.ages {
		if len(ages) > 0 {
			all = append(all, property.NewMeasure("staleness", x.group(index.View, phase), ages))
		}
	}
	all = append(all, x.views.recoveries.measures(x.end)...)
	all = append(all, sources.Blindness(x.in, x.incarnations, x.views.outages)...)
	all = append(all, sources.Missed(x.in, x.incarnations, x.changes)...)
	for l, byPhase := range x.ages {
		for phase, ages := range byPhase {
			if len(ages) == 0 {
				continue
			}
			all = append(all, property.NewMeasure("delta", x.group(index.Layer(l), phase), ages))
		}
	}
	for l, deltas := range x.deltas {
		if len(deltas) > 0 {
			all = append(all, property.NewMeasure("least delta of an agent", layerName(index.Layer(l)), deltas))
		}
	}
	return all
}

// group is that of what is measured in a phase.
func (x *stalenessIndex) group(l index.Layer, phase int) string {
	if phase == 0 {
		return layerName(l)
	}
	return layerName(l) + ", " + x.in.Records[x.phases[phase-1]].Key
}

func (x *stalenessIndex) evidence(agreed int) string {
	says := fmt.Sprintf("delta-atomic with a delta of %s", text.Seconds(x.worst.stale.By))
	if x.worst.stale.By > 0 {
		e := &x.in.Views.Entries[x.worst.of.Entry]
		says += fmt.Sprintf(" (%s, %s %s, at %s)", who(x.in, x.worst.of), e.Kind, e.Key, text.Seconds(x.worst.stale.at))
	}
	says += fmt.Sprintf(": %s; porcupine agrees on %s", text.Count(x.shown, "content")+" shown", text.Count(agreed, "entry"))
	if w := x.views.worst; w.age > 0 {
		e := &x.in.Views.Entries[w.entry]
		says += fmt.Sprintf("; the stalest view %s old (agent %s, %s %s, at %s)", text.Seconds(w.age), x.in.Views.Agents[w.agent], e.Kind, e.Key, text.Seconds(w.at))
	}
	if x.left > 0 {
		says += fmt.Sprintf("; %s that no delta explains left to integrity, monotonic and no-spurious-deletion", text.Thousands(x.left))
	}
	return says
}

// The ways in which what is shown is too old.
var (
	tooOld = &property.Rule{Name: "too-old", Text: func(f *property.Facts) string {
		return shownAs(f, fmt.Sprintf("which was last true %s before, and not within %v", text.Seconds(f.Age), f.Allowed))
	}}
	neverTrue = &property.Rule{Name: "never-true", Text: func(f *property.Facts) string { return shownAs(f, "which was never true") }}
)

func shownAs(f *property.Facts, age string) string {
	what := "absent"
	if !f.Shown.Gone {
		what = property.Content(f.Shown.Value)
	}
	more := ""
	if f.Others > 0 {
		more = fmt.Sprintf("; and %s more", text.Thousands(f.Others))
	}
	return fmt.Sprintf("%s showed %s as %s from %s to %s, %s after the heal, %s%s",
		f.Who(), f.Object(), what, text.Seconds(f.Since), text.Seconds(f.Until), text.Seconds(f.After), age, more)
}

// violations returns a violation for each view or datapath and kind of entry that
// is too old after the bound, told of the oldest.
func (x *stalenessIndex) violations() []property.Violation {
	var violations []property.Violation
	for _, o := range x.beyond {
		e := &x.in.Views.Entries[o.of.Entry]
		v := property.Violation{Rule: tooOld, Records: x.proof(o, e), Facts: property.Facts{
			Agent: x.in.Views.Agents[o.of.agent], Layer: property.LayerOf(o.of.layer), Kind: e.Kind, Key: e.Key, At: o.stale.at,
			Shown: &property.Version{Gone: true}, Since: o.shown.From, Until: o.stale.at, After: o.stale.at - x.in.Records[x.horizon.Heal].At,
			Age: o.stale.By, Allowed: x.horizon.Bound, Others: o.others}}
		if !o.shown.Absent {
			v.Shown = property.VersionOf(&x.in.Records[o.shown.Record])
		}
		if o.untrue {
			v.Rule, v.Age = neverTrue, 0
		}
		violations = append(violations, v)
	}
	return violations
}

// proof is the record that began a showing, the heal, and the truth that had
// overtaken it.
func (x *stalenessIndex) proof(o oldest, e *index.Entry) []int {
	records := []int{int(o.shown.Record), x.horizon.Heal}
	if s := e.StateAt(o.stale.at); s > 0 {
		records = append(records, int(e.States[s].Record))
	}
	slices.Sort(records)
	return slices.Compact(records)
}
