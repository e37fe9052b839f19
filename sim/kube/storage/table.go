package storage

import (
	"cmp"
	"slices"
	"strings"
)

// Table holds the objects of one resource, sorted by key: the order of lists.
type Table []*Object

func (t Table) find(key string) (int, bool) {
	return slices.BinarySearchFunc(t, key, func(o *Object, key string) int { return cmp.Compare(o.key, key) })
}

// Get returns the object of a key, nil if there is none.
func (t Table) Get(key string) *Object {
	if i, ok := t.find(key); ok {
		return t[i]
	}
	return nil
}

// Put adds an object, or replaces its version before.
func (t *Table) Put(o *Object) {
	i, ok := t.find(o.key)
	if ok {
		(*t)[i] = o
	} else {
		*t = slices.Insert(*t, i, o)
	}
}

// Remove takes out the object of a key, if there is one.
func (t *Table) Remove(key string) {
	if i, ok := t.find(key); ok {
		*t = slices.Delete(*t, i, i+1)
	}
}

// Apply makes a commit's change.
func (t *Table) Apply(c *Commit) {
	if c.Deleted {
		t.Remove(c.Object.key)
	} else {
		t.Put(c.Object)
	}
}

// In returns a copy of the part of the table that lies in a namespace, all of
// it for "", beginning with the first key not below from.
func (t Table) In(namespace, from string) Table {
	if namespace != "" {
		prefix := namespace + "/"
		i, _ := t.find(prefix)
		t = t[i:]
		n, _ := slices.BinarySearchFunc(t, prefix, func(o *Object, prefix string) int {
			if strings.HasPrefix(o.key, prefix) {
				return -1
			}
			return 1
		})
		t = t[:n]
	}
	i, _ := t.find(from)
	return slices.Clone(t[i:])
}
