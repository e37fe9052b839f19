package checker

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/spec"
)

var etcdLinearizable = Property{
	Name:    "etcd-linearizable",
	Promise: "Each etcd answers as if its operations on a key had happened one after the other, each between its start and its answer.",
	Why:     "the ground that the other properties stand on: etcd's guarantee (https://etcd.io/docs/v3.6/learning/api_guarantees/)",
	check:   checkLinearizable,
}

var etcdMachine = machine[spec.KVState]{spec.KVFrom, likely}

// checkLinearizable lets porcupine judge each key of each store.
func checkLinearizable(in *input) Result {
	deadline := time.Now().Add(in.cfg.Deadline)
	var violations []Violation
	var t tally
	for _, s := range in.Stores {
		etcdMachine.linearize(spec.KV().Partition(operations(in.Records, s)), deadline, &t, func(bad piece[spec.KVState]) {
			violations = append(violations, notLinearizable(in, s, bad, deadline))
		})
	}
	sortByTime(violations)
	evidence := fmt.Sprintf("%s on %s of %s, at most %d of a key at once",
		count(t.judged, "operation", "operations"), count(t.keys, "key", "keys"), count(len(in.Stores), "store", "stores"), t.widest)
	switch {
	case t.total == 0:
		return unknown("no store answered a call")
	case t.late && len(violations) == 0:
		return unknown(fmt.Sprintf("the deadline of %v passed when %s of %s had been judged", in.cfg.Deadline, thousands(t.judged), count(t.total, "operation", "operations")))
	}
	return judged(evidence, violations)
}

// notLinearizable is the violation by a piece: the first operation that the
// longest order found leaves unexplained, and the operation that this order ends
// with.
func notLinearizable(in *input, s *index.Store, p piece[spec.KVState], deadline time.Time) Violation {
	culprit, longest := etcdMachine.explain(p, deadline)
	r := &in.Records[recordOf(culprit)]
	after := ""
	var records []int
	if len(longest) > 0 {
		end := longest[len(longest)-1]
		after = fmt.Sprintf("; the longest order that can be found ends with %s at %s", describe(end), seconds(in.Records[recordOf(end)].At))
		records = append(records, recordOf(end))
	}
	input := culprit.Input.(spec.KVInput)
	return Violation{
		Store: s.Name, Kind: r.Kind, Key: input.Key, At: r.At, Records: append(records, recordOf(culprit)),
		Sentence: fmt.Sprintf("etcd of %s (store %s): no order of the operations on %q explains %s at %s%s",
			s.Actor, s.Name, input.Key, describe(culprit), seconds(r.At), after),
	}
}

func describe(op porcupine.Operation) string {
	return spec.Describe(op.Input.(spec.KVInput), op.Output.(spec.KVOutput))
}
