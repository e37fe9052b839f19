package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/internal/text"
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
				all = append(all, &Difference{Way: *s.Branch.way(name), Outcome: Undecided, Around: Around{Chance: 1}, OnBranch: s.Branch.says(), OnBase: s.Baseline.says()})
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

// Untested says why no seed could show what the branch changes; empty: some could.
func (r *Report) Untested() string {
	switch c := r.Changes; {
	case r.Failed != "" || c != nil && len(c.Worker) > 0:
		return ""
	case c != nil && len(c.Outside) > 0:
		return "what the branch changes is not in what meshcheck runs (packages " + packages(c.Outside) + ")"
	case c != nil:
		return "the source of the branch is that of the baseline"
	case r.Baseline != nil && r.Branch != nil && r.Baseline.Hash == r.Branch.Hash:
		return "the worker of the branch is that of the baseline"
	}
	return ""
}

// Passes reports whether all was compared, and no seed regressed or is undecided.
func (r *Report) Passes() bool {
	return r.Failed == "" && r.Untested() == "" && len(r.Seeds) == r.Asked && r.Note == "" && r.Count(Regressed)+r.Count(Undecided) == 0
}

// Title says in a few words what came of it.
func (r *Report) Title() string {
	untested := r.Untested()
	switch regressed := r.Count(Regressed); {
	case r.Failed != "":
		return "nothing was tested: it could not be built"
	case untested != "":
		return "nothing was tested: " + untested
	case regressed > 0:
		return text.Count(regressed, "seed") + " regressed"
	case r.Passes():
		return "no regression"
	case strings.HasPrefix(r.Note, "interrupted"):
		return "interrupted"
	}
	return "undecided"
}

// Tested says which changed packages the seeds run, and which not.
func (r *Report) Tested() string {
	if r.Changes == nil || len(r.Changes.Worker) == 0 {
		return ""
	}
	s := "changed packages in the worker, of which it may not run all code (a panic put there shows which seeds do): " + packages(r.Changes.Worker)
	if len(r.Changes.Outside) > 0 {
		s += "; not tested: " + packages(r.Changes.Outside)
	}
	return s + fmt.Sprintf(" (changes %s)", r.Changes.Hash)
}

// Worth says what it means that no seed regressed.
func (r *Report) Worth() string {
	if !r.Passes() {
		return ""
	}
	n := len(r.Seeds)
	if r.EqualTraces() == n {
		return "little: every seed has the same trace with and without the change, which may never have been executed; see which scenarios reach it"
	}
	return fmt.Sprintf("%s without a regression: what shows in a share p of the seeds is missed with probability (1-p)^%d; this excludes, at 95 %%, what shows in %.2g %% of them or more",
		text.Count(n, "seed"), n, 100*(1-math.Pow(0.05, 1/float64(n))))
}

func packages(dirs []string) string {
	const few = 8
	return text.Few(dirs[:min(few, len(dirs))], len(dirs))
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
