package checker

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/meshcheck/meshcheck/model/spec"
)

var etcdLinearizable = Property{
	Name:    "etcd-linearizable",
	Promise: "Each etcd answers as if its operations on a key had happened one after the other, each between its start and its answer.",
	Why:     "the ground that the other properties stand on: etcd's guarantee (https://etcd.io/docs/v3.6/learning/api_guarantees/)",
	check:   checkLinearizable,
}

// checkLinearizable lets porcupine judge each key of each store, in pieces that
// are cut at quiet instants.
func checkLinearizable(in *input) Result {
	deadline := time.Now().Add(in.cfg.Deadline)
	var violations []Violation
	total, keys, judgedOps, widest := 0, 0, 0, 0
	late := false
	for _, s := range in.etcds {
		for _, key := range spec.KV().Partition(operations(in.records, s)) {
			keys++
			total += len(key)
			overlap := rank(key)
			if late {
				continue
			}
			widest = max(widest, overlap)
			switch bad, result := judgeKey(key, deadline); result {
			case porcupine.Unknown:
				late = true
			case porcupine.Illegal:
				violations = append(violations, notLinearizable(in, s, bad, deadline))
				fallthrough
			default:
				judgedOps += len(key)
			}
		}
	}
	sortByTime(violations)
	evidence := fmt.Sprintf("%s on %s of %s, at most %d of a key at once",
		count(judgedOps, "operation", "operations"), count(keys, "key", "keys"), count(len(in.etcds), "store", "stores"), widest)
	switch {
	case total == 0:
		return unknown("no store answered a call")
	case late && len(violations) == 0:
		return unknown(fmt.Sprintf("the deadline of %v passed when %s of %s had been judged", in.cfg.Deadline, thousands(judgedOps), count(total, "operation", "operations")))
	}
	return judged(evidence, violations)
}

// piece is a part of a key's history and the state in which it starts.
type piece struct {
	from spec.KVState
	ops  []porcupine.Operation
}

// judgeKey judges one key's operations, in order of their calls, and returns the
// first piece that is not Ok.
func judgeKey(ops []porcupine.Operation, deadline time.Time) (piece, porcupine.CheckResult) {
	var from spec.KVState
	for len(ops) > 0 {
		left := time.Until(deadline)
		if left <= 0 {
			return piece{}, porcupine.Unknown
		}
		n := quiet(ops)
		p := piece{from, ops[:n]}
		if result := porcupine.CheckOperationsTimeout(spec.KVFrom(from), p.ops, left); result != porcupine.Ok {
			return p, result
		}
		from, ops = from.After(p.ops), ops[n:]
	}
	return piece{}, porcupine.Ok
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

// notLinearizable is the violation by a piece: the first operation that the
// longest order found leaves unexplained, and the operation that this order ends
// with.
func notLinearizable(in *input, s *etcd, p piece, deadline time.Time) Violation {
	left := max(time.Until(deadline), time.Second)
	_, info := porcupine.CheckOperationsVerbose(spec.KVFrom(p.from), p.ops, left)
	var longest []porcupine.Operation
	for _, part := range info.PartialLinearizationsOperations() {
		for _, order := range part {
			if len(order) > len(longest) || len(order) == len(longest) && recordsBefore(order, longest) {
				longest = order
			}
		}
	}
	culprit := firstOutside(p.ops, longest)
	r := &in.records[recordOf(culprit)]
	after := ""
	var records []int
	if len(longest) > 0 {
		end := longest[len(longest)-1]
		after = fmt.Sprintf("; the longest order that can be found ends with %s at %s", describe(end), seconds(in.records[recordOf(end)].At))
		records = append(records, recordOf(end))
	}
	input := culprit.Input.(spec.KVInput)
	return Violation{
		Store: s.store, Kind: r.Kind, Key: input.Key, At: r.At, Records: append(records, recordOf(culprit)),
		Sentence: fmt.Sprintf("etcd of %s (store %s): no order of the operations on %q explains %s at %s%s",
			s.actor, s.store, input.Key, describe(culprit), seconds(r.At), after),
	}
}

func recordOf(op porcupine.Operation) int { return op.Metadata.(int) }

func describe(op porcupine.Operation) string {
	return spec.Describe(op.Input.(spec.KVInput), op.Output.(spec.KVOutput))
}

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
