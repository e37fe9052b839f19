package stores

import (
	"fmt"
	"maps"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

var Canaries = property.Property{
	Name:    "canaries",
	Promise: "When a sync canary can be read in an etcd, everything that the source held when the writer's list was taken can be read there too, with that content or a later one, or was since deleted.",
	Why:     "mission C2: agents take an etcd with canaries for complete and drop what is not in it; cilium 25905, 26067",
	Check:   checkCanaries,
}

// checkCanaries goes through the history with, for each writer, the first complete list
// of each Kubernetes kind that its process got. Later lists vouch for more, but a canary
// that is put again need not have waited for them.
func checkCanaries(in *property.Input) property.Result {
	c := canaryCheck{in: in, lists: map[listedKind]listVersion{}, put: map[putCanary]bool{}, byKind: map[string][]int{}}
	for id := range in.Views.Entries {
		e := &in.Views.Entries[id]
		c.byKind[e.Kind] = append(c.byKind[e.Kind], id)
	}
	for i := range in.Records {
		c.record(i, &in.Records[i])
	}
	switch {
	case c.puts == 0:
		return property.Undecided("no canary was put")
	case c.judged == 0:
		return property.Undecided(fmt.Sprintf("the history does not say which lists the writers of %s had got", property.Count(c.puts, "canary", "canaries")))
	}
	property.SortByTime(c.violations)
	return property.Judged(fmt.Sprintf("%s of %s, which vouch for %s", property.Thousands(c.judged), property.Count(c.puts, "canary", "canaries"), property.Count(c.entries, "entry", "entries")), c.violations)
}

type canaryCheck struct {
	in                    *property.Input
	byKind                map[string][]int // the entries of a view kind
	lists                 map[listedKind]listVersion
	put                   map[putCanary]bool // what the present process of a writer has put
	puts, judged, entries int
	violations            []property.Violation
}

type listedKind struct{ client, resource string }

type putCanary struct{ writer, key string }

type listVersion struct {
	rv     int64
	record int
}

func (c *canaryCheck) record(i int, r *history.Record) {
	switch r.Verb {
	case history.Up:
		if r.Kind == "writer" {
			maps.DeleteFunc(c.put, func(p putCanary, _ bool) bool { return p.writer == r.Actor })
			for n := range index.CanaryKinds {
				for _, resource := range index.CanaryKinds[n].Resources {
					delete(c.lists, listedKind{r.Actor, resource})
				}
			}
		}
	case history.Request:
		if r.Op == "list" && r.Err == "" && !r.More {
			c.listed(i, r, r.RV)
		}
	case history.Event:
		if r.Store == "" {
			for field := range strings.FieldsSeq(r.Value) {
				if version, ok := strings.CutPrefix(field, "INITIAL:"); ok {
					c.listed(i, r, index.ParseNumber(version))
				}
			}
		}
	case history.Put:
		if kind, cluster := index.CanaryOf(r.Key); kind != nil {
			c.puts++
			c.canary(i, r, kind, cluster)
			c.put[putCanary{r.Actor, r.Key}] = true
		}
	}
}

func (c *canaryCheck) listed(i int, r *history.Record, rv int64) {
	k := listedKind{r.Peer, r.Kind}
	if _, ok := c.lists[k]; !ok && r.Key == "" && r.End == "" {
		c.lists[k] = listVersion{rv, i}
	}
}

// canary judges one put of a canary. The writer is the process on the same host.
func (c *canaryCheck) canary(i int, r *history.Record, kind *index.CanaryKind, cluster string) {
	var list listVersion
	for _, resource := range kind.Resources {
		if l, ok := c.lists[listedKind{r.Actor, resource}]; ok {
			list = l
		}
	}
	if list.rv == 0 {
		return
	}
	c.judged++
	store, prefix := c.in.Store(r.Store), kind.Prefix
	if kind.Kind == history.Node {
		prefix += cluster + "/"
	}
	lacks, says := 0, ""
	v := property.Violation{Store: r.Store, Kind: kind.Kind, At: r.At}
	for _, id := range c.byKind[kind.Kind] {
		e := &c.in.Views.Entries[id]
		listed := e.StateOf(list.rv)
		if listed == 0 || index.Covers(e.Absent, listed) {
			continue
		}
		c.entries++
		why, proof := c.unvouched(e, listed, store.VersionBy(prefix+e.Key, r.Rev), r)
		if why == "" {
			continue
		}
		if lacks++; lacks == 1 {
			says, v.Key, v.Records = why, e.Key, []int{proof, list.record, i}
		}
	}
	if lacks == 0 {
		return
	}
	again := ""
	if c.put[putCanary{r.Actor, r.Key}] {
		again = " again"
	}
	v.Sentence = fmt.Sprintf("etcd of %s (store %s): the canary of %s was put%s at rev %d at %s, but %s %s %s%s, although the writer's list of rv %d at %s had it",
		r.Actor, r.Store, kind.Canary, again, r.Rev, property.Seconds(r.At), kind.Kind, v.Key, says, property.AndMore(lacks-1), list.rv, property.Seconds(c.in.Records[list.record].At))
	c.violations = append(c.violations, v)
}

// unvouched says why a store with the version v of an entry, nil if it has none, is not
// what the canary r says, which vouches for the entry's state listed; and the record that
// proves it.
func (c *canaryCheck) unvouched(e *index.Entry, listed int32, v *index.Version, r *history.Record) (why string, proof int) {
	if _, deletedSince := e.Earliest(e.Absent, listed, r.At); deletedSince {
		return "", 0 // what the key holds then, convergence and owner judge
	}
	if v == nil || v.Deleted {
		return "is not there", int(e.States[listed].Record)
	}
	value := c.in.Records[v.Record].Value
	for i := range e.Claims {
		if e.Claims[i].Value != value {
			continue
		}
		if _, ok := e.Earliest(e.Claims[i].Live, listed, r.At); ok {
			return "", 0
		}
	}
	return fmt.Sprintf("is there as %s of rev %d, which it was before that list only", property.Content(value), v.Rev), int(v.Record)
}
