package kube

import (
	"fmt"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/internal/text"
)

// The ways in which a watch is wrong.
var (
	afterEnd = watchRule("end", "", func(f *property.Facts) string {
		return fmt.Sprintf("got %s %s after an error,", f.Shown.Op, f.Shown.Key)
	})
	sentNeverWritten = watchRule("content", "", func(f *property.Facts) string { return fmt.Sprintf("got %s, which was never written,", event(f.Shown)) })
	passedBookmark   = watchRule("bookmark", "passed", func(f *property.Facts) string {
		return fmt.Sprintf("got %s after the bookmark of rv %d,", event(f.Shown), f.Before.RV)
	})
	bookmarkOld = watchRule("bookmark", "old", func(f *property.Facts) string {
		return fmt.Sprintf("got a bookmark of rv %d after rv %d,", f.Shown.RV, f.Before.RV)
	})
	wrongOrder = watchRule("order", "", func(f *property.Facts) string {
		return fmt.Sprintf("got %s after rv %d,", event(f.Shown), f.Before.RV)
	})
	wrongType = watchRule("type", "", func(f *property.Facts) string {
		return fmt.Sprintf("got %s, which was %s,", event(f.Shown), f.Truth.Op)
	})
	initialAgain   = watchRule("initial", "again", func(f *property.Facts) string { return "was told again that its initial state is over," })
	initialDiffers = watchRule("initial", "differs", func(f *property.Facts) string {
		return fmt.Sprintf("began at rv %d with %s %s, which was %s then,", f.Before.RV, f.Shown.Key, versionOr(f.Shown.RV, "missing"), versionOr(f.Truth.RV, "not there"))
	})
	beganOld = watchRule("freshness", "", func(f *property.Facts) string { return fmt.Sprintf("began at rv %d,", f.Shown.RV) })
	gap      = watchRule("gap", "", func(f *property.Facts) string {
		return fmt.Sprintf("lacks the %s of %s at rv %d%s,", f.Truth.Op, f.Truth.Key, f.Truth.RV, text.AndMore(f.Others))
	})
	watchRules = []*property.Rule{afterEnd, sentNeverWritten, passedBookmark, bookmarkOld, wrongOrder, wrongType, initialAgain, initialDiffers, beganOld, gap}
)

// watchRule is the rule of that name, after the family and the way in it, if there are
// several.
func watchRule(family, way string, what func(*property.Facts) string) *property.Rule {
	name := family
	if way != "" {
		name += "-" + way
	}
	return &property.Rule{Family: family, Name: name, Text: func(f *property.Facts) string {
		about := f.Kind
		if f.Key != "" {
			about += " of " + f.Key
		}
		if f.Range != "" {
			about += ", " + f.Range
		}
		return fmt.Sprintf("%s: %s: the watch of %s on %s (asked for %q) %s at %s", f.Server, family, f.Client, about, f.Asked, what(f), text.Seconds(f.At))
	}}
}

// event is an event as it was sent.
func event(v *property.Version) string { return fmt.Sprintf("%s of %s at rv %d", v.Op, v.Key, v.RV) }

// versionOr shows a resourceVersion, or what its absence means.
func versionOr(rv int64, absent string) string {
	if rv == 0 {
		return absent
	}
	return fmt.Sprintf("at rv %d", rv)
}
