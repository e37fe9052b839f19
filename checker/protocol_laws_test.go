package checker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// sent is one thing that a watch sends: an answer's events, or a bookmark if it has none.
type sent struct {
	version int64
	events  []string
}

// drawnStore is what a store went through, as its watch must send it: the changes of each
// version, and the records that say so.
type drawnStore struct {
	records []history.Record
	answers []sent
}

// drawEtcd draws the changes of some keys, several of a revision now and then.
func drawEtcd(t *rapid.T) (s drawnStore) {
	created, number := map[string]int{}, map[string]int{}
	last := rapid.IntRange(2, 12).Draw(t, "last revision")
	for rev := 2; rev <= last; rev++ {
		var events []string
		for _, key := range []string{"k/a", "k/b", "k/c"} {
			switch rapid.IntRange(0, 2).Draw(t, key) {
			case 1:
				if number[key]++; number[key] == 1 {
					created[key] = rev
				}
				s.records = append(s.records, history.Record{Actor: "r0", Verb: history.Put, Kind: history.Meta, Key: key, Store: "a0", Rev: int64(rev)})
				events = append(events, fmt.Sprintf("put:%s:%d:%d:%d:h", key, rev, created[key], number[key]))
			case 2:
				if number[key] > 0 {
					number[key] = 0
					s.records = append(s.records, history.Record{Actor: "r0", Verb: history.Del, Kind: history.Meta, Key: key, Store: "a0", Rev: int64(rev)})
					events = append(events, fmt.Sprintf("del:%s:%d", key, rev))
				}
			}
		}
		if len(events) > 0 {
			s.answers = append(s.answers, sent{int64(rev), events})
		}
	}
	return s
}

// drawKube draws the writes of some objects.
func drawKube(t *rapid.T) (s drawnStore) {
	there := map[string]bool{}
	last := rapid.Int64Range(2, 12).Draw(t, "last version")
	for rv := int64(2); rv <= last; rv++ {
		key := rapid.SampledFrom([]string{"ns/a", "ns/b"}).Draw(t, "object")
		op, what := "create", "ADDED"
		if there[key] {
			op, what = "update", "MODIFIED"
			if rapid.Bool().Draw(t, "delete") {
				op, what = "delete", "DELETED"
			}
		}
		there[key] = op != "delete"
		s.records = append(s.records, history.Record{Actor: "k0", Verb: history.Write, Kind: "Pod", Key: key, Op: op, RV: rv})
		s.answers = append(s.answers, sent{rv, []string{fmt.Sprintf("%s:%s:%d", what, key, rv)}})
	}
	return s
}

// spoil makes one fault of a server of what it sends: something is left out, comes twice,
// or before what was to come before it. The last answer is what proves that something is
// missing, and stays.
func spoil(t *rapid.T, answers []sent) []sent {
	answers = slices.Clone(answers)
	i := rapid.IntRange(0, len(answers)-2).Draw(t, "where")
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		return slices.Delete(answers, i, i+1)
	case 1:
		return slices.Insert(answers, i+1, answers[i])
	}
	answers[i], answers[i+1] = answers[i+1], answers[i]
	return answers
}

// watch returns the records of a watch with the answers, and of the store's end.
func (s drawnStore) watch(open history.Record, answers []sent) *history.History {
	event := history.Record{Actor: open.Actor, Verb: history.Event, Kind: open.Kind, Key: open.Key, End: open.End, Peer: open.Peer, Store: open.Store, ID: open.ID}
	records := append(slices.Clone(s.records), open)
	for _, a := range answers {
		event.Rev, event.Value = a.version, strings.Join(a.events, " ")
		records = append(records, event)
	}
	records = append(records, history.Record{At: time.Second, Actor: "r0", Verb: history.Down, Kind: "etcd", Store: "a0"})
	return &history.History{Records: records}
}

func outcomeOf(t *rapid.T, h *history.History, name string) property.Outcome {
	r, ok := Check(index.New(h), Config{}).Result(name)
	require.True(t, ok)
	return r.Outcome
}

// TestEtcdWatchLaw: a watch that sends what the store did keeps its promises, and one that
// leaves something out, repeats or reorders does not.
func TestEtcdWatchLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawEtcd(t)
		open := history.Record{Actor: "r0", Verb: history.Watch, Kind: history.Meta, Key: "k/", End: "k0", Peer: "a0", Store: "a0", ID: 1, Ask: "2"}
		require.Equal(t, property.Pass, outcomeOf(t, s.watch(open, s.answers), "etcd-watch"))
		if len(s.answers) > 1 {
			require.Equal(t, property.Fail, outcomeOf(t, s.watch(open, spoil(t, s.answers)), "etcd-watch"))
		}
	})
}

// TestKubeWatchLaw: likewise for a kube-apiserver.
func TestKubeWatchLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawKube(t)
		open := history.Record{Actor: "k0", Verb: history.Watch, Kind: "Pod", Peer: "r0", ID: 1, Ask: "1"}
		require.Equal(t, property.Pass, outcomeOf(t, s.watch(open, s.answers), "kube-watch"))
		if len(s.answers) > 1 {
			require.Equal(t, property.Fail, outcomeOf(t, s.watch(open, spoil(t, s.answers)), "kube-watch"))
		}
	})
}
