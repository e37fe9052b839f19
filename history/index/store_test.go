package index

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

// second is an instant of the small histories of these tests.
func second(n int) time.Duration { return time.Duration(n) * time.Second }

func indexOf(records ...history.Record) *Index { return New(&history.History{Records: records}) }

func TestAStoreKnowsTheVersionsOfItsKeys(t *testing.T) {
	x := indexOf(
		history.Record{At: second(1), Actor: "r0", Verb: history.Up, Kind: "etcd", Store: "s0"},
		history.Record{At: second(2), Actor: "r0", Verb: history.Put, Key: "k/a", Store: "s0", Rev: 2},
		history.Record{At: second(3), Actor: "r0", Verb: history.Call, Key: "k/a", Op: "put", Value: "hash", Store: "s0", Rev: 2},
		history.Record{At: second(4), Actor: "r0", Verb: history.Put, Key: "k/a", Store: "s0", Rev: 3},
		history.Record{At: second(5), Actor: "r0", Verb: history.Del, Key: "k/a", Store: "s0", Rev: 4},
		history.Record{At: second(6), Actor: "r0", Verb: history.Put, Key: "k/a", Store: "s0", Rev: 6},
		history.Record{At: second(7), Actor: "r0", Verb: history.Call, Key: "k/", End: "k0", Op: "range", Value: "k/a:6:h k/b:c:1:i", Store: "s0", More: true},
		history.Record{At: second(8), Actor: "r1", Verb: history.Put, Key: "k/a", Store: "s1", Rev: 2},
	)
	require.Len(t, x.Stores, 2)
	s := x.Store("s0")
	require.Equal(t, "r0", s.Actor)
	require.Equal(t, second(7), s.Last)
	require.Equal(t, []string{"k/a", "k/b:c"}, s.Keys, "a key may hold colons, and an answer names keys too")
	require.Equal(t, Version{Rev: 3, Record: 3, Created: 2, Count: 2}, *s.VersionBy("k/a", 3))
	require.Equal(t, "hash", s.VersionAt("k/a", 2).Hash)
	require.Nil(t, s.VersionAt("k/a", 5))
	require.Nil(t, s.Before("k/a", 1), "nothing before the record that makes it")
	require.Equal(t, int64(3), s.Before("k/a", 4).Rev)
	require.True(t, s.VersionBy("k/a", 5).Deleted)
	v, replaced := s.Change("k/a", 6)
	require.Equal(t, int64(6), v.Created, "created anew after its deletion")
	require.Zero(t, replaced)
	_, replaced = s.Change("k/a", 3)
	require.Equal(t, int64(2), replaced)
	require.Equal(t, []string{"k/a"}, s.Within(&history.Record{Key: "k/a"}))
	require.Equal(t, s.Keys, s.Within(&history.Record{Key: "k/", End: "k0"}))
	require.Equal(t, []string{"k/b:c"}, s.Within(&history.Record{Key: "k/b", End: "\x00"}))
	require.Equal(t, s.Keys, s.Answered(&x.Records[6]), "all up to the last key of an answer that a limit has cut")
	require.True(t, s.PresentBy(x.Records, "k/a", 4, second(6)))
	require.False(t, s.PresentBy(x.Records, "k/a", 4, second(5)))
	require.Empty(t, x.Store("s9").Keys, "a store that the history does not have is empty")
}

func TestAKindOfKubernetesObjects(t *testing.T) {
	write := func(rv int64, key, op string) history.Record {
		return history.Record{Actor: "k0", Verb: history.Write, Kind: "Pod", Key: key, Op: op, RV: rv}
	}
	x := indexOf(write(3, "shop/a", "create"), write(5, "shop-2/a", "create"), write(7, "shop/a", "update"), write(9, "shop/a", "delete"))
	k := x.KindOf("Pod")
	require.Equal(t, []string{"shop-2/a", "shop/a"}, k.Keys)
	require.Equal(t, int64(3), k.Version("shop/a", 6))
	require.Equal(t, int64(7), k.Version("shop/a", 8))
	require.Zero(t, k.Version("shop/a", 9), "deleted")
	require.Zero(t, k.Version("shop/a", 2), "not there yet")
	made, next := k.At("shop/a", 3)
	require.True(t, made.Created)
	require.Equal(t, int64(7), next.RV)
	require.Nil(t, k.Write("shop/a", 8))
	require.Nil(t, k.Before("shop/a", 0))
	require.Equal(t, int64(3), k.Before("shop/a", 2).RV, "before the record that updates it")
	require.True(t, k.Write("shop/a", 9).Deleted)
	shop, all := k.Scope(x.Records, "shop"), k.Scope(x.Records, "")
	require.Equal(t, []int{0, 1, 1, 0}, []int{shop.Count(2), shop.Count(3), shop.Count(8), shop.Count(9)})
	require.Equal(t, 2, all.Count(8))
	require.Len(t, all.After(5), 2)
	require.False(t, InNamespace("shop-2/a", "shop"))
	require.Empty(t, x.KindOf("Node").Keys)
}

func TestWatches(t *testing.T) {
	x := indexOf(
		history.Record{Actor: "r0", Verb: history.Watch, Store: "s0", ID: 1},
		history.Record{Actor: "k0", Verb: history.Watch, ID: 2},
		history.Record{Actor: "r0", Verb: history.Event, Store: "s0", ID: 1},
		history.Record{Actor: "k0", Verb: history.Unwatch, ID: 2},
		history.Record{Actor: "k0", Verb: history.Event, ID: 7},
	)
	require.Equal(t, []*Watching{{Open: 0, Events: []int32{2}, End: -1}}, x.Watches.Etcd)
	require.Equal(t, []*Watching{{Open: 1, End: 3}}, x.Watches.Kube)
	require.Equal(t, []int64{17, -1}, []int64{ParseNumber("17"), ParseNumber("x")})
}
