package report

import (
	"encoding/json"
	"io"
	"slices"

	"github.com/meshcheck/meshcheck/checker"
)

// JSONVersion is the version of the JSON form: of the objects that WriteJSON
// methods write, one to a line. Each has the fields version and kind.
const JSONVersion = 1

// Header is what each line of JSON begins with.
type Header struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"` // run, failure, summary, verify or shrink
}

// Head begins a line of a kind.
func Head(kind string) Header { return Header{JSONVersion, kind} }

type runJSON struct {
	Header
	Name           string          `json:"name"`
	Outcome        string          `json:"outcome"`
	Plan           json.RawMessage `json:"plan,omitempty"`
	Hash           string          `json:"hash"`
	Code           *Code           `json:"code,omitempty"`
	VirtualSeconds float64         `json:"virtualSeconds"`
	WallSeconds    float64         `json:"wallSeconds,omitempty"`
	CheckSeconds   float64         `json:"checkSeconds"`
	Records        int             `json:"records"`
	PeakMemory     int64           `json:"peakMemoryBytes,omitempty"`
	Deterministic  bool            `json:"deterministic"`
	Unseeded       uint64          `json:"unseeded"`
	Reruns         int             `json:"reruns"`
	Promise        []string        `json:"promise,omitempty"` // properties that the plan promises; their outcomes are among the properties
	Properties     []resultJSON    `json:"properties"`

	Unfired []checker.Unfired `json:"unfired,omitempty"` // faults of the plan that did not happen
	Idle    []checker.Unfired `json:"idle,omitempty"`    // that happened and did nothing
	Stalls  *checker.Stalls   `json:"stalls,omitempty"`
}

type resultJSON struct {
	Property   string          `json:"property"`
	Outcome    string          `json:"outcome"`
	Promised   bool            `json:"promised"`         // by the run's mode
	EchoOf     string          `json:"echoOf,omitempty"` // the property that broke first, if this one is broken only by the same
	Evidence   string          `json:"evidence"`
	Violations []violationJSON `json:"violations"`

	Measures []checker.Measure `json:"measures,omitempty"`
}

type violationJSON struct {
	AtSeconds float64    `json:"atSeconds"`
	Rule      string     `json:"rule"` // of the property: the way in which it is broken
	Agent     string     `json:"agent,omitempty"`
	Store     string     `json:"store,omitempty"` // etcd cluster ID
	Kind      string     `json:"kind,omitempty"`
	Key       string     `json:"key,omitempty"`
	Sentence  string     `json:"sentence"`
	Cause     *causeJSON `json:"cause,omitempty"`
	Records   []int      `json:"records,omitempty"` // from 0, as in the file of a verdict
	Lines     []int      `json:"lines,omitempty"`   // those of the history's file that have them, from 1, as the text names them
}

// causeJSON is how a violation came about.
type causeJSON struct {
	Finding string `json:"finding"` // name of the page in testdata/findings, without ".md"
	Proof   string `json:"proof"`
	Records []int  `json:"records,omitempty"`
	Lines   []int  `json:"lines,omitempty"`
}

// WriteJSON writes the run on one line, with its plan if withPlan is set.
func (r *Run) WriteJSON(w io.Writer, withPlan bool) error {
	form := runJSON{
		Header:         Head("run"),
		Name:           r.Name,
		Outcome:        string(r.Verdict.Outcome()),
		Hash:           r.Hash,
		Code:           r.Code,
		VirtualSeconds: r.Virtual.Seconds(),
		WallSeconds:    r.Wall.Seconds(),
		CheckSeconds:   r.Checking.Seconds(),
		Records:        r.Records,
		PeakMemory:     r.PeakMemory,
		Deterministic:  r.Deterministic,
		Unseeded:       r.Unseeded,
		Reruns:         r.Reruns,
		Properties:     []resultJSON{},
		Unfired:        r.Verdict.Unfired,
		Idle:           r.Verdict.Idle,
		Stalls:         r.Verdict.Stalls,
	}
	if r.Plan != nil {
		form.Promise = r.Plan.Promise
	}
	if withPlan && r.Plan != nil {
		form.Plan = json.RawMessage(r.Plan.Line())
	}
	echoes := r.Verdict.Echoes()
	for _, result := range r.Verdict.Results {
		line := toJSON(result)
		line.EchoOf = echoes[result.Property]
		form.Properties = append(form.Properties, line)
	}
	return WriteLine(w, form)
}

func toJSON(r checker.Result) resultJSON {
	form := resultJSON{Property: r.Property, Outcome: string(r.Outcome), Promised: r.Promised, Evidence: r.Evidence, Violations: []violationJSON{}, Measures: r.Measures}
	for _, v := range r.Violations {
		form.Violations = append(form.Violations, violationForm(v))
	}
	return form
}

func violationForm(v checker.Violation) violationJSON {
	form := violationJSON{
		AtSeconds: v.At.Seconds(), Rule: v.Rule.Name, Agent: v.Agent, Store: v.Store, Kind: v.Kind, Key: v.Key, Sentence: v.Sentence(),
		Records: v.Records, Lines: historyLines(v.Records),
	}
	if v.Cause != nil {
		records := v.Cause.Records()
		form.Cause = &causeJSON{v.Cause.Name(), v.Cause.Sentence(), records, historyLines(records)}
	}
	return form
}

