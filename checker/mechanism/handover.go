package mechanism

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// An agent with two sources goes over from one to the other: see CauseOneCache,
// CauseStoppedReader, CauseUnread and CauseShownByCRDs.

// ofHandover explains what comes of that an agent has two sources.
func (x *Explainer) ofHandover(v *property.Violation) *property.Cause {
	agent := cmp.Or(v.Agent, v.Client)
	if agent == "" || len(v.Records) == 0 {
		return nil
	}
	if o, ok := x.observationOf(v); ok {
		if cause := x.ofShownByCRDs(o); cause != nil {
			return cause
		}
		if cause := x.ofReading(o.r, o.record); cause != nil {
			return cause
		}
	}
	number := slices.Index(x.in.Views.Agents, agent)
	if number < 0 || !x.reads() {
		return nil
	}
	// Of a view that is wrong when the run ends each entry has a cause.
	return joined(func(yield func(*property.Cause) bool) {
		for _, id := range x.stuck.AllWrong(int32(number)) {
			e := &x.in.Views.Entries[id]
			if v.Kind != "" && v.Kind != e.Kind && v.Kind != history.Endpoint {
				continue
			}
			if !yield(x.ofLastReading(agent, e)) {
				return
			}
		}
	})
}

// ofLastReading explains why an entry is as an agent's view has it when the run ends.
func (x *Explainer) ofLastReading(agent string, e *index.Entry) *property.Cause {
	if !x.reads() {
		return nil
	}
	i := x.lastChangeOf(agent, e)
	if i < 0 {
		return nil
	}
	return cmp.Or(x.ofReading(&x.in.Records[i], i), x.ofConfirmed(e, i), x.ofLostEtcd(e, i), x.ofStillShown(i))
}

// ofLostEtcd explains why an entry stays as an agent learned of it in an etcd, by a record: the agent lost
// that etcd and reads no other, and has listed CRDs, which no longer said so, while both counted.
func (x *Explainer) ofLostEtcd(e *index.Entry, seen int) *property.Cause {
	r := &x.in.Records[seen]
	if r.Verb != history.See || r.Source == string(mode.FromAPIServer) {
		return nil
	}
	lost, listed := -1, -1
	for i := seen + 1; i < x.all(); i++ {
		switch next := &x.in.Records[i]; {
		case next.Actor != r.Actor:
		case next.Verb == history.Up:
			return nil
		case next.Verb == history.Connect, next.Verb == history.Reading && next.Op == history.GoesOver:
			lost, listed = -1, -1
		case next.Verb == history.Disconnect:
			lost = i
		case next.Verb == history.Reading && next.Op == history.Listed && lost >= 0 && strings.Contains(next.Value, ","):
			listed = i
		}
	}
	if listed < 0 || slices.Contains(x.claimed(e, listed), r.Value) {
		return nil
	}
	facts := property.Facts{Agent: r.Actor, Server: r.Peer, Kind: r.Kind, Key: r.Key, At: x.in.Records[listed].At, Since: x.in.Records[lost].At}
	return property.ByMechanism(CauseLostEtcd, keptOfLost, facts, seen, lost, listed)
}

// claimed are the contents with which objects claim an entry at a record.
func (x *Explainer) claimed(e *index.Entry, at int) (contents []string) {
	of := map[string]string{} // by owner
	for _, i := range e.Truths {
		switch r := &x.in.Records[i]; {
		case int(i) > at:
		case r.Op == "put":
			of[r.Owner] = r.Value
		default:
			delete(of, r.Owner)
		}
	}
	return slices.Collect(maps.Values(of))
}

// ofConfirmed explains why an entry stays as an agent learned of it in its etcd, by a record: it
// read CRDs later, which said the same, and ceased to.
func (x *Explainer) ofConfirmed(e *index.Entry, seen int) *property.Cause {
	r := &x.in.Records[seen]
	if r.Verb != history.See || r.Source == string(mode.FromAPIServer) || r.Kind == history.Identity {
		return nil
	}
	fell := seen
	for i := seen + 1; i < x.all(); i++ {
		switch next := &x.in.Records[i]; {
		case next.Actor != r.Actor:
		case next.Verb == history.Up:
			return nil
		case next.Verb == history.Reading && next.Op == history.FallBack:
			fell = i
		case next.Verb == history.Reading && next.Op == history.GoesOver && !x.counted(i):
			if told := x.toldOf(e, r, fell, i); told >= 0 {
				facts := property.Facts{Agent: r.Actor, Kind: r.Kind, Key: r.Key, At: x.in.Records[told].At, Since: next.At}
				return property.ByMechanism(CauseStoppedReader, confirmed, facts, seen, told, i)
			}
		}
	}
	return nil
}

