package index

import (
	"slices"
	"sort"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// KubeKind is what the kube-apiservers' store went through with the objects of one
// Kubernetes kind, by its Write records.
type KubeKind struct {
	changes []KubeChange            // in order of resourceVersions
	objects map[string][]KubeChange // by key, likewise
	Keys    []string                // sorted
	scopes  map[string]*KubeScope   // by namespace; "" is all
}

// KubeChange is a write of an object.
type KubeChange struct {
	RV      int64
	Record  int32
	Created bool
	Deleted bool
}

// KubeScope is what a list or a watch of one namespace, or of all, is about.
type KubeScope struct {
	changes []KubeChange
	live    []int // how many objects there are after each change
}

// indexKube returns the kinds by name.
func indexKube(records []history.Record) map[string]*KubeKind {
	kinds := map[string]*KubeKind{}
	for i := range records {
		r := &records[i]
		if r.Verb != history.Write {
			continue
		}
		k := kinds[r.Kind]
		if k == nil {
			k = &KubeKind{objects: map[string][]KubeChange{}, scopes: map[string]*KubeScope{}}
			kinds[r.Kind] = k
		}
		c := KubeChange{RV: r.RV, Record: int32(i), Created: r.Op == "create", Deleted: r.Op == "delete"}
		k.changes = append(k.changes, c)
		k.objects[r.Key] = append(k.objects[r.Key], c)
	}
	for _, k := range kinds {
		for key := range k.objects {
			k.Keys = append(k.Keys, key)
		}
		slices.Sort(k.Keys)
	}
	return kinds
}

// KindOf returns the kind, which has no objects if nothing of it was ever written.
func (x *Index) KindOf(name string) *KubeKind {
	if k := x.kube[name]; k != nil {
		return k
	}
	return &KubeKind{scopes: map[string]*KubeScope{}}
}

// Scope returns what a list or a watch of a namespace is about.
func (k *KubeKind) Scope(records []history.Record, namespace string) *KubeScope {
	if s := k.scopes[namespace]; s != nil {
		return s
	}
	s, live := &KubeScope{}, 0
	for _, c := range k.changes {
		if !InNamespace(records[c.Record].Key, namespace) {
			continue
		}
		switch {
		case c.Created:
			live++
		case c.Deleted:
			live--
		}
		s.changes, s.live = append(s.changes, c), append(s.live, live)
	}
	k.scopes[namespace] = s
	return s
}

// InNamespace reports whether the key of an object is one of the namespace, or that is
// "", which is all.
func InNamespace(key, namespace string) bool {
	return namespace == "" || len(key) > len(namespace) && key[len(namespace)] == '/' && strings.HasPrefix(key, namespace)
}

// After returns the changes after a resourceVersion.
func (s *KubeScope) After(rv int64) []KubeChange {
	return s.changes[sort.Search(len(s.changes), func(i int) bool { return s.changes[i].RV > rv }):]
}

// Count returns how many objects there were at a resourceVersion.
func (s *KubeScope) Count(rv int64) int {
	n := len(s.changes) - len(s.After(rv))
	if n == 0 {
		return 0
	}
	return s.live[n-1]
}

// At returns the change that made an object what it was at a resourceVersion, and that
// which ended it as such; nil if there is none.
func (k *KubeKind) At(key string, rv int64) (made, next *KubeChange) {
	changes := k.objects[key]
	i := sort.Search(len(changes), func(i int) bool { return changes[i].RV > rv })
	if i > 0 {
		made = &changes[i-1]
	}
	if i < len(changes) {
		next = &changes[i]
	}
	return made, next
}

// Before returns the last change of an object that was made before a record, or nil.
func (k *KubeKind) Before(key string, record int32) *KubeChange {
	return last(k.objects[key], func(c *KubeChange) bool { return c.Record < record })
}

// Version returns the resourceVersion that an object had at a resourceVersion, or zero
// if it did not exist.
func (k *KubeKind) Version(key string, rv int64) int64 {
	made, _ := k.At(key, rv)
	if made == nil || made.Deleted {
		return 0
	}
	return made.RV
}

// Write returns the change of an object at exactly a resourceVersion, or nil.
func (k *KubeKind) Write(key string, rv int64) *KubeChange {
	made, _ := k.At(key, rv)
	if made == nil || made.RV != rv {
		return nil
	}
	return made
}
