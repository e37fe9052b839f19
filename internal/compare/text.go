package compare

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
)

// Heading says in one sentence what the change does.
func (r *Report) Heading() string {
	var parts []string
	for _, outcome := range Outcomes {
		if n := r.Count(outcome); n > 0 || outcome == Regressed {
			parts = append(parts, fmt.Sprintf("%s %s", text.Thousands(n), outcome))
		}
	}
	return fmt.Sprintf("%s of %s: %s (%s of them with equal traces)", text.Count(len(r.Seeds), "seed"), text.Thousands(r.Asked), strings.Join(parts, ", "), text.Thousands(r.EqualTraces()))
}

// WriteText writes the comparison for people: regressions first. Replay is the command
// line that runs a plan's file on the branch, or, without a file, a seed; and on the
// baseline.
func (r *Report) WriteText(w io.Writer, style report.Style, replay func(d *Difference, branch bool) string) error {
	out := report.NewOutput(w, style)
	for _, d := range r.Findings {
		if d.Of != "" {
			continue
		}
		label := string(d.Outcome)
		if d.Outcome == Regressed {
			label = "REGRESSED"
		}
		known := "looks like no finding"
		if d.Known {
			known = "looks like testdata/findings/" + d.Name + ".md"
		}
		out.Row(fmt.Sprintf("%-11s ", label), "%s (%s): seeds %s", d.Name, known, seedList(d.Seeds, style.All))
		const under = "            "
		out.Row(under, "on the branch: %s", d.Sentence)
		out.Row(under, "%s", d.Around)
		out.Row(under, "%s", d.advice())
		if d.Outcome == Changed && !style.All {
			continue
		}
		plan := fmt.Sprintf("seed %d", d.Seeds[0])
		if d.Shrunk != "" {
			plan = "shrunk, " + d.Shrunk
		}
		out.Row(under, "%s: the branch %s; the baseline %s", plan, d.OnBranch, d.OnBase)
		out.Command("  branch    ", replay(d, true))
		out.Command("  baseline  ", replay(d, false))
		for _, other := range r.Findings {
			if other.Of == d.Name {
				out.Row(under, "%s: %s: seeds %s", other.How, other.Name, seedList(other.Seeds, style.All))
			}
		}
	}
	if r.Count(Regressed) > 0 {
		out.Row("next        ", "run these with -v for each violation and the records that show it, -log FILE for Cilium's log, -write-history FILE for simrun validate FILE; after a fix, simrun compare -plan FILE")
	}
	for _, outcome := range Outcomes {
		r.writeSeeds(out, outcome)
	}
	out.Row("result      ", "%s", r.Title())
	for _, row := range []struct{ label, text string }{{"why         ", r.Failed}, {"note        ", r.Note}, {"tested      ", r.Tested()}, {"worth       ", r.Worth()}} {
		if row.text != "" {
			out.Row(row.label, "%s", row.text)
		}
	}
	out.Row("compared    ", "%s", r.Heading())
	out.Row("baseline    ", "%s", r.Baseline)
	out.Row("branch      ", "%s", r.Branch)
	out.Row("time        ", "%s", text.Rounded(r.Elapsed))
	return out.Flush()
}

// writeSeeds writes the seeds of an outcome that no difference has named.
func (r *Report) writeSeeds(out report.Output, outcome Outcome) {
	const few = 5
	n := 0
	for _, s := range r.of(outcome) {
		if s.Why == "" || len(without(&s.Branch, &s.Baseline)) > 0 {
			continue
		}
		if n++; n <= few || out.All() {
			out.Row(fmt.Sprintf("%-11s ", outcome), "seed %d: %s", s.Seed, s.Why)
		}
	}
	if n > few && !out.All() {
		out.Row(fmt.Sprintf("%-11s ", outcome), "and %s more (-v shows all)", text.Count(n-few, "seed"))
	}
}

// advice says what an outcome means.
func (d *Difference) advice() string {
	switch {
	case d.Outcome == Regressed:
		return "a regression"
	case d.Outcome == Changed:
		return "a shifted schedule: the baseline breaks so too, in other runs"
	case d.Around.BranchRuns == 0:
		return "undecided: it was not tried with other schedules"
	}
	return "undecided: no run of the baseline breaks so, but too few of the branch do to tell it from chance; more -around or more -seeds tell"
}

func seedList(seeds []uint64, all bool) string {
	const few = 12
	var names []string
	for i, seed := range seeds {
		if i == few && !all {
			break
		}
		names = append(names, strconv.FormatUint(seed, 10))
	}
	return text.Few(names, len(seeds))
}