// toldOf returns the last record between two by which a kube-apiserver told an agent of an object that
// claims an entry, at that resourceVersion, with the content that the agent had seen, or -1.
func (x *Explainer) toldOf(e *index.Entry, seen *history.Record, from, to int) int {
	return x.in.Last(from, to, func(r *history.Record) bool {
		if r.Verb != history.Event || r.Store != "" || r.Peer != seen.Actor {
			return false
		}
		for change := range strings.FieldsSeq(r.Value) {
			parts := strings.Split(change, ":")
			if len(parts) != 3 || parts[0] == "DELETED" {
				continue
			}
			rv, _ := strconv.ParseInt(parts[2], 10, 64)
			if slices.Contains(x.claims(e, r.Kind+"/"+parts[1], rv), seen.Value) {
				return true
			}
		}
		return false
	})
}

// claims are the contents with which an object claims an entry at a resourceVersion: a slice may have
// an address twice.
func (x *Explainer) claims(e *index.Entry, object string, rv int64) []string {
	of := map[string]string{} // by owner
	for _, i := range e.Truths {
		switch r := &x.in.Records[i]; {
		case r.RV > rv || objectOf(r) != object:
		case r.Op == "put":
			of[r.Owner] = r.Value
		default:
			delete(of, r.Owner)
		}
	}
	return slices.Collect(maps.Values(of))
}

// ofShownByCRDs explains what an agent saw in CRDs that a replica would have hidden from it: its namespace is not for
// other clusters, for which the writer of a replica takes all its readers. Where it dropped that, another owner of
// the address had lost its place to it.
func (x *Explainer) ofShownByCRDs(o observation) *property.Cause {
	seen := o.record
	if o.isLoss() {
		seen = o.before()
	}
	if seen < 0 || x.readsKube() || o.r.Source != string(mode.FromAPIServer) || x.in.Records[seen].Source != o.r.Source {
		return nil
	}
	shown := &x.in.Records[seen]
	namespace := schema.NamespaceIn(shown.Value)
	if namespace == "" {
		return nil
	}
	written := x.in.Last(0, seen, func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == "Namespace" && r.Key == namespace
	})
	if written < 0 || !object.Hides(&x.in.Records[written]) {
		return nil
	}
	facts := o.facts()
	facts.At, facts.Since, facts.Note = shown.At, x.in.Records[written].At, namespace+" was hidden from other clusters"
	if x.in.Records[written].Op == "delete" {
		facts.Note = namespace + " was deleted"
	}
	return property.ByMechanism(CauseShownByCRDs, shownByCRDs, facts, written, seen)
}

// lastChangeOf returns the record by which an entry last changed in an agent's view, or -1.
func (x *Explainer) lastChangeOf(agent string, e *index.Entry) int {
	for i := x.all() - 1; i >= 0; i-- {
		r := &x.in.Records[i]
		if r.Actor == agent && r.Kind == e.Kind && r.Key == e.Key && (r.Verb == history.See || r.Verb == history.Drop) {
			return i
		}
	}
	return -1
}

// readingAt returns the last record by which the sources of an agent changed, by a record, or
// -1.
func (x *Explainer) readingAt(agent string, at int) int {
	for i := at; i >= 0; i-- {
		switch r := &x.in.Records[i]; {
		case r.Actor != agent:
		case r.Verb == history.Reading:
			return i
		case r.Verb == history.Up:
			return -1
		}
	}
	return -1
}

// ofReading explains a change of a view, in a record, by what its agent read then.
func (x *Explainer) ofReading(r *history.Record, record int) *property.Cause {
	then := x.readingAt(r.Actor, record)
	if then < 0 {
		return nil
	}
	reading := &x.in.Records[then]
	facts := property.Facts{Agent: r.Actor, Server: r.Peer, Kind: r.Kind, Key: r.Key, At: r.At, Since: reading.At}
	crd, lost := r.Source == string(mode.FromAPIServer), r.Verb == history.Drop || r.Verb == history.Unprogram
	switch {
	case crd && lost && r.Op == history.GivenUp && reading.Op == history.GoesOver:
		return property.ByMechanism(CauseOneCache, drainedWithReader, facts, then, record)
	case crd && lost && r.Op == history.GivenUp && x.endsWith(r, record) >= 0:
		return property.ByMechanism(CauseOneCache, drainedAtEnd, facts, record, x.endsWith(r, record))
	case !crd && reading.Op == history.Reaches && strings.HasPrefix(reading.Value, string(mode.FromAPIServer)):
		return property.ByMechanism(CauseUnread, filledUnread, facts, then, record)
	case !crd && lost && reading.Op == history.GoesOver && reading.At == r.At:
		return x.ofResumed(r, record, then)
	case crd && !lost:
		over := x.in.First(record, x.all(), func(later *history.Record) bool {
			return later.Actor == r.Actor && later.Verb == history.Reading && later.Op == history.GoesOver
		})
		if over < 0 || x.counted(over) {
			return nil
		}
		facts.Since = x.in.Records[over].At
		return property.ByMechanism(CauseStoppedReader, leftBehind, facts, record, over)
	}
	return nil
}

