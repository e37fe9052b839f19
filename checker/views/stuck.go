package views

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// explainStuck returns a violation for each agent that is down or does not have
// the final truth when the run ends, with the keys and, as far as the history
// tells, the reason.
func explainStuck(in *property.Input, stuck []int32, agents []follower, heal, end int) []property.Violation {
	if len(stuck) == 0 {
		return nil
	}
	x := NewExplainer(in, stuck)
	var violations []property.Violation
	for _, id := range stuck {
		name := in.Views.Agents[id]
		v := property.Violation{Agent: name, At: in.Records[end].At, Records: []int{heal}}
		after := property.Seconds(in.Records[end].At - in.Records[heal].At)
		if !agents[id].up {
			v.Sentence = fmt.Sprintf("agent %s was down when the run ended, %s after the heal", name, after)
		} else {
			reason, record := x.reason(id)
			v.Sentence = fmt.Sprintf("agent %s had %s wrong when the run ended, %s after the heal: %s; it was %s",
				name, property.Count(agents[id].wrong, "entry", "entries"), after, x.keys(id), reason)
			if record >= 0 {
				v.Records = append(v.Records, record)
			}
		}
		violations = append(violations, v)
	}
	return violations
}

type Explainer struct {
	in          *property.Input
	held        map[int32]map[int32]index.Event // by agent and entry: the last event of what the view holds
	Connections map[string]int                  // by agent: the last Connect, or the Disconnect after it
	current     map[string]string               // by replica: the store that it started last
	stores      map[string]*index.Store
	wrongIn     map[string][]int32 // by store, once asked for: the entries of which its content is not the truth
}

func NewExplainer(in *property.Input, stuck []int32) Explainer {
	x := Explainer{
		in: in, held: heldViews(in.Views, stuck), Connections: index.LastConnections(in.Records),
		current: map[string]string{}, stores: map[string]*index.Store{}, wrongIn: map[string][]int32{},
	}
	for i := range in.Records {
		if r := &in.Records[i]; r.Verb == history.Up && r.Kind == "etcd" {
			x.current[r.Actor] = r.Store
		}
	}
	for _, s := range in.Stores {
		x.stores[s.Name] = s
	}
	return x
}

// heldViews returns what the views of agents hold at the end.
func heldViews(v *index.Views, agents []int32) map[int32]map[int32]index.Event {
	held := map[int32]map[int32]index.Event{}
	for _, id := range agents {
		held[id] = map[int32]index.Event{}
	}
	for _, ev := range v.Events {
		entries := held[ev.Agent]
		switch {
		case entries == nil || ev.Layer == index.Datapath:
		case ev.What == index.Seen:
			entries[ev.Entry] = ev
		case ev.What == index.Gone:
			delete(entries, ev.Entry)
		default:
			clear(entries)
		}
	}
	return held
}

// Wrong reports whether the agent's view of an entry is not the final truth.
func (x *Explainer) Wrong(agent, id int32) bool {
	e := &x.in.Views.Entries[id]
	ev, ok := x.held[agent][id]
	if !ok {
		return !index.Lasts(e.Absent)
	}
	return !demands(e, ev)
}

// keys lists what is wrong with an agent's view: the first few entries of each
// kind of error, in the order in which they occur in the history, and how many
// there are.
func (x *Explainer) keys(agent int32) string {
	const most = 3
	type list struct {
		names []string
		total int
	}
	var missing, extra, different list
	for id := range x.in.Views.Entries {
		if !x.Wrong(agent, int32(id)) {
			continue
		}
		e := &x.in.Views.Entries[id]
		to := &different
		if _, ok := x.held[agent][int32(id)]; !ok {
			to = &missing
		} else if index.Lasts(e.Absent) {
			to = &extra
		}
		if to.total++; to.total <= most {
			to.names = append(to.names, e.Kind+" "+e.Key)
		}
	}
	var parts []string
	for _, l := range []struct {
		what string
		list
	}{{"missing", missing}, {"too many", extra}, {"different", different}} {
		if l.total > 0 {
			parts = append(parts, l.what+" "+property.Few(l.names, l.total))
		}
	}
	return strings.Join(parts, "; ")
}

// reason says whose fault it is that an agent is stuck, and by which record.
func (x *Explainer) reason(agent int32) (reason string, record int) {
	records := x.in.Records
	i, ok := x.Connections[x.in.Views.Agents[agent]]
	if !ok {
		return "not connected: it never was since its start", -1
	}
	c := &records[i]
	if c.Verb == history.Disconnect {
		return fmt.Sprintf("not connected since %s (%s)", property.Seconds(c.At), property.OrDefault(c.Value, "no reason given")), i
	}
	to := fmt.Sprintf("connected with %s (store %s) since %s, ", c.Peer, c.Store, property.Seconds(c.At))
	s, current := x.stores[c.Store], x.current[c.Peer]
	switch {
	case current != "" && current != c.Store:
		return to + "which is gone: the store is now " + current, i
	case s == nil:
		return to + "of which the history tells nothing", i
	}
	return to + x.whoIsBehind(agent, x.WrongEntries(s)), i
}

// whoIsBehind compares what is wrong in an agent's view with what is wrong in the
// store that it reads, given in order.
func (x *Explainer) whoIsBehind(agent int32, wrongInStore []int32) string {
	all, both := 0, 0
	for id := range x.in.Views.Entries {
		if x.Wrong(agent, int32(id)) {
			all++
			if _, found := slices.BinarySearch(wrongInStore, int32(id)); found {
				both++
			}
		}
	}
	switch both {
	case 0:
		return "which has the truth of all of them: the agent is behind"
	case all:
		return "which has none of them right either: the replica's writer is behind"
	}
	return fmt.Sprintf("which has %s of them wrong too: there the replica's writer is behind, in the others the agent", property.Thousands(both))
}

// WrongEntries returns the entries, in order, of which a store's content at the
// end is not the final truth.
func (x *Explainer) WrongEntries(s *index.Store) []int32 {
	if wrong, ok := x.wrongIn[s.Name]; ok {
		return wrong
	}
	contents := map[index.EntryKey]string{}
	for _, key := range s.Keys {
		if versions := s.Versions[key]; len(versions) > 0 {
			if last := versions[len(versions)-1]; !last.Deleted {
				r := &x.in.Records[last.Record]
				contents[index.EntryKey{Kind: r.Kind, Key: index.EntryOf(key)}] = r.Value
			}
		}
	}
	wrong := []int32{}
	for id := range x.in.Views.Entries {
		e := &x.in.Views.Entries[id]
		value, held := contents[index.EntryKey{Kind: e.Kind, Key: e.Key}]
		right := !held && index.Lasts(e.Absent)
		for _, c := range e.Claims {
			right = right || held && c.Value == value && index.Lasts(c.Live)
		}
		if !right {
			wrong = append(wrong, int32(id))
		}
	}
	x.wrongIn[s.Name] = wrong
	return wrong
}
