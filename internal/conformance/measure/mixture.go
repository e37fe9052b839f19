package measure

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Mixture is a time in which an agent's view of endpoints was nothing that the objects, or an etcd, had said by then
// at any one instant.
type Mixture struct {
	Agent    string
	View     string        // what it was
	From, To time.Duration // virtual time; To is that of the last record if it did not end
}

func (m Mixture) String() string {
	return fmt.Sprintf("%s had %s for %.3fs, from %.3fs on, and neither CRDs nor an etcd had ever had all of that", m.Agent, m.View, (m.To - m.From).Seconds(), m.From.Seconds())
}

// lasts is how long a view has to last to be one: a list is taken over entry by entry.
const lasts = time.Second

// endpoints are contents by address.
type endpoints map[string]string

// said is all of it as one text.
func (e endpoints) said() string {
	var words []string
	for _, address := range slices.Sorted(maps.Keys(e)) {
		words = append(words, address+" as <"+e[address]+">")
	}
	return strings.Join(words, " and ")
}

// LongestMixture returns the longest mixture that lasted. It reports whether there was one: the first, of those of one
// length.
func LongestMixture(records []history.Record) (longest Mixture, found bool) {
	m := mixtures{had: map[string]bool{"": true}, sources: map[string]endpoints{}, views: map[string]endpoints{}, open: map[string]Mixture{}}
	for i := range records {
		m.take(&records[i])
	}
	for _, agent := range slices.Sorted(maps.Keys(m.open)) {
		m.close(agent, records[len(records)-1].At)
	}
	return m.longest, m.longest.To > m.longest.From
}

// mixtures follows what sources say and views show.
type mixtures struct {
	had     map[string]bool      // all that the objects or an etcd have said by now, each at an instant
	sources map[string]endpoints // by store; "" for the objects
	views   map[string]endpoints // by agent
	open    map[string]Mixture   // by agent
	longest Mixture
}

func (m *mixtures) take(r *history.Record) {
	switch {
	case r.Verb == history.Up && r.Kind == "agent":
		delete(m.views, r.Actor)
		m.close(r.Actor, r.At)
	case r.Kind != history.Endpoint:
	case r.Verb == history.Truth:
		m.had[apply(m.sources, "", r, r.Op == "put")] = true
	case r.Verb == history.Put || r.Verb == history.Del:
		m.had[apply(m.sources, r.Store, r, r.Verb == history.Put)] = true
	case r.Verb == history.See || r.Verb == history.Drop:
		shows := apply(m.views, r.Actor, r, r.Verb == history.See)
		if m.close(r.Actor, r.At); !m.had[shows] {
			m.open[r.Actor] = Mixture{Agent: r.Actor, View: shows, From: r.At}
		}
	}
}

// apply makes an endpoint of somebody's what a record says, and returns what that leaves.
func apply(all map[string]endpoints, of string, r *history.Record, puts bool) string {
	if all[of] == nil {
		all[of] = endpoints{}
	}
	if puts {
		all[of][schema.NameIn(r.Key)] = r.Value
	} else {
		delete(all[of], schema.NameIn(r.Key))
	}
	return all[of].said()
}

func (m *mixtures) close(agent string, now time.Duration) {
	was, is := m.open[agent]
	delete(m.open, agent)
	was.To = now
	if is && was.To-was.From >= lasts && was.To-was.From > m.longest.To-m.longest.From {
		m.longest = was
	}
}
