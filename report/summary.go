package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/internal/text"
)

// Summary counts the outcomes of many seeds. It keeps numbers, the seeds that did
// not pass and one example per property, not the runs. The zero value is empty.
type Summary struct {
	Seeds   int           // asked for
	Elapsed time.Duration // wall time of the campaign
	Note    string        // if not empty, why not all seeds were run
	Code    *Code         // what ran
	// Judged is what was measured of what the seeds break; it stands if Measured.
	Judged   []Judged
	Measured bool
	// Replay returns the command line that runs a seed again.
	Replay func(seed uint64) string

	judged      int
	panics      int // seeds that the code under test ended by a panic
	outcomes    map[checker.Outcome]int
	promises    []promise  // that the plans make, in their order
	promising   int        // runs whose plan promises something
	keeping     int        // of these, those that keep all of it
	properties  []property // in the order in which the checker gave them
	findings    []*seedsOf
	news, known int // seeds that break something which looks like no finding, or like one
	failures    []Failure
	virtual     time.Duration
	worker      time.Duration
	checking    time.Duration
	records     int
	peak        int64
	reruns      int
	unseeded    []uint64 // seeds whose last run was not determined by the seed
	mixedWorker bool     // a run was without the deterministic runtime
}

// seedsOf is a group with the seeds that showed it. The group is of the lowest one, but
// for the properties, which are those of all.
type seedsOf struct {
	Group
	seeds []uint64
}

type property struct {
	name     string
	counts   map[checker.Outcome]int
	failing  []uint64
	unknown  []uint64
	evidence string // of the lowest unknown seed
	pools    []*Pool
}

// Failure is a seed whose run gave no history to judge.
type Failure struct {
	Seed    uint64 `json:"seed"`
	Kind    string `json:"failure"` // panic, crash, hang, memory, or harness
	Message string `json:"message"` // one sentence
	Kept    string `json:"kept"`    // where the plan and what the worker printed are

	Panic *Panic `json:"panic,omitempty"` // of the code under test: what the run has found
}

// Add counts the run of a seed.
func (s *Summary) Add(seed uint64, r *Run) {
	s.judged++
	if s.outcomes == nil {
		s.outcomes = map[checker.Outcome]int{}
	}
	s.outcomes[r.Verdict.Outcome()]++
	for _, result := range r.Verdict.Results {
		s.property(result.Property).add(seed, result)
	}
	s.addGroups(seed, Groups(r.Verdict))
	s.addPromises(r)
	s.virtual += r.Virtual
	s.worker += r.Wall
	s.checking += r.Checking
	s.records += r.Records
	s.peak = max(s.peak, r.PeakMemory)
	s.reruns += r.Reruns
	s.mixedWorker = s.mixedWorker || !r.Deterministic
	if r.Deterministic && r.Unseeded > 0 {
		s.unseeded = append(s.unseeded, seed)
	}
}

// promise is what plans promise, a property, and how many runs kept it.
type promise struct {
	Property string `json:"property"`
	Kept     int    `json:"kept"`
	Of       int    `json:"of"`
}

// addPromises counts what the plan promises. What is not decided is not kept.
func (s *Summary) addPromises(r *Run) {
	if r.Plan == nil || len(r.Plan.Promise) == 0 {
		return
	}
	all := true
	for _, name := range r.Plan.Promise {
		i := slices.IndexFunc(s.promises, func(p promise) bool { return p.Property == name })
		if i < 0 {
			i = len(s.promises)
			s.promises = append(s.promises, promise{Property: name})
		}
		s.promises[i].Of++
		if result, judged := r.Verdict.Result(name); judged && result.Outcome == checker.Pass {
			s.promises[i].Kept++
		} else {
			all = false
		}
	}
	s.promising++
	if all {
		s.keeping++
	}
}

// writePromises says how many runs keep what their plans promise.
func (s *Summary) writePromises(out Output) {
	if s.promising == 0 {
		return
	}
	var each []string
	for _, p := range s.promises {
		each = append(each, fmt.Sprintf("%s %s", p.Property, text.Thousands(p.Kept)))
	}
	out.Row("promises  ", "kept by %s of %s: %s", text.Thousands(s.keeping), text.Thousands(s.promising), strings.Join(each, ", "))
}

