package measure

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/internal/capacity"
)

// A process that works has used CPU, and one that is idle none; what it uses anyway does not count.
func TestCPU(t *testing.T) {
	me := Processes{"test": os.Getpid()}
	work := func() error {
		for before := me.CPU()["test"]; me.CPU()["test"] < before+0.1; {
		}
		return nil
	}
	used, err := me.During(nil, work)
	require.NoError(t, err)
	require.InDelta(t, 0.1, used["test"], 0.05)
	used, err = me.During(map[string]float64{"test": 100}, work)
	require.NoError(t, err)
	require.Negative(t, used["test"])
	require.Empty(t, Processes{"gone": 1 << 30}.CPU())
}

func TestFigures(t *testing.T) {
	var s Samples
	for _, found := range []float64{3.14159, 1, 2} {
		s.Add("etcd", "an event", "µs of CPU", int(found), found)
	}
	s.Add("etcd", "a put", "ms of CPU", 0, 5)
	f := NewFile([]string{"etcd 3.7.3"})
	f.Figures = s.Figures()
	require.Equal(t, []capacity.Figure{
		{Process: "etcd", What: "a put", Unit: "ms of CPU", Median: 5, Least: 5, Most: 5, Rounds: 1},
		{Process: "etcd", What: "an event", Unit: "µs of CPU", Median: 2, Least: 1, Most: 3.14, Rounds: 3, Bytes: 3},
	}, f.Figures)
	require.Equal(t, time.Now().UTC().Format(time.DateOnly), f.Date)
	out := t.TempDir() + "/f.json"
	require.NoError(t, Write(&f, out))
	f.Figures[0].Least = 0
	require.ErrorContains(t, Write(&f, out), "least 0")
}

func TestHearing(t *testing.T) {
	h := NewHearing(2)
	require.Zero(t, h.Size())
	h.Event(10)
	go h.Event(20)
	require.NoError(t, h.All())
	require.Equal(t, 15, h.Size())
}
