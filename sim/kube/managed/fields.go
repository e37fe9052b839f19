package managed

import (
	"cmp"
	"slices"
)

// Writer is who writes, as far as managedFields tell writers apart.
type Writer struct {
	Name        string // its User-Agent up to the first slash, or the parameter fieldManager
	APIVersion  string
	Subresource string
}

// Fields are the managedFields of a version of an object: what each writer has written. Nobody may
// change them.
type Fields []entry

type entry struct {
	Writer
	time string // when it last did, as Kubernetes writes it
	set  *Set
	json []byte
}

// Write is a change of an object: what becomes of its parts.
type Write struct{ comparison }

// Part adds what a write makes of a part of the object, such as its status: the values before and
// after are decoded JSON, or Missing.
func (w *Write) Part(name string, of *Type, old, now any) {
	c := of.compare(old, now)
	if name == "metadata" { // which is always there, and counts only with what is in it
		c.set, c.removed = within(c.set), within(c.removed)
	}
	add := func(to **Set, below *Set) {
		if below != nil {
			if *to == nil {
				*to = &Set{}
			}
			(*to).put("f:"+name, below)
		}
	}
	add(&w.set, c.set)
	add(&w.removed, c.removed)
}

// Missing is the value of a part that is not there.
var Missing = none

func within(s *Set) *Set {
	if s == nil || !s.member {
		return s
	}
	return (&Set{kids: s.kids}).orNil()
}

// After returns the fields after a write: the writer has what it has set, others have it no more,
// and nobody has what is removed.
func (f Fields) After(by Writer, at string, w Write) Fields {
	if w.set == nil && w.removed == nil {
		return f
	}
	out := make(Fields, 0, len(f)+1)
	mine := entry{Writer: by, time: at, set: w.set}
	for _, e := range f {
		left := minus(e.set, w.removed)
		if e.Writer == by {
			if mine.set = union(left, w.set); w.set == nil {
				mine.time = e.time
			}
			continue
		}
		if left = minus(left, w.set); left != nil {
			if left != e.set {
				e.set, e.json = left, nil
				e.json = e.encode()
			}
			out = append(out, e)
		}
	}
	if mine.set != nil {
		mine.json = mine.encode()
		out = append(out, mine)
	}
	slices.SortFunc(out, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.Name, b.Name), cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Subresource, b.Subresource))
	})
	return out
}

func (e *entry) encode() []byte {
	b := make([]byte, 0, 512)
	b = append(b, `{"manager":`...)
	b = appendString(b, e.Name)
	b = append(b, `,"operation":"Update","apiVersion":"`...)
	b = append(b, e.APIVersion...)
	b = append(b, `","time":"`...)
	b = append(b, e.time...)
	b = append(b, `","fieldsType":"FieldsV1","fieldsV1":`...)
	b = e.set.appendJSON(b)
	if e.Subresource != "" {
		b = append(b, `,"subresource":"`...)
		b = append(b, e.Subresource...)
		b = append(b, '"')
	}
	return append(b, '}')
}

// AppendJSON appends the value of metadata.managedFields.
func (f Fields) AppendJSON(b []byte) []byte {
	b = append(b, '[')
	for i := range f {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, f[i].json...)
	}
	return append(b, ']')
}

// Size is about how long that is.
func (f Fields) Size() (n int) {
	for i := range f {
		n += len(f[i].json) + 1
	}
	return n + 2
}
