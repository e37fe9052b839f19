package checker

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/spec"
)

var kubeLinearizable = Property{
	Name:    "kube-linearizable",
	Promise: "The kube-apiservers answer writes, and the reads that ask for the most recent version, as if the operations on an object had happened one after the other, each between its start and its answer, in the order of their resourceVersions.",
	Why:     "the ground that the other properties stand on: Kubernetes' consistent reads and optimistic concurrency (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions)",
	check:   checkKubeLinearizable,
}

var kubeMachine = machine[spec.ObjectState]{spec.ObjectFrom, likelyObject}

// checkKubeLinearizable lets porcupine judge each object, after what needs no search:
// that resourceVersions increase and that what was acknowledged was committed.
func checkKubeLinearizable(in *input) Result {
	deadline := time.Now().Add(in.cfg.Deadline)
	o := kubeOperations(in)
	if o.requests == 0 {
		return unknown("the history has no request to a kube-apiserver")
	}
	violations := o.violations
	var t tally
	kubeMachine.linearize(spec.Object().Partition(o.ops), deadline, &t, func(bad piece[spec.ObjectState]) {
		violations = append(violations, objectNotLinearizable(in, bad, deadline))
	})
	sortByTime(violations)
	if t.late && len(violations) == 0 {
		return unknown(fmt.Sprintf("the deadline of %v passed when %s of %s had been judged", in.cfg.Deadline, thousands(t.judged), count(t.total, "operation", "operations")))
	}
	return judged(fmt.Sprintf("%s on %s from %s and %s, at most %d of an object at once",
		count(t.judged, "operation", "operations"), count(t.keys, "object", "objects"),
		count(o.requests, "request", "requests"), count(o.writes, "write", "writes"), t.widest), violations)
}

// likelyObject orders operations of one instant by their resourceVersions, writes first.
func likelyObject(op porcupine.Operation) int64 {
	out := op.Output.(spec.ObjectOutput)
	rv := max(out.RV, out.Shown) * 2
	if op.Input.(spec.ObjectInput).Op == spec.ObjectGet {
		rv++
	}
	return rv
}

func objectNotLinearizable(in *input, p piece[spec.ObjectState], deadline time.Time) Violation {
	culprit, longest := kubeMachine.explain(p, deadline)
	r := &in.Records[recordOf(culprit)]
	object := culprit.Input.(spec.ObjectInput)
	after := ""
	var records []int
	if len(longest) > 0 {
		end := longest[len(longest)-1]
		e := &in.Records[recordOf(end)]
		after = fmt.Sprintf("; the longest order that can be found ends with %s of %s at %s", describeObject(end), client(e), seconds(e.At))
		records = append(records, recordOf(end))
	}
	return Violation{
		Kind: object.Kind, Key: object.Key, At: r.At, Records: append(records, recordOf(culprit)),
		Sentence: fmt.Sprintf("%s: no order of the operations on %s %s explains %s of %s at %s%s",
			r.Actor, object.Kind, object.Key, describeObject(culprit), client(r), seconds(r.At), after),
	}
}

func describeObject(op porcupine.Operation) string {
	return spec.DescribeObject(op.Input.(spec.ObjectInput), op.Output.(spec.ObjectOutput))
}

// client is who made a request or a write.
func client(r *history.Record) string { return orDefault(r.Peer, "the initial state") }
