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
	Why:     "the proposal expects that agents converge to the correct state; cilium 24740, 19813, 29822",
	RestsOn: []string{"revision-origin"},
	Rules:   append(stuckRules, convergedLate),
	Check:   checkConvergence,
	Step:    downStep,
}

func checkConvergence(in *property.Input) property.Result {
	h := in.Horizon()
	if h.Problem != "" {
		return property.Undecided(h.Problem)
	}
	if len(in.Views.Entries) == 0 {
		return property.Undecided("nothing was ever true and nothing was seen: there is nothing to converge to")
	}
	demanded, agents := progressOf(in.Views)
	var took []lag
	var late, stuck []int32
	down := 0
	for id, a := range agents {
		switch {
		case a.start == nil:
		case !a.up:
			down++
			stuck = append(stuck, int32(id))
		case a.wrong:
			stuck = append(stuck, int32(id))
		default:
			took = append(took, lag{max(0, a.became.At-in.Records[h.Heal].At), in.Views.Agents[id]})
			if a.became.At > h.Deadline {
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

// progress is how far an agent's view has come to what the final truth demands.
type progress struct {
	up     bool
	start  *index.Event // the last one
	wrong  bool         // an entry is missing, too much or different
	became *index.Event // by which the view last became right; its start if it always was
}

// progressOf returns how many entries the final truth demands and what became of each agent:
// nothing of one that never started.
func progressOf(v *index.Views) (demanded int, agents []progress) {
	for i := range v.Entries {
		if !index.Lasts(v.Entries[i].Absent) {
			demanded++
		}
	}
	agents = make([]progress, len(v.Agents))
	for i := range v.Events {
		switch ev := &v.Events[i]; ev.What {
		case index.Start:
			agents[ev.Agent] = progress{up: true, start: ev, became: ev}
		case index.Stop:
			agents[ev.Agent].up = false
		}
	}
	changes := v.Changes()
	for agent := range agents {
		a := &agents[agent]
		for id := 0; id < len(v.Entries) && a.up; id++ {
			e := &v.Entries[id]
			right, became := index.Lasts(e.Absent), a.start
			of := changes.Of(int32(agent), index.View, int32(id))
			for i := range of {
				if of[i].Record < a.start.Record {
					continue
				}
				was := right
				if right = e.Demands(of[i].What == index.Seen, of[i].Claim); right && !was {
					became = &of[i]
				}
			}
			a.wrong = a.wrong || !right
			if became.Record > a.became.Record {
				a.became = became
			}
		}
	}
	return demanded, agents
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

// downStep is that of an agent that is down; what one that is up shows has its way.
func downStep(v *property.Violation) property.Step {
	if v.Rule.Name != agentDown.Name {
		return property.Step{}
	}
	return property.Step{Host: v.Agent, Part: "agent", What: "it was down when it had to show what is true"}
}

var convergedLate = &property.Rule{Name: "late", Text: func(f *property.Facts) string {
	what := "its restart"
	if f.Shown != nil {
		what = f.Shown.Kind + " " + f.Shown.Key
	}
	return fmt.Sprintf("agent %s had the view that the final truth demands only at %s, %s after the heal, and not within %v: %s came last",
		f.Agent, text.Seconds(f.At), text.Seconds(f.After), f.Allowed, what)
}}

func lateViolation(in *property.Input, id int32, a progress, h index.Horizon) property.Violation {
	r := &in.Records[a.became.Record]
	v := property.Violation{Rule: convergedLate, Records: []int{h.Heal, int(a.became.Record)}, Facts: property.Facts{
		Agent: in.Views.Agents[id], At: r.At, After: r.At - in.Records[h.Heal].At, Allowed: h.Bound}}
	if r.Verb != history.Up {
		v.Kind, v.Key = r.Kind, r.Key
		v.Shown = &property.Version{Kind: r.Kind, Key: r.Key, Gone: r.Verb == history.Drop}
	}
	return v
}
