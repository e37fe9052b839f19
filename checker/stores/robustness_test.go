package stores

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/tests/v3/robustness/model"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/spec"
)

// stricter are the histories that etcd's model refuses and etcd-linearizable does not: it
// has one revision of a whole store, where we have one of each key.
var stricter = map[string]string{
	"canaries.history": "the history was made by leaving out the change at revision 5",
}

// TestEtcdsOwnModelAgrees lets the model of etcd's robustness tests judge the histories.
func TestEtcdsOwnModelAgrees(t *testing.T) {
	files, err := filepath.Glob("../../testdata/histories/*.history")
	require.NoError(t, err)
	operations, refused := 0, 0
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		h, err := history.Read(f)
		f.Close()
		require.NoError(t, err, file)
		in := &property.Input{Index: index.New(h), Deadline: time.Minute}
		ours := checkLinearizable(in).Outcome != property.Fail
		theirs := true
		for _, s := range in.Stores {
			r := robustness{records: in.Records, etcd: s}
			r.add()
			operations += len(r.ops)
			result := porcupine.CheckOperationsTimeout(model.NonDeterministicModel(s.Keys), r.ops, time.Minute)
			require.NotEqual(t, porcupine.Unknown, result, "%s: store %s", file, s.Name)
			theirs = theirs && result == porcupine.Ok
		}
		_, known := stricter[filepath.Base(file)]
		require.Equal(t, ours && !known, theirs, file)
		if !theirs {
			refused++
		}
	}
	require.Greater(t, operations, 500)
	require.Equal(t, 1+len(stricter), refused, "etcd-linearizable.history is of an etcd that is wrong")
}

// robustness is the operations of a store as etcd's model knows them: calls of one client,
// interval and revision are a transaction, values are their hashes, and a deletion by a
// lease that expired is a transaction that nobody asked for. Ranges at a pinned revision,
// and those that a limit has cut, are left out: the history has no count of them.
type robustness struct {
	records []history.Record
	etcd    *index.Store
	ops     []porcupine.Operation
	last    *history.Record // the call that the last transaction is of
}

func (r *robustness) add() {
	list := operationList{records: r.records, etcd: r.etcd}
	for _, i := range r.etcd.Calls {
		call := &r.records[i]
		switch call.Op {
		case "put":
			r.part(i, model.EtcdOperation{Type: model.PutOperation, Put: model.PutOptions{Key: call.Key, Value: model.ValueOrHash{Value: call.Value}}}, model.EtcdOperationResult{})
		case "range":
			if call.RV == 0 && !call.More && call.Err == "" {
				r.part(i, model.EtcdOperation{Type: model.RangeOperation, Range: model.RangeOptions{Start: call.Key, End: call.End}}, r.answer(call))
			}
		case "delete":
			before := len(list.ops)
			list.delete(i, call)
			for _, op := range list.ops[before:] {
				r.part(i, deletion(op), model.EtcdOperationResult{Deleted: op.Output.(spec.KVOutput).Deleted})
			}
		}
	}
	before := len(list.ops)
	list.expiries()
	rev := int64(0)
	for _, op := range list.ops[before:] {
		if out := op.Output.(spec.KVOutput); out.Rev != rev { // a lease takes all its keys at one revision
			rev = out.Rev
			r.transaction(op.Call, op.Return, rev, "")
		}
		r.extend(deletion(op), model.EtcdOperationResult{Deleted: 1})
	}
}

// part adds a part of a call's transaction, or begins one. What a call that failed has
// done is unknown, for each part.
func (r *robustness) part(i int32, op model.EtcdOperation, result model.EtcdOperationResult) {
	call := &r.records[i]
	same := r.last != nil && r.last.Peer == call.Peer && r.last.From == call.From && r.last.At == call.At && r.last.Rev == call.Rev && call.Err == ""
	r.last = call
	if !same {
		end := int64(call.At)
		if call.Err != "" {
			end = int64(index.Forever)
		}
		r.transaction(int64(call.From), end, call.Rev, call.Err)
	}
	r.extend(op, result)
}

func (r *robustness) transaction(begin, end, rev int64, err string) {
	out := model.MaybeEtcdResponse{Error: err}
	if err == "" {
		out.EtcdResponse = model.EtcdResponse{Txn: &model.TxnResponse{}, Revision: rev}
	}
	r.ops = append(r.ops, porcupine.Operation{Call: begin, Return: end, Output: out,
		Input: model.EtcdRequest{Type: model.Txn, Txn: &model.TxnRequest{}}})
}

// extend adds an operation to the last transaction.
func (r *robustness) extend(op model.EtcdOperation, result model.EtcdOperationResult) {
	last := &r.ops[len(r.ops)-1]
	in := last.Input.(model.EtcdRequest)
	in.Txn.OperationsOnSuccess = append(in.Txn.OperationsOnSuccess, op)
	if out := last.Output.(model.MaybeEtcdResponse); out.Txn != nil {
		out.Txn.Results = append(out.Txn.Results, result)
	}
}

func deletion(op porcupine.Operation) model.EtcdOperation {
	return model.EtcdOperation{Type: model.DeleteOperation, Delete: model.DeleteOptions{Key: op.Input.(spec.KVInput).Key}}
}

// answer is that of a range. How often a key was put, the changes say.
func (r *robustness) answer(call *history.Record) (a model.EtcdOperationResult) {
	a.KVs = []model.KeyValue{}
	for kv := range index.Answers(call) {
		value := model.ValueRevision{Value: model.ValueOrHash{Value: kv.Hash}, ModRevision: kv.ModRev}
		if v := r.etcd.VersionAt(kv.Key, kv.ModRev); v != nil {
			value.Version = v.Count
		}
		a.KVs = append(a.KVs, model.KeyValue{Key: kv.Key, ValueRevision: value})
		a.Count++
	}
	return a
}
