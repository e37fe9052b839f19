package mesh

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/explore"
)

// The properties convergence and owner are decided as invariants of settled states.
// That is sound if no behaviour goes on for ever, which a rank shows that
// every step increases.
func TestEveryBehaviourEnds(t *testing.T) {
	for _, md := range MatrixModes() {
		m := newForTest(t, md, small)
		x := m.model()
		x.Transition("rank", func(old, next *State) bool { return slices.Compare(m.rank(old), m.rank(next)) < 0 })
		r, err := explore.Check(t.Context(), x, explore.Options{Properties: []string{"rank"}})
		require.NoError(t, err)
		require.True(t, r.Finished)
		require.Equal(t, explore.Holds, r.Outcome("rank").Verdict, "mode %s: %v", md, r)
	}
}

// rank compares states from left to right: faults, writes, what replicas have
// done since, what agents have done since.
func (m *mesh) rank(s *State) []int {
	rank := []int{int(s.Faults), int(s.RV), 0, 0}
	for r := range m.Replicas {
		p := &s.Replicas[r]
		// A pod starts, its writer lists, its watch delivers.
		rank[2] += [...]int{Lost: 0, Writerless: 1, Serving: 2}[p.Phase]*1000 + (int(p.RV)+int(p.Identities))*10
		for i := range s.RV {
			rank[2] += int(p.Held >> i & 1 * 10)
		}
		// Cut, then quiet, then healed, then heard again.
		switch {
		case p.Cut && p.Quiet:
			rank[2]++
		case p.Quiet:
			rank[2] += 2
		case !p.Cut:
			rank[2] += 3
		}
	}
	for a := range m.Agents {
		g := &s.Agents[a]
		// No source, CRDs, both, the etcd alone; then what the source has.
		switch {
		case s.unconnected(g) && g.CRD == 0:
		case g.At == 0:
			rank[3] += 100 + 2*int(g.CRD)
		case g.CRD != 0:
			rank[3] += 200 + 2*int(g.CRD)
		default:
			rank[3] += 300
		}
		if look := *g; !g.Deaf && !m.look(s, &look) {
			rank[3]++
		}
	}
	return rank
}

// The same verdicts come from the explorer's own decision of liveness under weak
// fairness, which assumes nothing about behaviours.
func TestSettledIsWhatFairnessLeadsTo(t *testing.T) {
	b := Bounds{Replicas: 2, Agents: 1, Objects: 1, Reuses: 1, Faults: 2}
	for _, md := range MatrixModes() {
		m := newForTest(t, md, b)
		x := explore.New[State](md.String())
		x.Init(m.starts()...)
		for _, a := range m.actions {
			action := x.Choice(a.name, a.count, a.do)
			if a.kind == progress {
				x.WeakFair(action)
			}
		}
		x.EventuallyAlways(convergence, m.all(func(s *State, g *Agent) bool { return g.View == s.truth(s.RV) }))
		x.EventuallyAlways(owner, m.all(knowsOwners))
		live, err := explore.Check(t.Context(), x, explore.Options{})
		require.NoError(t, err)
		row, err := Run(t.Context(), Config{Mode: md, Bounds: b}, Options{})
		require.NoError(t, err)
		for _, property := range []string{convergence, owner} {
			require.Equal(t, row.cell(t, property).Verdict, live.Outcome(property).Verdict, "mode %s, %s", md, property)
		}
	}
}
