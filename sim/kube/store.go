package kube

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// DefaultHistory is how far back a Store knows its past: the compaction period
// of a real kube-apiserver.
const DefaultHistory = 5 * time.Minute

// StoreConfig configures a Store. The zero value is usable.
type StoreConfig struct {
	Seed      uint64        // of UIDs and generated names
	Resources []Resource    // DefaultResources if nil
	History   time.Duration // how long old versions can be listed; DefaultHistory if zero
}

// Store holds all objects under one resourceVersion, as the etcd of a cluster
// does. It is safe for concurrent use.
type Store struct {
	// OnCommit, if non-nil, is called for every write, in the order of
	// resourceVersions and before any watch cache hears of it. The store is
	// locked meanwhile: OnCommit must not call it. Set it before the first use.
	OnCommit func(Commit)

	catalog *catalog
	seed    uint64
	history time.Duration

	mu        sync.Mutex
	rv        int64
	uids      uint64
	names     uint64
	tables    []table  // by resource
	log       []*event // the past since compacted, in order
	compacted int64    // the oldest version whose state is known
	caches    []*cache // in order of attachment
}

// Op is a kind of write.
type Op string

// The kinds of writes. A patch is an update; so is a delete that waits for
// finalizers, and the update that removes the last finalizer is the delete.
const (
	OpCreate Op = "create"
	OpUpdate Op = "update"
	OpDelete Op = "delete"
)

// Commit is one write that the store has accepted.
type Commit struct {
	RV        int64
	At        time.Time
	Op        Op
	Resource  *Resource
	Kind      string
	Namespace string // empty for kinds without namespaces
	Name      string
	UID       types.UID
	Old       *Object // the version before; nil for a create
	New       *Object // the version after; nil for a delete
	Client    string  // who asked (Config.Client); empty for calls of Store's methods
	Server    string  // Config.Name of the replica that was asked; empty likewise
}

// event is a commit as the past and the watch caches keep it.
type event struct {
	rv       int64
	at       time.Time
	resource int
	prev     *Object // nil if created
	obj      *Object // the last content if deleted, with the deletion's version
	deleted  bool
}

// origin says who writes.
type origin struct{ client, server string }

// NewStore returns an empty store at resourceVersion 1. It panics if a kind is
// given twice.
func NewStore(config StoreConfig) *Store {
	resources := config.Resources
	if resources == nil {
		resources = DefaultResources()
	}
	s := &Store{
		catalog:   newCatalog(slices.Clone(resources)),
		seed:      config.Seed,
		history:   config.History,
		rv:        1,
		compacted: 1,
	}
	if s.history == 0 {
		s.history = DefaultHistory
	}
	s.tables = make([]table, len(s.catalog.resources))
	return s
}

// Revision returns the resourceVersion of the latest write.
func (s *Store) Revision() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rv
}

// Get returns the present version of an object, nil if there is none. The
// namespace is "" for kinds without namespaces. It panics if the store does not
// serve the kind.
func (s *Store) Get(kind, namespace, name string) *Object {
	i := s.mustServe(kind)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables[i].get(s.catalog.resources[i].key(namespace, name))
}

// List returns the present objects of a kind by key. It panics if the store does
// not serve the kind.
func (s *Store) List(kind string) []*Object {
	i := s.mustServe(kind)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tables[i])
}

func (s *Store) mustServe(kind string) int {
	i, ok := s.catalog.byKind[kind]
	if !ok {
		panic(fmt.Sprintf("kube: kind %q is not served by this store", kind))
	}
	return i
}

// Create adds an object of the world's initial state: a pointer to an API type,
// or JSON as json.RawMessage or []byte. Unlike a create through a Server it
// keeps the status, and uid and creationTimestamp where they are set; the
// resourceVersion is always the store's. The kind of a typed object without one
// is its Go type's name. It fails if the object exists, is invalid, or is of a
// kind or version that the store does not serve.
func (s *Store) Create(obj any) (*Object, error) {
	raw, ok := obj.(json.RawMessage)
	if !ok {
		raw, ok = obj.([]byte)
	}
	if !ok {
		var err error
		if raw, err = json.Marshal(obj); err != nil {
			return nil, fmt.Errorf("encode %T: %w", obj, err)
		}
	}
	d, err := parseDraft(raw)
	if err != nil {
		return nil, err
	}
	if d.kind == "" && !ok {
		d.kind = reflect.Indirect(reflect.ValueOf(obj)).Type().Name()
	}
	i, ok := s.catalog.byKind[d.kind]
	if !ok {
		return nil, fmt.Errorf("object %q has kind %q, which this store does not serve", d.meta.Name, d.kind)
	}
	r := s.catalog.resources[i]
	if d.apiVersion != "" && d.apiVersion != r.apiVersion() {
		return nil, fmt.Errorf("%s %q has apiVersion %q; this store serves %q", d.kind, d.meta.Name, d.apiVersion, r.apiVersion())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.insert(i, d, origin{})
}

// CreateSystemNamespaces creates those of the namespaces default, kube-system,
// kube-public and kube-node-lease that do not exist yet, as every kube-apiserver
// does when it starts. Cilium's client asks for kube-system to learn whether it
// is connected.
func (s *Store) CreateSystemNamespaces() error {
	for _, name := range []string{"default", "kube-node-lease", "kube-public", "kube-system"} {
		if s.Get("Namespace", "", name) != nil {
			continue
		}
		namespace := fmt.Sprintf(`{"kind":"Namespace","apiVersion":"v1","metadata":{"name":%q,"labels":{"kubernetes.io/metadata.name":%q}},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}}`, name, name)
		if _, err := s.Create(json.RawMessage(namespace)); err != nil {
			return fmt.Errorf("create the namespace %s: %w", name, err)
		}
	}
	return nil
}

// Compact forgets the past: lists of older versions, and pages of lists begun
// before, expire. Watch caches keep their own history.
func (s *Store) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.compacted = nil, s.rv
}

