package views

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// dangle is a time during which an agent's view or its host's datapath had an
// endpoint whose identity the agent's view did not have.
type dangle struct {
	Agent    int32
	Layer    index.Layer
	Entry    int32 // the endpoint
	claim    int32 // its content, as of an event
	Identity string
	From, To time.Duration
	began    int32 // the record of the change that began it
	ended    int32 // that of the change that ended it
	atEnd    bool  // it lasted when the run ended
}

// references follows each endpoint of each view and datapath, with the identities that it
// names. What a datapath has kept from before an agent's start counts once the agent has its
// complete lists: before that, it is not this agent's doing.
type references struct {
	in      *property.Input
	slots   *index.Changes
	starts  [][]change // by agent: its starts and ends, and when it had its complete lists
	named   [][]string // by endpoint and claim: the identity that it names
	Dangles []dangle   // in the order in which they ended
	shown   int        // endpoints that name an identity

	buffer     []change        // of the endpoint that is followed
	identities map[string]bool // that it names; true: the view has it
}

// change is one of what an endpoint's reference depends on.
type change struct {
	*index.Event
	of   subjectOf
	name string // of the identity that the endpoint names, or that enters or leaves the view
}

// subjectOf says what a change is about.
type subjectOf uint8

const (
	ofEndpoint subjectOf = iota
	ofIdentity
	ofAgent
	ofLists // which the agent has complete
)

// followReferences returns what dangled.
func followReferences(in *property.Input) *references {
	v := in.Views
	x := &references{in: in, starts: make([][]change, len(v.Agents)), named: make([][]string, len(v.Entries)), identities: map[string]bool{}, slots: v.Changes()}
	for i := range v.Events {
		if ev := &v.Events[i]; ev.What == index.Start || ev.What == index.Stop {
			x.starts[ev.Agent] = append(x.starts[ev.Agent], change{Event: ev, of: ofAgent})
		}
	}
	for _, m := range v.Marks {
		if m.What == index.Complete {
			x.starts[m.Agent] = append(x.starts[m.Agent], change{Event: &index.Event{At: m.At, Record: m.Record}, of: ofLists})
		}
	}
	for id := range v.Entries {
		if e := &v.Entries[id]; e.Kind == history.Endpoint {
			for c := range e.Claims {
				x.named[id] = append(x.named[id], identityIn(e.Claims[c].Value))
			}
		}
	}
	for agent := range v.Agents {
		for _, l := range []index.Layer{index.View, index.Datapath} {
			for id := range v.Entries {
				if v.Entries[id].Kind == history.Endpoint {
					x.follow(dangle{Agent: int32(agent), Layer: l, Entry: int32(id)})
				}
			}
		}
	}
	slices.SortStableFunc(x.Dangles, func(a, b dangle) int { return cmp.Compare(a.ended, b.ended) })
	return x
}

// changes returns what an endpoint's reference in a view or datapath depends on, in order.
func (x *references) changes(d dangle) []change {
	all := x.buffer[:0]
	clear(x.identities)
	own := x.slots.Of(d.Agent, d.Layer, d.Entry)
	for i := range own {
		name := x.identityOf(&own[i])
		all = append(all, change{&own[i], ofEndpoint, name})
		if _, met := x.identities[name]; met {
			continue
		}
		x.identities[name] = false
		if id, known := x.in.Views.Number(history.Identity, name); known {
			of := x.slots.Of(d.Agent, index.View, id)
			for i := range of {
				all = append(all, change{&of[i], ofIdentity, name})
			}
		}
	}
	if len(all) > 0 {
		all = append(all, x.starts[d.Agent]...)
		slices.SortFunc(all, func(a, b change) int { return cmp.Compare(a.Record, b.Record) })
	}
	x.buffer = all
	return all
}

// identityOf is the identity that the endpoint of an event names; "" if it is gone.
func (x *references) identityOf(ev *index.Event) string {
	switch {
	case ev.What == index.Gone:
		return ""
	case ev.Claim >= 0:
		return x.named[ev.Entry][ev.Claim]
	}
	return identityIn(x.in.Records[ev.Record].Value)
}

// identityIn is the identity that the content of an endpoint names; "" if that is reserved or
// not told.
func identityIn(content string) string {
	name := index.PossessionOf(content).Identity
	if index.Reserved(name) {
		return ""
	}
	return name
}

// follow gathers what dangles of an endpoint in a view or datapath.
func (x *references) follow(d dangle) {
	counts := false // the present incarnation is answerable for it
	open := false
	end := func(at time.Duration, record int32) {
		if open {
			d.To, d.ended = at, record
			x.Dangles = append(x.Dangles, d)
			open = false
		}
	}
	for _, c := range x.changes(d) {
		switch {
		case c.of == ofLists:
			counts = counts || d.Layer == index.Datapath && d.Identity != ""
		case c.of == ofIdentity:
			x.identities[c.name] = c.What == index.Seen
		case c.of == ofEndpoint:
			if c.name != d.Identity {
				end(c.At, c.Record)
			}
			if c.name != "" {
				x.shown++
			}
			d.Identity, d.claim, counts = c.name, c.Claim, true
		default:
			clear(x.identities)
			if c.What == index.Start {
				break
			}
			end(c.At, c.Record)
			if counts = false; d.Layer == index.View {
				d.Identity = ""
			}
		}
		switch dangles := counts && d.Identity != "" && !x.identities[d.Identity]; {
		case !dangles:
			end(c.At, c.Record)
		case !open:
			open, d.From, d.began = true, c.At, c.Record
		}
	}
	d.atEnd = true
	end(x.in.Records[len(x.in.Records)-1].At, math.MaxInt32)
}
