package codec

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type inner struct {
	A int8
	B bool
	C []uint16
}

type everything struct {
	I    int
	I16  int16
	U64  uint64
	Raw  [3]uint8
	S    string
	Wide [2]int32
	In   [2]inner
	List []inner
	Map  map[string]inner
	Set  map[[2]uint8]struct{}
	less int
	none [0]int
}

func drawInner(t *rapid.T, label string) inner {
	return inner{
		A: rapid.Int8().Draw(t, label+".A"),
		B: rapid.Bool().Draw(t, label+".B"),
		C: rapid.SliceOfN(rapid.Uint16(), 1, 3).Draw(t, label+".C"),
	}
}

func drawEverything(t *rapid.T, label string) everything {
	in := rapid.Custom(func(t *rapid.T) inner { return drawInner(t, "inner") })
	e := everything{
		I: rapid.Int().Draw(t, label+".I"), I16: rapid.Int16().Draw(t, label+".I16"),
		U64: rapid.Uint64().Draw(t, label+".U64"), S: rapid.String().Draw(t, label+".S"),
		Raw:  [3]uint8{rapid.Uint8().Draw(t, label+".Raw")},
		Wide: [2]int32{rapid.Int32().Draw(t, label+".Wide"), 7},
		In:   [2]inner{in.Draw(t, label+".In0"), in.Draw(t, label+".In1")},
		List: rapid.SliceOfN(in, 1, 3).Draw(t, label+".List"),
		Map:  rapid.MapOfN(rapid.StringN(0, 3, 4), in, 0, 4).Draw(t, label+".Map"),
		Set:  map[[2]uint8]struct{}{},
		less: rapid.IntRange(0, 9).Draw(t, label+".less"),
	}
	for range rapid.IntRange(0, 4).Draw(t, label+".Set") {
		e.Set[[2]uint8{rapid.Uint8().Draw(t, "a"), rapid.Uint8().Draw(t, "b")}] = struct{}{}
	}
	return e
}

func TestCodecRoundTripsAndSeparates(t *testing.T) {
	c, err := New[everything]()
	require.NoError(t, err)
	assert.False(t, c.flat)
	rapid.Check(t, func(t *rapid.T) {
		mem := c.Memory()
		x, y := drawEverything(t, "x"), drawEverything(t, "y")
		encX, encY := mem.Append(nil, &x), mem.Append(nil, &y)
		assert.Equal(t, encX, mem.Append(nil, &x), "an encoding does not depend on map order")

		// The same memory decodes one state after the other.
		var got everything
		mem.Load(encX, &got)
		assert.Equal(t, x, got)
		mem.Load(encY, &got)
		assert.Equal(t, y, got)
		assert.Equal(t, assert.ObjectsAreEqual(x, y), string(encX) == string(encY))
	})
}

func TestCodecKeepsSlicesApart(t *testing.T) {
	type state struct{ A, B []int }
	c, err := New[state]()
	require.NoError(t, err)
	mem := c.Memory()
	var s state
	enc := mem.Append(nil, &state{A: []int{1, 2}, B: []int{3, 4}})
	mem.Load(enc, &s)
	s.A = s.B // a model may alias two slices; the next load must not
	mem.Load(enc, &s)
	assert.Equal(t, state{A: []int{1, 2}, B: []int{3, 4}}, s)
}

func TestCodecOfPlainStructIsFlat(t *testing.T) {
	type state struct {
		A [4]uint8
		B bool
		C struct{ D, E int8 }
	}
	c, err := New[state]()
	require.NoError(t, err)
	assert.True(t, c.flat)
	mem := c.Memory()
	s := state{A: [4]uint8{1, 2, 3, 4}, B: true}
	s.C.E = -1
	assert.Equal(t, []byte{1, 2, 3, 4, 1, 0, 255}, mem.Append(nil, &s), "one copy of the memory")
	assert.EqualValues(t, 7, c.root.raw)
}

func TestCodecPaddingIsNoPartOfAState(t *testing.T) {
	type state struct {
		A struct {
			X int8
			Y int32
		}
		B [2]struct {
			V bool
			W uint16
			Z bool
		}
	}
	c, err := New[state]()
	require.NoError(t, err)
	mem := c.Memory()
	var s, got state
	s.A.X, s.A.Y, s.B[1].W, s.B[1].Z = 1, 2, 3, true
	enc := mem.Append(nil, &s)
	assert.Len(t, enc, 2+2*3)
	mem.Load(enc, &got)
	assert.Equal(t, s, got)
}

func TestCodecRefusesWhatIsNoState(t *testing.T) {
	type tree struct{ Kids []tree }
	_, err := New[struct{ F func() }]()
	assert.ErrorContains(t, err, ".F: a func() cannot be part of a state")
	_, err = New[struct{ P *int }]()
	assert.ErrorContains(t, err, ".P: a *int")
	_, err = New[tree]()
	assert.ErrorContains(t, err, "contains itself")
}

// selfCoded encodes itself, to be tested as a state.
type selfCoded struct{ n uint16 }

func (s *selfCoded) AppendBinary(b []byte) ([]byte, error) {
	return binary.LittleEndian.AppendUint16(b, s.n), nil
}

func (s *selfCoded) UnmarshalBinary(b []byte) error {
	s.n = binary.LittleEndian.Uint16(b)
	return nil
}

func TestStateMayEncodeItself(t *testing.T) {
	c, err := New[selfCoded]()
	require.NoError(t, err)
	s := selfCoded{n: 0x102}
	enc := c.Memory().Append(nil, &s)
	assert.Equal(t, []byte{2, 1}, enc)
	var got selfCoded
	c.Memory().Load(enc, &got)
	assert.Equal(t, s, got)
}

func TestFingerprintsOfSmallStatesDiffer(t *testing.T) {
	const n = 1 << 20
	seen := make(map[uint64]bool, 3*n)
	var b [40]byte
	for i := range n {
		binary.LittleEndian.PutUint32(b[:], uint32(i))
		seen[Fingerprint(b[:4])] = true
		seen[Fingerprint(b[:9])] = true
		binary.LittleEndian.PutUint32(b[30:], uint32(i))
		seen[Fingerprint(b[:])] = true
		binary.LittleEndian.PutUint32(b[30:], 0)
	}
	// All are distinct inputs, by content or by length.
	assert.Len(t, seen, 3*n)
}

func TestFingerprintAvalanches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "encoding")
		before := Fingerprint(b)
		bit := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		b[bit/8] ^= 1 << (bit % 8)
		changed := 0
		for x := before ^ Fingerprint(b); x != 0; x &= x - 1 {
			changed++
		}
		// 64 fair coins fall outside this range once in 10^9 throws.
		assert.True(t, changed >= 9 && changed <= 55, "%d bits change", changed)
	})
}
