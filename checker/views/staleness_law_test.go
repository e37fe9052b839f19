package views

import (
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// TestTheLeastDeltaIsThatOfPorcupine lets an agent show contents at random, and
// compares the delta that ages computes with what porcupine says of the relaxed
// register at that delta and one nanosecond below it.
func TestTheLeastDeltaIsThatOfPorcupine(t *testing.T) {
	inOrder, stale := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(3, 25).Draw(t, "steps") {
			w.tick()
			if rapid.IntRange(0, 2).Draw(t, "see") == 0 {
				w.write()
				continue
			}
			r := history.Record{Actor: "a0", Verb: history.Drop, Kind: history.Endpoint, Key: keys[0]}
			if past := w.everLive(r.Key); len(past) > 0 && rapid.IntRange(0, 3).Draw(t, "drop") > 0 {
				r.Verb, r.Value = history.See, rapid.SampledFrom(past).Draw(t, "content")
			}
			w.record(r)
		}
		w.tick()
		v := index.New(&history.History{Records: w.records}).Views
		during, _ := index.Incarnations(v, w.now)
		changes := v.Changes()
		for id := range v.Entries {
			of := changes.Of(0, index.View, int32(id))
			if len(of) == 0 {
				continue
			}
			e := &v.Entries[id]
			all := index.Showings(nil, during[0], of)
			explained, left := splitInOrder(e, slices.Clone(all))
			if len(left) > 0 {
				require.Equal(t, porcupine.Illegal, relaxed(e, all, w.now+time.Second, time.Now().Add(time.Minute)), "no delta explains all of it")
			} else {
				inOrder++
			}
			delta := time.Duration(0)
			for _, s := range agesOf(e, explained) {
				delta = max(delta, s.By)
			}
			require.Equal(t, porcupine.Ok, relaxed(e, explained, delta, time.Now().Add(time.Minute)))
			if delta > 0 {
				stale++
				require.Equal(t, porcupine.Illegal, relaxed(e, explained, delta-1, time.Now().Add(time.Minute)))
			}
		}
	})
	require.Positive(t, inOrder)
	require.Positive(t, stale)
}

func TestTheSampleHasTheGreatestDeltasAndIsSpread(t *testing.T) {
	for _, n := range []int{0, 1, 32, 33, 64, 65, 1000, 4096} {
		var s sample
		for i := range n {
			s.Add(subject{Entry: int32(i), Delta: time.Duration((i * 7) % n)})
		}
		all := s.Subjects()
		require.LessOrEqual(t, len(all), 2*half)
		require.GreaterOrEqual(t, len(all), min(n, half))
		greatest, inQuarter := 0, [4]int{}
		for _, one := range all {
			if int(one.Delta) >= n-half {
				greatest++
			}
			inQuarter[int(one.Entry)*4/n]++
		}
		if n%7 != 0 { // else several have one delta
			require.Equal(t, min(n, half), greatest, "of %d", n)
		}
		if n >= 4 {
			require.Positive(t, slices.Min(inQuarter[:]), "of %d", n)
		}
	}
}
