package kube

import (
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/spec"
)

// kubeOperations returns what clients did with each object, by porcupine's measure: Call
// and Return are virtual time, Metadata is the index of the record. The writes are those
// that the store committed, each within the interval of the request that asked for it.
// A request that was refused, or that changed nothing, tells what it found.
func kubeOperations(in *property.Input) *kubeOperationList {
	o := &kubeOperationList{in: in, acknowledged: map[objectVersion][]int{}, uncertain: map[objectVersion][]int{}}
	for i := range in.Records {
		if r := &in.Records[i]; r.Verb == history.Request {
			o.requests++
			o.request(i, r)
		}
	}
	last := -1
	for i := range in.Records {
		r := &in.Records[i]
		if r.Verb != history.Write {
			continue
		}
		o.writes++
		if last >= 0 && r.RV <= in.Records[last].RV {
			o.report(rvDecreased, i, &property.Version{RV: in.Records[last].RV}, last)
		}
		last = i
		o.write(i, r)
	}
	o.changedNothing()
	return o
}

type kubeOperationList struct {
	in               *property.Input
	requests, writes int
	ops              []porcupine.Operation
	violations       []property.Violation

	acknowledged map[objectVersion][]int // writes with an answer, by what they were answered; those that no commit has taken yet
	answered     []int                   // all of them, in order
	uncertain    map[objectVersion][]int // writes without one, by object, likewise
	collections  []int                   // deletions of collections
}

type objectVersion struct {
	kind, key string
	rv        int64
}

func (o *kubeOperationList) report(rule *property.Rule, i int, before *property.Version, because ...int) {
	r := &o.in.Records[i]
	o.violations = append(o.violations, property.Violation{Rule: rule, Records: append(because, i), Facts: property.Facts{
		Client: r.Peer, Server: r.Actor, Kind: r.Kind, Key: r.Key, At: r.At, Shown: &property.Version{Op: r.Op, RV: r.RV}, Before: before}})
}

func (o *kubeOperationList) add(i int, call, ret time.Duration, in spec.ObjectInput, out spec.ObjectOutput) {
	o.ops = append(o.ops, porcupine.Operation{Input: in, Call: int64(call), Output: out, Return: int64(ret), Metadata: i})
}

// saw adds what a request found.
func (o *kubeOperationList) saw(i int, key string, out spec.ObjectOutput) {
	r := &o.in.Records[i]
	o.add(i, r.From, r.At, spec.ObjectInput{Kind: r.Kind, Key: key, Op: spec.ObjectGet}, out)
}

func (o *kubeOperationList) request(i int, r *history.Record) {
	switch r.Op {
	case "get":
		if r.Ask == "" && (r.Err == "" || notFound(r)) {
			o.saw(i, r.Key, spec.ObjectOutput{Found: !notFound(r), RV: r.RV})
		}
	case "list":
		if r.Ask == "" && r.Err == "" {
			o.list(i, r)
		}
	case "deletecollection":
		o.collections = append(o.collections, i)
	case "create", "update", "patch", "delete":
		o.changes(i, r)
	}
}

// notFound reports whether a request found no object.
func notFound(r *history.Record) bool { return r.Value == "none" || strings.HasPrefix(r.Err, "404 ") }

// changes takes a request for a write. An answer of the kinds 4xx but those below says
// that nothing was done, and nothing of the object; after any other error the outcome is
// unknown.
func (o *kubeOperationList) changes(i int, r *history.Record) {
	exists := strings.HasPrefix(r.Err, "409 ")
	switch {
	case r.Err == "":
		v := objectVersion{r.Kind, r.Key, r.RV}
		o.acknowledged[v] = append(o.acknowledged[v], i)
		o.answered = append(o.answered, i)
	case exists && (r.Op != "create" || r.Err == "409 AlreadyExists"):
		o.saw(i, r.Key, spec.ObjectOutput{Found: true})
	case notFound(r) && r.Op != "create":
		o.saw(i, r.Key, spec.ObjectOutput{})
	case !strings.HasPrefix(r.Err, "4"):
		v := objectVersion{kind: r.Kind, key: r.Key}
		o.uncertain[v] = append(o.uncertain[v], i)
	}
}

// list adds what a list says of each object: of those in it, and, if it has no selector,
// that those which are not do not exist, as far as it was not cut.
func (o *kubeOperationList) list(i int, r *history.Record) {
	present := map[string]bool{}
	last := ""
	for field := range strings.FieldsSeq(r.Value) {
		key, rv, _ := index.CutLast(field)
		present[key] = true
		last = max(last, key)
		o.saw(i, key, spec.ObjectOutput{Found: true, RV: index.ParseNumber(rv), Shown: r.RV})
	}
	if r.End != "" {
		return
	}
	for _, key := range o.in.KindOf(r.Kind).Keys {
		if !present[key] && index.InNamespace(key, r.Key) && (!r.More || key < last) {
			o.saw(i, key, spec.ObjectOutput{Shown: r.RV})
		}
	}
}

// write adds a commit. What nobody asked for is the initial state; the request for a
// commit without one was still to be answered when the run ended.
func (o *kubeOperationList) write(i int, r *history.Record) {
	call, ret := r.At, r.At
	if request, ok := take(o.in.Records, o.acknowledged, objectVersion{r.Kind, r.Key, r.RV}, r); ok {
		call, ret = o.in.Records[request].From, o.in.Records[request].At
	} else if request, ok := take(o.in.Records, o.uncertain, objectVersion{kind: r.Kind, key: r.Key}, r); ok {
		call, ret = o.in.Records[request].From, index.Forever
	} else if request, ok := o.collection(r); ok {
		call, ret = o.in.Records[request].From, o.in.Records[request].At
	} else if r.Peer != "" {
		ret = index.Forever
	}
	o.add(i, call, ret, spec.ObjectInput{Kind: r.Kind, Key: r.Key, Op: spec.ObjectOp(r.Op)}, spec.ObjectOutput{RV: r.RV})
}

// take takes the first of the requests for an object that can have led to a commit.
func take(records []history.Record, requests map[objectVersion][]int, v objectVersion, commit *history.Record) (int, bool) {
	for n, i := range requests[v] {
		r := &records[i]
		if r.Peer != commit.Peer || r.From > commit.At || commit.At > r.At || (r.Op == "create") != (commit.Op == "create") {
			continue
		}
		requests[v] = append(append([]int(nil), requests[v][:n]...), requests[v][n+1:]...)
		return i, true
	}
	return 0, false
}

// collection returns the deletion of a collection that a commit is part of.
func (o *kubeOperationList) collection(commit *history.Record) (int, bool) {
	for _, i := range o.collections {
		r := &o.in.Records[i]
		if r.Kind == commit.Kind && r.Peer == commit.Peer && index.InNamespace(commit.Key, r.Key) && r.From <= commit.At && commit.At <= r.At {
			return i, true
		}
	}
	return 0, false
}

// changedNothing adds the requests that were acknowledged without a commit: they found
// the object as they wanted it. One whose resourceVersion the object never had is a lie.
func (o *kubeOperationList) changedNothing() {
	for _, i := range o.answered {
		r := &o.in.Records[i]
		waiting := o.acknowledged[objectVersion{r.Kind, r.Key, r.RV}]
		for _, w := range waiting {
			if w != i {
				continue
			}
			if o.in.KindOf(r.Kind).Write(r.Key, r.RV) == nil {
				o.report(neverCommitted, i, nil)
			} else {
				o.saw(i, r.Key, spec.ObjectOutput{Found: true, RV: r.RV})
			}
		}
	}
}
