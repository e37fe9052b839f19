// Package kube has the properties of the kube-apiservers.
package kube

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/meshcheck/meshcheck/checker/linearize"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/spec"
)

var Linearizable = property.Property{
	Name:    "kube-linearizable",
	Promise: "The kube-apiservers answer writes, and the reads that ask for the most recent version, as if the operations on an object had happened one after the other, each between its start and its answer, in the order of their resourceVersions.",
	Why:     "the ground that the other properties stand on: Kubernetes' consistent reads and optimistic concurrency (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions)",
	Ground:  true,
	Rules:   []*property.Rule{noOrder, rvDecreased, neverCommitted},
	Check:   checkKubeLinearizable,
	Step:    property.ByServer("kube-apiserver", "what it answered; who asked is not to blame"),
}

var kubeMachine = linearize.Machine[spec.ObjectState]{From: spec.ObjectFrom, Likely: likelyObject, Show: func(op porcupine.Operation) *property.Version {
	in := op.Input.(spec.ObjectInput)
	return &property.Version{Op: string(in.Op), Value: spec.DescribeObject(in, op.Output.(spec.ObjectOutput))}
}}

// checkKubeLinearizable lets porcupine judge each object, after what needs no search:
// that resourceVersions increase and that what was acknowledged was committed.
func checkKubeLinearizable(in *property.Input) property.Result {
	deadline := time.Now().Add(in.Deadline)
	o := kubeOperations(in)
	if o.requests == 0 {
		return property.Undecided("the history has no request to a kube-apiserver")
	}
	t := linearize.Tally{Violations: o.violations}
	kubeMachine.Linearize(in.Records, spec.Object().Partition(o.ops), deadline, &t, noOrder, func(f *property.Facts, op porcupine.Operation, r, before *history.Record) {
		f.Client, f.Server, f.Kind, f.Key = client(r), r.Actor, r.Kind, op.Input.(spec.ObjectInput).Key
		if before != nil {
			f.Before.By = client(before)
		}
	})
	return t.Result(fmt.Sprintf("%s on %s from %s and %s, at most %d of an object at once",
		text.Count(t.Judged, "operation"), text.Count(t.Keys, "object"),
		text.Count(o.requests, "request"), text.Count(o.writes, "write"), t.Widest), in.Deadline)
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

// The ways in which the kube-apiservers' answers to operations on an object are wrong.
var (
	noOrder = &property.Rule{Name: "no-order", Text: func(f *property.Facts) string {
		after := ""
		if f.Before != nil {
			after = fmt.Sprintf("; the longest order that can be found ends with %s of %s at %s", f.Before.Value, f.Before.By, text.Seconds(f.Before.At))
		}
		return fmt.Sprintf("%s: no order of the operations on %s explains %s of %s at %s%s", f.Server, f.Object(), f.Shown.Value, f.Client, text.Seconds(f.At), after)
	}}
	rvDecreased = &property.Rule{Name: "decreased", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s: %s of %s has rv %d, after rv %d at %s", f.Server, f.Shown.Op, f.Object(), f.Shown.RV, f.Before.RV, text.Seconds(f.At))
	}}
	neverCommitted = &property.Rule{Name: "never-committed", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s: %s of %s by %s was acknowledged with rv %d, but never committed, at %s", f.Server, f.Shown.Op, f.Object(), f.Client, f.Shown.RV, text.Seconds(f.At))
	}}
)

// client is who made a request or a write.
func client(r *history.Record) string { return property.OrDefault(r.Peer, "the initial state") }
