// Package storage is what the etcd behind a kube-apiserver holds: the versions of
// all objects under one resourceVersion, their past, and the rules of writes. It is
// named after k8s.io/apiserver/pkg/storage.
package storage

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

// Config configures a Store. The zero value is usable.
type Config struct {
	Seed      uint64        // of UIDs and generated names
	Resources []Resource    // DefaultResources if nil
	History   time.Duration // how long old versions can be listed; DefaultHistory if zero

	// AnyNamespace says that what clients create may lie in namespaces that nobody has made.
	AnyNamespace bool
}

// Store holds all objects under one resourceVersion, as the etcd of a cluster
// does. It is safe for concurrent use.
type Store struct {
	// OnCommit, if non-nil, is called for every write, in the order of
	// resourceVersions and before any watch cache hears of it. The store is
	// locked meanwhile: OnCommit must not call it. Set it before the first use.
	OnCommit func(*Commit)

	resources    []*Resource // by Resource.index
	seed         uint64
	history      time.Duration
	anyNamespace bool

	mu        sync.Mutex
	rv        int64
	uids      uint64
	names     uint64
	tables    []Table     // by Resource.index
	log       []*Commit   // the past since compacted, in order
	compacted int64       // the oldest version whose state is known
	followers []*follower // in order of attachment
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

// Commit is one write that the store has accepted. It is shared by the past, the
// watch caches and whoever was told of it: nobody may change it.
type Commit struct {
	RV      int64
	At      time.Time
	Prev    *Object // the version before; nil for a create
	Object  *Object // the version written; of a delete the last content, with the deletion's version
	Deleted bool
	By      Origin
}

// Op says which kind of write it is.
func (c *Commit) Op() Op {
	switch {
	case c.Deleted:
		return OpDelete
	case c.Prev == nil:
		return OpCreate
	}
	return OpUpdate
}

// Origin says who writes; it is empty for calls of Store's own methods.
type Origin struct {
	Client  string // who asked
	Server  string // the replica that was asked
	Manager string // what managedFields call who asked
}

// New returns an empty store at resourceVersion 1. It panics if a kind is
// given twice.
func New(config Config) *Store {
	resources := config.Resources
	if resources == nil {
		resources = DefaultResources()
	}
	s := &Store{
		seed:      config.Seed,
		history:   config.History,
		rv:        1,
		compacted: 1,

		anyNamespace: config.AnyNamespace,
	}
	if s.history == 0 {
		s.history = DefaultHistory
	}
	for i, r := range slices.Clone(resources) {
		for _, known := range s.resources {
			if known.Kind == r.Kind || known.GR() == r.GR() {
				panic(fmt.Sprintf("storage: resource %s (kind %s) is given twice; a Store serves each kind in one version", r.GR(), r.Kind))
			}
		}
		r.index, r.empty = i, emptyObject(&r)
		s.resources = append(s.resources, &r)
	}
	s.tables = make([]Table, len(resources))
	return s
}

// Resources returns what the store serves; Resource.Index is the position in it.
func (s *Store) Resources() []*Resource { return s.resources }

// Resource returns the resource of a URL, nil if it is not served.
func (s *Store) Resource(group, version, name string) *Resource {
	return s.find(func(r *Resource) bool { return r.Name == name && r.Group == group && r.Version == version })
}

func (s *Store) find(is func(*Resource) bool) *Resource {
	if i := slices.IndexFunc(s.resources, is); i >= 0 {
		return s.resources[i]
	}
	return nil
}

// OfKind returns the resource of a kind, nil if it is not served.
func (s *Store) OfKind(kind string) *Resource {
	return s.find(func(r *Resource) bool { return r.Kind == kind })
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
	r := s.mustServe(kind)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(r, namespace, name)
}

// List returns the present objects of a kind by key. It panics if the store does
// not serve the kind.
func (s *Store) List(kind string) []*Object {
	r := s.mustServe(kind)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tables[r.index])
}

func (s *Store) mustServe(kind string) *Resource {
	r := s.OfKind(kind)
	if r == nil {
		panic(fmt.Sprintf("storage: kind %q is not served by this store", kind))
	}
	return r
}

// get is Get, with the store locked.
func (s *Store) get(r *Resource, namespace, name string) *Object {
	return s.tables[r.index].Get(r.Key(namespace, name))
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
	d, err := ParseDraft(raw)
	if err != nil {
		return nil, err
	}
	if d.Kind == "" && !ok {
		d.Kind = reflect.Indirect(reflect.ValueOf(obj)).Type().Name()
	}
	r := s.OfKind(d.Kind)
	if r == nil {
		return nil, fmt.Errorf("object %q has kind %q, which this store does not serve", d.Meta.Name, d.Kind)
	}
	if d.APIVersion != "" && d.APIVersion != r.APIVersion() {
		return nil, fmt.Errorf("%s %q has apiVersion %q; this store serves %q", d.Kind, d.Meta.Name, d.APIVersion, r.APIVersion())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.insert(r, d, Origin{Manager: "kubectl-create"})
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

// commit writes the next version of an object, of a delete the final content.
func (s *Store) commit(r *Resource, prev *Object, d Draft, deleted bool, by Origin) *Object {
	s.rv++
	c := &Commit{RV: s.rv, At: time.Now(), Prev: prev, Object: d.object(r, s.rv), Deleted: deleted, By: by}
	s.tables[r.index].Apply(c)
	s.forget(c.At)
	s.log = append(s.log, c)
	if s.OnCommit != nil {
		s.OnCommit(c)
	}
	for _, f := range s.followers {
		f.receive(c)
	}
	return c.Object
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
