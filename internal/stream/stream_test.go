package stream

import (
	"encoding/binary"
	"hash/fnv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestKeyIsFNV(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, number := rapid.String().Draw(t, "text"), rapid.Uint64().Draw(t, "number")
		h := fnv.New64a()
		h.Write([]byte(text))
		h.Write(binary.LittleEndian.AppendUint64(nil, number))
		require.Equal(t, h.Sum64(), uint64(New().Text(text).Number(number)))
	})
}

// Neighbouring numbers differ in about half of their bits, the low ones included, on
// which a remainder depends.
func TestDrawsOfNeighbours(t *testing.T) {
	var counts [4]int
	for seed := range uint64(4000) {
		counts[New().Number(seed).Text("purpose").Draw()%4]++
	}
	for _, n := range counts {
		require.InDelta(t, 1000, n, 150)
	}
}

// The values are part of every plan and trace: another formula would retire all seeds.
func TestValues(t *testing.T) {
	require.Equal(t, uint64(0xf52a15e9a9b5e89b), New().Draw())
	require.Equal(t, uint64(0x5692161d100b05e5), Mix(1))
}
