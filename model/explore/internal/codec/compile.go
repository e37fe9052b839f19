package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"unsafe"
)

// coder is the compiled codec of one type. enc appends the encoding of the value
// at p; dec sets the value at p and returns what is left of b.
type coder struct {
	enc func(b []byte, p unsafe.Pointer) []byte
	dec func(m *pool, b []byte, p unsafe.Pointer) []byte
	// raw, if not zero, is the size of a type without padding whose bytes in
	// memory are its encoding.
	raw uintptr
}

// compiler walks a type.
type compiler struct {
	indirect bool // a slice or a map was seen
	slices   int
	within   []reflect.Type // slice and map types being compiled
}

// compile returns the coder of t. path names the part of the state for errors.
func (c *compiler) compile(t reflect.Type, path string) (coder, error) {
	switch t.Kind() {
	case reflect.Bool, reflect.Int8, reflect.Uint8:
		return rawCoder(1), nil
	case reflect.Int16:
		return signed[int16](), nil
	case reflect.Int32:
		return signed[int32](), nil
	case reflect.Int64:
		return signed[int64](), nil
	case reflect.Int:
		return signed[int](), nil
	case reflect.Uint16:
		return unsigned[uint16](), nil
	case reflect.Uint32:
		return unsigned[uint32](), nil
	case reflect.Uint64:
		return unsigned[uint64](), nil
	case reflect.Uint:
		return unsigned[uint](), nil
	case reflect.String:
		return stringCoder, nil
	case reflect.Array:
		elem, err := c.compile(t.Elem(), path+"[]")
		if err != nil {
			return coder{}, err
		}
		return arrayCoder(elem, t.Elem().Size(), t.Len()), nil
	case reflect.Struct:
		return c.structCoder(t, path)
	case reflect.Slice, reflect.Map:
		if slices.Contains(c.within, t) {
			return coder{}, fmt.Errorf("%s: the type %s contains itself: a state has a bounded shape, use indices", path, t)
		}
		c.within = append(c.within, t)
		defer func() { c.within = c.within[:len(c.within)-1] }()
		c.indirect = true
		if t.Kind() == reflect.Map {
			return c.mapCoder(t, path)
		}
		return c.sliceCoder(t, path)
	}
	return coder{}, fmt.Errorf("%s: a %s cannot be part of a state: use booleans, integers, strings, arrays, slices, maps and structs of them, or implement AppendBinary and UnmarshalBinary", path, t)
}

func rawCoder(n uintptr) coder {
	if n == 1 {
		return coder{
			enc: func(b []byte, p unsafe.Pointer) []byte { return append(b, *(*byte)(p)) },
			dec: func(_ *pool, b []byte, p unsafe.Pointer) []byte { *(*byte)(p) = b[0]; return b[1:] },
			raw: 1,
		}
	}
	return coder{
		enc: func(b []byte, p unsafe.Pointer) []byte { return append(b, unsafe.Slice((*byte)(p), n)...) },
		dec: func(_ *pool, b []byte, p unsafe.Pointer) []byte {
			copy(unsafe.Slice((*byte)(p), n), b[:n])
			return b[n:]
		},
		raw: n,
	}
}

func signed[T int | int16 | int32 | int64]() coder {
	return coder{
		enc: func(b []byte, p unsafe.Pointer) []byte { return binary.AppendVarint(b, int64(*(*T)(p))) },
		dec: func(_ *pool, b []byte, p unsafe.Pointer) []byte {
			v, n := binary.Varint(b)
			*(*T)(p) = T(v)
			return b[n:]
		},
	}
}

func unsigned[T uint | uint16 | uint32 | uint64]() coder {
	return coder{
		enc: func(b []byte, p unsafe.Pointer) []byte { return binary.AppendUvarint(b, uint64(*(*T)(p))) },
		dec: func(_ *pool, b []byte, p unsafe.Pointer) []byte {
			v, n := binary.Uvarint(b)
			*(*T)(p) = T(v)
			return b[n:]
		},
	}
}

var stringCoder = coder{
	enc: func(b []byte, p unsafe.Pointer) []byte {
		s := *(*string)(p)
		return append(binary.AppendUvarint(b, uint64(len(s))), s...)
	},
	dec: func(_ *pool, b []byte, p unsafe.Pointer) []byte {
		v, n := binary.Uvarint(b)
		end := n + int(v)
		*(*string)(p) = string(b[n:end])
		return b[end:]
	},
}

func arrayCoder(elem coder, size uintptr, n int) coder {
	if n == 0 {
		return coder{
			enc: func(b []byte, _ unsafe.Pointer) []byte { return b },
			dec: func(_ *pool, b []byte, _ unsafe.Pointer) []byte { return b },
		}
	}
	if elem.raw != 0 {
		return rawCoder(elem.raw * uintptr(n))
	}
	return coder{
		enc: func(b []byte, p unsafe.Pointer) []byte {
			for i := range n {
				b = elem.enc(b, unsafe.Add(p, uintptr(i)*size))
			}
			return b
		},
		dec: func(m *pool, b []byte, p unsafe.Pointer) []byte {
			for i := range n {
				b = elem.dec(m, b, unsafe.Add(p, uintptr(i)*size))
			}
			return b
		},
	}
}

