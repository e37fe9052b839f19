package mechanism

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/schema"
)

// vouches reports whether a canary says that its store has what an entry has been since a
// state: its writer had first listed the kind when that was there already. Where the
// history has no such list, it does if the canary is younger than the state.
func (x *Explainer) vouches(canary int, e *index.Entry, state int32) bool {
	if int(e.States[state].Record) > canary {
		return false
	}
	rv, known := x.firstList(canary, e.Kind)
	return !known || e.States[state].RV <= rv
}

// firstList is the version of the first complete list of a kind's objects that the writer
// of a canary had got when it put that: what it has to have put by then. It returns false
// if the history has none.
func (x *Explainer) firstList(canary int, kind string) (rv int64, known bool) {
	put := &x.in.Records[canary]
	life, ok := index.ProcessAt(x.in.Processes(put.Actor, "writer"), put.At)
	if !ok {
		return 0, false
	}
	of := schema.KindNamed(kind)
	x.in.First(life.Up, canary, func(r *history.Record) bool {
		if r.Store != "" || r.Peer != put.Actor || r.Key != "" || r.End != "" || r.Err != "" || r.More || !slices.Contains(of.Resources, r.Kind) {
			return false
		}
		if r.Verb == history.Request && r.Op == "list" {
			rv, known = r.RV, true
		} else if _, initial, ok := strings.Cut(r.Value, "INITIAL:"); ok && r.Verb == history.Event {
			version, _, _ := strings.Cut(initial, " ")
			rv, known = index.ParseNumber(version), true
		}
		return known
	})
	return rv, known
}

// untoldNamespace explains why a canary was put before an entry for which it vouches: the
// writer had not been told of the entry's namespace, and what it does not know the
// namespace of it leaves for later. It returns nil if that is not so.
func (x *Explainer) untoldNamespace(canary int, e *index.Entry, content string) *property.Cause {
	put := &x.in.Records[canary]
	life, ok := index.ProcessAt(x.in.Processes(put.Actor, "writer"), put.At)
	namespace := schema.NamespaceIn(content)
	if _, listed := x.firstList(canary, e.Kind); !ok || !listed || namespace == "" || x.tells(life.Up, canary, put.Actor, namespace) >= 0 {
		return nil
	}
	facts := property.Facts{Server: put.Actor, Store: put.Store, Kind: e.Kind, Key: e.Key, At: put.At, Truth: namespaceAt(namespace, 0)}
	records := []int{canary}
	if told := x.tells(canary, x.all(), put.Actor, namespace); told >= 0 {
		facts.Until = x.in.Records[told].At
		records = append(records, told)
	}
	return property.ByMechanism(CauseNamespaces, namespaceUntold, facts, records...)
}

// tells is the first of the records from one to another in which a client is told of a
// namespace; -1 for none.
func (x *Explainer) tells(from, to int, client, namespace string) int {
	return x.in.First(from, to, func(r *history.Record) bool {
		if r.Store != "" || r.Peer != client || r.Kind != "Namespace" || r.Verb != history.Event && !isList(r) {
			return false
		}
		for told := range strings.FieldsSeq(r.Value) {
			if index.ParseKubeEvent(told).Key == namespace || strings.HasPrefix(told, namespace+":") {
				return true
			}
		}
		return false
	})
}

var namespaceUntold = &property.Rule{Name: "namespace-untold", Text: func(f *property.Facts) string {
	told := "never was in this run"
	if f.Until > 0 {
		told = "was at " + text.Seconds(f.Until)
	}
	return fmt.Sprintf("the writer of %s put the canary of %s at %s, although it had not put %s: it had not been told of the namespace %s yet, and %s",
		f.Server, schema.KindNamed(f.Kind).Path, text.Seconds(f.At), f.Object(), f.Truth.Key, told)
}}

// behindNamespaces explains a canary that vouches for what is not there, if the writer had
// not been told of the namespace of any of that.
func (x *Explainer) behindNamespaces(v *property.Violation, canary int) *property.Cause {
	r := &x.in.Records[canary]
	store := x.store(r.Store)
	rv, known := x.firstList(canary, v.Kind)
	if store == nil || !known {
		return nil
	}
	return joined(func(yield func(*property.Cause) bool) {
		for id := range x.in.Views.Entries {
			e := &x.in.Views.Entries[id]
			if e.Kind != v.Kind {
				continue
			}
			listed := e.StateOf(rv)
			if listed == 0 || index.Covers(e.Absent, listed) {
				continue
			}
			if _, gone := e.Earliest(e.Absent, listed, r.At); gone {
				continue
			}
			if key, ok := x.keyOf(store, e); ok {
				if held := store.Before(key, int32(canary)); held != nil && !held.Deleted {
					continue
				}
			}
			if !yield(x.untoldNamespace(canary, e, e.LiveIn(listed)[0])) {
				return
			}
		}
	})
}
