package rest

import (
	"fmt"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

var Agreement = property.Property{
	Name:    mode.Agreement,
	Promise: "At rest, which is when no store and no view has changed for a while after the heal, all agents that are up, whatever server they read, say the same of every entry, in their views and in their hosts' datapaths.",
	Why:     "raised against the proposal: every replica has a cache of its own, and what is computed from them must not depend on which one an agent reads",
	RestsOn: []string{"convergence", "staleness"},
	Rules:   []*property.Rule{saysOther},
	Check:   checkAgreement,
}

func checkAgreement(in *property.Input) property.Result {
	h := in.Horizon()
	if h.Problem != "" {
		return property.Undecided(h.Problem)
	}
	if unrest := unrest(in); unrest != "" {
		return property.Undecided(unrest)
	}
	a := agreement{in: in, end: index.EndOf(in.Views), connections: index.LastConnections(in.Records)}
	for agent, up := range a.end.Up {
		if up {
			a.agents = append(a.agents, int32(agent))
		}
	}
	if len(a.agents) < 2 {
		return property.Undecided(fmt.Sprintf("%s up when the run ended: there is nobody to agree with", text.Count(len(a.agents), "agent")))
	}
	for _, l := range a.end.Layers() {
		for id := range in.Views.Entries {
			a.compare(l, int32(id))
		}
	}
	if len(a.violations) > 0 && !h.Over && in.Records[h.End].Value != endSettled {
		return property.Undecided(in.CutShort(h) + "; until then agents said otherwise of " + text.Count(a.differ, "entry"))
	}
	return property.Judged(fmt.Sprintf("%s compared between %s", text.Count(a.compared, "entry"), text.Count(len(a.agents), "agent")), a.violations)
}

// endSettled is how a run ends whose views have all been right for a while, as the end says it:
// nothing more would change until the bound.
const endSettled = "settled"

// agreement compares what agents say when the run ends.
type agreement struct {
	in          *property.Input
	end         *index.Ending
	connections map[string]int
	agents      []int32 // that are up
	compared    int     // entries, in views and datapaths, that some agent shows
	differ      int     // those of which not all say the same
	violations  []property.Violation
}

// compare compares what all say of an entry, and adds a violation for each that says something
// else than the others.
func (a *agreement) compare(l index.Layer, id int32) {
	first := a.end.Of(a.in.Views, a.agents[0], l, id)
	shown, same := first.Shown, true
	for _, agent := range a.agents[1:] {
		h := a.end.Of(a.in.Views, agent, l, id)
		shown = shown || h.Shown
		same = same && a.same(first, h)
	}
	if shown {
		a.compared++
	}
	if same {
		return
	}
	a.differ++
	with := a.reference(l, id)
	right := a.end.Of(a.in.Views, with, l, id)
	for _, agent := range a.agents {
		if h := a.end.Of(a.in.Views, agent, l, id); !a.same(right, h) {
			a.differs(l, id, agent, with, h, right)
		}
	}
}

// same reports whether two show the same.
func (a *agreement) same(x, y index.Held) bool {
	if !x.Shown || !y.Shown {
		return x.Shown == y.Shown
	}
	return a.in.Records[x.Record].Value == a.in.Records[y.Record].Value
}

// reference returns the agent whose word the others are held against: one that says what the
// final truth demands, and of these one of the most that say the same.
func (a *agreement) reference(l index.Layer, id int32) (best int32) {
	e, score := &a.in.Views.Entries[id], -1
	for _, agent := range a.agents {
		h, n := a.end.Of(a.in.Views, agent, l, id), 0
		for _, other := range a.agents {
			if a.same(h, a.end.Of(a.in.Views, other, l, id)) {
				n++
			}
		}
		if e.Demands(h.Shown, h.Claim) {
			n += len(a.agents)
		}
		if n > score {
			best, score = agent, n
		}
	}
	return best
}

var saysOther = &property.Rule{Name: "says-other", Text: func(f *property.Facts) string {
	more := ""
	if f.Others > 0 {
		more = fmt.Sprintf("; and %s more", text.Thousands(f.Others))
	}
	return fmt.Sprintf("%s, which reads %s, showed %s as %s at rest, and that of %s, which reads %s, as %s%s",
		f.Who(), property.OrDefault(f.Shown.Server, "no server"), f.Object(), saying(f.Shown), f.Truth.By, property.OrDefault(f.Truth.Server, "no server"), saying(f.Truth), more)
}}

func saying(v *property.Version) string {
	if v.Gone {
		return "absent"
	}
	return property.Content(v.Value)
}

// differs adds a violation of an agent, or counts one more entry of that kind if it has one.
func (a *agreement) differs(l index.Layer, id, agent, with int32, says, other index.Held) {
	e, name := &a.in.Views.Entries[id], a.in.Views.Agents[agent]
	for i := range a.violations {
		if v := &a.violations[i]; v.Agent == name && v.Layer == property.LayerOf(l) && v.Kind == e.Kind {
			v.Others++
			return
		}
	}
	end := len(a.in.Records) - 1
	a.violations = append(a.violations, property.NewViolation(saysOther, property.Facts{
		Agent: name, Layer: property.LayerOf(l), Kind: e.Kind, Key: e.Key, At: a.in.Records[end].At,
		Shown: a.version(agent, says), Truth: a.version(with, other)}, other.Record, says.Record, int32(a.in.Phase("heal"))))
}

// version is what an agent says.
func (a *agreement) version(agent int32, h index.Held) *property.Version {
	v := &property.Version{Gone: !h.Shown, By: a.in.Views.Agents[agent]}
	if h.Shown {
		v.Value = a.in.Records[h.Record].Value
	}
	switch i, ok := a.connections[v.By]; {
	case ok && a.in.Records[i].Verb == history.Connect:
		v.Server = a.in.Records[i].Peer
	case len(a.in.Stores) == 0 && h.Record >= 0: // agents read the kube-apiservers: who said so last
		v.Server = a.in.Records[h.Record].Peer
	}
	return v
}