func (s *Summary) addGroups(seed uint64, groups []Group) {
	if slices.ContainsFunc(groups, func(g Group) bool { return g.News() }) {
		s.news++
	}
	if slices.ContainsFunc(groups, func(g Group) bool { return !g.News() }) {
		s.known++
	}
	for _, g := range groups {
		i := slices.IndexFunc(s.findings, func(known *seedsOf) bool { return known.Mechanism == g.Mechanism && known.Broken == g.Broken })
		if i < 0 {
			i = len(s.findings)
			s.findings = append(s.findings, &seedsOf{Group: g})
		}
		f := s.findings[i]
		f.seeds = append(f.seeds, seed)
		for _, property := range g.Properties {
			if !slices.Contains(f.Properties, property) {
				f.Properties = append(f.Properties, property)
			}
		}
		if slices.Min(f.seeds) == seed {
			f.First = g.First
		}
	}
}

// ordered sorts the groups that were found: news first, then by how many seeds showed
// them.
func (s *Summary) ordered() []*seedsOf {
	slices.SortFunc(s.findings, func(a, b *seedsOf) int {
		news := 0
		if a.News() != b.News() {
			news = cmp.Compare(len(a.Mechanism), len(b.Mechanism))
		}
		return cmp.Or(news, cmp.Compare(len(b.seeds), len(a.seeds)), cmp.Compare(a.Mechanism+a.Broken, b.Mechanism+b.Broken))
	})
	return s.findings
}

// Finding is what seeds broke in one way, with these seeds.
type Finding struct {
	Group
	Seeds []uint64
}

// Findings returns what was found: news first, then by how many seeds showed it.
func (s *Summary) Findings() (all []Finding) {
	for _, f := range s.ordered() {
		all = append(all, Finding{f.Group, f.seeds})
	}
	return all
}

// EachMeasure hands on what was measured in all runs, by property.
func (s *Summary) EachMeasure(use func(property string, m checker.Measure, p *Pool)) {
	for i := range s.properties {
		p := &s.properties[i]
		for _, m := range p.measures() {
			use(p.name, m, p.pool(m.Name, m.Group))
		}
	}
}

// Headline says in one line what became of the seeds.
func (s *Summary) Headline() string {
	rest := ""
	if s.Done() < s.Seeds {
		rest = "; the others were not run"
	}
	return fmt.Sprintf("%s of %s: %s pass, %s fail, %s unknown, %s without a history; %s", text.Thousands(s.Done()), text.Count(s.Seeds, "seed"),
		text.Thousands(s.outcomes[checker.Pass]), text.Thousands(s.Failing()), text.Thousands(s.Undecided()), text.Thousands(s.Failed()),
		map[bool]string{true: "news", false: "what looks like no finding"}[s.Measured]+" in "+text.Count(s.News(), "seed")+rest)
}

// Unsure is how many seeds left a property undecided, whatever else they broke.
func (s *Summary) Unsure() int {
	seeds := map[uint64]bool{}
	for _, p := range s.properties {
		for _, seed := range p.unknown {
			seeds[seed] = true
		}
	}
	return len(seeds)
}

// News is how many seeds broke something that no repair takes away or, if that was not measured,
// that looks like no finding.
func (s *Summary) News() int {
	if s.Measured {
		return Tally(s.Judged)[News]
	}
	return s.news
}

// Suspected is how many findings look like one without a repair, which was not measured.
func (s *Summary) Suspected() int { return Tally(s.Judged)[Suspected] }

func (s *Summary) property(name string) *property {
	i := slices.IndexFunc(s.properties, func(p property) bool { return p.name == name })
	if i < 0 {
		i = len(s.properties)
		s.properties = append(s.properties, property{name: name, counts: map[checker.Outcome]int{}})
	}
	return &s.properties[i]
}

