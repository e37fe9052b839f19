package tracevalidation

import (
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
)

// projections is what a history says of each key, replica and agent.
type projections struct {
	records  []history.Record
	keys     []*key // by their first record
	replicas []*replica
	agents   []*agent

	canaries  map[canary]int32 // first put of a canary in a store
	requested map[change]bool  // what a client asked the etcd to delete
	granted   map[lease]int32  // when a lease was granted
	ended     map[lease]bool   // leases that expired or were revoked
	leases    bool             // the history says what became of leases
	faults    []int32          // Fault records
	made      []int32          // Write records that created a namespace
	end       int32            // the record of the phase "end"; -1 if the run was cut short
}

// key is an entry of views, and all that is recorded of it.
type key struct {
	kind, name string
	truths     []int32
	changes    map[string][]int32 // Put and Del records, by replica
	views      map[*agent][]int32 // See and Drop records
}

// replica is what befell a replica: the Up and Down records of its etcd and
// writer, and the puts of canaries.
type replica struct {
	name string
	life []int32
}

// agent is one incarnation of an agent: its view begins empty.
type agent struct {
	name     string
	up       int32
	down     int32 // the record of its end; len(records) if it lived to the end
	sessions []session
}

// session is a connection of an agent with a store.
type session struct {
	replica, store string
	from, to       int32 // records; len(records) if it lasted
	listed         bool  // the agent watched the identities: it had listed them
}

type canary struct{ store, kind string }

type lease struct{ store, id string }

type change struct {
	store string
	rev   int64
}

// newIndex takes a history apart.
func newIndex(records []history.Record) *projections {
	x := &projections{records: records, canaries: map[canary]int32{}, requested: map[change]bool{}, granted: map[lease]int32{}, ended: map[lease]bool{}, end: -1}
	b := indexer{projections: x, keys: map[[2]string]*key{}, replicas: map[string]*replica{}, agents: map[string]*agent{}}
	for i := range records {
		b.add(int32(i), &records[i])
	}
	for _, a := range x.agents {
		if a.down < 0 {
			a.down = int32(len(records))
		}
		for s := range a.sessions {
			b.complete(&a.sessions[s], a.down)
		}
	}
	return x
}

// indexer gathers records.
type indexer struct {
	*projections
	keys     map[[2]string]*key
	replicas map[string]*replica
	agents   map[string]*agent // the incarnation that lives
}

func (b *indexer) add(i int32, r *history.Record) {
	switch r.Verb {
	case history.Truth:
		k := b.key(r.Kind, r.Key)
		k.truths = append(k.truths, i)
	case history.Put, history.Del:
		b.change(i, r)
	case history.Call:
		if r.Op == "delete" && r.Err == "" && r.Value != "0" {
			b.requested[change{r.Store, r.Rev}] = true
		}
	case history.Lease:
		b.leases = true
		switch {
		case r.Op == "grant" && r.Err == "":
			b.granted[lease{r.Store, r.Key}] = i
		case r.Op == "expire", r.Op == "revoke":
			b.ended[lease{r.Store, r.Key}] = true
		}
	case history.Up, history.Down:
		switch r.Kind {
		case "agent":
			b.agent(i, r)
		case "etcd", "writer":
			b.live(i, r)
		}
	case history.Connect, history.Disconnect:
		b.session(i, r)
	case history.Watch:
		b.watch(r)
	case history.See, history.Drop:
		if a := b.agents[r.Actor]; a != nil {
			k := b.key(r.Kind, r.Key)
			k.views[a] = append(k.views[a], i)
		}
	case history.Write:
		if r.Kind == "Namespace" && r.Op == "create" {
			b.made = append(b.made, i)
		}
	case history.Fault:
		b.faults = append(b.faults, i)
	case history.Phase:
		if r.Key == "end" {
			b.end = i
		}
	}
}

func (b *indexer) key(kind, name string) *key {
	k := b.keys[[2]string{kind, name}]
	if k == nil {
		k = &key{kind: kind, name: name, changes: map[string][]int32{}, views: map[*agent][]int32{}}
		b.keys[[2]string{kind, name}] = k
		b.projections.keys = append(b.projections.keys, k)
	}
	return k
}

func (b *indexer) change(i int32, r *history.Record) {
	if r.Kind != history.Meta {
		k := b.key(r.Kind, schema.NameIn(r.Key))
		k.changes[r.Actor] = append(k.changes[r.Actor], i)
		return
	}
	kind := canaryOf(r.Key)
	if kind == "" || r.Verb != history.Put {
		return
	}
	if _, ok := b.canaries[canary{r.Store, kind}]; !ok {
		b.canaries[canary{r.Store, kind}] = i
	}
	b.live(i, r)
}

func (b *indexer) live(i int32, r *history.Record) {
	p := b.replicas[r.Actor]
	if p == nil {
		p = &replica{name: r.Actor}
		b.replicas[r.Actor] = p
		b.projections.replicas = append(b.projections.replicas, p)
	}
	p.life = append(p.life, i)
}

func (b *indexer) agent(i int32, r *history.Record) {
	if old := b.agents[r.Actor]; old != nil {
		old.down = i
		delete(b.agents, r.Actor)
	}
	if r.Verb == history.Up {
		a := &agent{name: r.Actor, up: i, down: -1}
		b.agents[r.Actor] = a
		b.projections.agents = append(b.projections.agents, a)
	}
}

func (b *indexer) session(i int32, r *history.Record) {
	a := b.agents[r.Actor]
	if a == nil {
		return
	}
	if r.Verb == history.Connect {
		a.sessions = append(a.sessions, session{replica: r.Peer, store: r.Store, from: i, to: -1})
		return
	}
	for s := range a.sessions {
		if open := &a.sessions[s]; open.to < 0 && open.replica == r.Peer {
			open.to = i
			return
		}
	}
}

// watch takes the watch of an agent into account, which follows its list.
func (b *indexer) watch(r *history.Record) {
	a := b.agents[r.Peer]
	if a == nil || !schema.IsKeyOf(r.Key, history.Identity) {
		return
	}
	for s := range a.sessions {
		if open := &a.sessions[s]; open.to < 0 && open.replica == r.Actor {
			open.listed = true
		}
	}
}

// complete gives a session its end, if it lasted until the agent's, and its store,
// if the etcd that it waited for came after it.
func (b *indexer) complete(s *session, down int32) {
	if s.to < 0 {
		s.to = down
	}
	p := b.replicas[s.replica]
	if s.store != "" || p == nil {
		return
	}
	for _, i := range p.life {
		if r := &b.records[i]; i > s.from && i < s.to && r.Verb == history.Up && r.Kind == "etcd" {
			s.store = r.Store
			return
		}
	}
}

// canaryOf returns the kind of entries that a key of an etcd is the canary of, or "".
func canaryOf(key string) string {
	if k, _ := schema.CanaryOf(key); k != nil {
		return k.Name
	}
	return ""
}
