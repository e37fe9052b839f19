package operator

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

var IdentityGarbage = property.Property{
	Name: mode.IdentityGarbage,
	Promise: "A CiliumIdentity that no pod asks for, by its labels or by its CiliumEndpoint, is deleted within the heartbeat's time-out and two paces of the collector, and 30 s for each operator that has begun to lead meanwhile. " +
		"What counts is the time in which an operator leads and no fault strikes it or a kube-apiserver, whichever operator that is.",
	Why:     "what is never deleted fills the numbers that there are, and the memory of each agent; cilium 28339",
	RestsOn: []string{mode.Slices},
	Rules:   []*property.Rule{neverCollected, collectedLate},
	Check:   checkGarbage,
	Step:    property.ByClient("operator", "the collector of the one that led has not taken the identity, or late"),
}

func checkGarbage(in *property.Input) property.Result {
	if why, is := nothing(in); is {
		return why
	}
	g := garbage{in: in, options: optionsOf(in), state: object.NewState(in.History.Plan), lead: leadingOf(in), since: map[string]unused{}}
	for i := range in.Records {
		if err := g.record(i, &in.Records[i]); err != nil {
			return property.Undecided("the history cannot be read: " + err.Error())
		}
	}
	end := len(in.Records) - 1
	if reach, length := g.bound(span{}), max(g.options.length, in.Records[end].At); length < reach {
		return property.Inapplicable(fmt.Sprintf("by the plan's paces an operator may take %s until it deletes an identity that nobody asks for, and a run by the plan %s", text.Seconds(reach), text.Seconds(length)))
	}
	for _, number := range slices.SortedFunc(maps.Keys(g.since), byNumber) {
		g.end(number, end, false)
	}
	measure := property.NewMeasure(mode.IdentityGarbage, "unused to deleted", g.took)
	if g.count == 0 && len(g.took) == 0 {
		return property.Undecided("there was no identity that no pod asked for while operators led for as long as the heartbeat's time-out").Measured(measure)
	}
	if len(g.took) == 0 && len(g.violations) == 0 {
		return property.Undecided(fmt.Sprintf("none of %s that no pod asked for was deleted, and there was no time for it", text.Count(g.count, "identity"))).Measured(measure)
	}
	return property.Judged(fmt.Sprintf("%s of %s that no pod asked for were deleted", text.Thousands(len(g.took)), text.Count(max(g.count, len(g.took)), "identity")), g.violations).Measured(measure)
}

// unused is since when no pod has asked for an identity.
type unused struct {
	at     time.Duration
	record int32
}

type garbage struct {
	in         *property.Input
	options    options
	state      *object.State
	lead       leading
	since      map[string]unused // by number
	count      int
	took       []time.Duration
	violations []property.Violation
}

func (g *garbage) record(i int, r *history.Record) error {
	touched, err := g.state.Apply(i, r)
	if err != nil {
		return err
	}
	for _, number := range touched.Identities {
		exists := g.state.Identities[number] != nil
		was, is := g.since[number]
		switch used := len(g.state.Asking(number)) > 0; {
		case is && !exists:
			g.took = append(g.took, r.At-was.at)
			g.end(number, i, true)
		case is && used:
			g.end(number, i, false)
		case !is && exists && !used:
			g.since[number] = unused{r.At, int32(i)}
		}
	}
	return nil
}

// bound is how long an identity that is unused for a time may stay.
func (g *garbage) bound(s span) time.Duration {
	bound := g.options.heartbeat + 2*g.options.pace + works
	for _, lead := range g.lead.began {
		if s.from < lead && lead < s.to {
			bound += works
		}
	}
	return bound
}

// end judges an identity that was unused until a record.
func (g *garbage) end(number string, i int, deleted bool) {
	was, r := g.since[number], &g.in.Records[i]
	delete(g.since, number)
	s := span{was.at, r.At}
	bound := g.bound(s)
	_, total := within(s, g.lead.led)
	if total > g.options.heartbeat {
		g.count++
	}
	if total <= bound {
		return
	}
	rule := neverCollected
	if deleted {
		rule = collectedLate
	}
	g.violations = append(g.violations, property.NewViolation(rule, property.Facts{Kind: object.IdentityKind, Key: number, At: r.At, Since: was.at, After: total, Allowed: bound}, was.record, int32(i)))
}

// byNumber orders the names of identities as numbers.
func byNumber(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX != nil || errY != nil {
		return strings.Compare(a, b)
	}
	return x - y
}

// The ways in which an identity stays for too long.
var (
	neverCollected = garbageRule("never", func(f *property.Facts) string { return "was still there at " + text.Seconds(f.At) })
	collectedLate  = garbageRule("late", func(f *property.Facts) string { return "was deleted only at " + text.Seconds(f.At) })
)

func garbageRule(name string, what func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("no pod has asked for identity %s since %s, and it %s: operators led undisturbed for %s of it, and %s are enough",
			f.Key, text.Seconds(f.Since), what(f), text.Seconds(f.After), text.Seconds(f.Allowed))
	}}
}
