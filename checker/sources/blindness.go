package sources

import (
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// Blindness measures, in each phase, for how long each agent that was up had no source, at
// worst: what was written meanwhile could not reach it.
func Blindness(in *property.Input, agents [][]index.Incarnation, outages [][]index.Outage) (all []property.Measure) {
	end := in.Records[len(in.Records)-1].At
	for i := range in.Records {
		r := &in.Records[i]
		if r.Verb != history.Phase || r.Key == "end" {
			continue
		}
		to := end
		if next := in.First(i+1, len(in.Records), func(r *history.Record) bool { return r.Verb == history.Phase }); next >= 0 {
			to = in.Records[next].At
		}
		var longest []time.Duration
		for agent, during := range agents {
			worst, lived := time.Duration(0), false
			for _, l := range during {
				if !l.Overlaps(r.At, to) {
					continue
				}
				lived = true
				for _, o := range outages[agent] {
					from, until := l.Within(max(o.From, r.At), min(o.To, to))
					worst = max(worst, until-from)
				}
			}
			if lived {
				longest = append(longest, worst)
			}
		}
		if len(longest) > 0 {
			all = append(all, property.NewMeasure("blindness", "agents, "+r.Key, longest))
		}
	}
	return all
}

// lasted are how long what is looked for by Missed was there at least.
var lasted = []time.Duration{time.Second, 10 * time.Second, 60 * time.Second}

// Missed measures, of the entries that were there without a break for a time, which share each
// agent that was up throughout never saw, neither then nor before they came again.
func Missed(in *property.Input, agents [][]index.Incarnation, changes *index.Changes) (all []property.Measure) {
	end := in.Records[len(in.Records)-1].At
	shares := make([][]float64, len(lasted))
	for agent, during := range agents {
		var lives, missed [3]int
		for id := range in.Views.Entries {
			e := &in.Views.Entries[id]
			seen := changes.Of(int32(agent), index.View, int32(id))
			e.Lives(end, func(from, to, again time.Duration) {
				up := false
				for _, l := range during {
					up = up || l.Covers(from, to)
				}
				if !up {
					return
				}
				for i, least := range lasted {
					if to-from < least {
						return
					}
					lives[i]++
					if !sees(seen, from, again) {
						missed[i]++
					}
				}
			})
		}
		for i := range lasted {
			if lives[i] > 0 {
				shares[i] = append(shares[i], 100*float64(missed[i])/float64(lives[i]))
			}
		}
	}
	for i, least := range lasted {
		if len(shares[i]) > 0 {
			all = append(all, property.NewShares("missed", fmt.Sprintf("of what was there for %v, by agents", least), shares[i]))
		}
	}
	return all
}

// sees reports whether one of an agent's events shows the entry between two instants.
func sees(events []index.Event, from, to time.Duration) bool {
	for i := range events {
		if ev := &events[i]; ev.What == index.Seen && from <= ev.At && ev.At < to {
			return true
		}
	}
	return false
}