// structCoder compiles a struct. Neighbouring fields without padding between
// them whose memory is their encoding become one copy.
func (c *compiler) structCoder(t reflect.Type, path string) (coder, error) {
	type part struct {
		coder
		offset uintptr
	}
	var parts []part
	for i := range t.NumField() {
		f := t.Field(i)
		fc, err := c.compile(f.Type, path+"."+f.Name)
		if err != nil {
			return coder{}, err
		}
		if last := len(parts) - 1; last >= 0 && fc.raw != 0 && parts[last].raw != 0 && parts[last].offset+parts[last].raw == f.Offset {
			parts[last].coder = rawCoder(parts[last].raw + fc.raw)
			continue
		}
		parts = append(parts, part{fc, f.Offset})
	}
	if len(parts) == 1 && parts[0].offset == 0 {
		only := parts[0].coder
		if only.raw != t.Size() {
			only.raw = 0
		}
		return only, nil
	}
	return coder{
		enc: func(b []byte, p unsafe.Pointer) []byte {
			for i := range parts {
				b = parts[i].enc(b, unsafe.Add(p, parts[i].offset))
			}
			return b
		},
		dec: func(m *pool, b []byte, p unsafe.Pointer) []byte {
			for i := range parts {
				b = parts[i].dec(m, b, unsafe.Add(p, parts[i].offset))
			}
			return b
		},
	}, nil
}

// sliceHeader is the memory of a slice.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

func (c *compiler) sliceCoder(t reflect.Type, path string) (coder, error) {
	elem, err := c.compile(t.Elem(), path+"[]")
	if err != nil {
		return coder{}, err
	}
	index, size := c.slices, t.Elem().Size()
	c.slices++
	return coder{
		enc: func(b []byte, p unsafe.Pointer) []byte {
			h := (*sliceHeader)(p)
			b = binary.AppendUvarint(b, uint64(h.len))
			if elem.raw != 0 {
				return append(b, unsafe.Slice((*byte)(h.data), elem.raw*uintptr(h.len))...)
			}
			for i := range h.len {
				b = elem.enc(b, unsafe.Add(h.data, uintptr(i)*size))
			}
			return b
		},
		dec: func(m *pool, b []byte, p unsafe.Pointer) []byte {
			v, used := binary.Uvarint(b)
			b = b[used:]
			n := int(v)
			if n == 0 {
				*(*sliceHeader)(p) = sliceHeader{}
				return b
			}
			s := m.take(index, t.Elem(), n)
			*(*sliceHeader)(p) = sliceHeader{s.data, n, s.cap}
			if elem.raw != 0 {
				return b[copy(unsafe.Slice((*byte)(s.data), elem.raw*uintptr(n)), b):]
			}
			for i := range n {
				b = elem.dec(m, b, unsafe.Add(s.data, uintptr(i)*size))
			}
			return b
		},
	}, nil
}

// mapCoder compiles a map: its entries in the order of their keys' encodings.
func (c *compiler) mapCoder(t reflect.Type, path string) (coder, error) {
	key, err := c.compile(t.Key(), path+" key")
	if err != nil {
		return coder{}, err
	}
	val, err := c.compile(t.Elem(), path+"[]")
	if err != nil {
		return coder{}, err
	}
	enc := func(b []byte, p unsafe.Pointer) []byte {
		m := reflect.NewAt(t, p).Elem()
		entries := make([][]byte, 0, m.Len())
		k, v := reflect.New(t.Key()), reflect.New(t.Elem())
		for it := m.MapRange(); it.Next(); {
			k.Elem().SetIterKey(it)
			v.Elem().SetIterValue(it)
			entries = append(entries, val.enc(key.enc(nil, k.UnsafePointer()), v.UnsafePointer()))
		}
		// Keys differ and no encoding is the beginning of another, so this orders
		// the entries by their keys.
		slices.SortFunc(entries, bytes.Compare)
		b = binary.AppendUvarint(b, uint64(len(entries)))
		for _, e := range entries {
			b = append(b, e...)
		}
		return b
	}
	dec := func(m *pool, b []byte, p unsafe.Pointer) []byte {
		n, used := binary.Uvarint(b)
		b = b[used:]
		out := reflect.MakeMapWithSize(t, int(n))
		for range n {
			k, v := reflect.New(t.Key()), reflect.New(t.Elem())
			b = key.dec(m, b, k.UnsafePointer())
			b = val.dec(m, b, v.UnsafePointer())
			out.SetMapIndex(k.Elem(), v.Elem())
		}
		reflect.NewAt(t, p).Elem().Set(out)
		return b
	}
	return coder{enc: enc, dec: dec}, nil
}
