package index

import (
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Projections are the parts of a history that are each about one key, one replica or one
// incarnation of an agent. What they name records by is their number.
type Projections struct {
	*Index
	Keys       []*Key // by their first record
	Replicas   []*Replica
	Agents     []*Agent
	Namespaces []int32 // Write records of namespaces
	End        int32   // the record of the phase "end"; -1 if the run was cut short
}

// Key is an entry of views, and all that is recorded of it.
type Key struct {
	Kind, Name string
	Truths     []int32
	Changes    map[string][]int32 // Put and Del records, by replica
	Views      map[*Agent][]int32 // See and Drop records
}

// Replica is what befell a replica: the Up and Down records of its etcd and writer, and
// the puts of canaries.
type Replica struct {
	Name string
	Life []int32
}

// Agent is one incarnation of an agent: its view begins empty.
type Agent struct {
	Name        string
	Up          int32
	Down        int32 // the record of its end; the number of records if it lived to the end
	Connections []Connection
	Readings    []int32 // Reading records, where it has two sources of which one hands over to the other
}

// Connection is a connection of an agent with a store.
type Connection struct {
	Replica, Store string
	From, To       int32 // records; the number of records if it lasted
	Listed         bool  // the agent watched the identities: it had listed them
}

// Projections returns the projections, which are made when they are first asked for.
func (x *Index) Projections() *Projections {
	if x.projections == nil {
		x.projections = project(x)
	}
	return x.projections
}

func project(x *Index) *Projections {
	p := &Projections{Index: x, End: int32(x.Phase("end"))}
	b := projector{Projections: p, keys: map[EntryKey]*Key{}, replicas: map[string]*Replica{}, agents: map[string]*Agent{}}
	for i := range x.Records {
		b.add(int32(i), &x.Records[i])
	}
	for _, a := range p.Agents {
		if a.Down < 0 {
			a.Down = int32(len(x.Records))
		}
		for c := range a.Connections {
			b.complete(&a.Connections[c], a.Down)
		}
	}
	return p
}

// projector gathers records.
type projector struct {
	*Projections
	keys     map[EntryKey]*Key
	replicas map[string]*Replica
	agents   map[string]*Agent // the incarnation that lives
}

func (b *projector) add(i int32, r *history.Record) {
	if schema.OfServices(r.Kind) { // no replica has to do with these
		return
	}
	switch r.Verb {
	case history.Truth:
		k := b.key(r.Kind, r.Key)
		k.Truths = append(k.Truths, i)
	case history.Put, history.Del:
		b.change(i, r)
	case history.Up, history.Down:
		switch r.Kind {
		case "agent":
			b.agent(i, r)
		case "etcd", "writer":
			b.live(i, r)
		}
	case history.Connect, history.Disconnect:
		b.connection(i, r)
	case history.Reading:
		if a := b.agents[r.Actor]; a != nil {
			a.Readings = append(a.Readings, i)
		}
	case history.Watch:
		b.watch(r)
	case history.See, history.Drop:
		if a := b.agents[r.Actor]; a != nil {
			k := b.key(r.Kind, r.Key)
			k.Views[a] = append(k.Views[a], i)
		}
	case history.Write:
		if r.Kind == "Namespace" {
			b.Namespaces = append(b.Namespaces, i)
		}
	}
}

func (b *projector) key(kind, name string) *Key {
	k := b.keys[EntryKey{kind, name}]
	if k == nil {
		k = &Key{Kind: kind, Name: name, Changes: map[string][]int32{}, Views: map[*Agent][]int32{}}
		b.keys[EntryKey{kind, name}] = k
		b.Keys = append(b.Keys, k)
	}
	return k
}

func (b *projector) change(i int32, r *history.Record) {
	if r.Kind != history.Meta {
		k := b.key(r.Kind, schema.NameIn(r.Key))
		k.Changes[r.Actor] = append(k.Changes[r.Actor], i)
		return
	}
	if kind, _ := schema.CanaryOf(r.Key); kind != nil && r.Verb == history.Put {
		b.live(i, r)
	}
}

func (b *projector) live(i int32, r *history.Record) {
	p := b.replicas[r.Actor]
	if p == nil {
		p = &Replica{Name: r.Actor}
		b.replicas[r.Actor] = p
		b.Replicas = append(b.Replicas, p)
	}
	p.Life = append(p.Life, i)
}

func (b *projector) agent(i int32, r *history.Record) {
	if old := b.agents[r.Actor]; old != nil {
		old.Down = i
		delete(b.agents, r.Actor)
	}
	if r.Verb == history.Up {
		a := &Agent{Name: r.Actor, Up: i, Down: -1}
		b.agents[r.Actor] = a
		b.Agents = append(b.Agents, a)
	}
}

func (b *projector) connection(i int32, r *history.Record) {
	a := b.agents[r.Actor]
	if a == nil {
		return
	}
	if r.Verb == history.Connect {
		a.Connections = append(a.Connections, Connection{Replica: r.Peer, Store: r.Store, From: i, To: -1})
		return
	}
	for c := range a.Connections {
		if open := &a.Connections[c]; open.To < 0 && open.Replica == r.Peer {
			open.To = i
			return
		}
	}
}

// watch takes the watch of an agent into account, which follows its list.
func (b *projector) watch(r *history.Record) {
	a := b.agents[r.Peer]
	if a == nil || !schema.IsKeyOf(r.Key, history.Identity) {
		return
	}
	for c := range a.Connections {
		if open := &a.Connections[c]; open.To < 0 && open.Replica == r.Actor {
			open.Listed = true
		}
	}
}

// complete gives a connection its end, if it lasted until the agent's, and its store,
// if the etcd that it waited for came after it.
func (b *projector) complete(c *Connection, down int32) {
	if c.To < 0 {
		c.To = down
	}
	p := b.replicas[c.Replica]
	if c.Store != "" || p == nil {
		return
	}
	for _, i := range p.Life {
		if r := &b.Records[i]; i > c.From && i < c.To && r.Verb == history.Up && r.Kind == "etcd" {
			c.Store = r.Store
			return
		}
	}
}
