package views

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

var Convergence = property.Property{
	Name:    "convergence",
	Promise: "After the heal every agent has, within the plan's bound, exactly the view that the final truth demands, and keeps it.",
	Why:     "mission C8: agents converge to the correct state; cilium 24740, 19813, 29822",
	RestsOn: []string{"revision-origin"},
	Rules:   append(stuckRules, convergedLate),
	Check:   checkConvergence,
}

func checkConvergence(in *property.Input) property.Result {
	h := in.Horizon()
	if h.Problem != "" {
		return property.Undecided(h.Problem)
	}
	if len(in.Views.Entries) == 0 {
		return property.Undecided("nothing was ever true and nothing was seen: there is nothing to converge to")
	}
	demanded, agents := follow(in.Views)
	var took []lag
	var late, stuck []int32
	down := 0
	for id, a := range agents {
		switch {
		case a.starts == 0:
		case !a.up:
			down++
			stuck = append(stuck, int32(id))
		case a.wrong > 0:
			stuck = append(stuck, int32(id))
		default:
			took = append(took, lag{max(0, a.rightSince-in.Records[h.Heal].At), in.Views.Agents[id]})
			if a.rightSince > h.Deadline {
				late = append(late, int32(id))
			}
		}
	}
	if down == len(took)+len(stuck) {
		return property.Undecided("no agent was up when the run ended")
	}
	evidence := describeLags(took, len(took)+len(stuck), demanded, h.Bound)
	if len(stuck) > 0 && !h.Over {
		return property.Undecided(in.CutShort(h) + "; until then " + evidence)
	}
	violations := explainStuck(in, stuck, agents, h)
	for _, id := range late {
		violations = append(violations, lateViolation(in, id, agents[id], h))
	}
	return property.Judged(evidence, violations)
}

// follower is how far an agent's view is from what the final truth demands.
type follower struct {
	up         bool
	starts     int32
	wrong      int           // entries that are missing, too many or different
	rightSince time.Duration // when wrong last became zero
	lastWrong  int32         // the event that made it so
}

// place is an entry in one agent's view.
type place struct {
	start int32 // the agent's start in which the entry was last touched
	right bool  // what it is now is what the final truth demands
}

// follow plays the views through and returns how many entries the final truth
// demands and what became of each agent.
func follow(v *index.Views) (demanded int, agents []follower) {
	for i := range v.Entries {
		if !index.Lasts(v.Entries[i].Absent) {
			demanded++
		}
	}
	agents = make([]follower, len(v.Agents))
	places := make([]place, v.Slots)
	for i, ev := range v.Events {
		a := &agents[ev.Agent]
		before := a.wrong
		switch {
		case ev.What == index.Start:
			a.up, a.wrong = true, demanded
			a.starts++
			before = -1
		case ev.What == index.Stop:
			a.up = false
			continue
		case ev.Layer == index.Datapath:
			continue
		default:
			p := &places[ev.Slot]
			was := p.right
			if p.start != a.starts { // not touched yet: absent
				was = index.Lasts(v.Entries[ev.Entry].Absent)
			}
			*p = place{start: a.starts, right: v.Entries[ev.Entry].Demands(ev.What == index.Seen, ev.Claim)}
			a.wrong += divergence(p.right) - divergence(was)
		}
		if a.wrong == 0 && before != 0 {
			a.rightSince, a.lastWrong = ev.At, int32(i)
		}
	}
	return demanded, agents
}

func divergence(right bool) int {
	if right {
		return 0
	}
	return 1
}

// lag is how long after the heal an agent converged.
type lag struct {
	after time.Duration
	agent string
}

func describeLags(took []lag, of, demanded int, bound time.Duration) string {
	if len(took) == 0 {
		return fmt.Sprintf("none of %s converged to the %s of the final truth", text.Count(of, "agent"), text.Count(demanded, "entry"))
	}
	slices.SortStableFunc(took, func(a, b lag) int { return cmp.Compare(a.after, b.after) })
	median, slowest := took[(len(took)-1)/2], took[len(took)-1]
	return fmt.Sprintf("%d of %s converged to the %s of the final truth: %s after the heal at the median, %s at most (%s); the bound is %v",
		len(took), text.Count(of, "agent"), text.Count(demanded, "entry"), text.Seconds(median.after), text.Seconds(slowest.after), slowest.agent, bound)
}

var convergedLate = &property.Rule{Name: "late", Text: func(f *property.Facts) string {
	what := "its restart"
	if f.Shown != nil {
		what = f.Shown.Kind + " " + f.Shown.Key
	}
	return fmt.Sprintf("agent %s had the view that the final truth demands only at %s, %s after the heal, and not within %v: %s came last",
		f.Agent, text.Seconds(f.At), text.Seconds(f.After), f.Allowed, what)
}}

func lateViolation(in *property.Input, id int32, a follower, h index.Horizon) property.Violation {
	record := in.Views.Events[a.lastWrong].Record
	r := &in.Records[record]
	v := property.Violation{Rule: convergedLate, Records: []int{h.Heal, int(record)}, Facts: property.Facts{
		Agent: in.Views.Agents[id], At: r.At, After: r.At - in.Records[h.Heal].At, Allowed: h.Bound}}
	if r.Verb != history.Up {
		v.Shown = &property.Version{Kind: r.Kind, Key: r.Key, Gone: r.Verb == history.Drop}
	}
	return v
}
