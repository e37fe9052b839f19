package index

import (
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// Watching is one watch of an etcd or a kube-apiserver.
type Watching struct {
	Open   int32   // the Watch record
	Events []int32 // the Event records
	End    int32   // the Unwatch record, or -1
}

// Watches are the watches of a run in the order in which they were opened: those of
// etcds, whose records have a store, and those of kube-apiservers.
type Watches struct{ Etcd, Kube []*Watching }

func indexWatches(records []history.Record) (all Watches) {
	byID := map[int64]*Watching{}
	for i := range records {
		r := &records[i]
		w := byID[r.ID]
		switch {
		case r.Verb == history.Watch:
			w = &Watching{Open: int32(i), End: -1}
			byID[r.ID] = w
			if r.Store != "" {
				all.Etcd = append(all.Etcd, w)
			} else {
				all.Kube = append(all.Kube, w)
			}
		case w == nil:
		case r.Verb == history.Event:
			w.Events = append(w.Events, int32(i))
		case r.Verb == history.Unwatch:
			w.End = int32(i)
		}
	}
	return all
}

// ParseNumber is a decimal number, or -1 for a text that is none, which no version equals.
func ParseNumber(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// EtcdEvent is one event of an answer of an etcd's watch.
type EtcdEvent struct {
	Put      bool
	Key      string
	Mod      int64
	Created  int64 // of a put: revision in which the key was created
	Count    int64 // of a put: how many there were since, this one included
	Hash     string
	Prev     int64 // revision of the previous value
	WithPrev bool
}

// ParseEtcdEvent reads "put:key:modrev:createrev:version:hash" or "del:key:modrev",
// each perhaps with ":prev=modrev". Keys may hold colons. What is not of this form has
// the revision -1, which no change explains.
func ParseEtcdEvent(field string) (ev EtcdEvent) {
	op, rest, _ := strings.Cut(field, ":")
	if before, last, _ := CutLast(rest); strings.HasPrefix(last, "prev=") {
		ev.WithPrev, ev.Prev = true, ParseNumber(strings.TrimPrefix(last, "prev="))
		rest = before
	}
	var s string
	if op == "put" {
		ev.Put = true
		rest, ev.Hash, _ = CutLast(rest)
		rest, s, _ = CutLast(rest)
		ev.Count = ParseNumber(s)
		rest, s, _ = CutLast(rest)
		ev.Created = ParseNumber(s)
	}
	ev.Key, s, _ = CutLast(rest)
	ev.Mod = ParseNumber(s)
	if op != "put" && op != "del" {
		ev.Key, ev.Mod = field, -1
	}
	return ev
}

// String shows an event without what it says of the value.
func (ev EtcdEvent) String() string {
	if ev.Put {
		return "the put of " + ev.Key
	}
	return "the deletion of " + ev.Key
}

// KubeEvent is one event of a watch of a kube-apiserver. what is ADDED, MODIFIED,
// DELETED, BOOKMARK, INITIAL or ERROR; rv of an ERROR is its code.
type KubeEvent struct {
	What string
	Key  string
	RV   int64
}

// ParseKubeEvent reads "TYPE:namespace/name:rv", "TYPE:name:rv" or "TYPE:rv".
func ParseKubeEvent(field string) (ev KubeEvent) {
	what, rest, _ := strings.Cut(field, ":")
	before, last, found := CutLast(rest)
	if !found {
		before, last = "", rest
	}
	return KubeEvent{what, before, ParseNumber(last)}
}
