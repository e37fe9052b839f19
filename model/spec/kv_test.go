package spec

import (
	"fmt"
	"math"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Operations on the key k, during [call, ret].

func put(call, ret int64, hash string, rev int64) porcupine.Operation {
	return porcupine.Operation{Input: KVInput{"s", "k", KVPut, hash}, Call: call, Output: KVOutput{Rev: rev}, Return: ret}
}

func del(call, ret, deleted, rev int64) porcupine.Operation {
	return porcupine.Operation{Input: KVInput{"s", "k", KVDelete, ""}, Call: call, Output: KVOutput{Rev: rev, Deleted: deleted}, Return: ret}
}

func get(call, ret int64, hash string, mod, rev int64) porcupine.Operation {
	return porcupine.Operation{Input: KVInput{"s", "k", KVGet, ""}, Call: call, Output: KVOutput{Rev: rev, Found: true, ModRev: mod, Hash: hash}, Return: ret}
}

func absent(call, ret, rev int64) porcupine.Operation {
	return porcupine.Operation{Input: KVInput{"s", "k", KVGet, ""}, Call: call, Output: KVOutput{Rev: rev}, Return: ret}
}

func unknown(op porcupine.Operation) porcupine.Operation {
	op.Output, op.Return = KVOutput{Unknown: true}, math.MaxInt64
	return op
}

func in(store, key string, op porcupine.Operation) porcupine.Operation {
	i := op.Input.(KVInput)
	i.Store, i.Key = store, key
	op.Input = i
	return op
}

func TestKV(t *testing.T) {
	for _, c := range []struct {
		name  string
		legal bool
		ops   []porcupine.Operation
	}{
		{"nothing", true, nil},
		{"life of a key", true, []porcupine.Operation{absent(0, 1, 1), put(2, 3, "x", 2), get(4, 5, "x", 2, 2), put(6, 7, "y", 3), get(8, 9, "y", 3, 4), del(10, 11, 1, 5), absent(12, 13, 5), del(14, 15, 0, 5)}},
		{"stale get", false, []porcupine.Operation{put(0, 1, "x", 2), put(2, 3, "y", 3), get(4, 5, "x", 2, 3)}},
		{"get during a put sees either", true, []porcupine.Operation{put(0, 1, "x", 2), put(2, 9, "y", 3), get(3, 4, "x", 2, 2), get(5, 6, "y", 3, 3)}},
		{"gets during a put go back", false, []porcupine.Operation{put(0, 1, "x", 2), put(2, 9, "y", 3), get(3, 4, "y", 3, 3), get(5, 6, "x", 2, 3)}},
		{"closed intervals overlap at an instant", true, []porcupine.Operation{put(0, 1, "x", 2), absent(1, 2, 1)}},
		{"wrong value", false, []porcupine.Operation{put(0, 1, "x", 2), get(2, 3, "y", 2, 2)}},
		{"wrong revision of the value", false, []porcupine.Operation{put(0, 1, "x", 2), get(2, 3, "x", 3, 3)}},
		{"value from the future of the answer", false, []porcupine.Operation{unknown(put(0, 1, "x", 0)), get(2, 3, "x", 5, 4)}},
		{"absent although put", false, []porcupine.Operation{put(0, 1, "x", 2), absent(2, 3, 2)}},
		{"found although deleted", false, []porcupine.Operation{put(0, 1, "x", 2), del(2, 3, 1, 3), get(4, 5, "x", 2, 3)}},
		{"delete of a missing key that claims one", false, []porcupine.Operation{del(0, 1, 1, 2)}},
		{"delete of a present key that claims none", false, []porcupine.Operation{put(0, 1, "x", 2), del(2, 3, 0, 2)}},
		{"delete that claims two", false, []porcupine.Operation{put(0, 1, "x", 2), del(2, 3, 2, 3)}},
		{"revisions of writes fall", false, []porcupine.Operation{put(0, 1, "x", 3), put(2, 3, "y", 2)}},
		{"revisions of writes repeat", false, []porcupine.Operation{put(0, 1, "x", 3), put(2, 3, "y", 3)}},
		{"revisions of answers fall", false, []porcupine.Operation{absent(0, 1, 9), absent(2, 3, 8)}},
		{"get and put in one transaction", true, []porcupine.Operation{absent(0, 1, 2), put(0, 1, "x", 2), get(0, 1, "x", 2, 2)}},
		{"unknown put happened", true, []porcupine.Operation{unknown(put(0, 0, "x", 0)), get(1, 2, "x", 2, 2)}},
		{"unknown put happened late", true, []porcupine.Operation{unknown(put(0, 0, "x", 0)), absent(1, 2, 1), get(3, 4, "x", 2, 2)}},
		{"unknown put never happened", true, []porcupine.Operation{unknown(put(0, 0, "x", 0)), absent(1, 2, 1), put(3, 4, "y", 2), get(5, 6, "y", 2, 2)}},
		{"unknown put seen before its call", false, []porcupine.Operation{get(0, 1, "x", 2, 2), unknown(put(2, 0, "x", 0))}},
		{"unknown put seen with two revisions", false, []porcupine.Operation{unknown(put(0, 0, "x", 0)), get(1, 2, "x", 2, 2), get(3, 4, "x", 3, 3)}},
		{"unknown put seen below a write before it", false, []porcupine.Operation{put(0, 1, "y", 5), unknown(put(2, 0, "x", 0)), get(3, 4, "x", 5, 6)}},
		{"unknown delete happened", true, []porcupine.Operation{put(0, 1, "x", 2), unknown(del(2, 0, 0, 0)), absent(3, 4, 3)}},
		{"unknown delete never happened", true, []porcupine.Operation{put(0, 1, "x", 2), unknown(del(2, 0, 0, 0)), get(3, 4, "x", 2, 2)}},
		{"unknown delete took no revision", false, []porcupine.Operation{put(0, 1, "x", 2), unknown(del(2, 0, 0, 0)), absent(3, 4, 2), put(5, 6, "y", 3)}},
		{"keys and stores are apart", true, []porcupine.Operation{in("s", "k", put(0, 1, "x", 2)), in("s", "l", absent(2, 3, 2)), in("t", "k", absent(4, 5, 1))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.legal, porcupine.CheckOperations(KV(), c.ops))
		})
	}
	require.PanicsWithValue(t, `spec: "cas" is not an operation on a key`, func() { KV().Step(KVState{}, KVInput{Op: "cas"}, KVOutput{}) })
}

