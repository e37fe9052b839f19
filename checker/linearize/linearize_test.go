package linearize

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/spec"
)

var machine = Machine[spec.KVState]{
	From:   spec.KVFrom,
	Likely: func(op porcupine.Operation) int64 { return op.Output.(spec.KVOutput).Rev },
	Show: func(op porcupine.Operation) *property.Version {
		return &property.Version{Op: string(op.Input.(spec.KVInput).Op), Rev: op.Output.(spec.KVOutput).Rev}
	},
}

var noOrder = &property.Rule{Name: "no-order"}

// key is what clients did with one key, and the records of that.
type key struct {
	ops     []porcupine.Operation
	records []history.Record
}

func (k *key) add(call, ret int64, in spec.KVInput, out spec.KVOutput) {
	k.ops = append(k.ops, porcupine.Operation{Input: in, Call: call, Output: out, Return: ret, Metadata: len(k.records)})
	k.records = append(k.records, history.Record{At: time.Duration(ret), Peer: string(in.Op)})
}

// putAndGet adds n puts, one after the other, each with a get after it.
func (k *key) putAndGet(n int) {
	for i := range int64(n) {
		rev := i + 2
		k.add(10*i, 10*i+1, spec.KVInput{Op: spec.KVPut, Hash: "x"}, spec.KVOutput{Rev: rev})
		k.add(10*i+2, 10*i+3, spec.KVInput{Op: spec.KVGet}, spec.KVOutput{Rev: rev, Found: true, ModRev: rev, Hash: "x"})
	}
}

func judge(deadline time.Time, keys ...*key) (t Tally) {
	for _, k := range keys {
		machine.Linearize(k.records, [][]porcupine.Operation{k.ops}, deadline, &t, noOrder, func(f *property.Facts, op porcupine.Operation, by, before *history.Record) {
			f.Client = by.Peer
			if before != nil {
				f.Before.By = before.Peer
			}
		})
	}
	return t
}

// A history of more operations than a piece has is judged in several, each of which goes on
// from the state that the one before has led to.
func TestPiecesGoOnFromTheStateBefore(t *testing.T) {
	const puts = 200
	k := &key{}
	k.putAndGet(puts)
	require.Less(t, quiet(k.ops), len(k.ops), "one piece would not show it")
	all := judge(time.Now().Add(time.Minute), k)
	require.Equal(t, Tally{Keys: 1, Total: 2 * puts, Judged: 2 * puts, Widest: 1}, all)
	require.Equal(t, property.Pass, all.Result("", time.Minute).Outcome)

	k.add(10*puts, 10*puts+1, spec.KVInput{Op: spec.KVGet}, spec.KVOutput{Rev: puts + 1, Found: true, ModRev: 2, Hash: "x"}) // of the first put
	all = judge(time.Now().Add(time.Minute), k)
	require.Len(t, all.Violations, 1)
	v := all.Violations[0]
	require.Equal(t, noOrder, v.Rule)
	require.Equal(t, []int{2*puts - 1, 2 * puts}, v.Records, "the last operation that has a place, and the one that has none")
	require.Equal(t, property.Facts{
		Client: "get", At: 10*puts + 1, Shown: &property.Version{Op: "get", Rev: puts + 1},
		Before: &property.Version{Op: "get", Rev: puts + 1, At: 10*(puts-1) + 3, By: "get"},
	}, v.Facts)
	require.Equal(t, property.Fail, all.Result("", time.Minute).Outcome)
}

func TestOperationsAtOnceMayHappenInAnyOrder(t *testing.T) {
	k := &key{}
	k.add(0, 9, spec.KVInput{Op: spec.KVPut, Hash: "x"}, spec.KVOutput{Rev: 2})
	k.add(1, 8, spec.KVInput{Op: spec.KVGet}, spec.KVOutput{Rev: 1})
	k.add(8, 12, spec.KVInput{Op: spec.KVGet}, spec.KVOutput{Rev: 2, Found: true, ModRev: 2, Hash: "x"})
	all := judge(time.Now().Add(time.Minute), k)
	require.Empty(t, all.Violations)
	require.Equal(t, 3, all.Widest, "a call at the instant of a return overlaps it")
}

func TestWhatTheDeadlineLeavesIsUndecided(t *testing.T) {
	k := &key{}
	k.putAndGet(3)
	all := judge(time.Now(), k, k)
	require.True(t, all.Late)
	require.Equal(t, Tally{Keys: 2, Total: 12, Widest: 1, Late: true}, all)
	r := all.Result("", time.Second)
	require.Equal(t, property.Unknown, r.Outcome)
	require.Equal(t, "the deadline of 1s passed when 0 of 12 operations had been judged; simrun check -deadline gives its history more", r.Evidence)
}
