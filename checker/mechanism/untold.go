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
)

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
	namespace := namespaceOf(put.Value)
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