// commit applies a write. obj is nil for a delete; last is then the final
// content. It returns the version that was written.
func (s *Store) commit(i int, prev *Object, d draft, deleted bool, by origin) *Object {
	s.rv++
	ev := &event{rv: s.rv, at: time.Now(), resource: i, prev: prev, deleted: deleted}
	ev.obj = d.object(s.catalog.resources[i], s.rv)
	if deleted {
		s.tables[i].remove(ev.obj.key)
	} else {
		s.tables[i].put(ev.obj)
	}
	s.forget(ev.at)
	s.log = append(s.log, ev)
	if s.OnCommit != nil {
		s.OnCommit(ev.commit(by))
	}
	for _, c := range s.caches {
		c.receive(ev)
	}
	return ev.obj
}

func (ev *event) commit(by origin) Commit {
	o := ev.obj
	c := Commit{
		RV: ev.rv, At: ev.at, Op: OpUpdate,
		Resource: o.Resource, Kind: o.Resource.Kind, Namespace: o.Meta.Namespace, Name: o.Meta.Name, UID: o.Meta.UID,
		Old: ev.prev, New: o, Client: by.client, Server: by.server,
	}
	switch {
	case ev.deleted:
		c.Op, c.New = OpDelete, nil
	case ev.prev == nil:
		c.Op = OpCreate
	}
	return c
}

// forget compacts what is older than the history.
func (s *Store) forget(now time.Time) {
	n := 0
	for n < len(s.log) && now.Sub(s.log[n].at) > s.history {
		s.compacted = s.log[n].rv
		n++
	}
	clear(s.log[:n])
	s.log = s.log[n:]
}

// present returns the objects of a resource in a namespace from a key on, how
// many there are, and the version.
func (s *Store) present(i int, namespace, from string) (table, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables[i].in(namespace, from), s.rv
}

// Why a past state cannot be had.
type pastProblem int

const (
	pastKnown pastProblem = iota
	pastCompacted
	pastInFuture
)

// past returns the objects of a resource as they were at a version.
func (s *Store) past(i int, namespace, from string, rv int64) (table, pastProblem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(time.Now())
	switch {
	case rv < s.compacted:
		return nil, pastCompacted
	case rv > s.rv:
		return nil, pastInFuture
	}
	return s.rollback(i, rv).in(namespace, from), pastKnown
}

// rollback undoes what happened to a resource after a version that is not compacted.
func (s *Store) rollback(i int, rv int64) table {
	t := slices.Clone(s.tables[i])
	for n := len(s.log) - 1; n >= 0 && s.log[n].rv > rv; n-- {
		ev := s.log[n]
		switch {
		case ev.resource != i:
		case ev.prev == nil:
			t.remove(ev.obj.key)
		default:
			t.put(ev.prev)
		}
	}
	return t
}

// versionAt returns the version that was current at an instant, the oldest
// known one if that is too long ago.
func (s *Store) versionAt(at time.Time) int64 {
	rv := s.compacted
	for _, ev := range s.log {
		if ev.at.After(at) {
			break
		}
		rv = ev.rv
	}
	return rv
}

// newUID returns the next UID: random to look at, the same for the same seed.
func (s *Store) newUID() types.UID {
	s.uids++
	h := s.draw("uid", s.uids)
	h[6] = h[6]&0x0f | 0x40
	h[8] = h[8]&0x3f | 0x80
	return types.UID(fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16]))
}

// newName completes a generateName as the real kube-apiserver does: five
// letters that spell no words.
func (s *Store) newName(base string) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	s.names++
	h := s.draw("name", s.names)
	suffix := make([]byte, 5)
	for i := range suffix {
		suffix[i] = letters[int(h[i])%len(letters)]
	}
	return base[:min(len(base), 58)] + string(suffix)
}

func (s *Store) draw(purpose string, n uint64) [sha256.Size]byte {
	b := binary.BigEndian.AppendUint64([]byte(purpose), s.seed)
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, n))
}

// now is the present as Kubernetes writes it: whole seconds.
func now() metav1.Time { return metav1.NewTime(time.Now().Truncate(time.Second)) }
