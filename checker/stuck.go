package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// explainStuck returns a violation for each agent that is down or does not have
// the final truth when the run ends, with the keys and, as far as the history
// tells, the reason.
func explainStuck(in *input, stuck []int32, agents []follower, heal, end int) []Violation {
	if len(stuck) == 0 {
		return nil
	}
	x := newExplainer(in, stuck)
	var violations []Violation
	for _, id := range stuck {
		name := in.views.agents[id]
		v := Violation{Agent: name, At: in.records[end].At, Records: []int{heal}}
		after := seconds(in.records[end].At - in.records[heal].At)
		if !agents[id].up {
			v.Sentence = fmt.Sprintf("agent %s was down when the run ended, %s after the heal", name, after)
		} else {
			reason, record := x.reason(id)
			v.Sentence = fmt.Sprintf("agent %s had %s wrong when the run ended, %s after the heal: %s; it was %s",
				name, count(agents[id].wrong, "entry", "entries"), after, x.keys(id), reason)
			if record >= 0 {
				v.Records = append(v.Records, record)
			}
		}
		violations = append(violations, v)
	}
	return violations
}

type explainer struct {
	in          *input
	held        map[int32]map[int32]event // by agent and entry: the last event of what the view holds
	connections map[string]int            // by agent: the last Connect, or the Disconnect after it
	current     map[string]string         // by replica: the store that it started last
	stores      map[string]*etcd
	wrongIn     map[string][]int32 // by store, once asked for: the entries of which its content is not the truth
}

func newExplainer(in *input, stuck []int32) explainer {
	x := explainer{
		in: in, held: heldViews(in.views, stuck), connections: lastConnections(in.records),
		current: map[string]string{}, stores: map[string]*etcd{}, wrongIn: map[string][]int32{},
	}
	for i := range in.records {
		if r := &in.records[i]; r.Verb == history.Up && r.Kind == "etcd" {
			x.current[r.Actor] = r.Store
		}
	}
	for _, s := range in.etcds {
		x.stores[s.store] = s
	}
	return x
}

// heldViews returns what the views of agents hold at the end.
func heldViews(v *views, agents []int32) map[int32]map[int32]event {
	held := map[int32]map[int32]event{}
	for _, id := range agents {
		held[id] = map[int32]event{}
	}
	for _, ev := range v.events {
		entries := held[ev.agent]
		switch {
		case entries == nil || ev.layer == datapath:
		case ev.what == seen:
			entries[ev.entry] = ev
		case ev.what == gone:
			delete(entries, ev.entry)
		default:
			clear(entries)
		}
	}
	return held
}

func lastConnections(records []history.Record) map[string]int {
	last := map[string]int{}
	for i := range records {
		switch r := &records[i]; r.Verb {
		case history.Connect, history.Disconnect:
			last[r.Actor] = i
		case history.Up, history.Down:
			if r.Kind == "agent" {
				delete(last, r.Actor)
			}
		}
	}
	return last
}

// wrong reports whether the agent's view of an entry is not the final truth.
func (x *explainer) wrong(agent, id int32) bool {
	e := &x.in.views.entries[id]
	ev, ok := x.held[agent][id]
	if !ok {
		return !lasts(e.absent)
	}
	return !e.demands(ev)
}

// keys lists what is wrong with an agent's view: the first few entries of each
// kind of error, in the order in which they occur in the history, and how many
// there are.
func (x *explainer) keys(agent int32) string {
	const most = 3
	type list struct {
		names []string
		total int
	}
	var missing, extra, different list
	for id := range x.in.views.entries {
		if !x.wrong(agent, int32(id)) {
			continue
		}
		e := &x.in.views.entries[id]
		to := &different
		if _, ok := x.held[agent][int32(id)]; !ok {
			to = &missing
		} else if lasts(e.absent) {
			to = &extra
		}
		if to.total++; to.total <= most {
			to.names = append(to.names, e.kind+" "+e.key)
		}
	}
	var parts []string
	for _, l := range []struct {
		what string
		list
	}{{"missing", missing}, {"too many", extra}, {"different", different}} {
		if l.total > 0 {
			parts = append(parts, l.what+" "+few(l.names, l.total))
		}
	}
	return strings.Join(parts, "; ")
}

// reason says whose fault it is that an agent is stuck, and by which record.
func (x *explainer) reason(agent int32) (reason string, record int) {
	records := x.in.records
	i, ok := x.connections[x.in.views.agents[agent]]
	if !ok {
		return "not connected: it never was since its start", -1
	}
	c := &records[i]
	if c.Verb == history.Disconnect {
		return fmt.Sprintf("not connected since %s (%s)", seconds(c.At), orDefault(c.Value, "no reason given")), i
	}
	to := fmt.Sprintf("connected with %s (store %s) since %s, ", c.Peer, c.Store, seconds(c.At))
	s, current := x.stores[c.Store], x.current[c.Peer]
	switch {
	case current != "" && current != c.Store:
		return to + "which is gone: the store is now " + current, i
	case s == nil:
		return to + "of which the history tells nothing", i
	}
	return to + x.whoIsBehind(agent, x.wrongEntries(s)), i
}

// whoIsBehind compares what is wrong in an agent's view with what is wrong in the
// store that it reads, given in order.
func (x *explainer) whoIsBehind(agent int32, wrongInStore []int32) string {
	all, both := 0, 0
	for id := range x.in.views.entries {
		if x.wrong(agent, int32(id)) {
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
	return fmt.Sprintf("which has %s of them wrong too: there the replica's writer is behind, in the others the agent", thousands(both))
}

type entryKey struct{ kind, key string }

// wrongEntries returns the entries, in order, of which a store's content at the
// end is not the final truth.
func (x *explainer) wrongEntries(s *etcd) []int32 {
	if wrong, ok := x.wrongIn[s.store]; ok {
		return wrong
	}
	contents := map[entryKey]string{}
	for _, key := range s.keys {
		if versions := s.versions[key]; len(versions) > 0 {
			if last := versions[len(versions)-1]; !last.deleted {
				r := &x.in.records[last.record]
				contents[entryKey{r.Kind, entryOf(key)}] = r.Value
			}
		}
	}
	wrong := []int32{}
	for id := range x.in.views.entries {
		e := &x.in.views.entries[id]
		value, held := contents[entryKey{e.kind, e.key}]
		right := !held && lasts(e.absent)
		for _, c := range e.claims {
			right = right || held && c.value == value && lasts(c.live)
		}
		if !right {
			wrong = append(wrong, int32(id))
		}
	}
	x.wrongIn[s.store] = wrong
	return wrong
}

// entryOf is the entry's key in a key of an etcd: what follows the last slash.
func entryOf(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }
