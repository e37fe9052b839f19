package views

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// TestStalenessOfViewsIsThatOfItsDefinition lets an agent show contents at random while it
// has a source and while it has none, and compares what lags says with the definition, read
// off second by second.
func TestStalenessOfViewsIsThatOfItsDefinition(t *testing.T) {
	stale, blind, recovered := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.record(history.Record{Actor: "k0", Verb: history.Up, Kind: "kube"})
		w.record(history.Record{Actor: "r0", Verb: history.Up, Kind: "etcd", Store: "s"})
		w.record(history.Record{Actor: "r0", Verb: history.Up, Kind: "writer"})
		w.record(history.Record{Actor: "a0", Verb: history.Connect, Peer: "r0", Store: "s"})
		phases := []string{"churn", "heal"}
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			w.tick()
			switch rapid.SampledFrom([]string{"write", "write", "see", "see", "source", "restart", "phase"}).Draw(t, "step") {
			case "write":
				w.write()
			case "see":
				w.showAnything()
			case "source":
				w.changeSource()
			case "restart":
				w.restart()
			case "phase":
				if len(phases) > 0 {
					w.record(history.Record{Actor: "world", Verb: history.Phase, Key: phases[0]})
					phases = phases[1:]
				}
			}
		}
		w.tick()
		w.record(history.Record{Actor: "world", Verb: history.Phase, Key: "end"})
		want, without, recovery := w.definition()
		x := newStalenessIndex(&property.Input{Index: index.New(&history.History{Records: w.records})})
		got := x.lags()
		if len(x.in.Views.Entries) == 0 {
			return
		}
		for phase := range got.ages {
			require.Equal(t, want[phase], got.ages[phase], "phase %d", phase)
		}
		measures := got.recoveries.measures(x.end)
		require.Equal(t, recovery >= 0, len(measures) == 1)
		if recovery >= 0 {
			require.Equal(t, recovery.Seconds(), measures[0].Max, "recovery")
			if recovery > 0 {
				recovered++
			}
		}
		if slices.ContainsFunc(want, func(ages []time.Duration) bool { return len(ages) > 0 && ages[0] > 0 }) {
			stale++
		}
		blind += without
	})
	require.Positive(t, stale)
	require.Positive(t, blind)
	require.Positive(t, recovered)
}

// showAnything lets the agent see or drop any content that ever was.
func (w *world) showAnything() {
	r := history.Record{Actor: "a0", Verb: history.Drop, Kind: history.Endpoint, Key: rapid.SampledFrom(keys).Draw(w.t, "key")}
	if past := w.everLive(r.Key); len(past) > 0 && rapid.IntRange(0, 3).Draw(w.t, "drop") > 0 {
		r.Verb, r.Value = history.See, rapid.SampledFrom(append(past, "never")).Draw(w.t, "content")
	}
	w.record(r)
}

// changeSource lets the agent, its replica or the way between them come or go.
func (w *world) changeSource() {
	cut := history.Record{Actor: "world", Kind: "partition", Key: "a0", Peer: "r0", Op: "cut", Rev: int64(len(w.records))}
	begun := slices.ContainsFunc(w.records, func(r history.Record) bool { return r.Verb == history.Fault })
	r := rapid.SampledFrom([]history.Record{
		{Actor: "a0", Verb: history.Connect, Peer: "r0", Store: "s"},
		{Actor: "a0", Verb: history.Connect, Peer: "r0", Store: "s"},
		{Actor: "a0", Verb: history.Disconnect, Peer: "r0", Store: "s"},
		{Actor: "r0", Verb: history.Down, Kind: "writer"},
		{Actor: "r0", Verb: history.Up, Kind: "writer"},
		{Actor: "r0", Verb: history.Up, Kind: "etcd", Store: "s"},
		{Actor: "r0", Verb: history.Down, Kind: "etcd", Store: "s"},
		cut,
	}).Draw(w.t, "source")
	if r.Kind == "partition" {
		if r.Verb = history.Fault; begun {
			r.Verb = history.Heal
			r.Rev = w.records[slices.IndexFunc(w.records, func(r history.Record) bool { return r.Verb == history.Fault })].Rev
		}
	}
	w.record(r)
}

// shown is what the view says of a key.
type shown struct {
	content string
	absent  bool
	since   time.Duration
	starts  bool // since the agent's start
}

func (s shown) holds(in modelState) bool {
	return s.absent && len(in.live) == 0 || !s.absent && slices.Contains(in.live, s.content)
}

// definition is the greatest staleness of the view in each phase, in how many seconds the
// agent had no source, and how long after the fault, if there was one, the view showed what
// had ceased to be true before its end; -1 if there was none.
func (w *world) definition() (ages [][]time.Duration, blind int, recovery time.Duration) {
	ended := time.Duration(-1)
	for _, r := range w.records {
		if r.Verb == history.Fault || r.Verb == history.Heal { // an instant, until it is lifted
			ended = r.At
		}
	}
	if recovery = -1; ended >= 0 {
		recovery = w.now - ended
	}
	recovers := func(at, last time.Duration) {
		if ended >= 0 && at >= ended && last >= ended {
			recovery = min(recovery, at-ended)
		}
	}
	var (
		view                                   map[string]shown
		up, connected, etcd, writer, kube, cut bool
		none                                   = time.Duration(-1)
		since                                  = none
		phase, next                            = 0, 0
	)
	ages = make([][]time.Duration, 3)
	for at := time.Duration(0); at < w.now; at += time.Second {
		for ; next < len(w.records) && w.records[next].At <= at; next++ {
			switch r := w.records[next]; r.Verb {
			case history.Phase:
				phase++
			case history.Up, history.Down:
				is := r.Verb == history.Up
				switch r.Kind {
				case "agent":
					up, connected, since = is, false, none
					view = map[string]shown{}
					for _, key := range keys {
						view[key] = shown{absent: true, since: at, starts: true}
					}
				case "etcd":
					etcd = is
				case "writer":
					writer = is
				case "kube":
					kube = is
				}
			case history.Connect, history.Disconnect:
				connected = r.Verb == history.Connect
			case history.Fault, history.Heal:
				cut = r.Verb == history.Fault
			case history.See:
				view[r.Key] = shown{content: r.Value, since: at}
			case history.Drop:
				view[r.Key] = shown{absent: true, since: at}
			}
		}
		if !up {
			recovers(at, w.now)
			continue
		}
		heard := at
		if !(connected && etcd && writer && kube && !cut) {
			blind++
			if since < 0 {
				since = at
			}
			heard = since
		} else {
			since = none
		}
		greatest, earliest := time.Duration(0), w.now
		for _, key := range keys {
			s, states := view[key], w.states[key]
			last := time.Duration(-1)
			for i, state := range states {
				if !s.holds(state) || state.at > max(heard, s.since) {
					continue
				}
				for last = w.now + time.Hour; i < len(states); i++ {
					if !s.holds(states[i]) {
						last = states[i].at
						break
					}
				}
			}
			if last < 0 || s.starts {
				last = max(last, s.since)
			}
			greatest, earliest = max(greatest, at+time.Second-last), min(earliest, last)
		}
		recovers(at, earliest)
		if ages[phase] == nil {
			ages[phase] = []time.Duration{0}
		}
		ages[phase][0] = max(ages[phase][0], greatest)
	}
	return ages, blind, recovery
}
