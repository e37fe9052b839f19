package coverage

import (
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/schema"
)

// world is the state of a run at one record after the other. What a store or a
// kube-apiserver had of a key before that, and what lies ahead, such as the answers to
// deletions, is in the index.
type world struct {
	history  *index.Index
	record   int32 // the one that is looked at
	churn    int   // the record with which the churn begins
	heal     int   // and that with which it ends
	replicas map[string]*replica
	agents   map[string]*agent
	stores   map[string]*store
	kubes    map[string]*kube
	leaders  map[string]bool // operators that think they lead
	led      string          // the operator that became the leader last
	faults   faults
	entries  map[int32]*entry // that a predicate has asked for
	views    *index.Ending    // what all views and datapaths have, after the events
	events   []index.Event    // those that lie ahead
}

// replica is a replica of the ClusterMesh API server.
type replica struct {
	name      string
	store     *store // of its etcd; the last one, if that is down; nil before the first
	etcdUp    bool
	writer    writer
	ready     bool
	cutOff    bool          // from every kube-apiserver
	etcds     int           // that were started
	born      int32         // the record by which the first was
	compacted time.Duration // when a fault last made the etcd compact
}

// writer is the process that fills a replica's etcd.
type writer struct {
	up     bool
	synced kinds         // canaries that it has put since it started
	puts   int           // changes of view keys since it started
	away   bool          // down or cut off from every kube-apiserver
	since  time.Duration // that it is away
	lost   int32         // the record with which it went down
}

// store is the data of an etcd.
type store struct {
	name     string
	replica  *replica
	canaries kinds
	left     time.Duration // when its etcd went down last
}

// agent is an agent and the datapath of its host.
type agent struct {
	number     int32 // of the index; -1 if it has none
	up, synced bool
	inc        int
	start      int32           // record of its last start
	open       map[string]int  // connections by replica
	latest     string          // the replica that it connected with last, in this life or before
	store      string          // and its store
	visited    map[string]bool // stores of this life
	lost       time.Duration   // when its last connection ended
	lists      map[listKey]list
	listed     kinds         // complete lists from that store in this life
	lastList   time.Duration // when the last of them was answered
}

type listKey struct{ store, prefix string }
type list struct {
	times int
	last  time.Duration
}

// kube is a kube-apiserver.
type kube struct{ up bool }

// The view kinds have numbers, so that a set of them is a few bits.
const views = 3

type kinds uint8

const allKinds kinds = 1<<views - 1

func kindNumber(kind string) (int, bool) {
	n := slices.IndexFunc(schema.Stored(), func(k schema.Kind) bool { return k.Name == kind })
	return n, n >= 0
}

func numberOf(k *schema.Kind) (int, bool) {
	if k == nil {
		return 0, false
	}
	return kindNumber(k.Name)
}

// kindOf returns the number of the kind that a key, or the prefix of a range, is of.
func kindOf(key string) (int, bool) { return numberOf(schema.KindOf(key)) }

// canaryOf returns the number of the kind whose canary a key is.
func canaryOf(key string) (int, bool) {
	k, _ := schema.CanaryOf(key)
	return numberOf(k)
}

// newWorld returns the world before the first record of a history.
func newWorld(x *index.Index) *world {
	churn, heal := x.Churn()
	return &world{
		history: x, churn: churn, heal: heal, replicas: map[string]*replica{}, agents: map[string]*agent{}, stores: map[string]*store{}, kubes: map[string]*kube{},
		leaders: map[string]bool{}, faults: faults{ahead: x.Faults, last: map[string]time.Duration{}}, entries: map[int32]*entry{}, views: index.NewEnding(x.Views), events: x.Views.Events,
	}
}

// was returns what a store had of the key of a view that a record changes: nil if nothing
// yet, or if it is no such key.
func (w *world) was(r *history.Record) *index.Version {
	if _, viewed := kindNumber(r.Kind); !viewed {
		return nil
	}
	return w.history.Store(r.Store).Before(r.Key, w.record)
}

// written returns the record that wrote an object before the present one does, or nil.
func (w *world) written(r *history.Record) *history.Record {
	c := w.history.KindOf(r.Kind).Before(r.Key, w.record)
	if c == nil {
		return nil
	}
	return &w.history.Records[c.Record]
}

// A predicate looks at hosts and stores and gets an empty one for a name that no
// record has; a record that is applied makes them.

func (w *world) replica(name string) *replica {
	if r := w.replicas[name]; r != nil {
		return r
	}
	return &replica{name: name}
}

func (w *world) makeReplica(name string) *replica {
	r := w.replica(name)
	w.replicas[name] = r
	return r
}

func (w *world) agent(name string) *agent {
	if a := w.agents[name]; a != nil {
		return a
	}
	a := &agent{number: int32(slices.Index(w.history.Views.Agents, name)), open: map[string]int{}}
	a.begin(0)
	return a
}

func (w *world) makeAgent(name string) *agent {
	a := w.agent(name)
	w.agents[name] = a
	return a
}

func (a *agent) begin(inc int) {
	a.inc, a.synced, a.listed = inc, false, 0
	a.visited, a.lists = map[string]bool{}, map[listKey]list{}
}

func (w *world) store(name string) *store {
	if s := w.stores[name]; s != nil {
		return s
	}
	return &store{name: name}
}

func (w *world) makeStore(name string, at *replica) *store {
	s := w.store(name)
	s.replica = at
	w.stores[name] = s
	return s
}

// connected tells whether the agent has a connection with a replica.
func (a *agent) connected() bool { return len(a.open) > 0 }

// filling tells whether the first sync of the store is not complete.
func (s *store) filling() bool { return s == nil || s.canaries != allKinds }

func (w *world) churning() bool { return int(w.record) >= w.churn && int(w.record) < w.heal }

// count returns how many replicas are as asked.
func (w *world) count(is func(*replica) bool) (n int) {
	for _, r := range w.replicas {
		if is(r) {
			n++
		}
	}
	return n
}

// anyAgent tells whether an agent is as asked.
func (w *world) anyAgent(is func(*agent) bool) bool {
	for _, a := range w.agents {
		if is(a) {
			return true
		}
	}
	return false
}

func isReady(r *replica) bool  { return r.ready }
func isEtcdUp(r *replica) bool { return r.etcdUp }
