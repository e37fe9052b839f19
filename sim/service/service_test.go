package service

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestServiceWithAffinity(t *testing.T) {
	s := New("mesh", 1, 2379, true)
	_, ok := s.pick("a0", "a0")
	require.False(t, ok)

	s.SetReady("r1", true)
	s.SetReady("r0", true)
	s.SetReady("r0", true)
	require.Equal(t, []string{"r0", "r1"}, s.ready)
	first, _ := s.pick("a0", "a0")
	for range 20 {
		again, _ := s.pick("a0", "a0")
		require.Equal(t, first, again, "a client sticks to its endpoint")
	}
	s.SetReady(first, false)
	other, _ := s.pick("a0", "a0")
	require.NotEqual(t, first, other, "until it is not ready")
	s.SetReady(first, true)
	again, _ := s.pick("a0", "a0")
	require.Equal(t, other, again, "and does not come back")
}

func TestServiceSpreadsClients(t *testing.T) {
	s := New("mesh", 1, 2379, true)
	s.SetReady("r0", true)
	s.SetReady("r1", true)
	got := map[string]int{}
	for _, client := range []string{"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"} {
		host, _ := s.pick(client, client)
		got[host]++
	}
	require.Len(t, got, 2)
}

func TestServiceDialer(t *testing.T) {
	s := New("mesh", 1, 2379, true)
	var dialled string
	dial := s.Dialer("a0", "", func(_ context.Context, address string) (net.Conn, error) {
		dialled = address
		return nil, errors.New("enough")
	})
	_, err := dial(t.Context(), "anything:1")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorContains(t, err, "service mesh has no endpoints")
	s.SetReady("r0", true)
	_, err = dial(t.Context(), "anything:1")
	require.EqualError(t, err, "enough")
	require.Equal(t, "r0:2379", dialled)
}

// A host that learns late of the endpoints goes by those before, and only it.
func TestLateEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("mesh", 1, 2379, true)
		s.SetReady("r0", true)
		time.Sleep(time.Minute)
		restore := s.Delay("a0", 10*time.Second)
		s.SetReady("r0", false)
		s.SetReady("r1", true)
		to := func(client string) string {
			host, _ := s.pick(client, client)
			return host
		}
		require.Equal(t, "r1", to("a1"))
		require.Equal(t, "r0", to("a0"), "it has not heard yet")
		time.Sleep(9 * time.Second)
		require.Equal(t, "r0", to("a0"))
		time.Sleep(time.Second)
		require.Equal(t, "r1", to("a0"))
		s.SetReady("r1", false)
		require.Equal(t, "r1", to("a0"))
		require.EqualValues(t, 3, restore(), "three dials went by old endpoints")
		require.Empty(t, to("a0"))
	})
}

func TestUnreadyEndpoints(t *testing.T) {
	s := New("mesh", 1, 2379, true)
	restore := s.Name("a0", []string{"r1", "r0"})
	s.SetReady("r0", true)
	_, to := s.Move("a0", "r1")
	require.Equal(t, "r1", to)
	host, _ := s.pick("a0", "a0")
	require.Equal(t, "r1", host, "ready or not")
	host, _ = s.pick("a1", "a1")
	require.Equal(t, "r0", host)
	require.EqualValues(t, 1, restore())
	host, _ = s.pick("a0", "a0")
	require.Equal(t, "r0", host)
}
