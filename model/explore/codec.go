package explore

import (
	"encoding"
	"fmt"
	"reflect"
	"unsafe"
)

// codec turns states into bytes and back. Equal states have equal encodings and
// different states different ones, except that nil and empty slices and maps are
// the same. It may be used by several goroutines.
type codec[S any] struct {
	// flat: a copy of the struct is a copy of the state.
	flat bool
	root coder
	// slices is the number of slice types in S, each with storage of its own.
	slices int
	// self: the state encodes itself.
	self bool
}

// newCodec derives the codec of S, or says which part of S cannot be encoded.
func newCodec[S any]() (*codec[S], error) {
	t := reflect.TypeFor[S]()
	if _, ok := any((*S)(nil)).(encoding.BinaryAppender); ok {
		if _, ok := any((*S)(nil)).(encoding.BinaryUnmarshaler); ok {
			return &codec[S]{self: true}, nil
		}
	}
	c := &compiler{}
	root, err := c.compile(t, t.String())
	if err != nil {
		return nil, err
	}
	return &codec[S]{flat: !c.indirect, root: root, slices: c.slices}, nil
}

// memory is a codec with storage for the slices of one state at a time: it is
// owned by one goroutine, and a state that it has loaded is valid until the next
// load.
type memory[S any] struct {
	*codec[S]
	pool *pool
}

func (c *codec[S]) memory() memory[S] {
	return memory[S]{c, &pool{types: make([]slabs, c.slices)}}
}

// append appends the encoding of s to b.
func (m memory[S]) append(b []byte, s *S) []byte {
	if !m.self {
		return m.root.enc(b, unsafe.Pointer(s))
	}
	b, err := any(s).(encoding.BinaryAppender).AppendBinary(b)
	if err != nil {
		panic(fmt.Errorf("encoding the state %+v: %w", *s, err))
	}
	return b
}

// load makes s the state that b encodes.
func (m memory[S]) load(b []byte, s *S) {
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
