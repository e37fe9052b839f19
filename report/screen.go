package report

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/internal/text"
)

// screen is a text of parts, of which on a terminal only as many stand whole as there is room
// for: the rest is named in one row.
type screen struct {
	style Style
	parts []screenPart
}

// screenPart is a part of a screen. Of those that are not folded yet the one with the lowest rank is
// folded first and, among equals, the last.
type screenPart struct {
	name   string
	rank   rank
	texts  []string // the whole one, and what stands in its place where it is folded, from much to little
	folded int      // which of the texts it is
	group  bool     // a finding, which is named with the others where nothing of it stands
}

func (p *screenPart) text() string { return p.texts[p.folded] }

// gone tells that nothing of it stands.
func (p *screenPart) gone() bool { return p.text() == "" }

type rank int

const (
	lowest  rank = iota // what stood out, and how long it took
	low                 // what to know before going on
	middle              // findings that are known, but for the first
	high                // what holds
	highest             // the news and the first finding, of which a row stays
	never
)

// add adds a part; its text is empty if there is nothing to say.
func (s *screen) add(name string, rank rank, write func(Output)) {
	if text := s.written(write); text != "" {
		s.parts = append(s.parts, screenPart{name: name, rank: rank, texts: []string{text, ""}})
	}
}

func (s *screen) written(write func(Output)) string {
	var b strings.Builder
	out := NewOutput(&b, s.style)
	write(out)
	out.Flush() // into memory
	return b.String()
}

// groups adds what is broken, news first.
func (s *screen) groups(run *Run) {
	for i, g := range newsFirst(run.Verdict) {
		texts := []string{"", "", ""}
		for n, much := range []detail{whole, sentence, title} {
			texts[n] = s.written(func(out Output) { g.write(out, run, much) })
		}
		part := screenPart{rank: highest, texts: texts}
		if i > 0 && !g.News() {
			part = screenPart{rank: middle, texts: []string{texts[0], ""}, group: true, name: fmt.Sprintf("%s %d", g.Name(), g.Violations)}
		}
		s.parts = append(s.parts, part)
	}
}

// String is what there is room for. A row is for the prompt, and one for what parts it from another verdict.
func (s *screen) String() string {
	text := s.compose()
	for s.style.Height > 0 && rows(text, s.style.Width) > s.style.Height-2 && s.fold() {
		text = s.compose()
	}
	return text
}

// mostNamed is how many of the findings that are folded are named.
const mostNamed = 4

// compose puts the parts together, with a row for the findings that are folded and one for all else.
func (s *screen) compose() string {
	var findings, names []string
	last := 0
	for i := range s.parts {
		if s.parts[i].group || s.parts[i].rank == highest {
			last = i
		}
		switch p := &s.parts[i]; {
		case p.gone() && p.group:
			findings = append(findings, p.name)
		case p.gone():
			names = append(names, p.name)
		}
	}
	return s.written(func(out Output) {
		for i, p := range s.parts {
			out.WriteString(p.text())
			if i == last && len(findings) > 0 {
				out.Row("and         ", "%s more that it looks like, with the numbers of their violations: %s (-v shows all)",
					text.Count(len(findings), "finding"), text.Few(findings[:min(mostNamed, len(findings))], len(findings)))
			}
		}
		if len(names) > 0 {
			out.Row("folded      ", "%s (-v shows all)", strings.Join(names, ", "))
		}
	})
}

// fold folds a part, if there is one left.
func (s *screen) fold() bool {
	best := -1
	for i, p := range s.parts {
		if p.rank != never && p.folded < len(p.texts)-1 && (best < 0 || p.rank <= s.parts[best].rank) {
			best = i
		}
	}
	if best >= 0 {
		s.parts[best].folded++
	}
	return best >= 0
}

// rows is how many rows a text takes on a terminal, which breaks lines that are wider.
func rows(text string, wide int) (n int) {
	for line := range strings.Lines(text) {
		n += max(1, (width(strings.TrimSuffix(line, "\n"))+wide-1)/max(1, wide))
	}
	return n
}
