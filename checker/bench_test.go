package checker

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/rest"
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
			require.Empty(b, Check(index.New(&history.History{Records: records}), Config{}).Broken())
		}
		perSecond(b)
	})
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			index.New(&history.History{Records: records})
		}
		perSecond(b)
	})
	in := &property.Input{Index: index.New(&history.History{Records: records}), Deadline: 0}
	for _, p := range []property.Property{
		views.Integrity, views.Monotonic, views.MonotonicSession, views.NoSpuriousDeletion, views.Owner, views.Referential, views.Convergence, rest.SingleSource, views.Staleness, views.Readiness,
	} {
		b.Run(p.Name, func(b *testing.B) {
			for b.Loop() {
				p.Check(in)
			}
			perSecond(b)
		})
	}
}
