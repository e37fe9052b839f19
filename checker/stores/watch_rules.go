package stores

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/internal/text"
)

// The guarantees that etcd gives for watches, each a family of rules.
const (
	ordered       = "ordered"
	unique        = "unique"
	atomic        = "atomic"
	reliable      = "reliable"
	resumable     = "resumable"
	bookmarkable  = "bookmarkable"
	filtered      = "filtered"
	versioned     = "created or modified"
	previousValue = "previous value"
)

// The ways in which a watch breaks a guarantee: each rule is named after it.
var (
	passedBookmark = watchRule(bookmarkable, "passed", func(f *property.Facts) string {
		return fmt.Sprintf("got %s at rev %d after the progress notification of rev %d,", f.Shown.Value, f.Shown.Rev, f.Before.Rev)
	})
	bookmarkLacks = watchRule(bookmarkable, "lacks", func(f *property.Facts) string {
		return fmt.Sprintf("was told of the progress to rev %d, but lacks %q of rev %d%s,", f.Shown.Rev, f.Truth.Key, f.Truth.Rev, text.AndMore(f.Others))
	})
	notAskedFor = watchRule(filtered, "", func(f *property.Facts) string {
		return fmt.Sprintf("got %s at rev %d, which it had not asked for,", f.Shown.Value, f.Shown.Rev)
	})
	beforeStart = watchRule(resumable, "before-start", func(f *property.Facts) string {
		return fmt.Sprintf("got %s at rev %d, from before its start,", f.Shown.Value, f.Shown.Rev)
	})
	wrongOrder = watchRule(ordered, "", func(f *property.Facts) string {
		return fmt.Sprintf("got %s at rev %d after rev %d,", f.Shown.Value, f.Shown.Rev, f.Before.Rev)
	})
	sentTwice = watchRule(unique, "", func(f *property.Facts) string {
		return fmt.Sprintf("got %s at rev %d twice,", f.Shown.Value, f.Shown.Rev)
	})
	twoAnswers = watchRule(atomic, "two-answers", func(f *property.Facts) string {
		return fmt.Sprintf("got %s at rev %d when the answer with that revision was complete,", f.Shown.Value, f.Shown.Rev)
	})
	neverMade = watchRule(reliable, "never-made", func(f *property.Facts) string {
		return fmt.Sprintf("got %s at rev %d, which the store never made,", f.Shown.Value, f.Shown.Rev)
	})
	wrongVersion = watchRule(versioned, "", func(f *property.Facts) string {
		return fmt.Sprintf("got %s at rev %d as version %d of %s created at rev %d, which was version %d of %s created at rev %d,", f.Shown.Value, f.Shown.Rev,
			f.Shown.Count, f.Shown.Hash, f.Shown.Created, f.Truth.Count, orUnknown(f.Truth.Hash), f.Truth.Created)
	})
	wrongPrevious = watchRule(previousValue, "", func(f *property.Facts) string {
		return fmt.Sprintf("got %s at rev %d with a previous value of rev %d, which was rev %d,", f.Shown.Value, f.Shown.Rev, f.Shown.Prev, f.Truth.Prev)
	})
	atomicLacks    = watchRule(atomic, "lacks", lacksChanges)
	resumableLacks = watchRule(resumable, "lacks", lacksChanges)
	reliableLacks  = watchRule(reliable, "lacks", lacksChanges)
	endedEarly     = watchRule(resumable, "ended", func(f *property.Facts) string {
		return fmt.Sprintf("was ended by the compaction up to rev %d, although it wanted rev %d next,", f.Shown.Rev, f.Truth.Rev)
	})
	watchRules = []*property.Rule{passedBookmark, bookmarkLacks, notAskedFor, beforeStart, wrongOrder, sentTwice, twoAnswers, neverMade, wrongVersion, wrongPrevious,
		atomicLacks, resumableLacks, reliableLacks, endedEarly}
)

func lacksChanges(f *property.Facts) string {
	return fmt.Sprintf("lacks %q of rev %d%s, when it got rev %d,", f.Truth.Key, f.Truth.Rev, text.AndMore(f.Others), f.Shown.Rev)
}

// watchRule is a rule of that guarantee, and of how it is broken if there are several ways.
func watchRule(guarantee, how string, what func(*property.Facts) string) *property.Rule {
	name := strings.ReplaceAll(guarantee, " ", "-")
	if how != "" {
		name += "-" + how
	}
	return &property.Rule{Family: guarantee, Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s: not %s: the watch of %s on %q from rev %s %s at %s", f.Etcd(), guarantee, f.Client, f.Key, f.Asked, what(f), text.Seconds(f.At))
	}}
}
