// Package measure says of a history what no property of the checker does, and properties of the model are about: for
// how long replicas disagreed, and for how long a view was what no source had.
package measure

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Disagreement is a time in which two replicas that were ready gave different
// answers about one address.
type Disagreement struct {
	Address  string
	Replicas [2]string
	From, To time.Duration // virtual time; To is that of the last record if it did not end
}

func (d Disagreement) String() string {
	return fmt.Sprintf("%s and %s gave different answers about %s for %.3fs, from %.3fs on",
		d.Replicas[0], d.Replicas[1], d.Address, (d.To - d.From).Seconds(), d.From.Seconds())
}

// LongestDisagreement returns the longest time in which replicas in the endpoints of
// the Service did not agree about an endpoint, by the changes that their etcds
// applied. It reports whether there was one: the first, of those of one length.
func LongestDisagreement(records []history.Record) (longest Disagreement, found bool) {
	for len(records) > 0 && records[len(records)-1].Verb == history.Left { // counted after the end
		records = records[:len(records)-1]
	}
	j := agreement{answers: map[string]*answers{}, open: map[string]Disagreement{}}
	for i := range records {
		j.take(&records[i])
	}
	for _, address := range slices.Sorted(maps.Keys(j.open)) {
		j.close(address, records[len(records)-1].At)
	}
	return j.longest, j.longest.To > j.longest.From
}

// agreement follows what replicas answer.
type agreement struct {
	answers map[string]*answers // by replica
	open    map[string]Disagreement
	longest Disagreement
}

// answers are those of one replica.
type answers struct {
	ready bool
	store string
	keys  map[string]string // by key
}

func (j *agreement) take(r *history.Record) {
	of := j.answers[r.Actor]
	if of == nil {
		of = &answers{keys: map[string]string{}}
		j.answers[r.Actor] = of
	}
	switch {
	case r.Verb == history.Up && r.Kind == "etcd" && r.Store != of.store:
		of.store = r.Store
		gone := slices.Collect(maps.Keys(of.keys))
		clear(of.keys)
		j.compare(gone, r.At)
	case (r.Verb == history.Put || r.Verb == history.Del) && r.Kind == history.Endpoint:
		if r.Verb == history.Put {
			of.keys[r.Key] = r.Value
		} else {
			delete(of.keys, r.Key)
		}
		j.compare([]string{r.Key}, r.At)
	case (r.Verb == history.Ready || r.Verb == history.Unready) && r.Kind == "":
		of.ready = r.Verb == history.Ready
		var all []string
		for _, replica := range j.answers {
			all = slices.AppendSeq(all, maps.Keys(replica.keys))
		}
		j.compare(all, r.At)
	}
}

// compare finds out who disagrees about the keys from now on.
func (j *agreement) compare(keys []string, now time.Duration) {
	for _, key := range keys {
		pair, differ := j.differ(key)
		before, was := j.open[key]
		if was && (!differ || pair != before.Replicas) {
			j.close(key, now)
		}
		if differ && (!was || pair != before.Replicas) {
			j.open[key] = Disagreement{Address: schema.NameIn(key), Replicas: pair, From: now}
		}
	}
}

// differ returns the first two replicas that are ready and differ about a key.
func (j *agreement) differ(key string) (pair [2]string, differ bool) {
	first := ""
	for _, name := range slices.Sorted(maps.Keys(j.answers)) {
		switch of := j.answers[name]; {
		case !of.ready:
		case first == "":
			first = name
		case of.keys[key] != j.answers[first].keys[key]:
			return [2]string{first, name}, true
		}
	}
	return pair, false
}

func (j *agreement) close(key string, now time.Duration) {
	d := j.open[key]
	delete(j.open, key)
	d.To = now
	if d.To-d.From > j.longest.To-j.longest.From {
		j.longest = d
	}
}