// endsWith is the end of the agent of a record, if it is at the same instant; -1 else.
func (x *Explainer) endsWith(r *history.Record, record int) int {
	return x.in.First(record, x.in.By(r.At), func(end *history.Record) bool {
		return end.Actor == r.Actor && end.Verb == history.Down && end.Kind == "agent"
	})
}

// ofResumed explains what an agent loses as it goes over, by a record, to an etcd that has it: it was connected with
// that before, and the watch that goes on from there has not told of it yet.
func (x *Explainer) ofResumed(r *history.Record, record, over int) *property.Cause {
	own := func(verb history.Verb) func(*history.Record) bool {
		return func(o *history.Record) bool { return o.Verb == verb && o.Actor == r.Actor && o.Store == r.Store }
	}
	connected := x.in.Last(0, over, own(history.Connect))
	left := x.in.Last(0, max(connected, 0), own(history.Disconnect))
	if left < 0 {
		return nil
	}
	put := x.in.Last(left, record, func(p *history.Record) bool {
		return p.Verb == history.Put && p.Store == r.Store && p.Kind == r.Kind && schema.NameIn(p.Key) == r.Key
	})
	told := x.in.First(record, x.in.By(r.At+burst), func(o *history.Record) bool {
		return own(history.See)(o) && o.Kind == r.Kind && o.Key == r.Key && o.Op == "watch"
	})
	if put < 0 || told < 0 {
		return nil
	}
	return property.ByMechanism(CauseStale, notToldYet, property.Facts{Agent: r.Actor, Server: r.Peer, Kind: r.Kind, Key: r.Key, At: r.At,
		Since: x.in.Records[put].At, Until: x.in.Records[told].At}, put, connected, over, told)
}

// counted reports whether a source that an agent ceased to read ceased to count one by one:
// then nothing of it is left.
func (x *Explainer) counted(over int) bool {
	before := x.readingAt(x.in.Records[over].Actor, over-1)
	return before < 0 || x.in.Records[before].Value == string(mode.FromAPIServer)
}

var (
	drainedWithReader = &property.Rule{Name: "drained", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s went over to its etcd at %s and ceased to read CRDs: with their reader went identity %s, which both had told one cache", f.Agent, text.Seconds(f.Since), f.Key)
	}}
	drainedAtEnd = &property.Rule{Name: "drained-at-end", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s was stopped at %s while it read CRDs: with their reader went identity %s from the cache that its etcd's reader has, too", f.Agent, text.Seconds(f.At), f.Key)
	}}
	leftBehind = &property.Rule{Name: "left", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s saw %s %s at %s in CRDs, of which it ceased to read at %s: it stays as that reader had told it, since no source of lower precedence may change or delete it", f.Agent, f.Kind, f.Key, text.Seconds(f.At), text.Seconds(f.Since))
	}}
	confirmed = &property.Rule{Name: "confirmed", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s had %s %s from its etcd and was told the same at %s in CRDs, of which it ceased to read at %s: it stays as that reader had told it, since no source of lower precedence may change or delete it", f.Agent, f.Kind, f.Key, text.Seconds(f.At), text.Seconds(f.Since))
	}}
	keptOfLost = &property.Rule{Name: "kept", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s lost the etcd of %s at %s and listed CRDs by %s, which did not say of %s %s what it had from there: nobody withdraws it", f.Agent, f.Server, text.Seconds(f.Since), text.Seconds(f.At), f.Kind, f.Key)
	}}
	shownByCRDs = &property.Rule{Name: "shown", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s saw %s %s at %s in CRDs; its namespace %s at %s, for which no replica has it", f.Agent, f.Kind, f.Key, text.Seconds(f.At), f.Note, text.Seconds(f.Since))
	}}
	notToldYet = &property.Rule{Name: "not-told-yet", Text: func(f *property.Facts) string {
		return fmt.Sprintf("the etcd of %s had %s since %s; %s, which had been connected with it before and went over to it again at %s, was told of it at %s, as its watch went on",
			f.Server, f.Object(), text.Seconds(f.Since), f.Agent, text.Seconds(f.At), text.Seconds(f.Until))
	}}
	filledUnread = &property.Rule{Name: "filled", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s reached an etcd at %s and had not yet read it: %s %s is as the etcd before had said it", f.Agent, text.Seconds(f.Since), f.Kind, f.Key)
	}}
)
