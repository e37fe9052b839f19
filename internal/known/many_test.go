package known

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/report"
)

// many runs seeds, several at once, and judges what they break.
func (w *world) many(t *testing.T, j *Judge, seeds uint64) []report.Judged {
	t.Helper()
	many := &Many{Judge: j}
	runner := many.Runner(worker{w, nil})
	var all sync.WaitGroup
	for seed := range seeds {
		all.Go(func() {
			_, err := runner.Run(t.Context(), &fault.Plan{Seed: seed})
			require.NoError(t, err)
		})
	}
	all.Wait()
	judged, err := many.Judged(t.Context())
	require.NoError(t, err)
	return judged
}

func seeds(of ...uint64) func(uint64) bool {
	return func(seed uint64) bool {
		for _, s := range of {
			if s == seed {
				return true
			}
		}
		return false
	}
}

func TestManySeedsFollowEachClassOnce(t *testing.T) {
	w := &world{shows: map[string]func(uint64) bool{"orphans": even, "planted": seeds(3), "stale": seeds(5)}, looks: map[string]string{"planted": "orphans"}}
	j := w.judge("lease", "orphans", "relist")
	j.Unrepaired = []string{"stale"}
	all := w.many(t, j, 20)
	require.Len(t, all, 3)
	said := map[report.Standing]string{}
	for _, judged := range all {
		said[judged.Is] = judged.String()
	}
	require.Equal(t, map[report.Standing]string{
		report.Known:     "as orphans: gone with orphans (5 of 5); 10 of 10 break it without, 0 of 5 with",
		report.News:      "stays with all repairs in; 1 of 1 break it without, 1 of 1 with all repairs in; it looks like orphans",
		report.Suspected: "looks like stale, which has no repair: not measured; with all repairs in 1 of 1 break it",
	}, said)
	require.Equal(t, 20+12+5, w.runs, "each that breaks something once more, and five with the repair")
	require.Equal(t, "1 of 20 seeds with what no repair takes away; 10 with what is known, measured: orphans 10; 1 with what looks like a finding without a repair, not measured",
		report.Measured(all, 20))
}

// What looks like a known finding and is gone by chance with all repairs in, and not with the
// suspect alone, is followed over other schedules, which tell.
func TestManySeedsOfARareBug(t *testing.T) {
	w := &world{shows: map[string]func(uint64) bool{"hidden": seeds(4)}, looks: map[string]string{"hidden": "orphans"}}
	all := w.many(t, w.judge("hidden", "orphans"), 8)
	require.Len(t, all, 1)
	require.Equal(t, report.News, all[0].Is)
	require.Equal(t, []uint64{4}, all[0].Seeds)
}

// The same of a finding that has no repair: that it is gone with all of them is another schedule.
func TestManySeedsOfARareFindingWithoutARepair(t *testing.T) {
	w := &world{shows: map[string]func(uint64) bool{"hidden": seeds(4)}}
	j := w.judge("hidden", "orphans")
	j.All[0].Findings, j.Unrepaired = []string{"another"}, []string{"hidden"}
	all := w.many(t, j, 8)
	require.Len(t, all, 1)
	require.Equal(t, report.Suspected, all[0].Is)
	require.Equal(t, []string{"hidden"}, all[0].As)
	require.Equal(t, []uint64{4}, all[0].Seeds)
}

func TestManySeedsKnownWhateverTheyLookLike(t *testing.T) {
	for _, looks := range []string{"", "lease"} {
		w := &world{shows: map[string]func(uint64) bool{"orphans": always}, looks: map[string]string{"orphans": looks}}
		all := w.many(t, w.judge("lease", "orphans"), 8)
		require.Len(t, all, 1)
		require.Equal(t, []string{"orphans"}, all[0].Repairs)
		require.Len(t, all[0].Seeds, 8)
	}
}

func TestManySeedsOfAPanic(t *testing.T) {
	w := &world{panics: true}
	j := w.judge("the-panic")
	many := &Many{Judge: j}
	_, err := many.Runner(worker{w, nil}).Run(t.Context(), &fault.Plan{Seed: 1})
	require.Error(t, err, "who runs the seed hears of the panic all the same")
	all, err := many.Judged(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, report.Known, all[0].Is)
	require.Equal(t, []*repairs.Repair{j.All[0]}, j.of("the-panic"))
}
