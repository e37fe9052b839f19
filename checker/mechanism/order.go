package mechanism

import (
	"fmt"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// ofCutList explains an identity that left a view before the connection with which
// it had come had brought the whole list, as the connection or the agent ended
// (Cilium: watchRemoteKVStore of pkg/allocator/allocator.go). No etcd can have told of
// its deletion: a watch follows the list. (Files of version 1 have no watches.)
func (c storeObservation) ofCutList() *property.Cause {
	if c.prior == nil || c.r.Verb != history.Drop || c.r.Kind != history.Identity || len(c.x.in.Watches.Etcd) == 0 {
		return nil
	}
	connect := c.x.in.Last(0, c.priorRecord+1, c.isConnect)
	if connect < 0 || c.x.in.First(connect, c.record, func(r *history.Record) bool {
		return r.Verb == history.Watch && r.Peer == c.r.Actor && schema.IsKeyOf(r.Key, history.Identity)
	}) >= 0 {
		return nil
	}
	ended := c.endAround()
	if ended < 0 {
		return nil
	}
	from, end := &c.x.in.Records[connect], &c.x.in.Records[ended]
	facts := property.Facts{Agent: c.r.Actor, Server: from.Peer, Store: from.Store, Kind: c.r.Kind, Key: c.r.Key, At: c.r.At, Since: from.At, Until: end.At, Note: processEnded}
	if end.Verb == history.Disconnect {
		facts.Note = connectionEnded
	}
	return property.ByMechanism(CauseCutList, cutList, facts, connect, c.record, ended)
}

// What ended in the middle of a list.
const (
	processEnded    = "process"
	connectionEnded = "connection"
)

var cutList = &property.Rule{Name: "list-cut", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s dropped it before it had the whole list of identities from %s, with which it was connected since %s; its %s ended at %s",
		f.Agent, f.Server, text.Seconds(f.Since), f.Note, text.Seconds(f.Until))
}}

// endAround is the record with which the connection or the process of the agent ended
// at about the time of its loss; -1 if there is none.
func (c storeObservation) endAround() int {
	ends := func(r *history.Record) bool {
		return r.Actor == c.r.Actor && (r.Verb == history.Disconnect || r.Verb == history.Down && r.Kind == "agent")
	}
	from, end := c.x.between(c.r.At-handling, c.r.At+handling)
	if i := c.x.in.First(c.record, end, ends); i >= 0 {
		return i
	}
	return c.x.in.Last(from, c.record, ends)
}

// mergedEvents looks for a former owner of the entry of which the store's writer was
// told, shortly before an instant, both before and after it was told of the owner that
// the entry has: the writer's queue has one item for each object, in the place of its
// first event and with the state after its last. It returns the record that told of that
// last one, or -1.
func (c storeObservation) mergedEvents(owner *history.Record, at time.Duration) (told int, former string) {
	kind, name, _ := strings.Cut(owner.Owner, "/")
	owners := map[string]bool{}
	for _, s := range c.e.States[1:] { // before the first there is nothing
		if r := &c.x.in.Records[s.Record]; r.Owner != owner.Owner {
			owners[r.Owner] = true
		}
	}
	claimed := false
	before := map[string]bool{}
	from, end := c.x.between(at-handling, at)
	for i := from; i < end; i++ {
		r := &c.x.in.Records[i]
		if r.Verb != history.Event || r.Store != "" || r.Peer != c.s.Actor || r.Kind != kind {
			continue
		}
		for event := range strings.FieldsSeq(r.Value) {
			object := index.ParseKubeEvent(event).Key
			switch {
			case object == name:
				claimed = true
			case !claimed:
				before[object] = true
			case before[object] && owners[kind+"/"+object]:
				return i, kind + "/" + object
			}
		}
	}
	return -1, ""
}

// ofNamespaceEvent is the cause of a version of an entry that a store still has since the
// writer that lives put it for its namespace: the entry was gone soon after the writer's
// start, and the writer has not asked for its deletion. nil if that is not so.
func (x *Explainer) ofNamespaceEvent(s *index.Store, e *index.Entry, v index.Version, at time.Duration) *property.Cause {
	state := e.StateAt(at)
	put := &x.in.Records[v.Record]
	writer, ok := index.ProcessAt(x.in.Processes(s.Actor, "writer"), at)
	if !ok || mode.Etcd.Is(s.Actor) || !index.Covers(e.Absent, state) || s.AskedAt(x.in.Records, put) < writer.From {
		return nil
	}
	i, _ := e.LatestBefore(e.Absent, state+1, at)
	gone := e.States[i].At
	if gone < writer.From || gone > writer.From+time.Minute {
		return nil
	}
	namespace := schema.NamespaceIn(put.Value)
	told := x.in.First(x.in.By(writer.From-1), int(v.Record), func(r *history.Record) bool {
		return r.Store == "" && r.Peer == s.Actor && r.Kind == "Namespace" && r.Verb == history.Event && strings.Contains(" "+r.Value, " ADDED:"+namespace+":")
	})
	asked := x.in.First(x.in.By(gone-1), x.all(), func(r *history.Record) bool {
		return r.Verb == history.Call && r.Actor == s.Actor && r.Op == "delete" && r.Key == put.Key
	})
	if told < 0 || asked >= 0 {
		return nil
	}
	return property.ByMechanism(CauseUntold, neverDeleted, property.Facts{Server: s.Actor, Store: s.Name, Kind: put.Kind, Key: put.Key, At: at, Since: writer.From,
		Shown: &property.Version{Value: put.Value, Rev: put.Rev, At: put.At}, Truth: &property.Version{Gone: true, At: gone},
		Before: namespaceAt(namespace, x.in.Records[told].At)}, told, int(v.Record))
}

var neverDeleted = &property.Rule{Name: "never-deleted", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the writer of %s, which had started at %s and been told of the namespace %s at %s, put %s at %s; that was gone at %s, and the writer has not asked for its deletion",
		f.Server, text.Seconds(f.Since), f.Before.Key, text.Seconds(f.Before.At), f.Object(), text.Seconds(f.Shown.At), text.Seconds(f.Truth.At))
}}
