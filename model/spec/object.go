package spec

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// ObjectOp is an operation on one Kubernetes object.
type ObjectOp string

// The operations. A patch is an update, and so is a deletion that waits for finalizers;
// the update that removes the last finalizer is a deletion.
const (
	ObjectCreate ObjectOp = "create"
	ObjectUpdate ObjectOp = "update"
	ObjectDelete ObjectOp = "delete"
	ObjectGet    ObjectOp = "get"
)

// ObjectInput is the input of an operation in the specification Object.
type ObjectInput struct {
	Kind string
	Key  string // "namespace/name" or "name"
	Op   ObjectOp
}

// ObjectOutput is the output of an operation in the specification Object. Writes that
// were refused are gets: they tell whether the object exists.
type ObjectOutput struct {
	RV    int64 // the resourceVersion of the write, or of what was got; zero for a get that tells only whether the object exists
	Found bool  // get: the object exists
	Shown int64 // get: the resourceVersion of the list that it was part of, or zero
}

// ObjectState is the state of one object. The zero value is an object that was never
// created.
type ObjectState struct {
	Present bool
	RV      int64 // of the last write
	Shown   int64 // the greatest resourceVersion of a list so far
}

// Object is the specification of a kube-apiserver as its clients see each single object:
//
//   - a create succeeds if the object does not exist, an update or a delete if it does;
//   - each write has a greater resourceVersion than the write before, and than every
//     list before;
//   - a read answers with the object of the last write, or that it does not exist;
//   - a list has no smaller resourceVersion than the list before.
//
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions.
func Object() porcupine.Model { return ObjectFrom(ObjectState{}) }

// ObjectFrom is Object for histories of which the beginning is cut off: every object
// starts in the state s.
func ObjectFrom(s ObjectState) porcupine.Model {
	return model(s, ObjectState.step, func(in ObjectInput) place { return place{in.Kind, in.Key} }, DescribeObject)
}

func (s ObjectState) step(in ObjectInput, out ObjectOutput) (bool, ObjectState) {
	if in.Op == ObjectGet {
		legal := out.Found == s.Present && (!out.Found || out.RV == 0 || out.RV == s.RV) && (out.Shown == 0 || out.Shown >= s.Shown && out.Shown >= s.RV)
		s.Shown = max(s.Shown, out.Shown)
		return legal, s
	}
	legal := s.Present != (in.Op == ObjectCreate) && out.RV > s.RV && out.RV > s.Shown
	return legal, ObjectState{Present: in.Op != ObjectDelete, RV: out.RV, Shown: s.Shown}
}

// After is the state in which every legal order of ops ends that starts in s: the write
// with the greatest resourceVersion is the last one.
func (s ObjectState) After(ops []porcupine.Operation) ObjectState {
	for _, op := range ops {
		in, out := op.Input.(ObjectInput), op.Output.(ObjectOutput)
		if in.Op != ObjectGet && out.RV > s.RV {
			s.Present, s.RV = in.Op != ObjectDelete, out.RV
		}
		s.Shown = max(s.Shown, out.Shown)
	}
	return s
}

// DescribeObject is an operation and its answer, such as "update -> rv 57".
func DescribeObject(in ObjectInput, out ObjectOutput) string {
	answer := "nothing"
	switch {
	case in.Op != ObjectGet || out.Found && out.RV != 0:
		answer = fmt.Sprintf("rv %d", out.RV)
	case out.Found:
		answer = "it exists"
	}
	if out.Shown != 0 {
		return fmt.Sprintf("%s -> %s, in a list of rv %d", in.Op, answer, out.Shown)
	}
	return fmt.Sprintf("%s -> %s", in.Op, answer)
}
