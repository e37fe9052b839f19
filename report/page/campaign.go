package page

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/report"
)

// Campaign gathers what the page of many seeds shows: what became of each property in each.
// It keeps a few bytes of a seed, not the run. The zero value is empty.
type Campaign struct {
	seeds      []seedData
	properties []string // in the order in which the checker gives them
}

// seedData is what became of a seed.
type seedData struct {
	Seed string `json:"seed"` // a number that may be greater than those of JavaScript
	// Outcomes has a letter for each property: p of pass, k of a fail that looks like findings
	// alone, n of one with news, u of unknown, m of mistake and - of not applicable. A seed
	// without a history has none.
	Outcomes string   `json:"outcomes"`
	Findings []string `json:"findings,omitempty"` // names of its groups
	Sentence string   `json:"sentence,omitempty"` // of the first violation, or the failure
	Failure  string   `json:"failure,omitempty"`  // kind of it
	Virtual  float64  `json:"virtual"`            // seconds
	Wall     float64  `json:"wall"`
	Records  int      `json:"records"`
	Replay   string   `json:"replay,omitempty"`

	seed uint64
}

// Add takes the run of a seed in.
func (c *Campaign) Add(seed uint64, run *report.Run) {
	d := seedData{seed: seed, Virtual: run.Virtual.Seconds(), Wall: run.Wall.Seconds(), Records: run.Records}
	if c.properties == nil {
		for _, r := range run.Verdict.Results {
			c.properties = append(c.properties, r.Property)
		}
	}
	var letters strings.Builder
	for _, name := range c.properties {
		r, _ := run.Verdict.Result(name)
		letters.WriteByte(letter(r))
	}
	d.Outcomes = letters.String()
	for i, g := range report.Groups(run.Verdict) {
		d.Findings = append(d.Findings, g.Name())
		if i == 0 {
			d.Sentence = g.First.Sentence()
		}
	}
	c.seeds = append(c.seeds, d)
}

// AddFailure takes a seed in that gave no history.
func (c *Campaign) AddFailure(f report.Failure) {
	d := seedData{seed: f.Seed, Failure: f.Kind, Sentence: f.Message}
	if f.Panic != nil {
		d.Findings = []string{cmp.Or(f.Panic.Page, "panic")}
	}
	c.seeds = append(c.seeds, d)
}

func letter(r checker.Result) byte {
	switch r.Outcome {
	case checker.Pass:
		return 'p'
	case checker.Unknown:
		return 'u'
	case checker.Mistake:
		return 'm'
	case checker.Fail:
		if slices.ContainsFunc(r.Violations, func(v checker.Violation) bool { return v.Cause == nil }) {
			return 'n'
		}
		return 'k'
	}
	return '-'
}

type campaignData struct {
	Version    int            `json:"version"`
	Name       string         `json:"name"`
	Headline   string         `json:"headline"`
	Outcome    string         `json:"outcome"`
	Totals     []string       `json:"totals"` // the summary's text
	Properties []propertyData `json:"properties"`
	Seeds      []seedData     `json:"seeds"`
	Findings   []findingData  `json:"findings"`
	Measures   []measureData  `json:"measures"`
}

type findingData struct {
	Title      string   `json:"title"`
	News       bool     `json:"news"`
	Page       string   `json:"page,omitempty"`
	Properties []string `json:"properties"`
	Seeds      []string `json:"seeds"`
	Sentence   string   `json:"sentence"`
	Replay     string   `json:"replay,omitempty"`
}

// Write writes the page, with the summary of the same seeds.
func (c *Campaign) Write(w io.Writer, name string, s *report.Summary) error {
	d := campaignData{Version: Version, Name: name, Outcome: outcome(s), Properties: []propertyData{}, Seeds: []seedData{}, Findings: []findingData{}, Measures: []measureData{}}
	var text strings.Builder
	if err := s.WriteText(&text, report.Style{}); err != nil {
		return err
	}
	d.Totals = strings.Split(strings.TrimSpace(text.String()), "\n")
	d.Headline = s.Headline()
	slices.SortFunc(c.seeds, func(a, b seedData) int { return cmp.Compare(a.seed, b.seed) })
	for _, seed := range c.seeds {
		seed.Seed = number(seed.seed)
		if s.Replay != nil && seed.Outcomes != strings.Repeat("p", len(seed.Outcomes)) {
			seed.Replay = s.Replay(seed.seed)
		}
		d.Seeds = append(d.Seeds, seed)
	}
	promises := map[string]checker.Property{}
	for _, p := range checker.Properties() {
		promises[p.Name] = p
	}
	for _, name := range c.properties {
		d.Properties = append(d.Properties, propertyData{Name: name, Ground: promises[name].Ground, Promise: promises[name].Promise})
	}
	for _, f := range s.Findings() {
		finding := findingData{Title: f.Name(), News: f.News(), Page: f.Page(), Properties: f.Properties, Seeds: []string{}, Sentence: f.First.Sentence()}
		for _, seed := range slices.Sorted(slices.Values(f.Seeds)) {
			finding.Seeds = append(finding.Seeds, number(seed))
		}
		if s.Replay != nil {
			finding.Replay = s.Replay(slices.Min(f.Seeds))
		}
		d.Findings = append(d.Findings, finding)
	}
	s.EachMeasure(func(property string, m checker.Measure, p *report.Pool) {
		data := measure(property, m)
		data.SVG = distribution(p.Curve())
		d.Measures = append(d.Measures, data)
	})
	var b bundle
	b.json("campaign", d)
	return write(w, name+" · meshcheck", "campaign", &b, "canvas.js", "campaign.js")
}

func outcome(s *report.Summary) string {
	switch {
	case s.Failed() > 0:
		return "failure"
	case s.News() > 0:
		return "news"
	case s.Failing() > 0:
		return "known"
	case s.Undecided() > 0 || s.Done() == 0 || s.Done() < s.Seeds:
		return "unknown"
	}
	return "pass"
}

func number(seed uint64) string { return strconv.FormatUint(seed, 10) }
