package checker

import (
	"strconv"

	"github.com/meshcheck/meshcheck/history"
)

// watching is one watch of an etcd or a kube-apiserver.
type watching struct {
	open   int32   // the Watch record
	events []int32 // the Event records
	end    int32   // the Unwatch record, or -1
}

// watches are the watches of a run in the order in which they were opened: those of
// etcds, whose records have a store, and those of kube-apiservers.
type watches struct{ etcd, kube []*watching }

func indexWatches(records []history.Record) (all watches) {
	byID := map[int64]*watching{}
	for i := range records {
		r := &records[i]
		w := byID[r.ID]
		switch {
		case r.Verb == history.Watch:
			w = &watching{open: int32(i), end: -1}
			byID[r.ID] = w
			if r.Store != "" {
				all.etcd = append(all.etcd, w)
			} else {
				all.kube = append(all.kube, w)
			}
		case w == nil:
		case r.Verb == history.Event:
			w.events = append(w.events, int32(i))
		case r.Verb == history.Unwatch:
			w.end = int32(i)
		}
	}
	return all
}

// number is a decimal number, or -1 for a text that is none, which no version equals.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
