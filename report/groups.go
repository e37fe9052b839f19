package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
)

// Group is what looks alike by its records: like one finding, which is a suspicion that
// only a repair decides (Judged), or, of what looks like none, what broke on one kind of object.
type Group struct {
	Mechanism  string            // a page in testdata/findings, or several joined by " + "; empty: it looks like none
	Broken     string            // of what looks like none: a property and a kind of object
	Properties []string          // that are broken so, in their order
	Agents     []string          // that saw it, sorted
	Violations int               // of all these properties
	First      checker.Violation // the earliest
	Number     int               // of the first, as in Violations
	Members    []int             // the numbers of all
}

// Numbered is a violation with its number, by which users name it.
type Numbered struct {
	Number   int // from 1, in the order of the properties and then of time
	Property string
	*checker.Violation
}

// Violations returns all violations of a verdict with their numbers.
func Violations(v checker.Verdict) (all []Numbered) {
	for _, result := range v.Results {
		for i := range result.Violations {
			all = append(all, Numbered{len(all) + 1, result.Property, &result.Violations[i]})
		}
	}
	return all
}

// Groups returns what is broken in a verdict by the way in which it came about, the
// earliest first.
func Groups(v checker.Verdict) []Group {
	var all []Group
	echoes := v.Echoes()
	for _, violation := range Violations(v) {
		mechanism, broken := way(v, echoes, violation)
		j := slices.IndexFunc(all, func(g Group) bool { return g.Mechanism == mechanism && g.Broken == broken })
		if j < 0 {
			j = len(all)
			all = append(all, Group{Mechanism: mechanism, Broken: broken, First: *violation.Violation, Number: violation.Number})
		}
		all[j].add(violation)
	}
	slices.SortStableFunc(all, func(a, b Group) int { return cmp.Compare(a.First.At, b.First.At) })
	return all
}

// way says how a violation came about.
func way(v checker.Verdict, echoes map[string]string, violation Numbered) (mechanism, broken string) {
	if violation.Cause != nil {
		return violation.Cause.Name(), ""
	}
	return "", news(v, echoes[violation.Property], violation.Property, violation.Kind)
}

// Name is the mechanism's or, of news, what broke.
func (g *Group) Name() string { return cmp.Or(g.Mechanism, g.Broken) }

// Page is the page that explains it, or the pages; empty: news.
func (g *Group) Page() string {
	if g.News() {
		return ""
	}
	return g.pages()
}

// news names what nothing explains. An echo is named as what it echoes.
func news(v checker.Verdict, ground, property, kind string) string {
	result, _ := v.Result(ground)
	for i := range result.Violations {
		if result.Violations[i].Cause == nil {
			return checker.Finding{Property: ground, Kind: result.Violations[i].Kind}.String()
		}
	}
	return checker.Finding{Property: property, Kind: kind}.String()
}

func (g *Group) add(v Numbered) {
	g.Violations++
	g.Members = append(g.Members, v.Number)
	if !slices.Contains(g.Properties, v.Property) {
		g.Properties = append(g.Properties, v.Property)
	}
	if agent := cmp.Or(v.Agent, v.Client); agent != "" {
		if i, found := slices.BinarySearch(g.Agents, agent); !found {
			g.Agents = slices.Insert(g.Agents, i, agent)
		}
	}
	if v.At < g.First.At {
		g.First, g.Number = *v.Violation, v.Number
	}
}

// News reports whether it looks like no finding.
func (g *Group) News() bool { return g.Mechanism == "" }

// pages names the pages of the mechanisms.
func (g *Group) pages() string {
	var pages []string
	for name := range strings.SplitSeq(g.Mechanism, " + ") {
		pages = append(pages, "testdata/findings/"+name+".md")
	}
	return strings.Join(pages, ", ")
}

// whose says whose the mechanisms are, if the checker knows: a panic has a page alone.
func (g *Group) whose() string {
	var whose []string
	for name := range strings.SplitSeq(g.Mechanism, " + ") {
		for _, m := range checker.Mechanisms() {
			if m.Name == name && !slices.Contains(whose, m.Whose) {
				whose = append(whose, m.Whose)
			}
		}
	}
	if len(whose) == 0 {
		return ""
	}
	return strings.Join(whose, " and ") + "; "
}

// title says by what it came about, with the page that explains it.
func (g *Group) title() string {
	if g.News() {
		return "looks like no finding"
	}
	return fmt.Sprintf("looks like %s (%s%s)", g.Mechanism, g.whose(), g.pages())
}
