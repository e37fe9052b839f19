package campaign

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/sim/det"
)

func TestIdentify(t *testing.T) {
	l := newLab(t)
	l.breaks = func(p *fault.Plan) []checker.Finding {
		if has(p, fault.WriterRestart) {
			return []checker.Finding{orphans}
		}
		return nil
	}
	plan, err := l.draw(4)
	require.NoError(t, err)
	find := func(kinds ...fault.Kind) *corpus.Finding {
		small := withOnly(plan, kinds)
		return corpus.New(orphans, small, "known", corpus.Occurrence{})
	}
	identify := func(known ...*corpus.Finding) *corpus.Finding {
		l.ran = nil
		found, err := Identify(t.Context(), l, plan, orphans, "of the plan", known)
		require.NoError(t, err)
		return found
	}
	require.Nil(t, identify())
	require.Nil(t, identify(find(fault.Pause)))
	require.Len(t, l.ran, 1)
	require.Nil(t, identify(corpus.New(stale, plan, "", corpus.Occurrence{})), "another property")
	require.Empty(t, l.ran)

	found := identify(find(fault.Pause), find(fault.WriterRestart))
	require.Equal(t, find(fault.WriterRestart).Name(), found.Name())
	require.Equal(t, withOnly(plan, []fault.Kind{fault.WriterRestart}), found.Plan)
	require.Equal(t, "convergence of endpoint is broken", found.Sentence)

	found = identify(corpus.New(orphans, plan, "", corpus.Occurrence{}))
	require.Empty(t, l.ran, "the plan itself has just shown it")
	require.Equal(t, "of the plan", found.Sentence)

	explained := orphans
	explained.Cause = "writer-restart-orphans"
	l.ran = nil
	found, err = Identify(t.Context(), l, plan, explained, "of the plan", []*corpus.Finding{
		find(fault.WriterRestart), corpus.New(explained, withOnly(plan, []fault.Kind{fault.Pause}), "", corpus.Occurrence{})})
	require.NoError(t, err)
	require.Equal(t, "convergence.endpoint.writer-restart-orphans", found.Name())
	require.Empty(t, l.ran, "where the cause is known, the faults do not matter")

	broken := errors.New("interrupted")
	l.fails = func(*fault.Plan) error { return broken }
	_, err = Identify(t.Context(), l, plan, orphans, "", []*corpus.Finding{find(fault.Pause)})
	require.ErrorIs(t, err, broken)
	l.fails = func(*fault.Plan) error { return &det.Failure{Kind: det.Hang} }
	require.Nil(t, identify(find(fault.WriterRestart)), "a worker that fails shows nothing")
}

func TestReplay(t *testing.T) {
	l := newLab(t)
	l.breaks = func(p *fault.Plan) []checker.Finding {
		if has(p, fault.WriterRestart) {
			return []checker.Finding{orphans}
		}
		return nil
	}
	l.fails = func(p *fault.Plan) error {
		if len(p.Faults) == 0 {
			return &det.Failure{Kind: det.Memory, Message: "it uses 9 MiB"}
		}
		return nil
	}
	plan, err := l.draw(4)
	require.NoError(t, err)
	of := func(broken checker.Finding, kinds ...fault.Kind) *corpus.Finding {
		return corpus.New(broken, withOnly(plan, kinds), "", corpus.Occurrence{})
	}
	findings := []*corpus.Finding{
		of(orphans, fault.WriterRestart), of(stale, fault.WriterRestart), of(orphans, fault.Pause),
		of(checker.Finding{Property: corpus.Harness, Kind: "memory"}), of(orphans),
	}
	calls := 0
	all, err := Replay(t.Context(), l, findings, 2, func(Replayed) { calls++ })
	require.NoError(t, err)
	require.Equal(t, 5, calls)
	require.Equal(t, []Replayed{
		{findings[0], true, "convergence of endpoint is broken"},
		{findings[1], false, "it breaks convergence of endpoint instead"},
		{findings[2], false, "no property is broken"},
		{findings[3], true, "it uses 9 MiB"},
		{findings[4], false, "it uses 9 MiB"},
	}, all)
}
