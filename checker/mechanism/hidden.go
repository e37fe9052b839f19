package mechanism

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// ofInvented explains why an agent saw what was never true.
func (x *Explainer) ofInvented(v *property.Violation) *property.Cause {
	o, ok := x.observationOf(v)
	if !ok || o.isLoss() {
		return nil
	}
	return cmp.Or(o.ofHidden(), x.ofChange(v))
}

// ofHidden explains an entry of a namespace that had been annotated or deleted when it was
// made, if the writer had not been told of that when it put the entry, or only just: nothing
// orders what one informer tells it after what another does.
func (o observation) ofHidden() *property.Cause {
	namespace, records := schema.NamespaceIn(o.r.Value), o.x.in.Records
	put := o.x.in.Last(0, o.record, func(r *history.Record) bool {
		return r.Verb == history.Put && r.Store == o.r.Store && r.Value == o.r.Value && r.Kind == o.r.Kind && schema.NameIn(r.Key) == o.r.Key
	})
	if put < 0 || namespace == "" || mode.Etcd.Is(records[put].Actor) { // agents that share an etcd hide nothing
		return nil
	}
	hidden, told := o.x.unheard(namespace, put, records[put].Actor, o.x.in.Store(records[put].Store).AskedAt(records, &records[put]))
	if hidden < 0 {
		return nil
	}
	facts := o.facts()
	facts.Server, facts.Store = records[put].Actor, records[put].Store
	facts.Truth = namespaceAt(namespace, records[hidden].At)
	facts.Truth.RV, facts.Truth.Op = records[hidden].RV, records[hidden].Op
	facts.Shown = &property.Version{Op: "put", At: records[put].At}
	if told < records[put].At {
		facts.Until = told
	}
	return property.ByMechanism(CauseHidden, namespaceHidden, facts, hidden, put, o.record)
}

// ofShownAgain explains that a store got what is gone, or another by now: its writer had just been told
// that a namespace is for other clusters again, or there again, and not of the end of what was in it.
func (c storeObservation) ofShownAgain(held index.Version) *property.Cause {
	put, records := &c.x.in.Records[held.Record], c.x.in.Records
	namespace := schema.NamespaceIn(put.Value)
	gone := c.e.StateAt(put.At)
	if namespace == "" || mode.Etcd.Is(c.s.Actor) || slices.Contains(c.e.LiveIn(gone), put.Value) {
		return nil
	}
	changes := func(before int) int {
		return c.x.in.Last(0, before, func(r *history.Record) bool {
			return r.Verb == history.Write && r.Kind == "Namespace" && r.Key == namespace
		})
	}
	hides := func(i int) bool {
		return i >= 0 && object.Hides(&records[i])
	}
	shown := changes(int(held.Record))
	if shown < 0 || hides(shown) || !hides(changes(shown)) {
		return nil
	}
	told := c.x.firstHeard(shown, int(held.Record), c.s.Actor, namespace)
	if told > put.At || told <= put.At-handling {
		return nil
	}
	facts := c.facts()
	facts.Shown, facts.Since = &property.Version{At: put.At, Rev: put.Rev}, told
	facts.Truth = &property.Version{Gone: true, At: c.e.States[gone].At}
	facts.Before = namespaceAt(namespace, records[shown].At)
	return property.ByMechanism(CauseHidden, namespaceShownAgain, facts, shown, int(held.Record))
}

var namespaceShownAgain = &property.Rule{Name: "namespace-shown-again", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the writer of %s put %s at %s: it was told at %s that the namespace %s is for other clusters since %s, and not yet that what was in it is gone, which it is since %s at the latest",
		f.Server, f.Object(), text.Seconds(f.Shown.At), text.Seconds(f.Since), f.Before.Key, text.Seconds(f.Before.At), text.Seconds(f.Truth.At))
}}

// unheard is the last change of a namespace before a record of which a writer had not been told,
// or only just, when it asked for what the record says, and when it was told; -1 if there is none.
func (x *Explainer) unheard(namespace string, record int, writer string, asked time.Duration) (change int, told time.Duration) {
	change = x.in.Last(0, record, func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == "Namespace" && r.Key == namespace && r.Op != "create"
	})
	if change < 0 {
		return -1, 0
	}
	if told = x.firstHeard(change, record, writer, namespace); told <= asked-handling {
		return -1, 0
	}
	return change, told
}

var namespaceHidden = &property.Rule{Name: "namespace-hidden", Text: func(f *property.Facts) string {
	told := "it had not been told yet"
	if f.Until > 0 {
		told = fmt.Sprintf("it was told at %s at the earliest, by another informer", text.Seconds(f.Until))
	}
	return fmt.Sprintf("the writer of %s put %s at %s: of the %s of the namespace %s at %s (rv %d), since when nothing in it is for other clusters, %s",
		f.Server, f.Object(), text.Seconds(f.Shown.At), f.Truth.Op, f.Truth.Key, text.Seconds(f.Truth.At), f.Truth.RV, told)
}}

