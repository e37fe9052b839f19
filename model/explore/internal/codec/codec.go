// Package codec turns the states of a model into bytes and back, and gives the bytes
// a fingerprint.
package codec

import (
	"encoding"
	"fmt"
	"reflect"
	"unsafe"
)

// Codec turns states into bytes and back. Equal states have equal encodings and
// different states different ones, except that nil and empty slices and maps are
// the same. It may be used by several goroutines.
type Codec[S any] struct {
	flat bool
	root coder
	// slices is the number of slice types in S, each with storage of its own.
	slices int
	// self: the state encodes itself.
	self bool
}

// New derives the codec of S, or says which part of S cannot be encoded.
func New[S any]() (*Codec[S], error) {
	t := reflect.TypeFor[S]()
	if _, ok := any((*S)(nil)).(encoding.BinaryAppender); ok {
		if _, ok := any((*S)(nil)).(encoding.BinaryUnmarshaler); ok {
			return &Codec[S]{self: true}, nil
		}
	}
	c := &compiler{}
	root, err := c.compile(t, t.String())
	if err != nil {
		return nil, err
	}
	return &Codec[S]{flat: !c.indirect, root: root, slices: c.slices}, nil
}

// Flat reports whether a copy of the struct is a copy of the state.
func (c *Codec[S]) Flat() bool { return c.flat }

// Memory is a codec with storage for the slices of one state at a time: it is
// owned by one goroutine, and a state that it has loaded is valid until the next
// load.
type Memory[S any] struct {
	*Codec[S]
	pool *pool
}

// Memory returns storage of its own for one goroutine.
func (c *Codec[S]) Memory() Memory[S] {
	return Memory[S]{c, &pool{types: make([]slabs, c.slices)}}
}

// Append appends the encoding of s to b.
func (m Memory[S]) Append(b []byte, s *S) []byte {
	if !m.self {
		return m.root.enc(b, unsafe.Pointer(s))
	}
	b, err := any(s).(encoding.BinaryAppender).AppendBinary(b)
	if err != nil {
		panic(fmt.Errorf("encoding the state %+v: %w", *s, err))
	}
	return b
}

// Load makes s the state that b encodes.
func (m Memory[S]) Load(b []byte, s *S) {
	if !m.self {
		m.pool.reset()
		m.root.dec(m.pool, b, unsafe.Pointer(s))
		return
	}
	if err := any(s).(encoding.BinaryUnmarshaler).UnmarshalBinary(b); err != nil {
		panic(fmt.Errorf("decoding the state %x: %w", b, err))
	}
}

// pool holds the storage of decoded slices. The n-th slice of a type gets the
// n-th slab of that type, whatever the model did to the slice headers in
// between: two slices of a state never share storage after a load.
type pool struct{ types []slabs }

type slabs struct {
	slabs []slab
	used  int
}

type slab struct {
	data unsafe.Pointer
	cap  int
}

func (p *pool) reset() {
	for i := range p.types {
		p.types[i].used = 0
	}
}

// take returns storage for n elements of the type t, the number index of the
// codec's slice types. Its content is that of an earlier state.
func (p *pool) take(index int, t reflect.Type, n int) slab {
	s := &p.types[index]
	if s.used == len(s.slabs) {
		s.slabs = append(s.slabs, slab{})
	}
	got := &s.slabs[s.used]
	s.used++
	if got.cap < n {
		size := max(n, 2*got.cap)
		got.data = reflect.MakeSlice(reflect.SliceOf(t), size, size).UnsafePointer()
		got.cap = size
	}
	return *got
}
