package report

import (
	"bufio"
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

	judged      int
	outcomes    map[checker.Outcome]int
	properties  []property // in the order in which the checker gave them
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

type property struct {
	name     string
	counts   map[checker.Outcome]int
	failing  []uint64
	unknown  []uint64
	example  string // the first violation of the lowest failing seed
	whatFor  uint64 // its seed
	evidence string // of the lowest unknown seed
	pools    []*pool
}

// Failure is a seed whose run gave no history to judge.
type Failure struct {
	Seed    uint64 `json:"seed"`
	Kind    string `json:"failure"` // crash, hang, memory, or harness
	Message string `json:"message"` // one sentence
	Kept    string `json:"kept"`    // where the plan and what the worker printed are
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
			p.pool(m.Name, m.Group).add(m)
		}
	}
	switch r.Outcome {
	case checker.Fail:
		p.failing = append(p.failing, seed)
		if slices.Min(p.failing) == seed && len(r.Violations) > 0 {
			p.example, p.whatFor = r.Violations[0].Sentence(), seed
		}
	case checker.Unknown:
		p.unknown = append(p.unknown, seed)
		if slices.Min(p.unknown) == seed {
			p.evidence = r.Evidence
		}
	}
}

func (p *property) pool(name, group string) *pool {
	i := slices.IndexFunc(p.pools, func(known *pool) bool { return known.name == name && known.group == group })
	if i < 0 {
		i = len(p.pools)
		p.pools = append(p.pools, &pool{name: name, group: group})
	}
	return p.pools[i]
}

// measures returns the property's measures over all runs, sorted by name and group.
func (p *property) measures() []checker.Measure {
	var all []checker.Measure
	for _, pool := range p.pools {
		all = append(all, pool.measure())
	}
	slices.SortFunc(all, func(a, b checker.Measure) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group))
	})
	return all
}

// AddFailure counts a seed whose run failed.
func (s *Summary) AddFailure(f Failure) { s.failures = append(s.failures, f) }

// Done is how many seeds were counted.
func (s *Summary) Done() int { return s.judged + len(s.failures) }

// Failing is how many seeds broke a property, Undecided how many broke none but
// left one undecided, and Failed how many gave no history.
func (s *Summary) Failing() int   { return s.outcomes[checker.Fail] }
func (s *Summary) Undecided() int { return s.outcomes[checker.Unknown] }
func (s *Summary) Failed() int    { return len(s.failures) }

// FirstFailing is the lowest seed that broke a property, if one did.
func (s *Summary) FirstFailing() (seed uint64, found bool) {
	for _, p := range s.properties {
		for _, failing := range p.failing {
			if !found || failing < seed {
				seed, found = failing, true
			}
		}
	}
	return seed, found
}

// WriteText writes the table of properties, the failures and the totals. With
// all, every seed that did not pass is named, else some.
func (s *Summary) WriteText(w io.Writer, all bool) error {
	out := bufio.NewWriter(w)
	s.writeTable(out, all)
	s.writeMeasures(out)
	slices.SortFunc(s.failures, func(a, b Failure) int { return cmp.Compare(a.Seed, b.Seed) })
	for _, f := range s.failures {
		fmt.Fprintf(out, "\nseed %d gave no history (%s): %s\n  kept in %s\n", f.Seed, f.Kind, f.Message, f.Kept)
	}
	s.writeTotals(out)
	return out.Flush()
}

func (s *Summary) writeTable(out io.Writer, all bool) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(s.properties) > 0 {
		fmt.Fprintln(table, "property\tpass\tfail\tunknown\tn/a\tseeds that did not pass")
	}
	for _, p := range s.properties {
		fmt.Fprintln(table, strings.Join([]string{p.name, text.Thousands(p.counts[checker.Pass]),
			text.Thousands(p.counts[checker.Fail]), text.Thousands(p.counts[checker.Unknown]), text.Thousands(p.counts[checker.NotApplicable]), cmp.Or(seedLists(p, all), "-")}, "\t"))
	}
	table.Flush()
	for _, p := range s.properties {
		if p.example != "" {
			fmt.Fprintf(out, "\n%s is broken, first by seed %d: %s\n", p.name, p.whatFor, p.example)
		}
		if p.evidence != "" {
			fmt.Fprintf(out, "\n%s could not be decided, first for seed %d: %s\n", p.name, slices.Min(p.unknown), p.evidence)
		}
	}
}

// writeMeasures writes what was measured in all runs, by property.
func (s *Summary) writeMeasures(out io.Writer) {
	for i := range s.properties {
		p := &s.properties[i]
		for j, m := range p.measures() {
			if j == 0 {
				fmt.Fprintf(out, "\n%s, over all runs\n", p.name)
			}
			fmt.Fprintf(out, "  %s: %s\n", measureName(p.name, m), m)
		}
	}
}

func seedLists(p property, all bool) string {
	var parts []string
	for _, list := range []struct {
		name  string
		seeds []uint64
	}{{"fail", p.failing}, {"unknown", p.unknown}} {
		if len(list.seeds) > 0 {
			parts = append(parts, list.name+" "+seedList(list.seeds, all))
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

func (s *Summary) writeTotals(out io.Writer) {
	if s.Done() > 0 {
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "seeds     %s of %s: %s pass, %s fail, %s unknown, %s without a history\n", text.Thousands(s.Done()), text.Thousands(s.Seeds),
		text.Thousands(s.outcomes[checker.Pass]), text.Thousands(s.Failing()), text.Thousands(s.Undecided()), text.Thousands(s.Failed()))
	if s.Note != "" {
		fmt.Fprintf(out, "note      %s\n", s.Note)
	}
	if s.judged == 0 {
		return
	}
	fmt.Fprintf(out, "time      %s of virtual time in %s: %.1f seeds/s; workers %s, %s times as fast as real time, and checks %s (%.0f %%)\n",
		s.virtual.Round(time.Second), text.Rounded(s.Elapsed), float64(s.Done())/s.Elapsed.Seconds(),
		text.Rounded(s.worker), text.Thousands(int(s.virtual/max(1, s.worker))), text.Rounded(s.checking), 100*s.checkingShare())
	fmt.Fprintf(out, "events    %s, %s in the mean; peak memory of a worker %d MiB\n", text.Thousands(s.records), text.Thousands(s.records/s.judged), s.peak>>20)
	if s.reruns > 0 {
		fmt.Fprintf(out, "reruns    %s, because a seed had not determined every event\n", text.Thousands(s.reruns))
	}
	if len(s.unseeded) > 0 {
		fmt.Fprintf(out, "note      seeds that may not replay, because even the last run was not determined: %s\n", seedList(s.unseeded, false))
	}
	if s.mixedWorker {
		fmt.Fprintln(out, "note      the stock Go runtime was used: seeds fix the plans and not the executions, so these runs do not replay")
	}
}

// checkingShare is the part of the work that reading and judging histories took.
func (s *Summary) checkingShare() float64 {
	return s.checking.Seconds() / max(1e-9, (s.checking+s.worker).Seconds())
}
