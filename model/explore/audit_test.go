package explore

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAuditFindsFalseDeclarations(t *testing.T) {
	ok := func(*cells) bool { return true }
	calls := uint8(0)
	for want, build := range map[string]func(m *Model[cells]){
		"the action Peek says it is not enabled in the state [V[0]=0 V[1]=0 V[2]=0 V[3]=0], but changes it": func(m *Model[cells]) {
			m.Action("Peek", func(s *cells) bool { s.V[1]++; return false })
		},
		"the action Count does not do the same twice": func(m *Model[cells]) {
			m.Action("Count", func(s *cells) bool { calls++; s.V[1] = calls; return true })
		},
		"the count of the action Bad changes": func(m *Model[cells]) {
			m.Choice("Bad", func(s *cells) int { s.V[0]++; return 1 }, func(*cells, int) bool { return false })
		},
		"the actions Set and Test are not independent": func(m *Model[cells]) {
			m.Action("Set", func(s *cells) bool { s.V[0] = 1; return true }).Writes("a")
			m.Action("Test", func(s *cells) bool { s.V[1] = s.V[0]; return true }).Reads("b").Writes("c")
		},
		"the actions Set and Enabled are not independent": func(m *Model[cells]) {
			m.Action("Set", func(s *cells) bool { s.V[0] = 1; return true }).Writes("a")
			m.Action("Enabled", func(s *cells) bool { return s.V[0] == 1 }).Reads("b")
		},
		`the action Set changes the property "first" from`: func(m *Model[cells]) {
			m.Action("Set", func(s *cells) bool { s.V[0] = 1; return true }).Writes("a")
			m.Invariant("first", func(s *cells) bool { return s.V[0] == 0 }).Reads("b")
		},
		`the action Set changes a condition of the action Wait from the state [V[0]=0 V[1]=0 V[2]=0 V[3]=0], but does not write "b"`: func(m *Model[cells]) {
			m.Action("Set", func(s *cells) bool { s.V[0] = 1; return true }).Writes("a")
			m.Action("Wait", func(s *cells) bool { return false }).When("b", func(s *cells) bool { return s.V[0] == 1 })
		},
		"has another one": func(m *Model[cells]) {
			m.Canonical(func(s *cells) { s.V[0] = (s.V[0] + 1) % 2 })
		},
		"do not have the same successors up to symmetry": func(m *Model[cells]) {
			m.Action("Step", func(s *cells) bool { s.V[0]++; return s.V[0] < 3 || undoByte(&s.V[0]) })
			m.Canonical(func(s *cells) { s.V[0] = 0 })
		},
		`the property "second" tells the state`: func(m *Model[cells]) {
			m.Action("Step", func(s *cells) bool { s.V[0] = 1; return true })
			m.Invariant("second", func(s *cells) bool { return s.V[0] == 0 })
			m.Canonical(func(s *cells) { s.V[0] = 0 })
		},
		"panicked in the action Fall": func(m *Model[cells]) {
			m.Action("Fall", func(s *cells) bool { return s.V[int(s.V[0])-1] == 0 })
		},
		"has no initial state": func(m *Model[cells]) { m.init = nil },
	} {
		m := New[cells]("m")
		m.Init(cells{})
		m.Invariant("ok", ok)
		build(m)
		assert.ErrorContains(t, m.Audit(100), want)
	}
}

func undoByte(x *uint8) bool { *x--; return false }

func TestAuditStopsAtItsBound(t *testing.T) {
	m := New[cells]("late")
	m.Init(cells{})
	m.Action("Up", func(s *cells) bool { s.V[0]++; return true })
	m.Action("Late", func(s *cells) bool {
		if s.V[0] == 50 {
			s.V[1]++
		}
		return false
	})
	assert.NoError(t, m.Audit(20))
	assert.ErrorContains(t, m.Audit(100), "the action Late")
}