// sequence is a sequential history of one key, of which the operation i is at the
// instant 10*i.
func sequence(t *rapid.T) []porcupine.Operation {
	var ops []porcupine.Operation
	rev, hash, mod := int64(1), "", int64(0)
	for i := range rapid.Int64Range(1, 30).Draw(t, "length") {
		at := 10 * i
		switch rapid.SampledFrom([]string{"put", "delete", "get", "elsewhere"}).Draw(t, "op") {
		case "put":
			rev++
			hash, mod = fmt.Sprint("v", rev), rev
			ops = append(ops, put(at, at, hash, rev))
		case "delete":
			var n int64
			if mod > 0 {
				rev++
				n = 1
			}
			hash, mod = "", 0
			ops = append(ops, del(at, at, n, rev))
		case "get":
			if mod > 0 {
				ops = append(ops, get(at, at, hash, mod, rev))
			} else {
				ops = append(ops, absent(at, at, rev))
			}
		case "elsewhere":
			rev++
		}
	}
	return ops
}

func TestWhatHappenedInSequenceIsLegalHoweverItOverlaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ops := sequence(t)
		for i := range ops {
			ops[i].Call -= rapid.Int64Range(0, 40).Draw(t, "early")
			ops[i].Return += rapid.Int64Range(0, 40).Draw(t, "late")
		}
		require.True(t, porcupine.CheckOperations(KV(), ops))
	})
}

func TestAHistoryCutAtAQuietInstantIsJudgedAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ops := sequence(t)
		if len(ops) > 1 && rapid.Bool().Draw(t, "break") {
			i := rapid.IntRange(1, len(ops)-1).Draw(t, "where")
			ops[i], ops[i-1] = ops[i-1], ops[i]
			ops[i].Call, ops[i].Return, ops[i-1].Call, ops[i-1].Return = ops[i-1].Call, ops[i-1].Return, ops[i].Call, ops[i].Return
		}
		cut := rapid.IntRange(0, len(ops)).Draw(t, "cut")
		whole := porcupine.CheckOperations(KV(), ops)
		first := porcupine.CheckOperations(KV(), ops[:cut])
		second := porcupine.CheckOperations(KVFrom(KVState{}.After(ops[:cut])), ops[cut:])
		require.Equal(t, whole, first && second)
	})
}

func TestDescribe(t *testing.T) {
	for want, op := range map[string]porcupine.Operation{
		"put x -> rev 2":              put(0, 1, "x", 2),
		"put x -> unknown":            unknown(put(0, 1, "x", 2)),
		"delete -> 1 deleted, rev 3":  del(0, 1, 1, 3),
		"get -> x of rev 2, at rev 4": get(0, 1, "x", 2, 4),
		"get -> nothing, at rev 4":    absent(0, 1, 4),
	} {
		require.Equal(t, want, KV().DescribeOperation(op.Input, op.Output))
	}
}
