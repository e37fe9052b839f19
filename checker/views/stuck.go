package views

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// stuckRules say what kept an agent from the final truth.
var stuckRules = []*property.Rule{agentDown, readsKube, readsServices, neverConnected, disconnected, storeGone, storeUnknown, agentBehind, writerBehind, bothBehind}

var (
	agentDown = &property.Rule{Name: "agent-down", Text: func(f *property.Facts) string {
		return fmt.Sprintf("agent %s was down when the run ended, %s after the heal", f.Agent, text.Seconds(f.After))
	}}
	readsKube      = stuck("reads-kube", func(*property.Facts) string { return "reading the kube-apiserver itself" })
	readsServices  = stuck("reads-services", func(*property.Facts) string { return "reading these from the kube-apiserver, as in every mode" })
	neverConnected = stuck("never-connected", func(f *property.Facts) string { return "not connected: it never was since its start" })
	disconnected   = stuck("disconnected", func(f *property.Facts) string {
		return fmt.Sprintf("not connected since %s (%s)", text.Seconds(f.Since), property.OrDefault(f.Note, "no reason given"))
	})
	storeGone    = stuckWith("store-gone", func(f *property.Facts) string { return "which is gone: the store is now " + f.Truth.Store })
	storeUnknown = stuckWith("store-unknown", func(f *property.Facts) string { return "of which the history tells nothing" })
	agentBehind  = stuckWith("agent-behind", func(f *property.Facts) string { return "which has the truth of all of them: the agent is behind" })
	writerBehind = stuckWith("writer-behind", func(f *property.Facts) string {
		return fmt.Sprintf("which has none of them right either: %s behind", writerOf(f.Server))
	})
	bothBehind = stuckWith("both-behind", func(f *property.Facts) string {
		return fmt.Sprintf("which has %s of them wrong too: there %s behind, in the others the agent", text.Thousands(f.Counts[wrongInStore]), writerOf(f.Server))
	})
)

// writerOf says who brings the etcd of a host up to date.
func writerOf(server string) string {
	if mode.Etcd.Is(server) {
		return "the agents that write it are"
	}
	return "the replica's writer is"
}

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

// explainStuck returns a violation for each agent that is down when the run ends, and one for
// each kind of which an agent does not have the final truth then, with the keys, of which the first
// is that of the facts, and, as far as the history tells, the reason.
func explainStuck(in *property.Input, stuck []int32, agents []progress, h index.Horizon) []property.Violation {
	if len(stuck) == 0 {
		return nil
	}
	x := NewExplainer(in)
	var violations []property.Violation
	for _, id := range stuck {
		facts := property.Facts{Agent: in.Views.Agents[id], At: in.Records[h.End].At, After: h.Passed}
		if !agents[id].up {
			violations = append(violations, property.Violation{Rule: agentDown, Records: []int{h.Heal}, Facts: facts})
			continue
		}
		for _, wrong := range x.byKind(x.AllWrong(id)) {
			v := property.Violation{Records: []int{h.Heal}, Facts: facts}
			first := &in.Views.Entries[wrong[0]]
			v.Kind, v.Key = first.Kind, first.Key
			x.differences(id, wrong, &v.Facts)
			var record int
			if v.Rule, record = x.reason(id, wrong, &v.Facts); record >= 0 {
				v.Records = append(v.Records, record)
			}
			violations = append(violations, v)
		}
	}
	return violations
}

// Explainer says of the entries that are wrong when the run ends where they went wrong.
type Explainer struct {
	in          *property.Input
	end         *index.Ending
	Connections map[string]int              // by agent: the last Connect, or the Disconnect after it
	held        map[string]map[int32]string // by store, once asked for: what it has of each entry
}

func NewExplainer(in *property.Input) *Explainer {
	return &Explainer{in: in, end: index.EndOf(in.Views), Connections: index.LastConnections(in.Records), held: map[string]map[int32]string{}}
}

// Wrong reports whether an agent's view of an entry is not the final truth.
func (x *Explainer) Wrong(agent, id int32) bool { return !x.end.Right(x.in.Views, agent, id) }

// AllWrong returns the entries, in order, of which an agent's view is not the final truth.
func (x *Explainer) AllWrong(agent int32) (wrong []int32) {
	for id := range x.in.Views.Entries {
		if x.Wrong(agent, int32(id)) {
			wrong = append(wrong, int32(id))
		}
	}
	return wrong
}

// byKind parts entries by their kinds, in the order of their first ones.
func (x *Explainer) byKind(entries []int32) (parts [][]int32) {
	place := map[string]int{}
	for _, id := range entries {
		kind := x.in.Views.Entries[id].Kind
		n, known := place[kind]
		if !known {
			n = len(parts)
			place[kind], parts = n, append(parts, nil)
		}
		parts[n] = append(parts[n], id)
	}
	return parts
}

// differences notes the first few of each way in which entries are wrong, in the order in
// which they occur in the history, and how many there are.
func (x *Explainer) differences(agent int32, wrong []int32, facts *property.Facts) {
	const most = 3
	for _, id := range wrong {
		e := &x.in.Views.Entries[id]
		d := property.Difference{How: property.Different, Kind: e.Kind, Key: e.Key}
		if !x.end.Of(x.in.Views, agent, index.View, id).Shown {
			d.How = property.Missing
		} else if index.Lasts(e.Absent) {
			d.How = property.Extra
		}
		facts.Differ(d, most, func(other property.Difference) bool { return other.How == d.How })
	}
}

// reason says whose fault it is that an agent is stuck with entries of one kind, and by which record.
func (x *Explainer) reason(agent int32, wrong []int32, facts *property.Facts) (rule *property.Rule, record int) {
	i, ok := x.Connections[x.in.Views.Agents[agent]]
	switch {
	case schema.OfServices(x.in.Views.Entries[wrong[0]].Kind):
		return readsServices, -1
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
	s := x.in.Store(c.Store)
	current := x.in.Last(0, len(x.in.Records), func(r *history.Record) bool {
		return r.Verb == history.Up && r.Kind == "etcd" && r.Actor == c.Peer
	})
	switch {
	case current >= 0 && x.in.Records[current].Store != c.Store:
		facts.Truth = &property.Version{Store: x.in.Records[current].Store}
		return storeGone, i
	case s.Actor == "":
		return storeUnknown, i
	}
	both := 0
	for _, id := range wrong {
		if x.WrongIn(s, id) {
			both++
		}
	}
	switch both {
	case 0:
		return agentBehind, i
	case len(wrong):
		return writerBehind, i
	}
	facts.Counts[wrongInStore] = both
	return bothBehind, i
}

// WrongIn reports whether what a store has of an entry at the end is not the final truth.
func (x *Explainer) WrongIn(s *index.Store, id int32) bool {
	held := x.held[s.Name]
	if held == nil {
		held = map[int32]string{}
		for _, i := range s.Holds(x.in.Records) {
			r := &x.in.Records[i]
			if id, ok := x.in.Views.Number(r.Kind, schema.NameIn(r.Key)); ok {
				held[id] = r.Value
			}
		}
		x.held[s.Name] = held
	}
	e := &x.in.Views.Entries[id]
	value, holds := held[id]
	claim := slices.IndexFunc(e.Claims, func(c index.Claim) bool { return c.Value == value })
	return !e.Demands(holds, int32(claim))
}
