package corpus

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
)

func TestSeedsThatAreDone(t *testing.T) {
	var s State
	s.Begin("", "", 10)
	require.EqualValues(t, 10, s.After(0))
	for _, seed := range []uint64{12, 11, 14, 14, 3} {
		s.Finish(seed)
	}
	require.EqualValues(t, 10, s.Next)
	require.Equal(t, []uint64{11, 12, 14}, s.Ahead)
	require.EqualValues(t, 10, s.After(0))
	require.EqualValues(t, 13, s.After(11))
	s.Finish(10)
	require.EqualValues(t, 13, s.Next)
	require.Equal(t, []uint64{14}, s.Ahead)
	s.Finish(13)
	require.EqualValues(t, 15, s.Next)
	require.Empty(t, s.Ahead)
	s.Begin("scale-up", "crd", 7)
	require.Equal(t, State{Scenario: "scale-up", Mode: "crd", Base: 7, Next: 7}, s)
}

func TestStateIsReadBack(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	s, err := ReadState(c.Dir())
	require.NoError(t, err)
	require.Equal(t, &State{}, s)
	want := &State{
		Scenario: "scale-up", Mode: "crd", Base: 3, Next: 9, Ahead: []uint64{11}, Pass: 4, Fail: 2, Unknown: 1, NoRun: 1,
		Virtual: 5e9, Elapsed: 6e9, Versions: Versions{"go": "go1.26"}, Marks: []Reached{{"failover", "an agent failed over", 1, 2}},
	}
	require.NoError(t, c.SaveState(want))
	s, err = ReadState(c.Dir())
	require.NoError(t, err)
	require.Equal(t, want, s)
	require.Equal(t, 8, s.Done())

	require.NoError(t, os.WriteFile(filepath.Join(dir, stateFile), []byte(`{"version": 1, "nxt": 3}`), 0o666))
	_, err = ReadState(c.Dir())
	require.ErrorContains(t, err, `state.json:1: a state of a campaign has no field "nxt"; its fields are version, scenario,`)
}

func TestSummary(t *testing.T) {
	f := New(convergence, plan(t, 7, 2, fault.WriterRestart), "agent a5 had 1 entry wrong", seen(7, 20))
	s := &State{Mode: "crd", Base: 3, Next: 9, Pass: 4, Fail: 2, Virtual: 5e9, Elapsed: 6e9, Versions: Versions{"go": "go1.26", "cilium": "v1"}, Marks: []Reached{
		{"failover", "an agent failed over", 1, 12}, {"two-owners", "two owners claimed one key", 0, 0},
	}}
	require.Equal(t, `# Findings

1 distinct, in 6 seeds from 3 on in mode crd: 4 pass, 2 fail, 0 unknown, 0 without a history.
5s of virtual time in 6s.
Last run with cilium v1, go go1.26.

| finding                             | mode        | seeds | fastest seed | after | faults | ops | pods | minimal |
| ----------------------------------- | ----------- | ----: | -----------: | ----: | -----: | --: | ---: | ------- |
| convergence.endpoint.writer-restart | clustermesh |     1 |            7 | 20.0s |      1 |   0 |    2 | no      |

convergence.endpoint.writer-restart
: agent a5 had 1 entry wrong

# Coverage marks reached: 1 of 2

| mark     | runs | times | what happened        |
| -------- | ---: | ----: | -------------------- |
| failover |    1 |    12 | an agent failed over |

# Coverage marks never reached: 1

- two-owners: two owners claimed one key
`, Summary([]*Finding{f}, s))
}
