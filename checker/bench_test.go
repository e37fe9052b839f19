package checker

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/stores"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// bigRun is a run in which agents see every version of many entries, of which some
// are deleted and created again, with a heal and an end.
func bigRun(agents, entries, versions int) (records []history.Record, viewEvents int) {
	var now time.Duration
	add := func(r history.Record) {
		r.At = now
		records = append(records, r)
		now += 100 * time.Microsecond
	}
	names := make([]string, agents)
	for a := range names {
		names[a] = fmt.Sprint("a", a)
		add(history.Record{Actor: names[a], Verb: history.Up, Kind: "agent", Inc: 1})
	}
	for v := range versions {
		identity := history.Record{Verb: history.Truth, Kind: history.Identity, Key: fmt.Sprint(65536 + v), Op: "put", Owner: fmt.Sprint("CiliumIdentity/", 65536+v), RV: int64(v + 1), Value: "k8s:app=web"}
		add(identity)
		for _, a := range names {
			add(history.Record{Actor: a, Verb: history.See, Kind: identity.Kind, Key: identity.Key, Value: identity.Value, Peer: "r0", Inc: 1})
			viewEvents++
		}
	}
	add(history.Record{Actor: "world", Verb: history.Phase, Key: "churn"})
	for v := range versions {
		for e := range entries {
			truth := history.Record{Actor: "k0", Verb: history.Truth, Kind: history.Endpoint, Op: "put", RV: int64(versions + v*entries + e + 1)}
			truth.Key, truth.Owner = fmt.Sprintf("10.0.%d.%d", e/250, e%250), fmt.Sprintf("CiliumEndpoint/ns%d/web-%d", e%10, e)
			truth.Value = fmt.Sprintf("id=%d host=192.168.0.%d pod=ns%d/web-%d", 65536+v, e%20, e%10, e)
			see := history.Record{Verb: history.See, Kind: truth.Kind, Key: truth.Key, Value: truth.Value, Peer: "r0", Store: "00000000000000a0", Inc: 1}
			if v%4 == 3 && v < versions-1 {
				truth.Op, truth.Value = "del", ""
				see.Verb, see.Value = history.Drop, ""
			}
			add(truth)
			for _, a := range names {
				see.Actor = a
				add(see)
				viewEvents++
			}
		}
	}
	add(history.Record{Actor: "world", Verb: history.Phase, Key: "heal", Value: "1m0s"})
	now += time.Minute
	add(history.Record{Actor: "world", Verb: history.Phase, Key: "end", Value: "bound"})
	return records, viewEvents
}

// BenchmarkViews judges all properties of views, with the indices that they need;
// the sub-benchmarks show the share of each.
func BenchmarkViews(b *testing.B) {
	records, events := bigRun(6, 1000, 50)
	perSecond := func(b *testing.B) {
		b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	}
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.Empty(b, Check(&history.History{Records: records}, Config{}).Broken())
		}
		perSecond(b)
	})
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			index.IndexViews(records)
		}
		perSecond(b)
	})
	in := &property.Input{Index: index.New(&history.History{Records: records}), Deadline: 0}
	for _, p := range []property.Property{
		views.Integrity, views.Monotonic, views.MonotonicSession, views.NoSpuriousDeletion, views.Owner, views.Referential, views.Convergence, views.SingleSource, views.Staleness, views.Readiness,
	} {
		b.Run(p.Name, func(b *testing.B) {
			for b.Loop() {
				p.Check(in)
			}
			perSecond(b)
		})
	}
}

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
				operationsOf += len(stores.Operations(in.Records, s))
			}
			for b.Loop() {
				r := stores.CheckLinearizable(in)
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
