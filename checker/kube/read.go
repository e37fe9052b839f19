package kube

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
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

// The ways in which an answer from a watch cache is wrong.
var (
	neverWritten = readRule("read-never-written", func(f *property.Facts) string {
		return fmt.Sprintf("holds %s of rv %d, which was never written,", f.Shown.Key, f.Shown.RV)
	})
	readOld = readRule("read-old", func(f *property.Facts) string {
		return fmt.Sprintf("holds %s of rv %d, which was changed at rv %d,", f.Shown.Key, f.Shown.RV, f.Truth.RV)
	})
	listOld   = readRule("list-old", func(f *property.Facts) string { return fmt.Sprintf("is of rv %d", f.Shown.RV) })
	listHolds = readRule("list-holds", func(f *property.Facts) string {
		return fmt.Sprintf("of rv %d holds %s of rv %d, which was %s then,", f.Before.RV, f.Shown.Key, f.Shown.RV, versionOr(f.Truth.RV, "not there"))
	})
	listLacks = readRule("list-lacks", func(f *property.Facts) string {
		return fmt.Sprintf("of rv %d lacks %s of rv %d", f.Before.RV, f.Truth.Key, f.Truth.RV)
	})
	readRules = []*property.Rule{neverWritten, readOld, listOld, listHolds, listLacks}
)

func readRule(name string, what func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s: the %s of %s by %s (asked for %q) %s at %s", f.Server, f.Shown.Op, f.Kind, f.Client, f.Asked, what(f), text.Seconds(f.At))
	}}
}

// reportRead notes what an answer shows of a key and what was true of it.
func (c *kubeWatchCheck) reportRead(rule *property.Rule, i int, r *history.Record, key string, shown property.Version, truth *property.Version) {
	shown.Op = r.Op
	c.violations = append(c.violations, property.Violation{Rule: rule, Records: []int{i}, Facts: property.Facts{
		Client: r.Peer, Server: r.Actor, Kind: r.Kind, Key: key, At: r.At, Asked: r.Ask, Shown: &shown, Before: &property.Version{RV: r.RV}, Truth: truth}})
}

// get demands that an answer was the object's version at the version asked for or later.
func (c *kubeWatchCheck) get(i int, r *history.Record) {
	k, asked := c.in.KindOf(r.Kind), index.ParseNumber(r.Ask)
	if !notFound(r) {
		made, next := k.At(r.Key, r.RV)
		switch {
		case made == nil || made.RV != r.RV || made.Deleted:
			c.reportRead(neverWritten, i, r, r.Key, property.Version{Key: r.Key, RV: r.RV}, nil)
		case next != nil && next.RV <= asked:
			c.reportRead(readOld, i, r, r.Key, property.Version{Key: r.Key, RV: r.RV}, &property.Version{RV: next.RV})
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
			c.reportRead(listOld, i, r, r.Key, property.Version{RV: r.RV}, nil)
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
			c.reportRead(listHolds, i, r, key, property.Version{Key: key, RV: index.ParseNumber(version)}, &property.Version{RV: was})
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
			c.reportRead(listLacks, i, r, key, property.Version{}, &property.Version{Key: key, RV: was})
			return
		}
	}
}
