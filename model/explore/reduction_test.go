package explore

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPartialOrderKeepsVerdicts(t *testing.T) {
	saved := 0
	manyChecks(t, func(t *rapid.T) {
		m := drawProgram(t)
		require.NoError(t, m.Audit(1000), "what is declared is true")
		// A subset of the properties leaves more actions invisible.
		o := Options{
			Search:     rapid.SampledFrom([]Search{BreadthFirst, DepthFirst}).Draw(t, "search"),
			Properties: rapid.SampledFrom([][]string{{"never"}, {"ever"}, {"goes on"}, {"kept"}, nil}).Draw(t, "properties"),
		}
		full := o
		full.NoPartialOrder = true
		a, b := mustCheck(t, m, full), mustCheck(t, m, o)
		assert.Equal(t, []string{"partial order"}, b.Reductions)
		assert.Equal(t, verdicts(a), verdicts(b))
		assert.Equal(t, a.Dead, b.Dead)
		assert.LessOrEqual(t, b.Stats.Distinct, a.Stats.Distinct)
		saved += int(a.Stats.Distinct - b.Stats.Distinct)
		for _, out := range b.Outcomes {
			if out.Trace != nil {
				follow(t, m, out.Trace)
			}
		}
	})
	assert.Positive(t, saved, "no draw was reduced: the test shows nothing")
}

// independentClocks is n clocks that go round by themselves, of which only the
// first is looked at.
func independentClocks(n int) *Model[[6]uint8] {
	m := New[[6]uint8]("clocks")
	m.Init([6]uint8{})
	for i := range n {
		part := fmt.Sprint(i)
		m.Action(fmt.Sprintf("Tick(%d)", i), func(s *[6]uint8) bool { s[i] = (s[i] + 1) % 4; return true }).Reads(part).Writes(part)
	}
	m.Invariant("first is not 3", func(s *[6]uint8) bool { return s[0] != 3 }).Reads("0")
	return m
}

func TestPartialOrderDoesNotPutOffForEver(t *testing.T) {
	// The other clocks can go round for ever; without a proviso for cycles the
	// first would never be explored.
	for _, search := range []Search{BreadthFirst, DepthFirst} {
		assert.Equal(t, Broken, mustCheck(t, independentClocks(6), Options{Search: search}).Verdict())
	}
}

func TestPartialOrderReducesProductsToSums(t *testing.T) {
	m := New[[6]uint8]("counters")
	m.Init([6]uint8{})
	for i := range 6 {
		part := fmt.Sprint(i)
		m.Action(fmt.Sprintf("Up(%d)", i), func(s *[6]uint8) bool {
			if s[i] == 9 {
				return false
			}
			s[i]++
			return true
		}).Reads(part).Writes(part)
	}
	m.Invariant("first is not 9", func(s *[6]uint8) bool { return s[0] != 9 }).Reads("0")
	m.NoDeadlock("all at 9", func(s *[6]uint8) bool { return *s == [6]uint8{9, 9, 9, 9, 9, 9} })
	assert.EqualValues(t, 1_000_000, mustCheck(t, m, Options{NoPartialOrder: true}).Stats.Distinct)
	r := mustCheck(t, m, Options{})
	assert.EqualValues(t, 6*9+1, r.Stats.Distinct)
	assert.Equal(t, []Verdict{Broken, Holds}, verdicts(r))
}

func TestPartialOrderIsOffWhereItIsNotSound(t *testing.T) {
	m := independentClocks(3)
	m.Invariant("looks at anything", func(*[6]uint8) bool { return true })
	r := mustCheck(t, m, Options{})
	assert.Empty(t, r.Reductions)
	assert.Contains(t, r.Notes[0], `"looks at anything" does not declare what it reads`)
	assert.EqualValues(t, 64, r.Stats.Distinct)

	m = independentClocks(3)
	m.Eventually("first is 1", func(s *[6]uint8) bool { return s[0] == 1 }).Reads("0")
	assert.Empty(t, mustCheck(t, m, Options{}).Reductions)
}

