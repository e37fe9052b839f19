package kube

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// read judges a get or a list by kube-watch's rules for what comes from a watch cache:
// not older than asked, and the state of its version. Gets of the most recent version are
// kube-linearizable's alone.
func (c *kubeWatchCheck) read(i int, r *history.Record) {
	switch {
	case r.Op == "list":
		c.reads++
		c.list(i, r)
	case r.Ask != "":
		c.reads++
		c.get(i, r)
	}
}

func (c *kubeWatchCheck) reportRead(i int, r *history.Record, key, format string, args ...any) {
	c.violations = append(c.violations, property.Violation{
		Kind: r.Kind, Key: key, At: r.At, Records: []int{i},
		Sentence: fmt.Sprintf("%s: the %s of %s by %s (asked for %q) %s at %s", r.Actor, r.Op, r.Kind, r.Peer, r.Ask, fmt.Sprintf(format, args...), property.Seconds(r.At)),
	})
}

// get demands that an answer was the object's version at the version asked for or later.
func (c *kubeWatchCheck) get(i int, r *history.Record) {
	k, asked := c.in.KindOf(r.Kind), index.ParseNumber(r.Ask)
	if !notFound(r) {
		made, next := k.At(r.Key, r.RV)
		switch {
		case made == nil || made.RV != r.RV || made.Deleted:
			c.reportRead(i, r, r.Key, "holds %s of rv %d, which was never written,", r.Key, r.RV)
		case next != nil && next.RV <= asked:
			c.reportRead(i, r, r.Key, "holds %s of rv %d, which was changed at rv %d,", r.Key, r.RV, next.RV)
		}
	}
}

// list demands that a list has the version that it asked for, or is no older, and holds
// the objects of that version: all of them, but of a page those from its first to its
// last object, and with selectors some.
func (c *kubeWatchCheck) list(i int, r *history.Record) {
	asked, exact := r.Ask, strings.HasPrefix(r.Ask, "=")
	if asked != "continue" {
		n := index.ParseNumber(property.OrDefault(strings.TrimPrefix(asked, "="), "0"))
		if r.RV < n || exact && r.RV != n {
			c.reportRead(i, r, r.Key, "is of rv %d", r.RV)
			return
		}
	}
	k := c.in.KindOf(r.Kind)
	held := map[string]bool{}
	first, last := "", ""
	for field := range strings.FieldsSeq(r.Value) {
		key, version, _ := index.CutLast(field)
		if first == "" {
			first = key
		}
		last, held[key] = key, true
		if was := k.Version(key, r.RV); was != index.ParseNumber(version) || !index.InNamespace(key, r.Key) {
			c.reportRead(i, r, key, "of rv %d holds %s of rv %s, which was %s then,", r.RV, key, version, versionOr(was, "not there"))
			return
		}
	}
	if r.End != "" || !r.More && asked != "continue" && len(held) == k.Scope(c.in.Records, r.Key).Count(r.RV) {
		return
	}
	if asked != "continue" {
		first = ""
	}
	for _, key := range k.Keys {
		if held[key] || key < first || r.More && key > last || !index.InNamespace(key, r.Key) {
			continue
		}
		if was := k.Version(key, r.RV); was != 0 {
			c.reportRead(i, r, key, "of rv %d lacks %s of rv %d", r.RV, key, was)
			return
		}
	}
}
