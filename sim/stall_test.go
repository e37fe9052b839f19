package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
)

// stalls returns the stalls of a history, and when the heal began.
func stalls(h *history.History) (all []history.Record, heal time.Duration) {
	for _, r := range h.Records {
		switch {
		case r.Verb == history.Stall:
			all = append(all, r)
		case r.Verb == history.Phase && r.Key == "heal":
			heal = r.At
		}
	}
	return all, heal
}

// Goroutines of the code under test stall at places that the seed chooses, until the
// heal: the same in each run.
func TestStalls(t *testing.T) {
	p := quiet(t, 1)
	p.Options.Stall = 4
	p.Ops = []fault.Op{podCreate(2, "p1", "10.0.0.2"), podCreate(4, "p2", "10.0.0.3")}
	first := run(t, p)
	require.Equal(t, first.Hash, run(t, p).Hash)
	require.Zero(t, first.Unseeded)

	drawn, heal := stalls(first.Index.History)
	require.Greater(t, len(drawn), 20)
	hosts := map[string]bool{}
	for _, r := range drawn {
		require.False(t, strings.Contains(r.Key, "meshcheck"), "the world's own code stalls: %v", r)
		require.Less(t, r.From, heal)
		require.InDelta(t, 26*time.Millisecond, r.At-r.From, float64(26*time.Millisecond))
		hosts[r.Actor[:1]] = true
	}
	require.True(t, hosts["a"] && hosts["r"], "agents and replicas stall; found those of %v", hosts)

	p.Options.Stall = 0
	none, _ := stalls(play(t, p))
	require.Empty(t, none)
}

// A stall that the plan names comes at its place and visit, and no other does.
func TestNamedStalls(t *testing.T) {
	p := quiet(t, 1)
	p.Options.Stall = 4
	drawn, _ := stalls(play(t, p))
	p.Options.Stall = 0
	for _, r := range drawn[:3] {
		p.Stalls = append(p.Stalls, fault.Stall{Function: r.Key, Offset: int(r.Bytes), Visit: int(r.Rev), For: seconds(1)})
	}
	named, _ := stalls(play(t, p))
	require.Len(t, named, 3)
	for _, r := range named {
		require.Equal(t, time.Second, r.At-r.From)
	}
}
