package cilium

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestField(t *testing.T) {
	b := bytes.NewBufferString("hello")
	require.Equal(t, "hello", string(*field[[]byte](b, "buf")))
	*field[int](b, "off") = 4
	require.Equal(t, "o", b.String())
	require.PanicsWithValue(t, "field off is a int, not a string", func() { field[string](b, "off") })
	require.Panics(t, func() { field[int](b, "nothing") })
}
