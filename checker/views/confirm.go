package views

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/spec"
)

// confirmable is the most showings and states that an entry has of which porcupine
// confirms the least delta: its time grows with the product of both.
const confirmable = 48

// subject is an entry in a view or datapath with its least delta.
type subject struct {
	agent int32
	layer index.Layer
	Entry int32
	Delta time.Duration
}

// sample holds some of the subjects that were added: those with the greatest
// deltas, and others evenly spread over all.
type sample struct {
	greatest []subject
	spread   []subject
	added    int
	stride   int // the spread has each stride-th
}

// half is the most that a sample has of either sort.
const half = 32

func (s *sample) Add(next subject) {
	if s.greatest = append(s.greatest, next); len(s.greatest) == 2*half {
		s.trim()
	}
	s.stride = max(s.stride, 1)
	if s.added%s.stride == 0 {
		s.spread = append(s.spread, next)
	}
	if s.added++; len(s.spread) > half {
		for i := range s.spread[:half/2+1] {
			s.spread[i] = s.spread[2*i]
		}
		s.spread = s.spread[:half/2+1]
		s.stride *= 2
	}
}

func (s *sample) trim() {
	slices.SortStableFunc(s.greatest, func(a, b subject) int { return cmp.Compare(b.Delta, a.Delta) })
	s.greatest = s.greatest[:min(half, len(s.greatest))]
}

// Subjects returns the sample, each once.
func (s *sample) Subjects() []subject {
	s.trim()
	all := slices.Concat(s.greatest, s.spread)
	slices.SortFunc(all, func(a, b subject) int {
		return cmp.Or(cmp.Compare(a.agent, b.agent), cmp.Compare(a.layer, b.layer), cmp.Compare(a.Entry, b.Entry))
	})
	return slices.Compact(all)
}

// confirm lets porcupine judge some entries, at their least delta and one
// nanosecond below it. It returns of how many porcupine says the same, and a sentence on
// the first of which it says otherwise, which is an error of this checker, or an empty
// one; what the deadline leaves open is in neither.
func (x *stalenessIndex) confirm() (agreed int, contradiction string) {
	deadline := time.Now().Add(x.in.Deadline)
	for _, s := range x.sample.Subjects() {
		e := &x.in.Views.Entries[s.Entry]
		x.show(s.agent, s.layer, s.Entry)
		explained, _ := splitInOrder(e, x.buffer)
		at, below := relaxed(e, explained, s.Delta, deadline), porcupine.Illegal
		if s.Delta > 0 {
			below = relaxed(e, explained, s.Delta-1, deadline)
		}
		switch {
		case at == porcupine.Ok && below == porcupine.Illegal:
			agreed++
		case at == porcupine.Illegal || below == porcupine.Ok:
			return agreed, x.disagreement(s, at, below)
		}
	}
	return agreed, ""
}

func (x *stalenessIndex) disagreement(s subject, at, below porcupine.CheckResult) string {
	e := &x.in.Views.Entries[s.Entry]
	return fmt.Sprintf("two algorithms disagree: %s showed %s %s with a least delta of %v, of which porcupine says %s, and of a nanosecond less %s",
		who(x.in, s), e.Kind, e.Key, s.Delta, at, below)
}

// relaxed lets porcupine judge the truth of an entry and the reads of what was
// shown of it, each of which may be moved back by delta.
func relaxed(e *index.Entry, explained []index.Showing, delta time.Duration, deadline time.Time) porcupine.CheckResult {
	left := time.Until(deadline)
	if left <= 0 {
		return porcupine.Unknown
	}
	return porcupine.CheckOperationsTimeout(spec.Register(), append(writes(e), reads(e, explained, delta)...), left)
}

func writes(e *index.Entry) []porcupine.Operation {
	var ops []porcupine.Operation
	for s := 1; s < len(e.States); s++ {
		at := int64(e.States[s].At)
		ops = append(ops, porcupine.Operation{
			Input: spec.RegisterInput{Op: spec.RegisterWrite, Seq: s, Contents: e.LiveIn(int32(s))}, Output: spec.RegisterOutput{}, Call: at, Return: at,
		})
	}
	return ops
}

// reads are those that ages looks at, and the first one of each showing.
func reads(e *index.Entry, explained []index.Showing, delta time.Duration) []porcupine.Operation {
	var ops []porcupine.Operation
	read := func(s *index.Showing, at time.Duration) {
		out := spec.RegisterOutput{Present: !s.Absent}
		if out.Present {
			out.Content = e.Claims[s.Claim].Value
		}
		ops = append(ops, porcupine.Operation{
			Input: spec.RegisterInput{Op: spec.RegisterRead, Seq: len(ops) + 1}, Output: out, Call: int64(at - delta), Return: int64(at),
		})
	}
	for i := range explained {
		s := &explained[i]
		read(s, s.From)
		for _, t := range beganBy(e, truthOf(e, s), s.To) {
			if began := e.States[t.From].At; began > s.From {
				read(s, began-1)
			}
		}
		read(s, s.To)
	}
	return ops
}