const crowdSize = 3

// crowd is a state of equal processes: each has a place, and one may own a token.
type crowd struct {
	Place  [crowdSize]uint8
	Shared uint8
	Owner  uint8 // 1 more than the owner, or 0
}

func permuteCrowd(s *crowd, perm [][]int) {
	old := *s
	for i, to := range perm[0] {
		s.Place[to] = old.Place[i]
	}
	if old.Owner > 0 {
		s.Owner = uint8(perm[0][old.Owner-1] + 1)
	}
}

// drawCrowd draws a model whose processes run one program.
func drawCrowd(t *rapid.T) *Model[crowd] {
	m := New[crowd]("crowd")
	m.Init(crowd{})
	small := rapid.Uint8Range(0, 2)
	for i := range rapid.IntRange(2, 6).Draw(t, "rules") {
		from, to := small.Draw(t, "from"), small.Draw(t, "to")
		seen, left := small.Draw(t, "seen"), small.Draw(t, "left")
		own := rapid.SampledFrom([]string{"", "take", "have", "give"}).Draw(t, "own")
		for p := range crowdSize {
			me := uint8(p + 1)
			m.Action(fmt.Sprintf("R%d(%d)", i, p), func(s *crowd) bool {
				if s.Place[p] != from || s.Shared != seen || own == "take" && s.Owner != 0 || (own == "have" || own == "give") && s.Owner != me {
					return false
				}
				s.Place[p], s.Shared = to, left
				if own == "take" {
					s.Owner = me
				} else if own == "give" {
					s.Owner = 0
				}
				return true
			})
		}
	}
	place, number := small.Draw(t, "place"), rapid.IntRange(1, 3).Draw(t, "number")
	gathered := func(s *crowd) bool {
		n := 0
		for _, x := range s.Place {
			if x == place {
				n++
			}
		}
		return n >= number && (s.Owner == 0 || s.Place[s.Owner-1] == place)
	}
	m.Invariant("never", func(s *crowd) bool { return !gathered(s) })
	m.Sometimes("ever", gathered)
	m.NoDeadlock("goes on", nil)
	m.Transition("shared changes", func(old, next *crowd) bool { return *old == *next || old.Shared != 2 || next.Shared != 0 })
	m.Symmetry([]int{crowdSize}, permuteCrowd)
	return m
}

func TestSymmetryKeepsVerdictsAndLengths(t *testing.T) {
	manyChecks(t, func(t *rapid.T) {
		m := drawCrowd(t)
		require.NoError(t, m.Audit(1000), "what is declared is true")
		o := Options{Search: rapid.SampledFrom([]Search{BreadthFirst, DepthFirst}).Draw(t, "search")}
		full := o
		full.NoSymmetry = true
		a, b := mustCheck(t, m, full), mustCheck(t, m, o)
		assert.Equal(t, []string{"symmetry"}, b.Reductions)
		assert.Equal(t, verdicts(a), verdicts(b))
		for i := range a.Outcomes {
			if a.Outcomes[i].Trace != nil && o.Search == BreadthFirst {
				assert.Len(t, b.Outcomes[i].Trace.Steps, len(a.Outcomes[i].Trace.Steps))
			}
		}
		assert.Equal(t, families(a.Dead), families(b.Dead))

		// Each orbit of reachable states is one state.
		orbits := map[crowd]bool{}
		for _, s := range explorePlainly(m).states {
			least := s
			for _, p := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
				r := s
				permuteCrowd(&r, [][]int{p})
				if fmt.Sprint(r) < fmt.Sprint(least) {
					least = r
				}
			}
			orbits[least] = true
		}
		assert.EqualValues(t, len(orbits), b.Stats.Distinct)
	})
}

// families returns the names of actions of which all instances are listed.
func families(names []string) []string {
	count := map[string]int{}
	var whole []string
	for _, n := range names {
		f := n[:2]
		if count[f]++; count[f] == crowdSize {
			whole = append(whole, f)
		}
	}
	slices.Sort(whole)
	return whole
}
