package tracevalidation

import (
	"cmp"
	"slices"

	"github.com/meshcheck/meshcheck/history"
)

// timeline is what a store had of a key, one version after the other. The first
// one is that of the store's start: nothing.
type timeline []version

type version struct {
	record  int32
	rev     int64
	content uint8
}

// timeline adds the timelines of a replica's stores.
func (k *keyRun) timeline(life, changes []int32) {
	for _, i := range life {
		if r := &k.Records[i]; r.Verb == history.Up && r.Kind == "etcd" && k.timelines[r.Store] == nil {
			k.timelines[r.Store] = timeline{{record: i}}
		}
	}
	for _, i := range changes {
		r := &k.Records[i]
		v := version{record: i, rev: r.Rev}
		if r.Verb == history.Put {
			v.content = k.number(r.Value)
		}
		k.timelines[r.Store] = append(k.timelines[r.Store], v)
	}
}

// at returns the version that was there at a record.
func (t timeline) at(record int32) int {
	n, _ := slices.BinarySearchFunc(t, record, func(v version, record int32) int { return cmp.Compare(v.record, record) })
	return max(0, n-1)
}
