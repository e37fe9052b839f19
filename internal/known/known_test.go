package known

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
	files "github.com/meshcheck/meshcheck/testdata/repairs"
)

// world is code under test that breaks convergence of endpoints by mechanisms, each of which
// some seeds show, and which repairs take away.
type world struct {
	mu      sync.Mutex
	shows   map[string]func(seed uint64) bool // by page; a repair is named after the page that it is for
	looks   map[string]string                 // what a mechanism looks like, if not like itself
	runs    int
	builds  []string
	panics  bool
	noBuild error
	fails   string // how a worker with repairs does
}

type worker struct {
	*world
	has []string // repairs
}

func (w worker) Run(_ context.Context, plan *fault.Plan) (*drive.Judged, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs++
	if w.panics && !slices.Contains(w.has, "the-panic") {
		return nil, &det.Failure{Kind: det.Crash, Output: "panic: nil pointer\n\ngoroutine 9 [running]:\ngithub.com/cilium/cilium/pkg/x.(*C).f(0x1)\n\tgithub.com/cilium/cilium@v1/x.go:143 +0x1\n"}
	}
	if w.fails != "" && len(w.has) > 0 {
		return nil, &det.Failure{Kind: det.Crash, Message: w.fails}
	}
	result := checker.Result{Property: "convergence", Outcome: property.Pass, Promised: true}
	for _, page := range slices.Sorted(mapKeys(w.shows)) {
		if slices.Contains(w.has, page) || !w.shows[page](plan.Seed) {
			continue
		}
		result.Outcome = property.Fail
		v := checker.Violation{Rule: &property.Rule{Name: "agent-differs", Text: func(*property.Facts) string { return "a ghost" }}, Facts: property.Facts{Kind: "endpoint"}}
		looks, other := w.looks[page]
		if !other {
			looks = page
		}
		if looks != "" {
			v.Cause = &property.Cause{Proofs: []property.Proof{{Mechanism: looks}}}
		}
		result.Violations = append(result.Violations, v)
	}
	return &drive.Judged{Run: &report.Run{Verdict: checker.Verdict{Results: []checker.Result{result}}}}, nil
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (w *world) judge(pages ...string) *Judge {
	j := &Judge{Kept: &Kept{}, Parallel: 2}
	for _, page := range pages {
		j.All = append(j.All, &repairs.Repair{Name: page, Findings: []string{page}, Edits: []repairs.Edit{{File: page + ".go", Old: "a", New: "b"}}})
	}
	j.Build = func(_ context.Context, set []*repairs.Repair, _ bool) (repairs.Worker, error) {
		if len(set) == 0 {
			return repairs.Worker{Runner: worker{w, nil}, Hash: "without"}, nil
		}
		all, _ := names(set)
		key := strings.Join(all, "+")
		w.builds = append(w.builds, key)
		if w.noBuild != nil && len(set) < len(j.All) {
			return repairs.Worker{}, w.noBuild
		}
		return repairs.Worker{Runner: worker{w, all}, Hash: key}, nil
	}
	return j
}

func always(uint64) bool    { return true }
func one(seed uint64) bool  { return seed == 100 }
func even(seed uint64) bool { return seed%2 == 0 }

func (w *world) of(t *testing.T, j *Judge) report.Judged {
	t.Helper()
	all, err := j.Plan(t.Context(), &fault.Plan{Seed: 100})
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "convergence of endpoint", all[0].Finding())
	require.Equal(t, "a ghost", all[0].First)
	require.Equal(t, []uint64{100}, all[0].Seeds)
	return all[0]
}

func TestGoneWithOneRepairIsKnown(t *testing.T) {
	w := &world{shows: map[string]func(uint64) bool{"orphans": always}}
	judged := w.of(t, w.judge("lease", "orphans", "relist"))
	require.Equal(t, "as orphans: gone with orphans (5 of 5); 5 of 5 break it without, 0 of 5 with", judged.String())
	require.Equal(t, report.Known, judged.Is)
	require.Equal(t, []string{"lease+orphans+relist", "orphans"}, w.builds, "what it looks like is tried first")
}

// What it looks like decides nothing: neither a wrong suspicion nor none changes what is known.
func TestSuspicionDecidesNothing(t *testing.T) {
	for _, looks := range []string{"lease", ""} {
		w := &world{shows: map[string]func(uint64) bool{"orphans": always}, looks: map[string]string{"orphans": looks}}
		judged := w.of(t, w.judge("lease", "orphans", "relist"))
		require.Equal(t, report.Known, judged.Is)
		require.Equal(t, []string{"orphans"}, judged.As)

		w = &world{shows: map[string]func(uint64) bool{"planted": always}, looks: map[string]string{"planted": looks}}
		judged = w.of(t, w.judge("lease", "orphans", "relist"))
		require.Equal(t, report.News, judged.Is, "a bug that looks like what is known is news")
		require.Equal(t, "stays with all repairs in", judged.Why)
		require.Equal(t, report.Share{Broken: 5, Of: 5}, judged.All)
	}
}

