package kube

import (
	"cmp"
	"slices"
	"strings"
)

// table holds the objects of one resource, sorted by key: the order of lists.
type table []*Object

func (t table) find(key string) (int, bool) {
	return slices.BinarySearchFunc(t, key, func(o *Object, key string) int { return cmp.Compare(o.key, key) })
}

func (t table) get(key string) *Object {
	if i, ok := t.find(key); ok {
		return t[i]
	}
	return nil
}

func (t *table) put(o *Object) {
	i, ok := t.find(o.key)
	if ok {
		(*t)[i] = o
	} else {
		*t = slices.Insert(*t, i, o)
	}
}

func (t *table) remove(key string) {
	if i, ok := t.find(key); ok {
		*t = slices.Delete(*t, i, i+1)
	}
}

// in returns a copy of the part of the table that lies in a namespace, all of
// it for "", beginning with the first key not below from.
func (t table) in(namespace, from string) table {
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
