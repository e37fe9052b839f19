// Package rest has the properties of what agents hold once nothing changes any more.
package rest

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/schema"
)

var SingleSource = property.Property{
	Name:    "single-source",
	Promise: "At rest, which is when no store and no view has changed for a while at the run's end, the view of each agent that is connected equals, kind by kind, exactly what its one store holds; of Services, which no etcd holds, agents have another source in every mode.",
	Why:     "raised against the proposal: two sources are never aligned at one instant; keep a single source of truth",
	RestsOn: []string{"revision-origin", "convergence"},
	Rules:   []*property.Rule{differsFromStore},
	Check:   checkSingleSource,
}

// atRest is for how long nothing must have changed: longer than a change takes
// from a store to a view that is connected with it.
const atRest = 10 * time.Second

func checkSingleSource(in *property.Input) property.Result {
	if unrest := unrest(in); unrest != "" {
		return property.Undecided(unrest)
	}
	var violations []property.Violation
	end, connections := index.EndOf(in.Views), index.LastConnections(in.Records)
	compared, agents := 0, 0
	for agent, name := range in.Views.Agents {
		i, ok := connections[name]
		if !ok || !end.Up[agent] || in.Records[i].Verb == history.Disconnect {
			continue
		}
		agents++
		compared += compareWithStore(in, int32(agent), end, i, &violations)
	}
	if agents == 0 {
		return property.Undecided("no agent was connected when the run ended")
	}
	return property.Judged(fmt.Sprintf("%s of %s compared with the stores that they read", text.Count(compared, "entry"), text.Count(agents, "agent")), violations)
}

// unrest says what changed too short a time before the run's end for it to be at rest; nothing
// if it was.
func unrest(in *property.Input) string {
	last := lastChange(in.Records)
	if last < 0 {
		return ""
	}
	r := &in.Records[last]
	if quiet := in.Records[len(in.Records)-1].At - r.At; quiet < atRest {
		return fmt.Sprintf("the run was not at rest: %s %s %s of %s changed %s before its end", r.Verb, r.Kind, r.Key, r.Actor, text.Seconds(quiet))
	}
	return ""
}

// lastChange returns the last record of a change of a view or of what a store
// holds for views, or -1.
func lastChange(records []history.Record) int {
	for i := len(records) - 1; i >= 0; i-- {
		switch r := &records[i]; r.Verb {
		case history.See, history.Drop, history.Connect, history.Disconnect:
			return i
		case history.Put, history.Del:
			if r.Kind != history.Meta {
				return i
			}
		}
	}
	return -1
}

// compareWithStore compares an agent's view with the store of the connection in a
// record. It adds a violation for each kind that differs, and returns how many
// entries either has.
func compareWithStore(in *property.Input, agent int32, end *index.Ending, connection int, violations *[]property.Violation) int {
	v := in.Views
	c := &in.Records[connection]
	keyOf := func(put int32) index.EntryKey {
		return index.EntryKey{Kind: in.Records[put].Kind, Key: schema.NameIn(in.Records[put].Key)}
	}
	puts, holds := in.Store(c.Store).Holds(in.Records), map[index.EntryKey]int32{}
	for _, put := range puts {
		holds[keyOf(put)] = put
	}
	compared := 0
	const most = 3
	byKind := map[string]*property.Violation{}
	var kinds []string
	differs := func(e index.EntryKey, record int32, d property.Difference) {
		found := byKind[e.Kind]
		if found == nil {
			found = storeDiffers(in, agent, e, connection, int(record))
			byKind[e.Kind] = found
			kinds = append(kinds, e.Kind)
		}
		d.Kind, d.Key = e.Kind, e.Key
		found.Differ(d, most, nil)
	}
	seenIn := map[index.EntryKey]bool{}
	for id := range v.Entries {
		e := &v.Entries[id]
		if schema.OfServices(e.Kind) {
			continue
		}
		key := index.EntryKey{Kind: e.Kind, Key: e.Key}
		shown := end.Of(v, agent, index.View, int32(id))
		stored, held := holds[key]
		seenIn[key] = shown.Shown
		if !shown.Shown {
			continue
		}
		compared++
		if !held {
			differs(key, shown.Record, property.Difference{How: property.Extra, Shown: property.VersionOf(&in.Records[shown.Record])})
		} else if in.Records[stored].Value != in.Records[shown.Record].Value {
			differs(key, shown.Record, property.Difference{
				How: property.Different, Shown: property.VersionOf(&in.Records[shown.Record]), Truth: &property.Version{Value: in.Records[stored].Value, At: in.Records[stored].At}})
		}
	}
	for _, put := range puts {
		if key := keyOf(put); !seenIn[key] {
			compared++
			stored := &in.Records[holds[key]]
			differs(key, holds[key], property.Difference{How: property.Missing, Truth: &property.Version{Value: stored.Value, At: stored.At}})
		}
	}
	for _, kind := range kinds {
		*violations = append(*violations, *byKind[kind])
	}
	return compared
}

var differsFromStore = &property.Rule{Name: "differs", Text: func(f *property.Facts) string {
	var texts []string
	for _, d := range f.Differences {
		switch d.How {
		case property.Extra:
			texts = append(texts, fmt.Sprintf("it has %s, which the store has not", d.Key))
		case property.Different:
			texts = append(texts, fmt.Sprintf("it has %s as %s and the store as %s", d.Key, property.Content(d.Shown.Value), property.Content(d.Truth.Value)))
		default:
			texts = append(texts, "it lacks "+d.Key)
		}
	}
	return fmt.Sprintf("agent %s, connected with %s (store %s) since %s, differed from that store in %s of the kind %s at rest: %s",
		f.Agent, f.Server, f.Store, text.Seconds(f.Since), text.Count(f.Differs(), "entry"), f.Kind, text.Few(texts, f.Differs()))
}}

// storeDiffers is the violation by a view that differs from the store of a connection,
// first in an entry that a record shows.
func storeDiffers(in *property.Input, agent int32, e index.EntryKey, connection, record int) *property.Violation {
	c, last := &in.Records[connection], len(in.Records)-1
	records := []int{connection, record}
	slices.Sort(records)
	return &property.Violation{Rule: differsFromStore, Records: records, Facts: property.Facts{
		Agent: in.Views.Agents[agent], Layer: property.View, Server: c.Peer, Store: c.Store, Since: c.At, Kind: e.Kind, Key: e.Key, At: in.Records[last].At}}
}
