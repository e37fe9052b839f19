package views

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

// stuckRules say what kept an agent from the final truth.
var stuckRules = []*property.Rule{agentDown, readsKube, neverConnected, disconnected, storeGone, storeUnknown, agentBehind, writerBehind, bothBehind}

var (
	agentDown = &property.Rule{Name: "agent-down", Text: func(f *property.Facts) string {
		return fmt.Sprintf("agent %s was down when the run ended, %s after the heal", f.Agent, text.Seconds(f.After))
	}}
	readsKube      = stuck("reads-kube", func(*property.Facts) string { return "reading the kube-apiserver itself" })
	neverConnected = stuck("never-connected", func(f *property.Facts) string { return "not connected: it never was since its start" })
	disconnected   = stuck("disconnected", func(f *property.Facts) string {
		return fmt.Sprintf("not connected since %s (%s)", text.Seconds(f.Since), property.OrDefault(f.Note, "no reason given"))
	})
	storeGone    = stuckWith("store-gone", func(f *property.Facts) string { return "which is gone: the store is now " + f.Truth.Store })
	storeUnknown = stuckWith("store-unknown", func(f *property.Facts) string { return "of which the history tells nothing" })
	agentBehind  = stuckWith("agent-behind", func(f *property.Facts) string { return "which has the truth of all of them: the agent is behind" })
	writerBehind = stuckWith("writer-behind", func(f *property.Facts) string {
		return "which has none of them right either: the replica's writer is behind"
	})
	bothBehind = stuckWith("both-behind", func(f *property.Facts) string {
		return fmt.Sprintf("which has %s of them wrong too: there the replica's writer is behind, in the others the agent", text.Thousands(f.Counts[wrongInStore]))
	})
)

// wrongInStore counts, of the entries that an agent has wrong, those that its store has
// wrong too.
const wrongInStore = "wrong in the store too"

// stuck is the rule of an agent that has entries wrong at the end, and why.
func stuck(name string, why func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("agent %s had %s wrong when the run ended, %s after the heal: %s; it was %s",
			f.Agent, text.Count(f.Differs(), "entry"), text.Seconds(f.After), wrongKeys(f), why(f))
	}}
}

// stuckWith is the rule of one that is connected with a store.
func stuckWith(name string, why func(*property.Facts) string) *property.Rule {
	return stuck(name, func(f *property.Facts) string {
		return fmt.Sprintf("connected with %s (store %s) since %s, %s", f.Server, f.Store, text.Seconds(f.Since), why(f))
	})
}

// wrongKeys lists entries that are wrong, the first few of each way.
func wrongKeys(f *property.Facts) string {
	var parts []string
	for _, way := range []struct{ how, says string }{{property.Missing, "missing"}, {property.Extra, "too many"}, {property.Different, "different"}} {
		var names []string
		for _, d := range f.Differences {
			if d.How == way.how {
				names = append(names, d.Kind+" "+d.Key)
			}
		}
		if len(names) > 0 {
			parts = append(parts, way.says+" "+text.Few(names, f.Counts[way.how]))
		}
	}
	return strings.Join(parts, "; ")
}

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
		v := property.Violation{Rule: agentDown, Records: []int{heal}, Facts: property.Facts{
			Agent: in.Views.Agents[id], At: in.Records[end].At, After: in.Records[end].At - in.Records[heal].At}}
		if agents[id].up {
			x.differences(id, &v.Facts)
			var record int
			if v.Rule, record = x.reason(id, &v.Facts); record >= 0 {
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

// differences notes what is wrong with an agent's view: the first few entries of each
// way, in the order in which they occur in the history, and how many there are.
func (x *Explainer) differences(agent int32, facts *property.Facts) {
	const most = 3
	for id := range x.in.Views.Entries {
		if !x.Wrong(agent, int32(id)) {
			continue
		}
		e := &x.in.Views.Entries[id]
		d := property.Difference{How: property.Different, Kind: e.Kind, Key: e.Key}
		if _, ok := x.held[agent][int32(id)]; !ok {
			d.How = property.Missing
		} else if index.Lasts(e.Absent) {
			d.How = property.Extra
		}
		facts.Differ(d, most, func(other property.Difference) bool { return other.How == d.How })
	}
}

// reason says whose fault it is that an agent is stuck, and by which record.
func (x *Explainer) reason(agent int32, facts *property.Facts) (rule *property.Rule, record int) {
	i, ok := x.Connections[x.in.Views.Agents[agent]]
	switch {
	case !ok && len(x.in.Stores) == 0:
		return readsKube, -1 // nobody has an etcd to connect with
	case !ok:
		return neverConnected, -1
	}
	c := &x.in.Records[i]
	facts.Since = c.At
	if c.Verb == history.Disconnect {
		facts.Note = c.Value
		return disconnected, i
	}
	facts.Server, facts.Store = c.Peer, c.Store
	s, current := x.stores[c.Store], x.current[c.Peer]
	switch {
	case current != "" && current != c.Store:
		facts.Truth = &property.Version{Store: current}
		return storeGone, i
	case s == nil:
		return storeUnknown, i
	}
	return x.whoIsBehind(agent, x.WrongEntries(s), facts), i
}

// whoIsBehind compares what is wrong in an agent's view with what is wrong in the
// store that it reads, given in order.
func (x *Explainer) whoIsBehind(agent int32, wrong []int32, facts *property.Facts) *property.Rule {
	all, both := 0, 0
	for id := range x.in.Views.Entries {
		if x.Wrong(agent, int32(id)) {
			all++
			if _, found := slices.BinarySearch(wrong, int32(id)); found {
				both++
			}
		}
	}
	switch both {
	case 0:
		return agentBehind
	case all:
		return writerBehind
	}
	facts.Counts[wrongInStore] = both
	return bothBehind
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
				contents[index.EntryKey{Kind: r.Kind, Key: schema.NameIn(key)}] = r.Value
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
