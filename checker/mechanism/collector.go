package mechanism

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/rest"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// staleDeletion is an operator's deletion of an identity that CiliumEndpoints have, of none of
// which it had heard, although it listens.
type staleDeletion struct {
	deleted, endpoint int // records
}

// ofCollected are the properties that such a deletion may break for as long as the endpoints live: agents
// do not put an identity back that operators manage, and the operator gives its labels another number.
var ofCollected = map[string]bool{
	views.Referential.Name: true, views.Convergence.Name: true, views.Readiness.Name: true, views.Staleness.Name: true,
	views.NoSpuriousDeletion.Name: true, rest.SingleSource.Name: true, mode.Started: true,
}

// staleDeletion returns what a record is, if it is one.
func (x *Explainer) staleDeletion(record int) *staleDeletion {
	r := &x.in.Records[record]
	if r.Verb != history.Write || r.Kind != object.IdentityKind || r.Op != "delete" || !mode.Operator.Is(r.Peer) {
		return nil
	}
	writes := x.endpointsOf(r.Key, record)
	for _, i := range writes {
		w := &x.in.Records[i]
		if x.toldOfObject(r.Peer, w.Kind+"/"+w.Key, w.RV, w.At, r.At, false) >= 0 {
			return nil
		}
	}
	listens := func(w *history.Record) bool {
		return w.Verb == history.Watch && w.Kind == object.EndpointKind && w.Peer == r.Peer
	}
	if len(writes) == 0 || x.in.Last(0, record, listens) < 0 {
		return nil
	}
	return &staleDeletion{record, writes[0]}
}

func (c *staleDeletion) cause(x *Explainer) *property.Cause {
	deleted, endpoint := &x.in.Records[c.deleted], &x.in.Records[c.endpoint]
	return property.ByMechanism(CauseStaleCollector, unheardOf, property.Facts{Client: deleted.Peer, Kind: object.IdentityKind, Key: deleted.Key,
		At: deleted.At, Since: endpoint.At, Owners: []string{endpoint.Key}}, c.endpoint, c.deleted)
}

var unheardOf = &property.Rule{Name: "unheard-of", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s deleted identity %s at %s, which %s has had since %s: no kube-apiserver had told it of that", f.Client, f.Key, text.Seconds(f.At), f.Owners[0], text.Seconds(f.Since))
}}

// ofStaleCollector explains what is wrong of an endpoint whose identity such a deletion has taken, or of
// the identity that its labels have been given since.
func (x *Explainer) ofStaleCollector(v *property.Violation) *property.Cause {
	if x.stale == nil {
		x.stale = x.staleDeletions()
	}
	for i := range x.stale {
		if c := &x.stale[i]; x.in.Records[c.deleted].At <= v.At && x.concerns(v, c) {
			return c.cause(x)
		}
	}
	return nil
}

// staleDeletions are all there are, in order; not nil.
func (x *Explainer) staleDeletions() []staleDeletion {
	all := []staleDeletion{}
	for i := range x.all() {
		if c := x.staleDeletion(i); c != nil {
			all = append(all, *c)
		}
	}
	return all
}

func (x *Explainer) concerns(v *property.Violation, c *staleDeletion) bool {
	number := x.in.Records[c.deleted].Key
	switch v.Kind {
	case history.Identity:
		return v.Key == number || x.labelsOf(v.Key) == x.labelsOf(number)
	case history.Endpoint:
		said := x.in.Last(0, x.all(), func(r *history.Record) bool {
			return r.Verb == history.Truth && r.Kind == history.Endpoint && r.Key == v.Key && r.Op == "put" && r.At <= v.At
		})
		return said >= 0 && strings.HasPrefix(x.in.Records[said].Value, "id="+number+" ")
	case object.PodKind:
		has := x.in.Last(0, x.all(), func(r *history.Record) bool {
			return r.Verb == history.Write && r.Kind == object.EndpointKind && r.Key == v.Key && r.At <= v.At
		})
		return has >= 0 && strings.HasPrefix(x.in.Records[has].Value+" ", "identity="+number+" ")
	}
	return false
}

// labelsOf are the labels that an identity was given first.
func (x *Explainer) labelsOf(number string) string {
	made := x.in.First(0, x.all(), func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.IdentityKind && r.Key == number && r.Value != ""
	})
	if made < 0 {
		return number
	}
	return strings.TrimPrefix(x.in.Records[made].Value, "marked=true ")
}