// firstHeard is when a client first heard of a namespace by what kube-apiservers sent it in the
// records from one to another; index.Forever if by none of that.
func (x *Explainer) firstHeard(from, to int, client, namespace string) time.Duration {
	first := index.Forever
	for i := x.tells(from, to, client, namespace); i >= 0; i = x.tells(i+1, to, client, namespace) {
		if _, known := x.arrivals[i]; !known {
			x.arrivals[i] = x.arrival(i)
		}
		first = min(first, x.arrivals[i])
	}
	return first
}

// arrival is when what a kube-apiserver sent in a record came to its client: while the two are
// cut off from each other, or the client is frozen, the connection holds it, and it is lost,
// index.Forever, if its watch ends before that does.
func (x *Explainer) arrival(sent int) time.Duration {
	records := x.in.Records
	r := &records[sent]
	since, end := r.From, len(records)
	if r.Verb == history.Event {
		if w := x.watchOf(r.ID); w != nil {
			since = records[w.Open].At
			if w.End >= 0 {
				end = int(w.End)
			}
		}
	}
	world := x.in.NewWorld()
	for i := range records[:end] {
		if world.Apply(&records[i]); i >= sent && !world.Cut(r.Actor, r.Peer, since) && !world.Frozen(r.Peer) {
			return records[i].At
		}
	}
	return index.Forever
}

// watchOf returns the watch of a kube-apiserver of a number; nil if the history does not tell
// of its opening.
func (x *Explainer) watchOf(id int64) *index.Watching {
	if i := slices.IndexFunc(x.in.Watches.Kube, func(w *index.Watching) bool { return x.in.Records[w.Open].ID == id }); i >= 0 {
		return x.in.Watches.Kube[i]
	}
	return nil
}

// ofStillShown explains why an entry stays as an agent saw it in CRDs, by a record: its namespace has been hidden from other
// clusters, and the agent still reads CRDs, which say it as before.
func (x *Explainer) ofStillShown(seen int) *property.Cause {
	r := &x.in.Records[seen]
	namespace := schema.NamespaceIn(r.Value)
	if r.Verb != history.See || r.Source != string(mode.FromAPIServer) || namespace == "" {
		return nil
	}
	reading := x.readingAt(r.Actor, x.all()-1)
	if reading < 0 || !strings.HasPrefix(x.in.Records[reading].Value, string(mode.FromAPIServer)) {
		return nil
	}
	hidden := x.in.Last(0, x.all(), func(w *history.Record) bool {
		return w.Verb == history.Write && w.Kind == "Namespace" && w.Key == namespace
	})
	if hidden < 0 || !object.Hides(&x.in.Records[hidden]) || !x.saidByCRDs(r) {
		return nil
	}
	facts := property.Facts{Agent: r.Actor, Kind: r.Kind, Key: r.Key, At: r.At, Since: x.in.Records[hidden].At, Note: namespace + " was hidden from other clusters"}
	if x.in.Records[hidden].Op == "delete" {
		facts.Note = namespace + " was deleted"
	}
	return property.ByMechanism(CauseShownByCRDs, shownByCRDs, facts, seen, hidden)
}

// saidByCRDs reports whether the objects that agents read say what an agent saw, when the run ends: an identity with its
// labels, or an endpoint with its identity and address.
func (x *Explainer) saidByCRDs(seen *history.Record) bool {
	if seen.Kind == history.Identity {
		last := x.lastWrite(object.IdentityKind, seen.Key)
		if last == nil || last.Op == "delete" {
			return false
		}
		said, err := object.ParseIdentity(last.Value)
		var labels []string
		for name, value := range said.Labels {
			labels = append(labels, name+"="+value)
		}
		slices.Sort(labels)
		return err == nil && strings.Join(labels, ";") == seen.Value
	}
	if seen.Kind != history.Endpoint {
		return false
	}
	_, after, _ := strings.Cut(seen.Value, "pod=")
	pod, _, _ := strings.Cut(after, " ")
	says := func(e object.Endpoint) bool {
		return e.Identity == index.PossessionOf(seen.Value).Identity && slices.Contains(e.IPs, seen.Key)
	}
	sliced, done := false, map[string]bool{}
	for i := x.all() - 1; i >= 0; i-- {
		r := &x.in.Records[i]
		if r.Verb != history.Write || r.Kind != object.SliceKind {
			continue
		}
		sliced = true
		if done[r.Key] {
			continue
		}
		done[r.Key] = true
		is, err := object.ParseSlice(r.Value)
		if err == nil && r.Op != "delete" && slices.ContainsFunc(is.Endpoints, func(e object.Endpoint) bool { return is.Namespace+"/"+e.Name == pod && says(e) }) {
			return true
		}
	}
	last := x.lastWrite(object.EndpointKind, pod)
	if sliced || last == nil || last.Op == "delete" { // agents that read slices read no CiliumEndpoints
		return false
	}
	is, err := object.ParseEndpoint(last.Value)
	return err == nil && says(is)
}

// lastWrite is the last write of an object; nil if there is none.
func (x *Explainer) lastWrite(kind, key string) *history.Record {
	last := x.in.Last(0, x.all(), func(r *history.Record) bool { return r.Verb == history.Write && r.Kind == kind && r.Key == key })
	if last < 0 {
		return nil
	}
	return &x.in.Records[last]
}
