package checker

import (
	"fmt"
	"maps"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

var canaries = Property{
	Name:    "canaries",
	Promise: "When a sync canary can be read in an etcd, everything that the source held when the writer's list was taken can be read there too, with that content or a later one, or was since deleted.",
	Why:     "mission C2: agents take an etcd with canaries for complete and drop what is not in it; cilium 25905, 26067",
	check:   checkCanaries,
}

// canaryKind is one kind of keys that a canary vouches for.
type canaryKind struct {
	kind      string   // the view kind
	canary    string   // the end of the canary's key, after "cilium/synced/<cluster>/"
	prefix    string   // of the keys
	resources []string // the Kubernetes kinds that feed it; a writer lists one of them
}

// canaryKinds are those of Cilium's writer (clustermesh-apiserver/clustermesh/converters.go;
// pkg/kvstore/store/syncstore.go puts the canaries). Keys of nodes begin with the name of
// the cluster.
var canaryKinds = []canaryKind{
	{history.Identity, "cilium/state/identities/v1", "cilium/state/identities/v1/id/", []string{"CiliumIdentity"}},
	{history.Endpoint, "cilium/state/ip/v1", "cilium/state/ip/v1/default/", []string{"CiliumEndpoint", "CiliumEndpointSlice"}},
	{history.Node, "cilium/state/nodes/v1", "cilium/state/nodes/v1/", []string{"CiliumNode"}},
}

const syncedPrefix = "cilium/synced/"

// canaryOf returns the kind that a key of an etcd is the canary of, and the name of the
// cluster; nil if it is none that this property knows.
func canaryOf(key string) (*canaryKind, string) {
	rest, ok := strings.CutPrefix(key, syncedPrefix)
	if !ok {
		return nil, ""
	}
	cluster, canary, _ := strings.Cut(rest, "/")
	for i := range canaryKinds {
		if canaryKinds[i].canary == canary {
			return &canaryKinds[i], cluster
		}
	}
	return nil, ""
}

// checkCanaries goes through the history with, for each writer, the first complete list
// of each Kubernetes kind that its process got. Later lists vouch for more, but a canary
// that is put again need not have waited for them.
func checkCanaries(in *input) Result {
	c := canaryCheck{in: in, lists: map[listedKind]listVersion{}, put: map[putCanary]bool{}, byKind: map[string][]int{}}
	for id := range in.views.entries {
		e := &in.views.entries[id]
		c.byKind[e.kind] = append(c.byKind[e.kind], id)
	}
	for i := range in.records {
		c.record(i, &in.records[i])
	}
	switch {
	case c.puts == 0:
		return unknown("no canary was put")
	case c.judged == 0:
		return unknown(fmt.Sprintf("the history does not say which lists the writers of %s had got", count(c.puts, "canary", "canaries")))
	}
	sortByTime(c.violations)
	return judged(fmt.Sprintf("%s of %s, which vouch for %s", thousands(c.judged), count(c.puts, "canary", "canaries"), count(c.entries, "entry", "entries")), c.violations)
}

type canaryCheck struct {
	in                    *input
	byKind                map[string][]int // the entries of a view kind
	lists                 map[listedKind]listVersion
	put                   map[putCanary]bool // what the present process of a writer has put
	puts, judged, entries int
	violations            []Violation
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
			for n := range canaryKinds {
				for _, resource := range canaryKinds[n].resources {
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
					c.listed(i, r, number(version))
				}
			}
		}
	case history.Put:
		if kind, cluster := canaryOf(r.Key); kind != nil {
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
func (c *canaryCheck) canary(i int, r *history.Record, kind *canaryKind, cluster string) {
	var list listVersion
	for _, resource := range kind.resources {
		if l, ok := c.lists[listedKind{r.Actor, resource}]; ok {
			list = l
		}
	}
	if list.rv == 0 {
		return
	}
	c.judged++
	store, prefix := c.in.store(r.Store), kind.prefix
	if kind.kind == history.Node {
		prefix += cluster + "/"
	}
	lacks, says := 0, ""
	v := Violation{Store: r.Store, Kind: kind.kind, At: r.At}
	for _, id := range c.byKind[kind.kind] {
		e := &c.in.views.entries[id]
		listed := e.stateOf(list.rv)
		if listed == 0 || covers(e.absent, listed) {
			continue
		}
		c.entries++
		why, proof := c.unvouched(e, listed, store.versionBy(prefix+e.key, r.Rev), r)
		if why == "" {
			continue
		}
		if lacks++; lacks == 1 {
			says, v.Key, v.Records = why, e.key, []int{proof, list.record, i}
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
		r.Actor, r.Store, kind.canary, again, r.Rev, seconds(r.At), kind.kind, v.Key, says, andMore(lacks-1), list.rv, seconds(c.in.records[list.record].At))
	c.violations = append(c.violations, v)
}

// unvouched says why a store with the version v of an entry, nil if it has none, is not
// what the canary r says, which vouches for the entry's state listed; and the record that
// proves it.
func (c *canaryCheck) unvouched(e *entry, listed int32, v *version, r *history.Record) (why string, proof int) {
	if _, deletedSince := e.earliest(e.absent, listed, r.At); deletedSince {
		return "", 0 // what the key holds then, convergence and owner judge
	}
	if v == nil || v.deleted {
		return "is not there", int(e.states[listed].record)
	}
	value := c.in.records[v.record].Value
	for i := range e.claims {
		if e.claims[i].value != value {
			continue
		}
		if _, ok := e.earliest(e.claims[i].live, listed, r.At); ok {
			return "", 0
		}
	}
	return fmt.Sprintf("is there as %s of rev %d, which it was before that list only", content(value), v.rev), int(v.record)
}
