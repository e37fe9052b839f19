package shrink

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
)

// A world is what a finding needs, for tests: a run shows it if the plan has all
// of this, and if luck wants it.
type world struct {
	kinds  map[fault.Kind]int // so many faults of each kind
	pods   []string           // pods that exist at some time
	ops    map[fault.OpKind]int
	agents int
	churn  fault.Duration
	luck   int // one schedule in so many does not show it; 0: all do
}

func (w world) shows(p *fault.Plan) bool {
	kinds, ops, pods := map[fault.Kind]int{}, map[fault.OpKind]int{}, map[string]bool{}
	for i := range p.Faults {
		kinds[p.Faults[i].Kind]++
	}
	for i := range p.Pods {
		pods[podKey(&p.Pods[i])] = true
	}
	for i := range p.Ops {
		ops[p.Ops[i].Op]++
		if p.Ops[i].Op == fault.PodCreate {
			pods[podKey(p.Ops[i].Pod)] = true
		}
	}
	for kind, n := range w.kinds {
		if kinds[kind] < n {
			return false
		}
	}
	for kind, n := range w.ops {
		if ops[kind] < n {
			return false
		}
	}
	for _, pod := range w.pods {
		if !pods[pod] {
			return false
		}
	}
	return p.Topology.Agents >= w.agents && p.Churn >= w.churn && (w.luck == 0 || fingerprint(p)[0]%byte(w.luck) != 0)
}

// drawWorld draws a plan and a finding that it has.
func drawWorld(t *rapid.T) (*fault.Plan, world) {
	p := draw.Plans().Draw(t, "plan")
	w := world{kinds: map[fault.Kind]int{}, ops: map[fault.OpKind]int{}}
	for i := range p.Faults {
		if rapid.IntRange(0, 2).Draw(t, "needed") == 0 {
			w.kinds[p.Faults[i].Kind]++
		}
	}
	for i := range p.Ops {
		switch op := &p.Ops[i]; {
		case rapid.IntRange(0, 9).Draw(t, "needed") > 0:
		case op.Op == fault.PodCreate:
			w.pods = append(w.pods, podKey(op.Pod))
		default:
			w.ops[op.Op]++
		}
	}
	w.agents = rapid.IntRange(1, p.Topology.Agents).Draw(t, "agents")
	w.churn = fault.Duration(rapid.Int64Range(int64(second), int64(p.Churn)).Draw(t, "churn"))
	if w.luck = rapid.SampledFrom([]int{0, 2, 5}).Draw(t, "luck"); !w.shows(p) {
		w.luck = 0
	}
	return p, w
}

// config runs a world's plans, each of which must be valid.
func (w world) config(t require.TestingT) Config {
	return Config{Seeds: 2, Run: func(_ context.Context, p *fault.Plan) (Outcome, error) {
		require.NoError(t, p.Validate())
		begun := make([]fault.Duration, len(p.Faults))
		for i := range begun {
			if begun[i] = p.Faults[i].At; p.Faults[i].When != nil && fingerprint(p)[i%sha256.Size]%2 == 0 {
				begun[i] = Never
			}
		}
		return Outcome{Shows: w.shows(p), First: w.churn - 1, Begun: begun}, nil
	}}
}

// Of drawn stalls, which a plan cannot be without one by one, those are named that a
// run had and that it needs.
func TestStallsAreNamed(t *testing.T) {
	plan := draw.Plans().Example(1)
	plan.Options.Stall, plan.Faults = 8, nil
	var drawn []fault.Stall
	for visit := range 40 {
		drawn = append(drawn, fault.Stall{Function: "f", Offset: 7, Visit: 1 + visit, For: ms})
	}
	needed := []fault.Stall{drawn[3], drawn[31]}
	run := func(_ context.Context, p *fault.Plan) (Outcome, error) {
		require.NoError(t, p.Validate())
		stalls := p.Stalls
		if p.Options.Stall > 0 {
			stalls = drawn
		}
		shows := true
		for _, s := range needed {
			shows = shows && slices.Contains(stalls, s)
		}
		return Outcome{Shows: shows, Stalls: stalls}, nil
	}
	seen, _ := run(t.Context(), plan)
	result, err := Shrink(t.Context(), plan, seen, Config{Run: run})
	require.NoError(t, err)
	require.Zero(t, result.Plan.Options.Stall)
	require.Equal(t, needed, result.Plan.Stalls)
}

func TestResultIsValidAndMinimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan, w := drawWorld(t)
		cfg := w.config(t)
		given := plan.Line()
		seen, _ := cfg.Run(t.Context(), plan)
		result, err := Shrink(t.Context(), plan, seen, cfg)
		require.NoError(t, err)
		require.Equal(t, given, plan.Line(), "the given plan is not changed")
		require.NoError(t, result.Plan.Validate())
		require.True(t, w.shows(result.Plan))
		require.True(t, result.Minimal)
		require.LessOrEqual(t, SizeOf(result.Plan).Decisions(), SizeOf(plan).Decisions())
		for seed := range uint64(cfg.Seeds) + 1 {
			for i := range result.Plan.Faults {
				smaller := clone(result.Plan)
				smaller.Faults = slices.Delete(smaller.Faults, i, i+1)
				requireNeeded(t, w, smaller, seed, "fault %d", i)
			}
			for i := range result.Plan.Ops {
				smaller := clone(result.Plan)
				smaller.Ops = slices.Delete(smaller.Ops, i, i+1)
				requireNeeded(t, w, smaller, seed, "op %d", i)
			}
		}
	})
}

// requireNeeded checks that a plan from which something was left out does not show
// the finding with a seed, where zero stands for its own.
func requireNeeded(t *rapid.T, w world, smaller *fault.Plan, seed uint64, what string, args ...any) {
	if seed > 0 {
		smaller.Seed = seed
	}
	if smaller.Validate() == nil {
		require.False(t, w.shows(smaller), "with seed %d, %s is not needed", smaller.Seed, fmt.Sprintf(what, args...))
	}
}

func TestResultDoesNotDependOnTiming(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan, w := drawWorld(t)
		var first Result
		for i, parallel := range []int{1, 2, 7} {
			cfg := w.config(t)
			cfg.Parallel = parallel
			atOnce := cfg.Run
			cfg.Run = func(ctx context.Context, p *fault.Plan) (Outcome, error) {
				for range rand.IntN(3) {
					time.Sleep(time.Microsecond)
				}
				return atOnce(ctx, p)
			}
			seen, _ := atOnce(t.Context(), plan)
			result, err := Shrink(t.Context(), plan, seen, cfg)
			require.NoError(t, err)
			if i == 0 {
				first = result
			}
			require.Equal(t, first.Plan.Line(), result.Plan.Line(), "%d at once", parallel)
			require.Equal(t, first.Runs, result.Runs, "%d at once", parallel)
			require.Equal(t, first.Minimal, result.Minimal, "%d at once", parallel)
		}
	})
}

func drawn(t *testing.T, seed uint64) *fault.Plan {
	t.Helper()
	p, err := draw.Plan(seed, draw.Config{Reference: true})
	require.NoError(t, err)
	return p
}

func TestBestSoFarWhenCancelled(t *testing.T) {
	plan := drawn(t, 1)
	w := world{}
	ctx, cancel := context.WithCancel(t.Context())
	cfg := w.config(t)
	tried := cfg.Run
	var runs atomic.Int64
	cfg.Run = func(ctx context.Context, p *fault.Plan) (Outcome, error) {
		if runs.Add(1) == 3 {
			cancel()
			return Outcome{}, ctx.Err()
		}
		return tried(ctx, p)
	}
	result, err := Shrink(ctx, plan, Outcome{Shows: true, First: Never}, cfg)
	require.NoError(t, err)
	require.False(t, result.Minimal)
	require.Equal(t, 2, result.Runs)
	require.NotEqual(t, plan.Line(), result.Plan.Line())
	require.NoError(t, result.Plan.Validate())
}

func TestErrorEndsTheSearch(t *testing.T) {
	plan := drawn(t, 1)
	full := errors.New("the disk is full")
	result, err := Shrink(t.Context(), plan, Outcome{Shows: true}, Config{Run: func(context.Context, *fault.Plan) (Outcome, error) {
		return Outcome{}, full
	}})
	require.ErrorIs(t, err, full)
	require.Equal(t, plan.Line(), result.Plan.Line())
	require.False(t, result.Minimal)
}

func TestProgressIsToldOneCallAtATime(t *testing.T) {
	plan := drawn(t, 2)
	cfg := world{kinds: map[fault.Kind]int{plan.Faults[0].Kind: 1}}.config(t)
	cfg.Parallel = 4
	var told []Progress
	cfg.Progress = func(p Progress) { told = append(told, p) }
	result, err := Shrink(t.Context(), plan, Outcome{Shows: true, First: Never}, cfg)
	require.NoError(t, err)
	require.NotEmpty(t, told)
	last := told[len(told)-1]
	require.Equal(t, SizeOf(result.Plan), last.Now)
	require.GreaterOrEqual(t, last.Runs, result.Runs)
	for i := 1; i < len(told); i++ {
		require.GreaterOrEqual(t, told[i].Runs, told[i-1].Runs)
		require.LessOrEqual(t, told[i].Now.Decisions(), told[i-1].Now.Decisions())
	}
}
