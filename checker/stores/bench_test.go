package stores

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/stretchr/testify/require"
)

// BenchmarkLinearizable judges one busy key, and many keys that are listed by many
// agents while they are written.
func BenchmarkLinearizable(b *testing.B) {
	for _, c := range []struct {
		name    string
		records []history.Record
	}{
		{"one key, 10 readers at once", manyReaders(5000, 10)},
		{"200 keys, lists by 10 agents", lists(200, 500, 10)},
	} {
		b.Run(c.name, func(b *testing.B) {
			in := &property.Input{Index: index.New(&history.History{Records: c.records}), Deadline: time.Minute}
			operationsOf := 0
			for _, s := range in.Stores {
				operationsOf += len(operations(in.Records, s))
			}
			for b.Loop() {
				r := checkLinearizable(in)
				require.Equal(b, property.Pass, r.Outcome, r.Evidence)
			}
			b.ReportMetric(float64(operationsOf)*float64(b.N)/b.Elapsed().Seconds(), "operations/s")
		})
	}
}

// lists is a store in which one writer puts keys in turn, and agents list all of
// them every 50 ms, each for 60 ms.
func lists(keys, writes, agents int) []history.Record {
	var records []history.Record
	at := func(i int) time.Duration { return time.Duration(i) * 10 * time.Millisecond }
	revs := make([]int64, keys)
	call := history.Record{Actor: "r0", Verb: history.Call, Kind: history.Meta, Store: "00000000000000a0"}
	for i := range writes {
		rev := int64(i + 2)
		put := call
		put.Op, put.Key, put.Value, put.Rev, put.From, put.At = "put", fmt.Sprintf("k/%03d", i%keys), fmt.Sprint("h", rev), rev, at(i), at(i)
		revs[i%keys] = rev
		records = append(records, put)
		if i%5 != 0 {
			continue
		}
		for a := range agents {
			list := call
			list.Op, list.Key, list.End, list.Rev, list.Peer = "range", "k/", "k0", rev, fmt.Sprint("a", a)
			list.From, list.At = at(i)-time.Duration(a)*time.Millisecond, at(i)
			list.From = max(0, list.From)
			for k, r := range revs {
				if r > 0 {
					list.Value += fmt.Sprintf("k/%03d:%d:h%d ", k, r, r)
				}
			}
			if a%2 == 1 {
				list.Value += " " // the same answer, told otherwise, so that it is not joined with the others
			}
			records = append(records, list)
		}
	}
	return records
}
