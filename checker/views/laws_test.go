package views

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/rest"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// world is a small truth and one agent, drawn step by step, with a model of the
// truth that is as plain as can be.
type world struct {
	t       *rapid.T
	records []history.Record
	now     time.Duration
	rv      int64
	claims  map[string]map[string]string // by key: what each owner claims
	states  map[string][]modelState      // by key
	reached map[string]int               // by layer and key: the state that the agent has followed to
	held    map[string]bool              // by layer and key
	values  int
	unique  bool // each put has a content of its own
}

type modelState struct {
	at   time.Duration
	live []string // sorted; empty if the entry is absent
}

var keys = []string{"10.0.0.1", "10.0.0.2"}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, claims: map[string]map[string]string{}, states: map[string][]modelState{}, reached: map[string]int{}, held: map[string]bool{}, unique: rapid.Bool().Draw(t, "unique contents")}
	for _, k := range keys {
		w.claims[k] = map[string]string{}
		w.states[k] = []modelState{{}}
	}
	w.record(history.Record{Actor: "a0", Verb: history.Up, Kind: "agent", Inc: 1})
	return w
}

func (w *world) record(r history.Record) {
	r.At = w.now
	w.records = append(w.records, r)
}

func (w *world) tick() {
	w.now += time.Duration(rapid.IntRange(0, 2).Draw(w.t, "ticks")) * time.Second
}

// write makes one write of one owner to one key.
func (w *world) write() {
	key := rapid.SampledFrom(keys).Draw(w.t, "key")
	owner := rapid.SampledFrom([]string{"CiliumEndpoint/ns1/p0", "CiliumEndpoint/ns1/p1"}).Draw(w.t, "owner")
	w.rv++
	r := history.Record{Actor: "k0", Verb: history.Truth, Kind: history.Endpoint, Key: key, Owner: owner, RV: w.rv}
	if _, claimed := w.claims[key][owner]; claimed && rapid.Bool().Draw(w.t, "delete") {
		r.Op = "del"
		delete(w.claims[key], owner)
	} else {
		r.Op, r.Value = "put", w.content()
		w.claims[key][owner] = r.Value
	}
	w.record(r)
	w.states[key] = append(w.states[key], modelState{w.now, slices.Compact(slices.Sorted(maps.Values(w.claims[key])))})
}

func (w *world) content() string {
	w.values++
	if w.unique {
		return fmt.Sprint("v", w.values)
	}
	return rapid.SampledFrom([]string{"x", "y"}).Draw(w.t, "content")
}

// follow lets the agent's view or datapath catch up with the truth of one key, by
// one state or more, and records what changes.
func (w *world) follow(verbSee, verbDrop history.Verb, key string) {
	place := string(verbSee) + key
	states := w.states[key]
	s := rapid.IntRange(w.reached[place], len(states)-1).Draw(w.t, "state")
	w.reached[place] = s
	r := history.Record{Actor: "a0", Kind: history.Endpoint, Key: key, Peer: "r0"}
	if live := states[s].live; len(live) > 0 {
		r.Verb, r.Value = verbSee, rapid.SampledFrom(live).Draw(w.t, "which")
		w.held[place] = true
		w.record(r)
	} else if w.held[place] {
		r.Verb = verbDrop
		w.held[place] = false
		w.record(r)
	}
}

func (w *world) restart() {
	w.record(history.Record{Actor: "a0", Verb: history.Down, Kind: "agent"})
	w.record(history.Record{Actor: "a0", Verb: history.Up, Kind: "agent"})
	for _, key := range keys {
		w.held[string(history.See)+key] = false
	}
}

// live draws a world's life with a faithful agent.
func (w *world) live() {
	for range rapid.IntRange(5, 60).Draw(w.t, "steps") {
		w.tick()
		key := rapid.SampledFrom(keys).Draw(w.t, "key")
		switch rapid.SampledFrom([]string{"write", "write", "see", "see", "program", "restart"}).Draw(w.t, "step") {
		case "write":
			w.write()
		case "see":
			w.follow(history.See, history.Drop, key)
		case "program":
			w.follow(history.Program, history.Unprogram, key)
		case "restart":
			w.restart()
		}
	}
}

func (w *world) judged(p property.Property) property.Result {
	return p.Check(&property.Input{Index: index.New(&history.History{Records: w.records}), Deadline: 10 * time.Second})
}

func (w *world) sentences(p property.Property) (said []string) {
	r := w.judged(p)
	for i := range r.Violations {
		said = append(said, r.Violations[i].Sentence())
	}
	return said
}

func TestAFaithfulViewIsNeverReported(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.live()
		for _, p := range []property.Property{Integrity, Monotonic, MonotonicSession, NoSpuriousDeletion, Owner, Referential, Convergence, rest.SingleSource, Staleness, Readiness} {
			require.NotEqual(t, property.Fail, w.judged(p).Outcome, p.Name)
		}
	})
}

func TestAFaithfulViewThatCatchesUpConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.live()
		w.write() // so that there is something to converge to
		w.record(history.Record{Actor: "world", Verb: history.Phase, Key: "heal", Value: "10s"})
		w.now += 5 * time.Second
		missed := rapid.SampledFrom(append(keys, "")).Draw(t, "missed")
		for _, key := range keys {
			if key != missed {
				w.reached[string(history.See)+key] = len(w.states[key]) - 1
				w.follow(history.See, history.Drop, key)
			}
		}
		w.now += 5 * time.Second
		w.record(history.Record{Actor: "world", Verb: history.Phase, Key: "end", Value: "bound"})
		r := w.judged(Convergence)
		if missed == "" {
			require.Equal(t, property.Pass, r.Outcome, r.Evidence)
		} else if _, place := w.states[missed], string(history.See)+missed; !w.held[place] && len(w.claims[missed]) > 0 {
			require.Equal(t, property.Fail, r.Outcome, r.Evidence)
			require.Contains(t, r.Violations[0].Sentence(), "missing endpoint "+missed)
		}
	})
}

func TestAPlantedFaultIsReported(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.unique = true
		w.live()
		key := keys[0]
		place := string(history.See) + key
		plant := func(verb history.Verb, value string) {
			w.tick()
			w.record(history.Record{Actor: "a0", Verb: verb, Kind: history.Endpoint, Key: key, Value: value, Peer: "r1"})
		}
		for len(w.claims[key]) == 0 { // let it exist at the end
			w.write()
		}
		w.reached[place] = len(w.states[key]) - 1
		w.follow(history.See, history.Drop, key)
		switch rapid.SampledFrom([]string{"rollback", "deletion", "deletion of nothing", "invention"}).Draw(t, "fault") {
		case "rollback":
			old := w.past(key, w.records[len(w.records)-1].Value)
			if len(old) == 0 {
				t.Skip("nothing of this key had ended when what the agent sees began")
			}
			plant(history.See, rapid.SampledFrom(old).Draw(t, "old"))
			require.Len(t, w.sentences(Monotonic), 1)
			require.Contains(t, w.sentences(Monotonic)[0], "back in time")
			require.Empty(t, w.sentences(Integrity))
		case "deletion":
			plant(history.Drop, "")
			require.Len(t, w.sentences(NoSpuriousDeletion), 1)
			require.Contains(t, w.sentences(NoSpuriousDeletion)[0], "although it existed without a break")
			require.Empty(t, w.sentences(Monotonic))
		case "deletion of nothing":
			w.restart()
			plant(history.Drop, "")
			require.Len(t, w.sentences(NoSpuriousDeletion), 1)
			require.Contains(t, w.sentences(NoSpuriousDeletion)[0], "which was not in it")
		case "invention":
			plant(history.See, "invented")
			require.Len(t, w.sentences(Integrity), 1)
			require.Contains(t, w.sentences(Integrity)[0], "which was never written")
			require.Empty(t, w.sentences(Monotonic))
		}
	})
}

// past returns the contents of a key that had ended for good when the content now
// began, so that whoever has seen now can see them only by going back.
func (w *world) past(key, now string) []string {
	states := w.states[key]
	first := slices.IndexFunc(states, func(s modelState) bool { return slices.Contains(s.live, now) })
	var old []string
	for _, s := range states[:first] {
		for _, v := range s.live {
			if !slices.ContainsFunc(states[first:], func(s modelState) bool { return slices.Contains(s.live, v) }) {
				old = append(old, v)
			}
		}
	}
	return old
}

// TestMonotonicAgreesWithExhaustiveSearch lets an agent see contents at random and
// compares the reports with a search that keeps every state that could explain
// what was seen.
func TestMonotonicAgreesWithExhaustiveSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		var events []int
		for range rapid.IntRange(5, 50).Draw(t, "steps") {
			w.tick()
			if rapid.Bool().Draw(t, "write") {
				w.write()
				continue
			}
			r := history.Record{Actor: "a0", Verb: history.Drop, Kind: history.Endpoint, Key: rapid.SampledFrom(keys).Draw(t, "key"), Session: 1}
			if past := w.everLive(r.Key); len(past) > 0 && rapid.IntRange(0, 3).Draw(t, "drop") > 0 {
				r.Verb, r.Value = history.See, rapid.SampledFrom(past).Draw(t, "content")
			}
			events = append(events, len(w.records))
			w.record(r)
		}
		var want []int
		possible := map[string][]int{keys[0]: {0}, keys[1]: {0}}
		for _, i := range events {
			r := &w.records[i]
			next := w.explain(r, possible[r.Key])
			switch {
			case len(next) > 0:
				possible[r.Key] = next
			case r.Verb == history.See:
				want = append(want, i)
			}
		}
		var got []int
		result := w.judged(Monotonic)
		for _, v := range result.Violations {
			got = append(got, v.Records[len(v.Records)-1])
		}
		require.Equal(t, want, got)
		session := w.judged(MonotonicSession)
		require.Equal(t, result.Violations, session.Violations, "all of it is one session")
	})
}

// everLive returns the contents of a key up to now.
func (w *world) everLive(key string) []string {
	var all []string
	for _, s := range w.states[key] {
		all = append(all, s.live...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// explain returns all states that explain a record after one of those before.
func (w *world) explain(r *history.Record, before []int) []int {
	var states []int
	for i, s := range w.states[r.Key] {
		explains := s.at <= r.At && (slices.Contains(s.live, r.Value) || r.Verb == history.Drop && len(s.live) == 0)
		if explains && slices.ContainsFunc(before, func(b int) bool { return b <= i }) {
			states = append(states, i)
		}
	}
	return states
}
