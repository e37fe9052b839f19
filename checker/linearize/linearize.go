// Package linearize lets porcupine judge what clients did with many keys.
package linearize

import (
	"fmt"
	"io"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/text"
)

// Machine is a specification of one key or object, of which histories can be judged in
// pieces.
type Machine[S interface {
	After(ops []porcupine.Operation) S
}] struct {
	From   func(S) porcupine.Model                        // the specification, from a state on
	Likely func(op porcupine.Operation) int64             // orders operations of one instant: see rank
	Show   func(op porcupine.Operation) *property.Version // an operation, and what came of it
}

// piece is a part of a key's history and the state in which it starts.
type piece[S any] struct {
	from S
	ops  []porcupine.Operation
}

// Tally counts what was judged.
type Tally struct {
	Keys, Total, Judged int
	Widest              int  // operations of one key that were under way at once, at most
	Late                bool // the deadline passed before all was judged

	Violations []property.Violation // without who did the operations
}

// Result is that of a property that was judged within a time, with the evidence.
func (t *Tally) Result(evidence string, within time.Duration) property.Result {
	if t.Late && len(t.Violations) == 0 {
		return property.Undecided(fmt.Sprintf("the deadline of %v passed when %s of %s had been judged; simrun check -deadline gives its history more", within, text.Thousands(t.Judged), text.Count(t.Total, "operation")))
	}
	return property.Judged(evidence, t.Violations)
}

// Complete adds to the facts of a violation what the operation that has no place is about. It
// is given that operation's record and, or nil, that of the operation before it.
type Complete func(f *property.Facts, op porcupine.Operation, by, before *history.Record)

// Linearize lets porcupine judge each key's operations, in pieces that are cut at quiet
// instants. A piece that is not linearizable is a violation of the rule.
func (m Machine[S]) Linearize(records []history.Record, keys [][]porcupine.Operation, deadline time.Time, t *Tally, rule *property.Rule, complete Complete) {
	for _, ops := range keys {
		t.Keys++
		t.Total += len(ops)
		if t.Late {
			continue
		}
		t.Widest = max(t.Widest, rank(ops, m.Likely))
		bad, result := m.judge(ops, deadline)
		switch result {
		case porcupine.Unknown:
			t.Late = true
			continue
		case porcupine.Illegal:
			t.Violations = append(t.Violations, m.violation(records, rule, bad, deadline, complete))
		}
		t.Judged += len(ops)
	}
}

// judge judges one key's operations, in order of their calls, and returns the first
// piece that is not Ok.
func (m Machine[S]) judge(ops []porcupine.Operation, deadline time.Time) (piece[S], porcupine.CheckResult) {
	var from S
	for len(ops) > 0 {
		left := time.Until(deadline)
		if left <= 0 {
			return piece[S]{}, porcupine.Unknown
		}
		n := quiet(ops)
		p := piece[S]{from, ops[:n]}
		if result := porcupine.CheckOperationsTimeout(m.From(from), p.ops, left); result != porcupine.Ok {
			return p, result
		}
		from, ops = from.After(p.ops), ops[n:]
	}
	return piece[S]{}, porcupine.Ok
}

// Picture writes porcupine's own page of the first piece of one key's operations that no
// order explains.
func (m Machine[S]) Picture(w io.Writer, ops []porcupine.Operation, deadline time.Time) error {
	rank(ops, m.Likely)
	bad, result := m.judge(ops, deadline)
	if result != porcupine.Illegal {
		return fmt.Errorf("porcupine says %s of these operations, and has nothing to show", result)
	}
	model := m.From(bad.from)
	_, info := porcupine.CheckOperationsVerbose(model, bad.ops, time.Until(deadline))
	return porcupine.Visualize(model, info, w)
}

// quiet returns how many operations from the first on end before the next one
// begins, at least a piece's worth if there are so many. Porcupine's memory grows
// with the square of a history's length, and its start costs as much as a few
// operations.
func quiet(ops []porcupine.Operation) int {
	const worth = 64
	last := ops[0].Return
	for i := 1; i < len(ops); i++ {
		if i >= worth && ops[i].Call > last {
			return i
		}
		last = max(last, ops[i].Return)
	}
	return len(ops)
}

// violation is that by a piece: by the first operation that the longest order which porcupine
// finds of it leaves unexplained, after the operation that this order ends with.
func (m Machine[S]) violation(records []history.Record, rule *property.Rule, p piece[S], deadline time.Time, complete Complete) property.Violation {
	culprit, longest := m.explain(p, deadline)
	by, before := &records[recordOf(culprit)], (*history.Record)(nil)
	v := property.Violation{Rule: rule, Records: []int{recordOf(culprit)}, Facts: property.Facts{At: by.At, Shown: m.Show(culprit)}}
	if len(longest) > 0 {
		end := longest[len(longest)-1]
		before = &records[recordOf(end)]
		v.Before = m.Show(end)
		v.Before.At = before.At
		v.Records = []int{recordOf(end), recordOf(culprit)}
	}
	complete(&v.Facts, culprit, by, before)
	return v
}

// explain returns the first operation that the longest order which porcupine finds of a
// piece leaves unexplained, and the operations of this order.
func (m Machine[S]) explain(p piece[S], deadline time.Time) (culprit porcupine.Operation, longest []porcupine.Operation) {
	left := max(time.Until(deadline), time.Second)
	_, info := porcupine.CheckOperationsVerbose(m.From(p.from), p.ops, left)
	for _, part := range info.PartialLinearizationsOperations() {
		for _, order := range part {
			if len(order) > len(longest) || len(order) == len(longest) && recordsBefore(order, longest) {
				longest = order
			}
		}
	}
	return firstOutside(p.ops, longest), longest
}

func recordOf(op porcupine.Operation) int { return op.Metadata.(int) }

// recordsBefore orders two orders of the same length, of which porcupine gives
// several in no particular sequence, by their records.
func recordsBefore(a, b []porcupine.Operation) bool {
	for i := range a {
		if x, y := recordOf(a[i]), recordOf(b[i]); x != y {
			return x < y
		}
	}
	return false
}

// firstOutside returns the operation that is answered first of those outside an
// order. There is one, or the order would explain all.
func firstOutside(ops, order []porcupine.Operation) porcupine.Operation {
	inside := map[int]bool{}
	for _, op := range order {
		inside[recordOf(op)] = true
	}
	var first *porcupine.Operation
	for i := range ops {
		if op := &ops[i]; !inside[recordOf(*op)] && (first == nil || op.Return < first.Return) {
			first = op
		}
	}
	return *first
}