func (p *property) add(seed uint64, r checker.Result) {
	p.counts[r.Outcome]++
	for _, m := range r.Measures {
		if len(m.Samples()) > 0 {
			p.pool(m.Name, m.Group).Add(m)
		}
	}
	switch r.Outcome {
	case checker.Fail:
		p.failing = append(p.failing, seed)
	case checker.Unknown:
		p.unknown = append(p.unknown, seed)
		if slices.Min(p.unknown) == seed {
			p.evidence = r.Evidence
		}
	}
}

func (p *property) pool(name, group string) *Pool {
	i := slices.IndexFunc(p.pools, func(known *Pool) bool { return known.Name == name && known.Group == group })
	if i < 0 {
		i = len(p.pools)
		p.pools = append(p.pools, &Pool{Name: name, Group: group})
	}
	return p.pools[i]
}

// measures returns the property's measures over all runs, sorted by name and group.
func (p *property) measures() []checker.Measure {
	var all []checker.Measure
	for _, pool := range p.pools {
		all = append(all, pool.Measure())
	}
	slices.SortFunc(all, func(a, b checker.Measure) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group))
	})
	return all
}

// AddFailure counts a seed whose run failed. A panic of the code under test is a finding.
func (s *Summary) AddFailure(f Failure) {
	if f.Panic == nil {
		s.failures = append(s.failures, f)
		return
	}
	s.panics++
	s.addGroups(f.Seed, []Group{f.Panic.group()})
}

// Done is how many seeds were counted.
func (s *Summary) Done() int { return s.judged + s.panics + len(s.failures) }

// Failing is how many seeds broke a property, Undecided how many broke none but
// left one undecided, and Failed how many gave no history.
func (s *Summary) Failing() int   { return s.outcomes[checker.Fail] + s.panics }
func (s *Summary) Undecided() int { return s.outcomes[checker.Unknown] }
func (s *Summary) Failed() int    { return len(s.failures) }

// WriteText writes what is news, what is known, the failures and the totals. With
// style.All the table of properties and what was measured stand before them, and every
// seed that did not pass is named, else some.
func (s *Summary) WriteText(w io.Writer, style Style) error {
	out := NewOutput(w, style)
	if style.All {
		s.writeTable(out)
		s.writeMeasures(out)
		fmt.Fprintln(out)
	}
	s.writeFindings(out)
	for _, p := range s.properties {
		if len(p.unknown) > 0 {
			out.Row(out.Paint(Yellow, "undecided "), "%s, which is not a pass: seeds %s; the first: %s", p.name, seedList(p.unknown, style.All), p.evidence)
		}
	}
	slices.SortFunc(s.failures, func(a, b Failure) int { return cmp.Compare(a.Seed, b.Seed) })
	for _, f := range s.failures {
		out.Row(out.Paint(Red, "FAILURE   "), "seed %d gave no history (%s): %s; kept in %s", f.Seed, f.Kind, f.Message, f.Kept)
	}
	s.writeTotals(out)
	return out.Flush()
}

// writeFindings writes what was measured or, if nothing was, what seeds look like; each with
// its seeds, its first violation and the command that replays it.
func (s *Summary) writeFindings(out Output) {
	if s.judged+s.panics == 0 {
		return
	}
	if s.Measured {
		label := out.Paint(Green, "news      ")
		if s.News() > 0 {
			label = out.Paint(Red, "NEWS      ")
		}
		out.Row(label, "%s", Measured(s.Judged, s.Done()))
		WriteJudged(out, s.Judged, s.Replay)
		return
	}
	var known []string
	for _, f := range s.ordered() {
		if !f.News() {
			known = append(known, fmt.Sprintf("%s %d", f.Mechanism, len(f.seeds)))
		}
	}
	line := fmt.Sprintf("%d of %s with what looks like no finding", s.news, text.Count(s.Done(), "seed"))
	if len(known) > 0 {
		line += fmt.Sprintf("; %d with what looks like %s (-judge measures it): %s", s.known, text.Count(len(known), "finding"), strings.Join(known, ", "))
	}
	label := out.Paint(Green, "suspected ")
	if s.news > 0 {
		label = out.Paint(Red, "suspected ")
	}
	out.Row(label, "%s", line)
	for _, f := range s.findings {
		title := f.title()
		if f.News() {
			title = f.Broken
		}
		name := out.Paint(Yellow, "  suspect ")
		if f.News() {
			name = out.Paint(Red, "  unlike  ")
		}
		out.Row(name, "%s: %s; seeds %s", title, strings.Join(f.Properties, ", "), seedList(f.seeds, out.style.All))
		const under = "          "
		out.Row(under, "%s", f.First.Sentence())
		if s.Replay != nil {
			out.Command("  replay  ", s.Replay(slices.Min(f.seeds)))
		}
	}
}