// historyLines are the lines of a history's file that have records: two lines of header come
// before the first.
func historyLines(records []int) (lines []int) {
	for _, record := range records {
		lines = append(lines, record+3)
	}
	return lines
}

// WriteJSON writes the failure on one line.
func (f Failure) WriteJSON(w io.Writer) error {
	return WriteLine(w, struct {
		Header
		Failure
	}{Head("failure"), f})
}

type summaryJSON struct {
	Header
	Seeds          int            `json:"seeds"`
	Done           int            `json:"done"`
	Pass           int            `json:"pass"`
	Fail           int            `json:"fail"`
	Unknown        int            `json:"unknown"`
	Failed         int            `json:"failed"`
	News           int            `json:"news"` // seeds with what looks like no finding or, if it is measured, with what no repair takes away
	Measured       *measuredJSON  `json:"measured,omitempty"`
	Findings       []findingJSON  `json:"findings"`
	Promising      int            `json:"promising,omitempty"` // runs of plans that promise something
	Keeping        int            `json:"keeping,omitempty"`   // of these, those that keep all of it
	Promises       []promise      `json:"promises,omitempty"`
	Code           *Code          `json:"code,omitempty"`
	Note           string         `json:"note,omitempty"`
	ElapsedSeconds float64        `json:"elapsedSeconds"`
	VirtualSeconds float64        `json:"virtualSeconds"`
	WorkerSeconds  float64        `json:"workerSeconds"`
	CheckSeconds   float64        `json:"checkSeconds"`
	Records        int            `json:"records"`
	PeakMemory     int64          `json:"peakMemoryBytes"`
	Reruns         int            `json:"reruns"`
	Unseeded       []uint64       `json:"unseededSeeds"`
	Properties     []propertyJSON `json:"properties"`
}

// measuredJSON is what repairs tell of what seeds break: how many seeds are of each standing.
type measuredJSON struct {
	Known     int      `json:"known"`
	Suspected int      `json:"suspected"`
	News      int      `json:"news"`
	Judged    []Judged `json:"judged"`
}

// measured is nil if nothing was.
func (s *Summary) measured() *measuredJSON {
	if !s.Measured {
		return nil
	}
	count := Tally(s.Judged)
	return &measuredJSON{count[Known], count[Suspected], count[News], append([]Judged{}, s.Judged...)}
}

// findingJSON is what seeds broke in one way: news first, then by how many seeds.
type findingJSON struct {
	Mechanism  string   `json:"mechanism,omitempty"` // that it looks like; none: none
	Broken     string   `json:"broken,omitempty"`    // of news
	Properties []string `json:"properties"`
	Seeds      []uint64 `json:"seeds"`
	Sentence   string   `json:"sentence"` // of the lowest seed's first violation
}

type propertyJSON struct {
	Property string   `json:"property"`
	Pass     int      `json:"pass"`
	Fail     int      `json:"fail"`
	Unknown  int      `json:"unknown"`
	Not      int      `json:"notApplicable"`
	Failing  []uint64 `json:"failingSeeds"`
	Unsure   []uint64 `json:"unknownSeeds"`

	Measures []checker.Measure `json:"measures,omitempty"` // over all runs; quantiles are too great by less than 1 %
}

// WriteJSON writes the summary on one line.
func (s *Summary) WriteJSON(w io.Writer) error {
	form := summaryJSON{
		Header: Head("summary"),
		Seeds:  s.Seeds, Done: s.Done(), Pass: s.outcomes[checker.Pass], Fail: s.Failing(), Unknown: s.Undecided(), Failed: s.Failed(),
		Note: s.Note, ElapsedSeconds: s.Elapsed.Seconds(), VirtualSeconds: s.virtual.Seconds(), WorkerSeconds: s.worker.Seconds(),
		CheckSeconds: s.checking.Seconds(), Records: s.records, PeakMemory: s.peak, Reruns: s.reruns,
		Unseeded: ascending(s.unseeded), Properties: []propertyJSON{},
		News: s.News(), Measured: s.measured(), Findings: []findingJSON{}, Code: s.Code,
		Promising: s.promising, Keeping: s.keeping, Promises: s.promises,
	}
	for _, f := range s.ordered() {
		form.Findings = append(form.Findings, findingJSON{f.Mechanism, f.Broken, f.Properties, ascending(f.seeds), f.First.Sentence()})
	}
	for _, p := range s.properties {
		form.Properties = append(form.Properties, propertyJSON{
			Property: p.name, Pass: p.counts[checker.Pass], Fail: p.counts[checker.Fail], Unknown: p.counts[checker.Unknown], Not: p.counts[checker.NotApplicable],
			Failing: ascending(p.failing), Unsure: ascending(p.unknown), Measures: p.measures(),
		})
	}
	return WriteLine(w, form)
}

// ascending returns the seeds sorted, as a list and never as null.
func ascending(seeds []uint64) []uint64 {
	return append([]uint64{}, slices.Sorted(slices.Values(seeds))...)
}

// WriteLine writes a form on one line.
func WriteLine(w io.Writer, form any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(form)
}
