package family

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Each scenario has a family whose members are valid and named after it; the swarm and the
// reference are drawn.
func TestMembers(t *testing.T) {
	for _, scenario := range append(Scenarios(), "") {
		f, err := New(scenario, draw.Config{})
		require.NoError(t, err)
		require.Equal(t, scenario == "" || scenario == Reference, f.Plan == nil, scenario)
		for seed := range uint64(3) {
			plan, err := f.Member(seed)
			require.NoError(t, err)
			require.NoError(t, plan.Validate())
			require.Equal(t, seed, plan.Seed)
			again, err := f.Member(seed)
			require.NoError(t, err)
			require.Equal(t, plan.Line(), again.Line())
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ scenario, mode, name, of string }{
		{"", "", "", "seed 7"},
		{"", "crd", "mode crd", "mode crd, seed 7"},
		{Reference, "", "reference plan", "reference plan, seed 7"},
		{"agents-restart", "crd", "mode crd, scenario agents-restart", "mode crd, scenario agents-restart, seed 7"},
	} {
		f, err := New(c.scenario, draw.Config{Mode: c.mode})
		require.NoError(t, err)
		require.Equal(t, c.name, f.Name())
		require.Equal(t, c.of, f.NameOf(7))
	}
}

func TestRefusals(t *testing.T) {
	_, err := New("none", draw.Config{})
	require.EqualError(t, err, "-scenario none: there is no such scenario; there are "+strings.Join(Scenarios(), ", "))
	_, err = New("etcd-empty", draw.Config{Mode: "crd"})
	require.ErrorContains(t, err, "-mode crd: the scenario etcd-empty does not exist there: its etcd-restart is not applicable")
	f, err := New("", draw.Config{Objects: []json.RawMessage{json.RawMessage(`{"kind":"Secret","metadata":{"name":"s"}}`)}})
	require.NoError(t, err)
	_, err = f.Member(1)
	require.ErrorContains(t, err, `objects[0]: the kind "Secret" is not supported`)
}

// A family of a plan is its variations.
func TestOf(t *testing.T) {
	plan, err := draw.Plan(1, draw.Config{Reference: true})
	require.NoError(t, err)
	member, err := Of(plan).Member(9)
	require.NoError(t, err)
	require.Equal(t, draw.Vary(plan, 9), member)
}

// The reference of scenarios has each with its faults and its promise.
func TestText(t *testing.T) {
	text, err := Text()
	require.NoError(t, err)
	for _, scenario := range Scenarios() {
		require.Contains(t, text, "\n  "+scenario+"\n      ")
	}
	require.Contains(t, text, "      promised: convergence")
	require.Equal(t, []string{"clustermesh", "handover"}, modes("scale-up"))
	require.Equal(t, mode.SimulatedNames(), modes("agents-restart"))
	require.Equal(t, mode.SimulatedNames(), modes("apiserver-rolling"))
}
