package stores

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/meshcheck/meshcheck/checker/linearize"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/spec"
)

var Linearizable = property.Property{
	Name:    "etcd-linearizable",
	Promise: "Each etcd answers as if its operations on a key had happened one after the other, each between its start and its answer.",
	Why:     "the ground that the other properties stand on: etcd's guarantee (https://etcd.io/docs/v3.6/learning/api_guarantees/)",
	Ground:  true,
	Rules:   []*property.Rule{noOrder},
	Check:   checkLinearizable,
}

var etcdMachine = linearize.Machine[spec.KVState]{From: spec.KVFrom, Likely: likely}

// checkLinearizable lets porcupine judge each key of each store.
func checkLinearizable(in *property.Input) property.Result {
	deadline := time.Now().Add(in.Deadline)
	var violations []property.Violation
	var t linearize.Tally
	for _, s := range in.Stores {
		etcdMachine.Linearize(spec.KV().Partition(operations(in.Records, s)), deadline, &t, func(bad linearize.Piece[spec.KVState]) {
			violations = append(violations, notLinearizable(in, s, bad, deadline))
		})
	}
	property.SortByTime(violations)
	evidence := fmt.Sprintf("%s on %s of %s, at most %d of a key at once",
		text.Count(t.Judged, "operation"), text.Count(t.Keys, "key"), text.Count(len(in.Stores), "store"), t.Widest)
	switch {
	case t.Total == 0:
		return property.Undecided("no store answered a call")
	case t.Late && len(violations) == 0:
		return property.Undecided(fmt.Sprintf("the deadline of %v passed when %s of %s had been judged", in.Deadline, text.Thousands(t.Judged), text.Count(t.Total, "operation")))
	}
	return property.Judged(evidence, violations)
}

var noOrder = &property.Rule{Name: "no-order", Text: func(f *property.Facts) string {
	after := ""
	if f.Before != nil {
		after = fmt.Sprintf("; the longest order that can be found ends with %s at %s", f.Before.Value, text.Seconds(f.Before.At))
	}
	return fmt.Sprintf("%s: no order of the operations on %q explains %s at %s%s", f.Etcd(), f.Key, f.Shown.Value, text.Seconds(f.At), after)
}}

// notLinearizable is the violation by a piece: the first operation that the
// longest order found leaves unexplained, and the operation that this order ends
// with.
func notLinearizable(in *property.Input, s *index.Store, p linearize.Piece[spec.KVState], deadline time.Time) property.Violation {
	culprit, longest := etcdMachine.Explain(p, deadline)
	r := &in.Records[linearize.RecordOf(culprit)]
	input := culprit.Input.(spec.KVInput)
	v := property.Violation{Rule: noOrder, Facts: property.Facts{
		Server: s.Actor, Store: s.Name, Kind: r.Kind, Key: input.Key, At: r.At, Shown: &property.Version{Op: string(input.Op), Value: describe(culprit)}}}
	if len(longest) > 0 {
		end := longest[len(longest)-1]
		record := linearize.RecordOf(end)
		v.Before = &property.Version{Op: string(end.Input.(spec.KVInput).Op), Value: describe(end), At: in.Records[record].At}
		v.Records = append(v.Records, record)
	}
	v.Records = append(v.Records, linearize.RecordOf(culprit))
	return v
}

func describe(op porcupine.Operation) string {
	return spec.Describe(op.Input.(spec.KVInput), op.Output.(spec.KVOutput))
}
