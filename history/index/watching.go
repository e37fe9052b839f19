package index

import (
	"strconv"

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
