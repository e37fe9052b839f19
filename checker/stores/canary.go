package stores

import (
	"fmt"
	"maps"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/schema"
)

var Canaries = property.Property{
	Name:    "canaries",
	Promise: "When a sync canary can be read in an etcd, everything that the source held when the writer's list was taken can be read there too, with that content or a later one, or was since deleted; and when a replica becomes ready for the first time with a writer, that writer has put its canaries. While a fault gives the writer another cluster ID, nodes may have that.",
	Why:     "the proposal refills an etcd that is empty: agents take an etcd with canaries for complete and drop what is not in it; cilium 25905, 26067; /readyz is SyncState.Complete, by which a rolling upgrade takes the next replica",
	Rules:   []*property.Rule{notVouched, olderThanVouched, readyBefore},
	Check:   checkCanaries,
	Step:    canaryStep,
}

// checkCanaries goes through the history with, for each writer, the first complete list
// of each Kubernetes kind that its process got. Later lists vouch for more, but a canary
// that is put again need not have waited for them.
func checkCanaries(in *property.Input) property.Result {
	c := canaryCheck{in: in, lists: map[listedKind]listVersion{}, put: map[putCanary]bool{}, fresh: map[string]freshWriter{}, byKind: map[string][]int{}}
	for id := range in.Views.Entries {
		e := &in.Views.Entries[id]
		c.byKind[e.Kind] = append(c.byKind[e.Kind], id)
	}
	for i := range in.Records {
		c.record(i, &in.Records[i])
	}
	switch {
	case c.puts == 0 && len(c.violations) == 0:
		return property.Undecided("no canary was put")
	case c.judged == 0 && len(c.violations) == 0:
		return property.Undecided(fmt.Sprintf("the history does not say which lists the writers of %s had got", text.Count(c.puts, "canary")))
	}
	return property.Judged(fmt.Sprintf("%s of %s, which vouch for %s", text.Thousands(c.judged), text.Count(c.puts, "canary"), text.Count(c.entries, "entry")), c.violations)
}

type canaryCheck struct {
	in                    *property.Input
	byKind                map[string][]int // the entries of a view kind
	lists                 map[listedKind]listVersion
	put                   map[putCanary]bool     // what the present process of a writer has put
	fresh                 map[string]freshWriter // the present process of a writer, until it is judged to have been ready in time
	puts, judged, entries int
	violations            []property.Violation
}

type listedKind struct{ client, resource string }

// freshWriter is a writer's process by the record with which it came up, and that with which
// its replica was ready for the first time since: zero if it was not yet.
type freshWriter struct{ up, ready int }

type putCanary struct{ writer, key string }

type listVersion struct {
	rv     int64
	record int
}

func (c *canaryCheck) record(i int, r *history.Record) {
	switch r.Verb {
	case history.Up:
		if r.Kind == "writer" {
			c.fresh[r.Actor] = freshWriter{up: i}
			maps.DeleteFunc(c.put, func(p putCanary, _ bool) bool { return p.writer == r.Actor })
			for _, kind := range schema.Stored() {
				for _, resource := range kind.Resources {
					delete(c.lists, listedKind{r.Actor, resource})
				}
			}
		}
	case history.Ready:
		if w, ok := c.fresh[r.Actor]; ok && w.ready == 0 && r.Kind == "" {
			c.fresh[r.Actor] = freshWriter{w.up, i}
			if len(c.putBy(r.Actor)) > 0 {
				c.ready(r.Actor)
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
		if kind, cluster := schema.CanaryOf(r.Key); kind != nil {
			c.puts++
			c.canary(i, r, kind, cluster)
			if c.fresh[r.Actor].ready != 0 {
				c.ready(r.Actor)
			}
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
func (c *canaryCheck) canary(i int, r *history.Record, kind *schema.Kind, cluster string) {
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
	if kind.Name == history.Node {
		prefix += cluster + "/"
	}
	lacks := 0
	v := property.Violation{Facts: property.Facts{Server: r.Actor, Store: r.Store, Kind: kind.Name, At: r.At, Range: kind.Path,
		Shown: &property.Version{Op: canaryPut, Rev: r.Rev}, Truth: &property.Version{RV: list.rv, At: c.in.Records[list.record].At}}}
	if c.put[putCanary{r.Actor, r.Key}] {
		v.Shown.Op = canaryPutAgain
	}
	for _, id := range c.byKind[kind.Name] {
		e := &c.in.Views.Entries[id]
		listed := e.StateOf(list.rv)
		if listed == 0 || index.Covers(e.Absent, listed) {
			continue
		}
		c.entries++
		rule, held, proof := c.unvouched(e, listed, store.VersionBy(prefix+e.Key, r.Rev), r)
		if rule == nil {
			continue
		}
		if lacks++; lacks == 1 {
			v.Rule, v.Key, v.Before, v.Records = rule, e.Key, held, []int{proof, list.record, i}
		}
	}
	if lacks == 0 {
		return
	}
	v.Others = lacks - 1
	c.violations = append(c.violations, v)
}

// ready judges that a replica was ready for the first time since its writer came up, which
// waits for the writer's own canaries, whatever became of them since. It is asked when the
// process has put a canary or is about to: a history may have left out all of them.
func (c *canaryCheck) ready(replica string) {
	w, has := c.fresh[replica], c.putBy(replica)
	delete(c.fresh, replica)
	for _, kind := range schema.Stored() {
		if !has[kind.Name] {
			c.violations = append(c.violations, property.Violation{Rule: readyBefore, Records: []int{w.up, w.ready}, Facts: property.Facts{
				Server: replica, Kind: kind.Name, Range: kind.Path, At: c.in.Records[w.ready].At, Since: c.in.Records[w.up].At}})
		}
	}
}

// putBy returns the kinds of which a writer's present process has put the canary.
func (c *canaryCheck) putBy(writer string) map[string]bool {
	kinds := map[string]bool{}
	for p := range c.put {
		if p.writer == writer {
			kind, _ := schema.CanaryOf(p.key)
			kinds[kind.Name] = true
		}
	}
	return kinds
}

// What a writer does with a canary.
const (
	canaryPut      = "put"
	canaryPutAgain = "put again"
)

// The ways in which a store is not what a canary in it says.
var (
	notVouched       = vouched("not-there", func(f *property.Facts) string { return "is not there" })
	olderThanVouched = vouched("older", func(f *property.Facts) string {
		return fmt.Sprintf("is there as %s of rev %d, which it was before that list only", property.Content(f.Before.Value), f.Before.Rev)
	})
)

// readyBefore: a replica is ready sooner than what it holds is vouched for.
var readyBefore = &property.Rule{Name: "ready-before", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s became ready at %s, but its writer, up since %s, had not put the canary of %s", f.Server, text.Seconds(f.At), text.Seconds(f.Since), f.Range)
}}

// canaryStep is the writer's, or that of the probe that took its replica for complete.
func canaryStep(v *property.Violation) property.Step {
	if v.Rule.Name == readyBefore.Name {
		return property.Step{Host: v.Server, Part: "readiness", What: "it said that the replica is complete before its writer had"}
	}
	return property.Step{Host: v.Server, Part: "writer", What: "it put the canary before the keys that the canary vouches for, or did not keep them under it"}
}

func vouched(name string, says func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s: the canary of %s was %s at rev %d at %s, but %s %s%s, although the writer's list of rv %d at %s had it", f.Etcd(), f.Range, f.Shown.Op,
			f.Shown.Rev, text.Seconds(f.At), f.Object(), says(f), text.AndMore(f.Others), f.Truth.RV, text.Seconds(f.Truth.At))
	}}
}

// unvouched says why a store with the version v of an entry, nil if it has none, is not
// what the canary r says, which vouches for the entry's state listed: the rule that is
// broken or nil, what the store has, and the record that proves it.
func (c *canaryCheck) unvouched(e *index.Entry, listed int32, v *index.Version, r *history.Record) (rule *property.Rule, held *property.Version, proof int) {
	if _, deletedSince := e.Earliest(e.Absent, listed, r.At); deletedSince {
		return nil, nil, 0 // what the key holds then, convergence and owner judge
	}
	if v == nil || v.Deleted {
		return notVouched, nil, int(e.States[listed].Record)
	}
	value := c.in.Records[v.Record].Value
	if _, ok := e.Earliest(e.LiveAs(value), listed, r.At); ok {
		return nil, nil, 0
	}
	if _, ok := e.Earliest(e.LiveAs(e.Configured(value)), listed, r.At); ok {
		s := c.in.Store(r.Store)
		if f := c.in.Misconfigured(s, r); f != nil && f == c.in.Misconfigured(s, &c.in.Records[v.Record]) {
			return nil, nil, 0 // what this writer makes of it
		}
	}
	return olderThanVouched, &property.Version{Value: value, Rev: v.Rev}, int(v.Record)
}
