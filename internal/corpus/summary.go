package corpus

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Summary is the table of findings and the table of coverage marks, as text that is
// Markdown too.
func Summary(findings []*Finding, s *State) string {
	var b strings.Builder
	in := ""
	if s.Mode != "" {
		in = " in mode " + s.Mode
	}
	fmt.Fprintf(&b, "# Findings\n\n%d distinct, in %d seeds from %d on%s: %d pass, %d fail, %d unknown, %d without a history.\n",
		len(findings), s.Done(), s.Base, in, s.Pass, s.Fail, s.Unknown, s.NoRun)
	fmt.Fprintf(&b, "%s of virtual time in %s.\n", s.Virtual.Std().Round(time.Second), s.Elapsed.Std().Round(time.Second))
	if len(s.Versions) > 0 {
		fmt.Fprintf(&b, "Last run with %s.\n", s.Versions)
	}
	if len(findings) > 0 {
		b.WriteString("\n" + table([]string{"finding", "mode", "seeds", "fastest seed", "after", "faults", "ops", "pods", "minimal"}, findingRows(findings)))
		for _, f := range findings {
			fmt.Fprintf(&b, "\n%s\n: %s\n", f.Name(), f.Sentence)
		}
	}
	if len(s.Marks) > 0 {
		b.WriteString("\n" + CoverageSummary(s.Marks))
	}
	return b.String()
}

var yesNo = map[bool]string{true: "yes", false: "no"}

func findingRows(findings []*Finding) (rows [][]string) {
	for _, f := range findings {
		fastest := f.Seeds[0]
		rows = append(rows, []string{
			f.Name(), f.Plan.Mode, strconv.Itoa(f.Count), strconv.FormatUint(fastest.Seed, 10), fmt.Sprintf("%.1fs", fastest.Virtual.Std().Seconds()),
			strconv.Itoa(len(f.Plan.Faults)), strconv.Itoa(len(f.Plan.Ops)), strconv.Itoa(len(f.Plan.Pods)), yesNo[f.Minimal],
		})
	}
	return rows
}

// CoverageSummary is the table of coverage marks that were reached, and the list of those
// that never were.
func CoverageSummary(marks []Reached) string {
	var rows [][]string
	var never []Reached
	for _, m := range marks {
		if m.Runs == 0 {
			never = append(never, m)
			continue
		}
		rows = append(rows, []string{m.Mark, strconv.Itoa(m.Runs), strconv.Itoa(m.Times), m.Sentence})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Coverage marks reached: %d of %d\n", len(rows), len(marks))
	if len(rows) > 0 {
		b.WriteString("\n" + table([]string{"mark", "runs", "times", "what happened"}, rows))
	}
	if len(never) > 0 {
		fmt.Fprintf(&b, "\n# Coverage marks never reached: %d\n\n", len(never))
		for _, m := range never {
			fmt.Fprintf(&b, "- %s: %s\n", m.Mark, m.Sentence)
		}
	}
	return b.String()
}

// table lines columns up: numbers to the right, other texts to the left.
func table(heading []string, rows [][]string) string {
	widths := make([]int, len(heading))
	numbers := make([]bool, len(heading))
	for i := range heading {
		widths[i], numbers[i] = len(heading[i]), true
		for _, row := range rows {
			widths[i] = max(widths[i], len(row[i]))
			numbers[i] = numbers[i] && strings.Trim(row[i], "0123456789.s") == ""
		}
	}
	rule := make([]string, len(heading))
	for i := range rule {
		rule[i] = strings.Repeat("-", widths[i])
		if numbers[i] {
			rule[i] = rule[i][1:] + ":"
		}
	}
	var b strings.Builder
	for _, row := range slices.Concat([][]string{heading, rule}, rows) {
		b.WriteString("|")
		for i, cell := range row {
			if numbers[i] {
				fmt.Fprintf(&b, " %*s |", widths[i], cell)
			} else {
				fmt.Fprintf(&b, " %-*s |", widths[i], cell)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
