package checker

import (
	"slices"
	"sort"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// kubeKind is what the kube-apiservers' store went through with the objects of one
// Kubernetes kind, by its Write records.
type kubeKind struct {
	changes []kubeChange            // in order of resourceVersions
	objects map[string][]kubeChange // by key, likewise
	keys    []string                // sorted
	scopes  map[string]*kubeScope   // by namespace; "" is all
}

// kubeChange is a write of an object.
type kubeChange struct {
	rv      int64
	record  int32
	created bool
	deleted bool
}

// kubeScope is what a list or a watch of one namespace, or of all, is about.
type kubeScope struct {
	changes []kubeChange
	live    []int // how many objects there are after each change
}

// indexKube returns the kinds by name.
func indexKube(records []history.Record) map[string]*kubeKind {
	kinds := map[string]*kubeKind{}
	for i := range records {
		r := &records[i]
		if r.Verb != history.Write {
			continue
		}
		k := kinds[r.Kind]
		if k == nil {
			k = &kubeKind{objects: map[string][]kubeChange{}, scopes: map[string]*kubeScope{}}
			kinds[r.Kind] = k
		}
		c := kubeChange{rv: r.RV, record: int32(i), created: r.Op == "create", deleted: r.Op == "delete"}
		k.changes = append(k.changes, c)
		k.objects[r.Key] = append(k.objects[r.Key], c)
	}
	for _, k := range kinds {
		for key := range k.objects {
			k.keys = append(k.keys, key)
		}
		slices.Sort(k.keys)
	}
	return kinds
}

// kindOf returns the kind, which has no objects if nothing of it was ever written.
func (in *input) kindOf(name string) *kubeKind {
	if k := in.kube[name]; k != nil {
		return k
	}
	return &kubeKind{scopes: map[string]*kubeScope{}}
}

// scope returns what a list or a watch of a namespace is about.
func (k *kubeKind) scope(records []history.Record, namespace string) *kubeScope {
	if s := k.scopes[namespace]; s != nil {
		return s
	}
	s, live := &kubeScope{}, 0
	for _, c := range k.changes {
		if !inNamespace(records[c.record].Key, namespace) {
			continue
		}
		switch {
		case c.created:
			live++
		case c.deleted:
			live--
		}
		s.changes, s.live = append(s.changes, c), append(s.live, live)
	}
	k.scopes[namespace] = s
	return s
}

// inNamespace reports whether the key of an object is one of the namespace, or that is
// "", which is all.
func inNamespace(key, namespace string) bool {
	return namespace == "" || len(key) > len(namespace) && key[len(namespace)] == '/' && strings.HasPrefix(key, namespace)
}

// after returns the changes after a resourceVersion.
func (s *kubeScope) after(rv int64) []kubeChange {
	return s.changes[sort.Search(len(s.changes), func(i int) bool { return s.changes[i].rv > rv }):]
}

// count returns how many objects there were at a resourceVersion.
func (s *kubeScope) count(rv int64) int {
	n := len(s.changes) - len(s.after(rv))
	if n == 0 {
		return 0
	}
	return s.live[n-1]
}

// at returns the change that made an object what it was at a resourceVersion, and that
// which ended it as such; nil if there is none.
func (k *kubeKind) at(key string, rv int64) (made, next *kubeChange) {
	changes := k.objects[key]
	i := sort.Search(len(changes), func(i int) bool { return changes[i].rv > rv })
	if i > 0 {
		made = &changes[i-1]
	}
	if i < len(changes) {
		next = &changes[i]
	}
	return made, next
}

// version returns the resourceVersion that an object had at a resourceVersion, or zero
// if it did not exist.
func (k *kubeKind) version(key string, rv int64) int64 {
	made, _ := k.at(key, rv)
	if made == nil || made.deleted {
		return 0
	}
	return made.rv
}

// write returns the change of an object at exactly a resourceVersion, or nil.
func (k *kubeKind) write(key string, rv int64) *kubeChange {
	made, _ := k.at(key, rv)
	if made == nil || made.rv != rv {
		return nil
	}
	return made
}
