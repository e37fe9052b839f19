package spec

import (
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// object is an operation on the object ns/a, during [call, ret].
func object(op ObjectOp, call, ret int64, out ObjectOutput) porcupine.Operation {
	return porcupine.Operation{Input: ObjectInput{"Pod", "ns/a", op}, Call: call, Output: out, Return: ret}
}

func write(op ObjectOp, call, ret, rv int64) porcupine.Operation {
	return object(op, call, ret, ObjectOutput{RV: rv})
}

func found(call, ret, rv int64) porcupine.Operation {
	return object(ObjectGet, call, ret, ObjectOutput{Found: true, RV: rv})
}

func missing(call, ret int64) porcupine.Operation {
	return object(ObjectGet, call, ret, ObjectOutput{})
}

// listed is what a list of a resourceVersion says of the object: zero if it is not there.
func listed(call, ret, rv, shown int64) porcupine.Operation {
	return object(ObjectGet, call, ret, ObjectOutput{Found: rv != 0, RV: rv, Shown: shown})
}

func TestObject(t *testing.T) {
	for _, c := range []struct {
		name  string
		legal bool
		ops   []porcupine.Operation
	}{
		{"life of an object", true, []porcupine.Operation{missing(0, 1), write(ObjectCreate, 2, 3, 5), found(4, 5, 5), write(ObjectUpdate, 6, 7, 8), found(8, 9, 8), write(ObjectDelete, 10, 11, 9), missing(12, 13), write(ObjectCreate, 14, 15, 10)}},
		{"it exists, whatever its version", true, []porcupine.Operation{write(ObjectCreate, 0, 1, 5), found(2, 3, 0)}},
		{"stale get", false, []porcupine.Operation{write(ObjectCreate, 0, 1, 5), write(ObjectUpdate, 2, 3, 6), found(4, 5, 5)}},
		{"get during an update sees either", true, []porcupine.Operation{write(ObjectCreate, 0, 1, 5), write(ObjectUpdate, 2, 9, 6), found(3, 4, 5), found(5, 6, 6)}},
		{"gets during an update go back", false, []porcupine.Operation{write(ObjectCreate, 0, 1, 5), write(ObjectUpdate, 2, 9, 6), found(3, 4, 6), found(5, 6, 5)}},
		{"created twice", false, []porcupine.Operation{write(ObjectCreate, 0, 1, 5), write(ObjectCreate, 2, 3, 6)}},
		{"updated, though deleted", false, []porcupine.Operation{write(ObjectCreate, 0, 1, 5), write(ObjectDelete, 2, 3, 6), write(ObjectUpdate, 4, 5, 7)}},
		{"deleted, though never created", false, []porcupine.Operation{write(ObjectDelete, 0, 1, 5)}},
		{"versions that go back", false, []porcupine.Operation{write(ObjectCreate, 0, 1, 5), write(ObjectUpdate, 2, 3, 4)}},
		{"a list, and a later write with a later version", true, []porcupine.Operation{listed(0, 1, 0, 4), write(ObjectCreate, 2, 3, 5), listed(4, 5, 5, 7), write(ObjectUpdate, 6, 7, 8)}},
		{"a write with the version of a list before it", false, []porcupine.Operation{listed(0, 1, 0, 5), write(ObjectCreate, 2, 3, 5)}},
		{"a list of an older version than the list before", false, []porcupine.Operation{listed(0, 1, 0, 5), listed(2, 3, 0, 4)}},
		{"a list of an older version than the object in it", false, []porcupine.Operation{write(ObjectCreate, 0, 1, 5), listed(2, 3, 5, 4)}},
	} {
		require.Equal(t, c.legal, porcupine.CheckOperations(Object(), c.ops), c.name)
	}
}

func TestObjectsAreIndependent(t *testing.T) {
	other := write(ObjectCreate, 4, 5, 3)
	other.Input = ObjectInput{"Pod", "ns/b", ObjectCreate}
	ops := []porcupine.Operation{write(ObjectCreate, 0, 1, 5), other, found(6, 7, 5)}
	parts := Object().Partition(ops)
	require.Equal(t, [][]porcupine.Operation{{ops[0], ops[2]}, {other}}, parts)
	require.True(t, porcupine.CheckOperations(Object(), ops))
}

// TestObjectInPieces: cut where no operation is under way, a history is legal if and only
// if each piece is, from the state in which the pieces before it end.
func TestObjectInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ops []porcupine.Operation
		for at := range int64(rapid.IntRange(1, 8).Draw(t, "operations")) {
			rv := rapid.Int64Range(0, 5).Draw(t, "rv")
			switch rapid.IntRange(0, 4).Draw(t, "operation") {
			case 0:
				ops = append(ops, write(ObjectCreate, 2*at, 2*at+1, rv))
			case 1:
				ops = append(ops, write(ObjectUpdate, 2*at, 2*at+1, rv))
			case 2:
				ops = append(ops, write(ObjectDelete, 2*at, 2*at+1, rv))
			case 3:
				ops = append(ops, found(2*at, 2*at+1, rv))
			case 4:
				ops = append(ops, listed(2*at, 2*at+1, 0, rv))
			}
		}
		cut := rapid.IntRange(0, len(ops)).Draw(t, "cut")
		whole := porcupine.CheckOperations(Object(), ops)
		first := porcupine.CheckOperations(Object(), ops[:cut])
		second := porcupine.CheckOperations(ObjectFrom(ObjectState{}.After(ops[:cut])), ops[cut:])
		require.Equal(t, whole, first && second)
	})
}

func TestDescribeObject(t *testing.T) {
	for want, op := range map[string]porcupine.Operation{
		"create -> rv 5":                    write(ObjectCreate, 0, 1, 5),
		"get -> rv 5":                       found(0, 1, 5),
		"get -> it exists":                  found(0, 1, 0),
		"get -> nothing":                    missing(0, 1),
		"get -> rv 5, in a list of rv 7":    listed(0, 1, 5, 7),
		"get -> nothing, in a list of rv 7": listed(0, 1, 0, 7),
	} {
		require.Equal(t, want, Object().DescribeOperation(op.Input, op.Output))
	}
}
