package compare

import (
	"fmt"
	"slices"
	"strings"
)

// judge compares what two runs of a plan showed. What it calls regressed is so only if
// chance does not explain it.
func judge(baseline, branch *Observed) (Outcome, string) {
	added, gone := without(branch, baseline), without(baseline, branch)
	unsure := !slices.Equal(baseline.Undecided, branch.Undecided)
	switch {
	case len(added) > 0:
		return Regressed, "the branch breaks what the baseline keeps: " + strings.Join(added, ", ")
	case unsure:
		return Undecided, fmt.Sprintf("undecided on the baseline: %s; on the branch: %s", list(baseline.Undecided), list(branch.Undecided))
	case len(gone) > 0:
		return Fixed, "the branch keeps what the baseline breaks: " + strings.Join(gone, ", ")
	case !slices.Equal(baseline.Broken, branch.Broken):
		return Changed, fmt.Sprintf("the same mechanism breaks other properties: on the baseline %s; on the branch %s", list(baseline.Broken), list(branch.Broken))
	}
	return Same, ""
}

// without are the ways of one run that another one has not.
func without(a, b *Observed) (names []string) {
	for i := range a.Ways {
		if b.way(a.Ways[i].Name) == nil {
			names = append(names, a.Ways[i].Name)
		}
	}
	return names
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// differences are the ways in which the branch breaks something anew, each with its seeds.
func (r *Report) differences() (all []*Difference) {
	for i := range r.Seeds {
		s := &r.Seeds[i]
		for _, name := range without(&s.Branch, &s.Baseline) {
			j := slices.IndexFunc(all, func(d *Difference) bool { return d.Name == name })
			if j < 0 {
				j = len(all)
				all = append(all, &Difference{Way: *s.Branch.way(name), Outcome: Undecided})
			}
			all[j].Seeds = append(all[j].Seeds, s.Seed)
		}
	}
	return all
}

// settle gives each seed the worst outcome of the differences that it shows.
func (r *Report) settle() {
	for i := range r.Seeds {
		s := &r.Seeds[i]
		if s.Outcome != Regressed {
			continue
		}
		s.Outcome = Undecided // unless it was followed
		for _, outcome := range slices.Backward(Outcomes) {
			for _, d := range r.Findings {
				if d.Outcome == outcome && slices.Contains(d.Seeds, s.Seed) {
					s.Outcome = outcome
				}
			}
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b *Difference) int {
		return slices.Index(Outcomes, a.Outcome) - slices.Index(Outcomes, b.Outcome)
	})
}

// Count is how many seeds have an outcome.
func (r *Report) Count(outcome Outcome) int { return len(r.of(outcome)) }

func (r *Report) of(outcome Outcome) (seeds []*Seed) {
	for i := range r.Seeds {
		if r.Seeds[i].Outcome == outcome {
			seeds = append(seeds, &r.Seeds[i])
		}
	}
	return seeds
}

// EqualTraces is how many seeds gave one history on both sides.
func (r *Report) EqualTraces() (n int) {
	for i := range r.Seeds {
		if s := &r.Seeds[i]; s.Baseline.Hash != "" && s.Baseline.Hash == s.Branch.Hash {
			n++
		}
	}
	return n
}
