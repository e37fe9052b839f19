package explore

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mail is a state with every form of part that a trace shows.
type mail struct {
	Box    []letter
	Seen   map[string]int
	Door   door
	people [2]struct{ Busy bool }
}

type letter struct {
	To   string
	Size int8
}

type door bool

func (d door) String() string { return map[door]string{false: "shut", true: "open"}[d] }

func mailModel() *Model[mail] {
	m := New[mail]("mail")
	m.Init(mail{Seen: map[string]int{"ann": 1}})
	m.Action("Open", func(s *mail) bool {
		if s.Door {
			return false
		}
		s.Door, s.people[1].Busy = true, true
		return true
	})
	m.Choice("Post", func(s *mail) int { return 2 }, func(s *mail, i int) bool {
		if !bool(s.Door) || len(s.Box) > 1 {
			return false
		}
		s.Box = append(s.Box, letter{To: []string{"ann", "bob"}[i], Size: int8(i)})
		return true
	}).Label(func(s *mail, i int) string { return []string{"to ann", "to bob"}[i] })
	m.Action("Swap", func(s *mail) bool {
		if len(s.Box) != 2 || s.Box[0] == s.Box[1] || s.Box[0].To == "ann" {
			return false
		}
		s.Box[0], s.Box[1] = s.Box[1], s.Box[0]
		return true
	})
	m.Action("Fetch", func(s *mail) bool {
		if len(s.Box) != 2 || s.Box[0].To != "ann" {
			return false
		}
		delete(s.Seen, "ann")
		for _, l := range s.Box {
			s.Seen[l.To]++
		}
		s.Box = nil
		return true
	})
	return m
}

var update = flag.Bool("update", false, "write the golden files of traces anew")

// assertGolden compares a text with a file below testdata, or writes it.
func assertGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func TestTraceOfFiniteExecution(t *testing.T) {
	m := mailModel()
	m.Invariant("nothing for bob after a swap", func(s *mail) bool { return s.Seen["bob"] == 0 || len(s.Seen) == 1 })
	m.Transition("bob never comes first and then second", func(old, next *mail) bool {
		return len(old.Box) != 2 || len(next.Box) != 2
	})
	r := mustCheck(t, m, Options{Workers: 1, MaxDepth: 6})
	assertGolden(t, "invariant.txt", r.Outcomes[0].Trace.String())
	assertGolden(t, "transition.txt", r.Outcomes[1].Trace.String())

	b, err := json.MarshalIndent(r.Outcomes[1].Trace, "", "  ")
	require.NoError(t, err)
	assertGolden(t, "transition.json", string(b)+"\n")
	back, err := trace.Read(b)
	require.NoError(t, err)
	assert.Equal(t, r.Outcomes[1].Trace, back)
}

func TestTraceOfInfiniteExecution(t *testing.T) {
	type light struct{ Green, Night bool }
	m := New[light]("light")
	m.Init(light{})
	change := m.Action("Change", func(s *light) bool { s.Green = !s.Green; return true })
	m.Action("Dusk", func(s *light) bool {
		if s.Night || !s.Green {
			return false
		}
		s.Night = true
		return true
	})
	m.WeakFair(change)
	m.EventuallyAlways("stays green", func(s *light) bool { return s.Green })
	m.Eventually("day without end", func(s *light) bool { return !s.Night })
	m.LeadsTo("dawn", func(s *light) bool { return s.Night }, func(s *light) bool { return !s.Night })
	r := mustCheck(t, m, Options{})
	assert.Equal(t, []Verdict{Broken, Holds, Broken}, verdicts(r))
	assertGolden(t, "cycle.txt", r.Outcomes[0].Trace.String())
	assertGolden(t, "lasso.txt", r.Outcomes[2].Trace.String())

	m.fair = nil
	r = mustCheck(t, m, Options{Properties: []string{"dawn"}})
	assertGolden(t, "standstill.txt", r.String())
}

func TestShowReplacesTheStructOfTheState(t *testing.T) {
	m := New[cells]("shown")
	m.Init(cells{})
	m.Action("Up", func(s *cells) bool { s.V[0]++; return s.V[0] < 9 })
	m.Invariant("small", func(s *cells) bool { return s.V[0] < 1 })
	m.Show(func(s *cells) []trace.Var {
		return []trace.Var{{Name: "level", Value: []string{"low", "high"}[s.V[0]]}}
	})
	r := mustCheck(t, m, Options{FirstBroken: true})
	assert.Equal(t, []trace.Change{{Name: "level", From: "low", To: "high"}}, r.Outcomes[0].Trace.Steps[0].Changes)
}

func TestVerdictsAreText(t *testing.T) {
	b, err := json.Marshal([]Verdict{Unknown, Holds, Broken})
	require.NoError(t, err)
	assert.JSONEq(t, `["unknown", "holds", "broken"]`, string(b))
}
