package stores

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
	Name:    "etcd-linearizable",
	Promise: "Each etcd answers as if its operations on a key had happened one after the other, each between its start and its answer.",
	Why:     "the ground that the other properties stand on: etcd's guarantee (https://etcd.io/docs/v3.6/learning/api_guarantees/)",
	Ground:  true,
	Rules:   []*property.Rule{noOrder},
	Check:   checkLinearizable,
	Step:    property.ByServer("etcd", "what it answered; who asked is not to blame"),
}

var etcdMachine = linearize.Machine[spec.KVState]{From: spec.KVFrom, Likely: likely, Show: func(op porcupine.Operation) *property.Version {
	in := op.Input.(spec.KVInput)
	return &property.Version{Op: string(in.Op), Value: spec.Describe(in, op.Output.(spec.KVOutput))}
}}

// checkLinearizable lets porcupine judge each key of each store.
func checkLinearizable(in *property.Input) property.Result {
	deadline := time.Now().Add(in.Deadline)
	var t linearize.Tally
	for _, s := range in.Stores {
		etcdMachine.Linearize(in.Records, spec.KV().Partition(operations(in.Records, s)), deadline, &t, noOrder, func(f *property.Facts, op porcupine.Operation, r, _ *history.Record) {
			f.Server, f.Store, f.Kind, f.Key = s.Actor, s.Name, r.Kind, op.Input.(spec.KVInput).Key
		})
	}
	if t.Total == 0 {
		return property.Undecided("no store answered a call")
	}
	return t.Result(fmt.Sprintf("%s on %s of %s, at most %d of a key at once",
		text.Count(t.Judged, "operation"), text.Count(t.Keys, "key"), text.Count(len(in.Stores), "store"), t.Widest), in.Deadline)
}

var noOrder = &property.Rule{Name: "no-order", Text: func(f *property.Facts) string {
	after := ""
	if f.Before != nil {
		after = fmt.Sprintf("; the longest order that can be found ends with %s at %s", f.Before.Value, text.Seconds(f.Before.At))
	}
	return fmt.Sprintf("%s: no order of the operations on %q explains %s at %s%s", f.Etcd(), f.Key, f.Shown.Value, text.Seconds(f.At), after)
}}
