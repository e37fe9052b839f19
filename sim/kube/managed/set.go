// Package managed is what a kube-apiserver notes in metadata.managedFields: who has written which
// fields. The rules are those of k8s.io/apimachinery/pkg/util/managedfields for writes that are
// no server-side apply; that library decodes, converts and validates the whole object several
// times for each write, which would be a sixth of a run. Its answers are what the tests compare with.
package managed

import (
	"slices"
	"strings"
)

// Set is a set of fields, as a tree: what stands below a field is below it. Nil is the empty one.
// Nobody may change a set that others have.
type Set struct {
	member bool // the field that the tree is of
	kids   []kid
}

// kid is a field, an item or a value below another, named as in FieldsV1: `f:name`, `k:{"key":"x"}`
// or `v:"x"`.
type kid struct {
	name string
	set  *Set
}

func byName(k kid, name string) int { return strings.Compare(k.name, name) }

// put sets what is below a name, if it is anything.
func (s *Set) put(name string, below *Set) {
	if below == nil {
		return
	}
	i, there := slices.BinarySearchFunc(s.kids, name, byName)
	if there {
		s.kids[i].set = below
	} else {
		s.kids = slices.Insert(s.kids, i, kid{name, below})
	}
}

// orNil is the set, or nil if it is empty.
func (s *Set) orNil() *Set {
	if s == nil || !s.member && len(s.kids) == 0 {
		return nil
	}
	return s
}

// union returns what is in one of the sets.
func union(a, b *Set) *Set {
	if a == nil || a == b {
		return b
	}
	if b == nil {
		return a
	}
	out := &Set{member: a.member || b.member, kids: make([]kid, 0, len(a.kids)+len(b.kids))}
	i, j := 0, 0
	for i < len(a.kids) || j < len(b.kids) {
		switch {
		case j == len(b.kids) || i < len(a.kids) && a.kids[i].name < b.kids[j].name:
			out.kids = append(out.kids, a.kids[i])
			i++
		case i == len(a.kids) || a.kids[i].name > b.kids[j].name:
			out.kids = append(out.kids, b.kids[j])
			j++
		default:
			out.kids = append(out.kids, kid{a.kids[i].name, union(a.kids[i].set, b.kids[j].set)})
			i, j = i+1, j+1
		}
	}
	return out
}

// minus returns what is in a and not in b.
func minus(a, b *Set) *Set {
	if a == nil || b == nil {
		return a
	}
	out := &Set{member: a.member && !b.member, kids: make([]kid, 0, len(a.kids))}
	for _, k := range a.kids {
		if i, there := slices.BinarySearchFunc(b.kids, k.name, byName); there {
			k.set = minus(k.set, b.kids[i].set)
		}
		if k.set != nil {
			out.kids = append(out.kids, k)
		}
	}
	return out.orNil()
}

// appendJSON appends the set as FieldsV1.
func (s *Set) appendJSON(b []byte) []byte {
	b = append(b, '{')
	if s.member && len(s.kids) > 0 {
		b = append(b, `".":{},`...)
	}
	for i, k := range s.kids {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, k.name)
		b = append(b, ':')
		b = k.set.appendJSON(b)
	}
	return append(b, '}')
}
