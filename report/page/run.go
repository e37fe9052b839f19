package page

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/schema"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/life"
	"github.com/meshcheck/meshcheck/report/plot"
	"github.com/meshcheck/meshcheck/report/timeline"
)

// Version is that of what a page's data has, which its scripts read.
const Version = 1

const (
	longestText = 400         // bytes of a value; answers of large lists are cut
	mostChains  = 1000        // violations of which it is told who said what
	mostPlayed  = 100_000_000 // records that are gone through for that, which takes about a second
)

// runData is what a page says of a run, beside its records.
type runData struct {
	Version    int               `json:"version"`
	Name       string            `json:"name"`
	Headline   string            `json:"headline"`
	Outcome    string            `json:"outcome"`
	Facts      [][2]string       `json:"facts"`
	Plan       []string          `json:"plan"`
	Hosts      []timeline.Host   `json:"hosts"`
	Spans      []timeline.Span   `json:"spans"`
	End        time.Duration     `json:"end"`
	Properties []propertyData    `json:"properties"`
	Groups     []groupData       `json:"groups"`
	Violations []violationData   `json:"violations"`
	Commands   []report.Command  `json:"commands"`
	Entries    []index.EntryKey  `json:"entries"`
	Measures   []measureData     `json:"measures"`
	Series     map[string]string `json:"series"` // by host number: the names of its two columns
}

type propertyData struct {
	Name     string `json:"name"`
	Outcome  string `json:"outcome"`
	Promised bool   `json:"promised"`
	Ground   bool   `json:"ground"`
	Promise  string `json:"promise"`
	Evidence string `json:"evidence"`
	Count    int    `json:"count"` // of violations
	Echo     string `json:"echo,omitempty"`
}

// groupData is what broke in one way.
type groupData struct {
	Title      string   `json:"title"`
	News       bool     `json:"news"`
	Page       string   `json:"page,omitempty"`
	Properties []string `json:"properties"`
	Agents     []string `json:"agents"`
	Count      int      `json:"count"`
	First      int      `json:"first"` // number of the violation
}

type violationData struct {
	Property string        `json:"property"`
	At       time.Duration `json:"at"`
	Agent    string        `json:"agent,omitempty"`
	Entry    int           `json:"entry"` // -1: none
	Sentence string        `json:"sentence"`
	Records  []int         `json:"records"`
	Group    int           `json:"group"`
	Shown    string        `json:"shown,omitempty"` // what shows the mechanism
	Proof    []int         `json:"proof,omitempty"`
	Chain    *life.Chain   `json:"chain,omitempty"` // who said what of the entry then
	Log      string        `json:"log,omitempty"`   // the command that shows the log around it
}

