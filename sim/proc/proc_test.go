package proc

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKill(t *testing.T) {
	var p Process
	var far []net.Conn
	dial := p.Dial(func(context.Context, string) (net.Conn, error) {
		a, b := net.Pipe()
		far = append(far, b)
		return a, nil
	})
	one, err := dial(t.Context(), "x")
	require.NoError(t, err)
	two, err := dial(t.Context(), "x")
	require.NoError(t, err)
	require.NoError(t, one.Close())
	require.Len(t, p.conns, 1, "a closed connection is forgotten")

	p.Kill()
	_, err = far[1].Read(make([]byte, 1))
	require.Error(t, err, "the peer notices")
	_, err = two.Write([]byte("x"))
	require.Error(t, err)
	_, err = dial(t.Context(), "x")
	require.ErrorIs(t, err, ErrKilled)
}

func TestKillWhileDialing(t *testing.T) {
	var p Process
	near, far := net.Pipe()
	dial := p.Dial(func(context.Context, string) (net.Conn, error) {
		p.Kill()
		return near, nil
	})
	_, err := dial(t.Context(), "x")
	require.ErrorIs(t, err, ErrKilled)
	_, err = far.Read(make([]byte, 1))
	require.Error(t, err, "the connection is closed")
}
