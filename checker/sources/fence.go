package sources

import (
	"fmt"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

var Fence = property.Property{
	Name: mode.RegenerationFence,
	Promise: "An agent that starts regenerates its endpoints, by which its host's datapath becomes what it knows, only once it has its initial lists of identities, endpoints and nodes: it knows each entry that its source had when it connected for its list and still has. " +
		"The way around it that Cilium has is a time-out, and only that: a regeneration without the lists comes no sooner than a minute after the agent's start (clustermesh-sync-timeout), and is counted.",
	Why: "pkg/endpoint/regeneration, Fence, and what waits there: pkg/ipcache/cell, and pkg/clustermesh, IPIdentitiesSynced, which returns after that the initial lists have been received and synchronized with the datapath, or the time-out elapsed; " +
		"a datapath that is regenerated without its identities drops what policy allows",
	Rules: []*property.Rule{openedEarly, openedWithout},
	Check: checkFence,
	Step:  property.ByAgent("agent", "its fence let it regenerate endpoints without what it must know for that"),
}

// syncTimeout is Cilium's clustermesh-sync-timeout: pkg/clustermesh/wait, TimeoutConfigDefault.
const syncTimeout = time.Minute

func checkFence(in *property.Input) property.Result {
	if len(in.Records) == 0 {
		return property.Undecided("the history is empty")
	}
	f := fence{in: in, views: index.NewEnding(in.Views), started: map[string]int{}, opened: map[string]bool{}}
	events := in.Views.Events
	for i := range in.Records {
		for ; len(events) > 0 && int(events[0].Record) <= i; events = events[1:] {
			f.views.Play(&events[0])
		}
		f.record(i, &in.Records[i])
	}
	if f.synced+f.timedOut+len(f.violations) == 0 {
		return property.Undecided("no agent regenerated its endpoints")
	}
	return property.Judged(fmt.Sprintf("%s regenerated with complete lists, in which %s of the source were looked for; %s after the time-out without them",
		text.Count(f.synced, "datapath"), text.Count(f.compared, "entry"), text.Thousands(f.timedOut)), f.violations)
}

// fence looks at what agents know when their fence opens.
type fence struct {
	in      *property.Input
	views   *index.Ending
	started map[string]int  // by agent: the record
	opened  map[string]bool // by agent, in this incarnation
	behind  bool            // a kube-apiserver's watch cache has been behind

	synced, timedOut, compared int
	violations                 []property.Violation
}

func (f *fence) record(i int, r *history.Record) {
	switch {
	case r.Verb == history.Up && r.Kind == "agent":
		f.started[r.Actor], f.opened[r.Actor] = i, false
	case r.Verb == history.Fault:
		for _, fault := range f.in.Faults {
			f.behind = f.behind || int(fault.Begin) == i && fault.Is(disturb.CacheBehind)
		}
	case r.Verb == history.Synced && !f.opened[r.Actor]:
		f.opened[r.Actor] = true
		f.open(i, r)
	}
}

// open judges a fence that opens.
func (f *fence) open(i int, r *history.Record) {
	start, known := f.started[r.Actor]
	if !known {
		return
	}
	after := r.At - f.in.Records[start].At
	if r.Value != "synced" {
		if after < syncTimeout {
			f.violations = append(f.violations, property.NewViolation(openedEarly, property.Facts{
				Agent: r.Actor, At: r.At, After: after, Allowed: syncTimeout}, int32(start), int32(i)))
			return
		}
		f.timedOut++
		return
	}
	f.synced++
	if missing := f.missing(i, r, start); missing.Differs() > 0 {
		missing.Agent, missing.At, missing.After, missing.Server, missing.Store = r.Actor, r.At, after, r.Peer, r.Store
		f.violations = append(f.violations, property.NewViolation(openedWithout, missing, int32(start), int32(i)))
	}
}

var openedEarly = &property.Rule{Name: "early", Text: func(f *property.Facts) string {
	return fmt.Sprintf("agent %s regenerated its endpoints at %s, %s after its start, without its initial lists: it had not waited for its time-out of %v", f.Agent, text.Seconds(f.At), text.Seconds(f.After), f.Allowed)
}}

var openedWithout = &property.Rule{Name: "without", Text: func(f *property.Facts) string {
	var names []string
	for _, d := range f.Differences {
		names = append(names, d.Kind+" "+d.Key)
	}
	return fmt.Sprintf("agent %s regenerated its endpoints at %s, %s after its start, with lists that it took for complete, and did not know %s, which %s had since before",
		f.Agent, text.Seconds(f.At), text.Seconds(f.After), text.Few(names, f.Differs()), property.OrDefault(f.Server, "the kube-apiserver"))
}}

// missing returns the entries that an agent does not know at a record and its source had since
// before it could ask for them.
func (f *fence) missing(i int, r *history.Record, start int) (facts property.Facts) {
	const most = 3
	agent := f.number(r.Actor)
	look := func(id int32) {
		e := &f.in.Views.Entries[id]
		f.compared++
		if agent < 0 || f.views.Of(f.in.Views, agent, index.View, id).Shown {
			return
		}
		facts.Differ(property.Difference{How: property.Missing, Kind: e.Kind, Key: e.Key}, most, nil)
	}
	if r.Store != "" {
		for _, kind := range []string{history.Identity, history.Endpoint, history.Node} {
			connect := index.ConnectionAt(f.in.Records, r.Actor, f.listed(kind, r, start, i))
			if connect < 0 || f.in.Records[connect].Store != r.Store { // it has moved on since its list
				continue
			}
			for _, id := range f.heldSince(r.Store, connect, i) {
				if f.in.Views.Entries[id].Kind == kind {
					look(id)
				}
			}
		}
		return facts
	}
	if f.behind || len(f.in.Stores) > 0 {
		return facts
	}
	for id := range f.in.Views.Entries {
		e := &f.in.Views.Entries[id]
		if !schema.OfServices(e.Kind) && e.TrueThroughout(f.in.Records[start].At, r.At) {
			look(int32(id))
		}
	}
	return facts
}

// listed returns the record in which the store began the last list of a kind that it gave an
// agent between two records, or the second if it tells of none. A list has pages, each beginning after the last key
// of the one before, and goes on with the next connection if one ends in its middle.
func (f *fence) listed(kind string, r *history.Record, start, end int) int {
	first := f.in.Last(start, end, func(l *history.Record) bool {
		return l.Verb == history.Call && l.Op == "range" && l.Peer == r.Actor && l.Store == r.Store && l.End != "" &&
			schema.IsKeyOf(l.Key, kind) && !strings.HasSuffix(l.Key, "\x00")
	})
	if first < 0 {
		return end
	}
	return first
}

// heldSince returns the entries that a store has held without a break from one record to another.
func (f *fence) heldSince(store string, from, to int) (held []int32) {
	s := f.in.Store(store)
	since := map[int32]bool{}
	for _, change := range s.Changes {
		r := &f.in.Records[change]
		if int(change) > to {
			break
		}
		id, known := f.in.Views.Number(r.Kind, schema.NameIn(r.Key))
		switch {
		case !known:
		case r.Verb == history.Del:
			delete(since, id)
		case int(change) < from:
			since[id] = true
		}
	}
	for id := range f.in.Views.Entries {
		if since[int32(id)] {
			held = append(held, int32(id))
		}
	}
	return held
}

func (f *fence) number(agent string) int32 {
	for n, name := range f.in.Views.Agents {
		if name == agent {
			return int32(n)
		}
	}
	return -1
}