type measureData struct {
	Property string  `json:"property"`
	Name     string  `json:"name"`
	Unit     string  `json:"unit"`
	N        int     `json:"n"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
	Max      float64 `json:"max"`
	SVG      string  `json:"svg,omitempty"` // its distribution
}

// Run writes the page of a run.
func Run(w io.Writer, run *report.Run, x *index.Index) error {
	var b bundle
	t := newTexts(longestText)
	contents := lives(&b, t, x)
	d := newRunData(run, x, contents)
	lines := timeline.Of(x)
	d.Hosts, d.Spans = append(d.Hosts, lines.Hosts...), append(d.Spans, lines.Spans...)
	d.End, d.Series = lines.End, map[string]string{}
	for host, s := range lines.Series {
		if len(s.At) == 0 {
			continue
		}
		name := fmt.Sprintf("series%d", host)
		d.Series[fmt.Sprint(host)] = name
		b.numbers(name+".at", "delta", len(s.At), func(i int) int64 { return int64(s.At[i]) })
		b.numbers(name+".wrong", "int", len(s.Wrong), func(i int) int64 { return int64(s.Wrong[i]) })
	}
	b.json("run", d)
	records(&b, t, x)
	t.addTo(&b, "texts")
	return write(w, run.Name+" · meshcheck", "run", &b, "canvas.js", "lanes.js", "pointer.js", "life.js", "panels.js", "run.js")
}

func newRunData(run *report.Run, x *index.Index, contents [][]string) *runData {
	d := &runData{
		Version: Version, Name: run.Name, Headline: report.Headline(run.Verdict), Outcome: string(run.Verdict.Outcome()), Facts: facts(run),
		Plan: []string{}, Spans: []timeline.Span{}, Hosts: []timeline.Host{}, Properties: []propertyData{}, Groups: []groupData{}, Violations: []violationData{},
		Commands: []report.Command{}, Entries: []index.EntryKey{}, Measures: []measureData{},
	}
	d.Commands = append(d.Commands, run.Commands...)
	if run.Plan != nil {
		d.Plan = strings.Split(fault.Describe(run.Plan), "\n")
	}
	for i := range x.Views.Entries {
		e := &x.Views.Entries[i]
		d.Entries = append(d.Entries, index.EntryKey{Kind: e.Kind, Key: e.Key})
	}
	echoes := run.Verdict.Echoes()
	promises := map[string]checker.Property{}
	for _, p := range checker.Properties() {
		promises[p.Name] = p
	}
	for _, r := range run.Verdict.Results {
		p := promises[r.Property]
		d.Properties = append(d.Properties, propertyData{r.Property, string(r.Outcome), r.Promised, p.Ground, p.Promise, r.Evidence, len(r.Violations), echoes[r.Property]})
		for _, m := range r.Measures {
			d.Measures = append(d.Measures, measure(r.Property, m))
		}
	}
	groups := map[int]int{} // by the number of a violation
	for i, g := range report.Groups(run.Verdict) {
		for _, number := range g.Members {
			groups[number] = i
		}
		d.Groups = append(d.Groups, groupData{g.Name(), g.News(), g.Page(), g.Properties, g.Agents, g.Violations, g.Number})
	}
	for _, v := range report.Violations(run.Verdict) {
		n := len(d.Violations)
		told := violation(x, contents, v, groups[v.Number], n < mostChains && n*len(x.Records) < mostPlayed)
		told.Log = logOf(run, v.Number, told.Chain)
		d.Violations = append(d.Violations, told)
	}
	return d
}

func facts(run *report.Run) (all [][2]string) {
	add := func(name, value string) {
		if value != "" {
			all = append(all, [2]string{name, value})
		}
	}
	if run.Plan != nil {
		add("mode", run.Plan.Mode)
		add("seed", fmt.Sprint(run.Plan.Seed))
	}
	add("virtual time", fmt.Sprintf("%.3f s", run.Virtual.Seconds()))
	if run.Wall > 0 {
		add("wall time", fmt.Sprintf("%.2f s", run.Wall.Seconds()))
	}
	add("records", fmt.Sprint(run.Records))
	add("code", run.Code.String())
	add("trace", "sha256 "+run.Hash)
	return all
}

func measure(property string, m checker.Measure) measureData {
	d := measureData{Property: property, Name: report.MeasureName(property, m), Unit: m.Unit, N: m.N, P50: m.P50, P99: m.P99, Max: m.Max}
	var curve [][2]float64
	samples := m.Samples()
	for i, s := range samples {
		if i == len(samples)-1 || samples[i+1] != s {
			curve = append(curve, [2]float64{s.Seconds(), float64(i+1) / float64(len(samples))})
		}
	}
	d.SVG = distribution(curve)
	return d
}

// distribution draws a curve, unless there is nothing to see.
func distribution(curve [][2]float64) string {
	if n := len(curve); n < 2 || curve[n-1][0] == 0 {
		return ""
	}
	return plot.Distribution([]plot.Curve{{Color: 1, Points: curve}})
}

func violation(x *index.Index, contents [][]string, v report.Numbered, group int, chain bool) violationData {
	d := violationData{Property: v.Property, At: v.At, Agent: v.Agent, Entry: -1, Sentence: v.Sentence(), Records: nonNil(v.Records), Group: group}
	if v.Cause != nil {
		d.Shown, d.Proof = v.Cause.Sentence(), nonNil(v.Cause.Records())
	}
	is := life.About(x, v)
	d.Agent = cmp.Or(d.Agent, is.Agent)
	number, known := x.Views.Number(is.Entry.Kind, is.Entry.Key)
	if known {
		d.Entry = int(number)
		d.Agent = is.AgentIn(x)
	}
	if !chain {
		return d
	}
	l := &life.Life{Kind: is.Entry.Kind, Key: is.Entry.Key}
	if known {
		l.Contents = contents[number]
		l.Violation(x, v, is)
	} else {
		l = life.OfViolation(x, v)
	}
	d.Chain = &l.Chains[0]
	d.Chain.Why = ""
	return d
}

// logOf is the command that shows what the code under test logged where the first step was wrong: of a
// history that is kept, that which explains it with the log, and else the run with its log.
func logOf(run *report.Run, number int, c *life.Chain) string {
	switch {
	case c == nil && run.Explain != nil:
		return run.Explain(number)
	case c == nil || c.Host == "":
		return ""
	case run.Explain != nil:
		return run.Explain(number) + " -log " + c.Host
	}
	i := slices.IndexFunc(run.Commands, func(c report.Command) bool { return c.Purpose == "replay" })
	if i < 0 {
		return ""
	}
	return run.Commands[i].Line + " -log run.log"
}

func nonNil(numbers []int) []int {
	if numbers == nil {
		return []int{}
	}
	return numbers
}

// records adds all records, a column for each field.
func records(b *bundle, t *texts, x *index.Index) {
	all := x.Records
	text := func(name string, of func(*history.Record) string) {
		b.numbers(name, "uint", len(all), func(i int) int64 { return t.number(of(&all[i])) })
	}
	number := func(name string, of func(*history.Record) int64) {
		b.numbers(name, "int", len(all), func(i int) int64 { return of(&all[i]) })
	}
	b.numbers("at", "delta", len(all), func(i int) int64 { return int64(all[i].At) })
	text("actor", func(r *history.Record) string { return r.Actor })
	text("verb", func(r *history.Record) string { return string(r.Verb) })
	text("kind", func(r *history.Record) string { return r.Kind })
	text("key", func(r *history.Record) string { return r.Key })
	text("value", func(r *history.Record) string { return r.Value })
	text("op", func(r *history.Record) string { return r.Op })
	text("owner", func(r *history.Record) string { return r.Owner })
	text("peer", func(r *history.Record) string { return r.Peer })
	text("store", func(r *history.Record) string { return r.Store })
	text("end", func(r *history.Record) string { return r.End })
	text("err", func(r *history.Record) string { return r.Err })
	text("ask", func(r *history.Record) string { return r.Ask })
	text("source", func(r *history.Record) string { return r.Source })
	number("rv", func(r *history.Record) int64 { return r.RV })
	number("rev", func(r *history.Record) int64 { return r.Rev })
	number("inc", func(r *history.Record) int64 { return int64(r.Inc) })
	number("more", func(r *history.Record) int64 {
		if r.More {
			return 1
		}
		return 0
	})
	number("id", func(r *history.Record) int64 { return r.ID })
	number("bytes", func(r *history.Record) int64 { return r.Bytes })
	number("session", func(r *history.Record) int64 { return r.Session })
	number("from", func(r *history.Record) int64 { // how long before, plus one
		if r.From == 0 {
			return 0
		}
		return int64(r.At-r.From) + 1
	})
	b.numbers("entry", "uint", len(all), func(i int) int64 { return entry(x, &all[i]) + 1 })
}

// entry is the number of the entry that a record is about, or -1.
func entry(x *index.Index, r *history.Record) int64 {
	kind, key := r.Kind, r.Key
	switch r.Verb {
	case history.Truth, history.See, history.Drop, history.Program, history.Unprogram:
	case history.Put, history.Del:
		key = schema.NameIn(key)
	case history.Call:
		of, name := schema.EntryOf(key)
		if of == nil {
			return -1
		}
		kind, key = of.Name, name
	default:
		return -1
	}
	if n, ok := x.Views.Number(kind, key); ok {
		return int64(n)
	}
	return -1
}
