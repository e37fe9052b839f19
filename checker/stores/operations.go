package stores

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/spec"
)

// operations returns what clients did with each key of a store, by porcupine's
// measure: Call and Return are virtual time, Metadata is the index of the record.
// A call of a range becomes one operation on each key that it speaks of. A
// deletion that no call asked for, by a lease that expired, becomes a delete.
// Ranges at a pinned revision say nothing of the present and are left out.
func operations(records []history.Record, s *index.Store) []porcupine.Operation {
	o := operationList{records: records, etcd: s}
	for _, i := range s.Calls {
		switch r := &records[i]; r.Op {
		case "put":
			o.add(i, r.From, r.At, spec.KVInput{Key: r.Key, Op: spec.KVPut, Hash: r.Value}, spec.KVOutput{Rev: r.Rev})
		case "delete":
			o.delete(i, r)
		}
	}
	for _, read := range sameReads(records, s.Calls) {
		o.read(read)
	}
	o.expiries()
	return o.ops
}

type operationList struct {
	records []history.Record
	etcd    *index.Store
	ops     []porcupine.Operation
}

func (o *operationList) add(record int32, call, ret time.Duration, in spec.KVInput, out spec.KVOutput) {
	in.Store = o.etcd.Name
	if o.records[record].Err != "" {
		out, ret = spec.KVOutput{Unknown: true}, index.Forever
	}
	o.ops = append(o.ops, porcupine.Operation{Input: in, Call: int64(call), Output: out, Return: int64(ret), Metadata: int(record)})
}

// delete adds a delete of each key that it names. Of a range the answer says only
// how many keys were deleted; which ones, the changes at its revision say.
func (o *operationList) delete(i int32, r *history.Record) {
	for _, key := range o.etcd.Within(r) {
		out := spec.KVOutput{Rev: r.Rev}
		if r.End == "" {
			out.Deleted, _ = strconv.ParseInt(r.Value, 10, 64)
		} else if v := o.etcd.VersionAt(key, r.Rev); v != nil && v.Deleted {
			out.Deleted = 1
		}
		o.add(i, r.From, r.At, spec.KVInput{Key: key, Op: spec.KVDelete}, out)
	}
}

func (o *operationList) read(read sameRead) {
	r := &o.records[read.record]
	found := map[string]index.KeyValue{}
	for kv := range index.Answers(r) {
		found[kv.Key] = kv
	}
	for _, key := range o.etcd.Answered(r) {
		kv, ok := found[key]
		o.add(read.record, read.from, read.to, spec.KVInput{Key: key, Op: spec.KVGet},
			spec.KVOutput{Rev: r.Rev, Found: ok, ModRev: kv.ModRev, Hash: kv.Hash})
	}
}

// sameRead is one or more ranges with the same answer at the same revision, all
// under way from the instant from to the instant to.
type sameRead struct {
	record   int32 // of one of them
	from, to time.Duration
}

// sameReads joins ranges for the same keys that got the same answer at the same
// revision and overlap at an instant, so that porcupine has less to do. This
// changes no verdict: a store has one state at one revision, so that the instants
// at which it could give this answer are one interval, which overlaps each of the
// joined calls; intervals on a line that overlap pairwise share an instant, at
// which all of them can have been answered at once.
func sameReads(records []history.Record, calls []int32) []sameRead {
	type answer struct {
		key, end, value string
		rev             int64
		more            bool
	}
	var reads []int32
	for _, i := range calls {
		if r := &records[i]; r.Op == "range" && r.RV == 0 {
			reads = append(reads, i)
		}
	}
	slices.SortStableFunc(reads, func(a, b int32) int { return cmp.Compare(records[a].From, records[b].From) })
	var joined []sameRead
	latest := map[answer]int{} // index in joined
	for _, i := range reads {
		r := &records[i]
		a := answer{r.Key, r.End, r.Value, r.Rev, r.More}
		if j, ok := latest[a]; ok && r.From <= joined[j].to {
			joined[j].from, joined[j].to = r.From, min(joined[j].to, r.At)
			continue
		}
		latest[a] = len(joined)
		joined = append(joined, sameRead{i, r.From, r.At})
	}
	return joined
}

// expiries adds a delete for each Del record that no call asked for. It happened
// before its record, and after the start of every call that was answered with an
// earlier revision.
func (o *operationList) expiries() {
	answered := slices.DeleteFunc(slices.Clone(o.etcd.Calls), func(i int32) bool { return o.records[i].Err != "" })
	slices.SortStableFunc(answered, func(a, b int32) int { return cmp.Compare(o.records[a].Rev, o.records[b].Rev) })
	next, begun := 0, time.Duration(0)
	for _, i := range o.etcd.Changes { // in order of revision, or etcd-revisions fails
		r := &o.records[i]
		for ; next < len(answered) && o.records[answered[next]].Rev < r.Rev; next++ {
			begun = max(begun, o.records[answered[next]].From)
		}
		if r.Verb == history.Del && !o.etcd.Requested(o.records, r.Key, r.Rev) {
			o.add(i, min(begun, r.At), r.At, spec.KVInput{Key: r.Key, Op: spec.KVDelete}, spec.KVOutput{Rev: r.Rev, Deleted: 1})
		}
	}
}

// likely orders operations of one instant by the revision in their answer, writes first.
func likely(op porcupine.Operation) int64 {
	rev := op.Output.(spec.KVOutput).Rev * 2
	if op.Input.(spec.KVInput).Op == spec.KVGet {
		rev++
	}
	return rev
}