func TestTwoMechanismsNeedTwoRepairs(t *testing.T) {
	w := &world{shows: map[string]func(uint64) bool{"orphans": always, "lease": always}, looks: map[string]string{"lease": ""}}
	judged := w.of(t, w.judge("a", "b", "lease", "orphans", "relist"))
	require.Equal(t, report.Known, judged.Is)
	require.Equal(t, []string{"lease", "orphans"}, judged.Repairs)
	require.Contains(t, judged.String(), "gone with lease and orphans together, and with none of them alone (5 of 5)")

	w = &world{shows: map[string]func(uint64) bool{"a": always, "b": always, "c": always, "d": always}}
	judged = w.of(t, w.judge("a", "b", "c", "d", "e"))
	require.Equal(t, report.News, judged.Is)
	require.Equal(t, "gone with all repairs, with none alone; the smallest set that was found is a, b, c, d", judged.Why)
}

// A bug of which one schedule in many shows anything may be gone by chance: then nothing is known.
func TestWhatIsRareIsNotKnown(t *testing.T) {
	w := &world{shows: map[string]func(uint64) bool{"orphans": one}}
	judged := w.of(t, w.judge("orphans"))
	require.Equal(t, report.News, judged.Is)
	require.Equal(t, "too rare to tell a repair from another schedule", judged.Why)
	require.Equal(t, report.Share{Broken: 1, Of: 20}, judged.Without)

	w = &world{shows: map[string]func(uint64) bool{"orphans": even}}
	judged = w.of(t, w.judge("orphans"))
	require.Equal(t, "as orphans: gone with orphans (10 of 10); 5 of 10 break it without, 0 of 10 with", judged.String())
}

func TestFindingWithoutRepairIsSuspected(t *testing.T) {
	w := &world{shows: map[string]func(uint64) bool{"stale": always, "orphans": always}}
	j := w.judge("orphans")
	j.Unrepaired = []string{"stale"}
	judged := w.of(t, j)
	require.Equal(t, report.Suspected, judged.Is)
	require.Equal(t, []string{"stale"}, judged.As)
	require.Equal(t, "looks like stale, which has no repair: not measured; with all repairs in 5 of 5 break it", judged.String())

	w.shows["planted"], w.looks = always, map[string]string{"planted": ""}
	j = w.judge("orphans")
	j.Unrepaired = []string{"stale"}
	require.Equal(t, report.News, w.of(t, j).Is, "not all of what stays looks so")
}

func TestPanicIsKnownByItsRepair(t *testing.T) {
	w := &world{panics: true}
	all, err := w.judge("the-panic", "other").Plan(t.Context(), &fault.Plan{})
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "panic of x.(*C).f", all[0].Finding())
	require.Equal(t, []string{"the-panic"}, all[0].Repairs)

	all, err = w.judge("other").Plan(t.Context(), &fault.Plan{})
	require.NoError(t, err)
	require.Equal(t, report.News, all[0].Is)
}

func TestWithoutSourcesNewsIsToldAllTheSame(t *testing.T) {
	w := &world{shows: map[string]func(uint64) bool{"orphans": always}, noBuild: det.ErrNoSources}
	judged := w.of(t, w.judge("orphans", "other"))
	require.Equal(t, report.Known, judged.Is)
	require.Contains(t, judged.String(), "gone with all repairs in, by which of them is not measured")

	w.noBuild = errors.New("disk full")
	_, err := w.judge("orphans", "other").Plan(t.Context(), &fault.Plan{Seed: 100})
	require.ErrorContains(t, err, "a worker with orphans: disk full")
}

// A worker that fails with all repairs in takes nothing away.
func TestUndecidedWithRepairsIsNews(t *testing.T) {
	w := &world{shows: map[string]func(uint64) bool{"orphans": always}, fails: "hive: no such module"}
	judged := w.of(t, w.judge("orphans", "other"))
	require.Equal(t, report.News, judged.Is)
	require.Equal(t, "undecided with all repairs in: hive: no such module", judged.Why)
	require.Zero(t, judged.All.Of)
}

func TestOutcomesAreKept(t *testing.T) {
	w := &world{shows: map[string]func(uint64) bool{"orphans": always}}
	dir := t.TempDir()
	for i := range 2 {
		j := w.judge("orphans")
		j.Kept = &Kept{Dir: dir, Program: "p"}
		require.Equal(t, report.Known, w.of(t, j).Is)
		require.Equal(t, 10, w.runs, "time %d", i) // with the only repair is with all
	}
	j := w.judge("orphans")
	j.Kept = &Kept{Dir: dir, Program: "another"}
	w.of(t, j)
	require.Equal(t, 20, w.runs, "another program judges anew")
}

func TestLoad(t *testing.T) {
	r, err := Load(files.Files)
	require.NoError(t, err)
	require.NotEmpty(t, r.All)
	for _, page := range r.Unrepaired {
		require.FileExists(t, "../../testdata/findings/"+page+".md")
	}
	require.False(t, r.unrepaired([]string{"", "pod-in-two-slices"}))
	for _, m := range checker.Mechanisms() {
		require.True(t, len(r.of(m.Name)) > 0 || r.unrepaired([]string{m.Name}),
			"%s has neither a repair nor a row in testdata/repairs/README.md that says why", m.Name)
	}
}