func (s *Summary) writeTable(out Output) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(s.properties) > 0 {
		fmt.Fprintln(table, "property\tpass\tfail\tunknown\tn/a\tseeds that did not pass")
	}
	for _, p := range s.properties {
		fmt.Fprintln(table, strings.Join([]string{p.name, text.Thousands(p.counts[checker.Pass]),
			text.Thousands(p.counts[checker.Fail]), text.Thousands(p.counts[checker.Unknown]), text.Thousands(p.counts[checker.NotApplicable]), cmp.Or(seedLists(p), "-")}, "\t"))
	}
	table.Flush()
}

// writeMeasures writes what was measured in all runs, by property.
func (s *Summary) writeMeasures(out Output) {
	for i := range s.properties {
		p := &s.properties[i]
		for j, m := range p.measures() {
			if j == 0 {
				fmt.Fprintf(out, "\n%s, over all runs\n", p.name)
			}
			out.Row("  ", "%s: %s", MeasureName(p.name, m), m)
		}
	}
}

func seedLists(p property) string {
	var parts []string
	for _, list := range []struct {
		name  string
		seeds []uint64
	}{{"fail", p.failing}, {"unknown", p.unknown}} {
		if len(list.seeds) > 0 {
			parts = append(parts, list.name+" "+seedList(list.seeds, true))
		}
	}
	return strings.Join(parts, "; ")
}

// seedList names seeds in ascending order; some of them, unless all are wanted.
func seedList(seeds []uint64, all bool) string {
	const some = 8
	seeds = slices.Sorted(slices.Values(seeds))
	var b strings.Builder
	for i, seed := range seeds {
		if i == some && !all {
			fmt.Fprintf(&b, " and %s more", text.Thousands(len(seeds)-i))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatUint(seed, 10))
	}
	return b.String()
}

func (s *Summary) writeTotals(out Output) {
	out.Row("seeds     ", "%s of %s: %s pass, %s fail, %s unknown, %s without a history", text.Thousands(s.Done()), text.Thousands(s.Seeds),
		text.Thousands(s.outcomes[checker.Pass]), text.Thousands(s.Failing()), text.Thousands(s.Undecided()), text.Thousands(s.Failed()))
	s.writePromises(out)
	if s.Note != "" {
		out.Row("note      ", "%s", s.Note)
	}
	if s.Code != nil {
		out.Row("of        ", "%s", s.Code)
	}
	if s.judged == 0 {
		return
	}
	out.Row("time      ", "%s of virtual time in %s: %.1f seeds/s; workers %s, %s times as fast as real time, and checks %s (%.0f %%)",
		s.virtual.Round(time.Second), text.Rounded(s.Elapsed), float64(s.Done())/s.Elapsed.Seconds(),
		text.Rounded(s.worker), text.Thousands(int(s.virtual/max(1, s.worker))), text.Rounded(s.checking), 100*s.checkingShare())
	out.Row("events    ", "%s, %s in the mean; peak memory of a worker %d MiB", text.Thousands(s.records), text.Thousands(s.records/s.judged), s.peak>>20)
	if s.reruns > 0 {
		out.Row("reruns    ", "%s, because a seed had not determined every event", text.Thousands(s.reruns))
	}
	if len(s.unseeded) > 0 {
		out.Row("note      ", "seeds that may not replay, because even the last run was not determined: %s", seedList(s.unseeded, false))
	}
	if s.mixedWorker {
		out.Row("note      ", "the stock Go runtime was used: seeds fix the plans and not the executions, so these runs do not replay")
	}
}

// checkingShare is the part of the work that reading and judging histories took.
func (s *Summary) checkingShare() float64 {
	return s.checking.Seconds() / max(1e-9, (s.checking+s.worker).Seconds())
}
