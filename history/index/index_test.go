package index

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/disturb"
)

const (
	webAt1 = "id=65537 host=192.168.0.1 pod=shop/web"
	webAt2 = "id=65537 host=192.168.0.2 pod=shop/web"
	dbAt1  = "id=65538 host=192.168.0.1 pod=shop/db"
)

// truth is a record of what became true of the endpoint 10.0.0.1.
func truth(at int, rv int64, op, owner, value string) history.Record {
	return history.Record{At: second(at), Actor: "k0", Verb: history.Truth, Kind: history.Endpoint, Key: "10.0.0.1", Op: op, Owner: owner, Value: value, RV: rv}
}

func TestAnEntryGoesThroughStates(t *testing.T) {
	x := indexOf(
		truth(1, 3, "put", "p", webAt1),
		truth(2, 4, "put", "p", webAt2),
		truth(3, 5, "put", "q", dbAt1),
		truth(4, 6, "del", "p", ""),
		truth(5, 7, "del", "q", ""),
	)
	id, _ := x.Views.Number(history.Endpoint, "10.0.0.1")
	e := &x.Views.Entries[id]
	require.NotNil(t, e)
	require.Equal(t, []int32{0, 1, 1, 5}, []int32{e.StateOf(2), e.StateOf(3), e.StateAt(second(1)), e.StateOf(9)})
	require.Empty(t, e.LiveIn(0))
	require.Equal(t, []string{webAt1}, e.LiveIn(1))
	require.ElementsMatch(t, []string{webAt2, dbAt1}, e.LiveIn(3), "two objects claim the address")
	require.Equal(t, []string{dbAt1}, e.LiveIn(4))
	require.Empty(t, e.LiveIn(5))
	require.True(t, Covers(e.Absent, 0))
	require.True(t, Covers(e.Absent, 5))
	require.True(t, Lasts(e.Absent))
	require.True(t, e.TrueThroughout(second(1), second(4)))
	require.False(t, e.TrueThroughout(second(4), second(6)))

	owners := e.OwnersOf()
	require.Len(t, owners.All, 2, "one pod has the address on two hosts")
	require.Equal(t, []Possession{PossessionOf(webAt1)}, owners.OwnersIn(2))
	require.Equal(t, "pod shop/db with identity 65538", owners.OwnersIn(4)[0].String())
	require.Zero(t, PossessionOf("labels only"))
	require.Equal(t, []bool{true, false}, []bool{Reserved("4"), Reserved("65537")})
}

func TestViewsEndWithWhatTheyWereTold(t *testing.T) {
	see := func(at int, verb history.Verb, value string) history.Record {
		return history.Record{At: second(at), Actor: "a0", Verb: verb, Kind: history.Endpoint, Key: "10.0.0.1", Value: value, Source: "clustermesh", Peer: "r0", Session: 1}
	}
	x := indexOf(
		truth(1, 3, "put", "p", webAt1),
		history.Record{At: second(2), Actor: "a0", Verb: history.Up, Kind: "agent", Inc: 1},
		see(3, history.See, webAt1), see(3, history.Program, webAt1),
		history.Record{At: second(4), Actor: "a0", Verb: history.Down, Kind: "agent", Inc: 1},
		history.Record{At: second(5), Actor: "a0", Verb: history.Up, Kind: "agent", Inc: 2},
		history.Record{At: second(9), Actor: "world", Verb: history.Left, Kind: "goroutine"},
	)
	require.Len(t, x.Left, 1, "what was counted after the end is apart")
	require.Len(t, x.Records, 6)
	v := x.Views
	end := EndOf(v)
	require.False(t, end.Of(v, 0, View, 0).Shown, "a restart empties the view")
	require.True(t, end.Of(v, 0, Datapath, 0).Shown, "and not the datapath")
	agents, datapaths := Incarnations(v, second(9))
	require.Len(t, agents[0], 2)
	require.Len(t, datapaths, 1)

	incarnations := x.Processes("a0", "agent")
	require.Equal(t, second(4), incarnations[0].To)
	require.Equal(t, Forever, incarnations[1].To)
	last, ok := ProcessAt(incarnations, second(7))
	require.True(t, ok)
	require.Equal(t, second(5), last.From)
	_, ok = ProcessAt(incarnations, second(1))
	require.False(t, ok)
}

// Files before version 3 do not say which session a change is of.
func TestSessionsOfOlderHistories(t *testing.T) {
	drop := history.Record{Actor: "a0", Verb: history.Drop, Kind: history.Node, Key: "n1"}
	connect := history.Record{Actor: "a0", Verb: history.Connect, Peer: "r0"}
	x := indexOf(history.Record{Actor: "a0", Verb: history.Up, Kind: "agent"}, drop, connect, drop, connect, drop)
	require.Equal(t, []int64{1, 1, 2}, []int64{x.Records[1].Session, x.Records[3].Session, x.Records[5].Session})
	drop.Session = 7
	require.Equal(t, int64(7), indexOf(connect, connect, drop).Records[2].Session, "what a history says is not changed")
}

func TestPhases(t *testing.T) {
	phase := func(at int, name, value string) history.Record {
		return history.Record{At: second(at), Actor: "world", Verb: history.Phase, Key: name, Value: value}
	}
	records := []history.Record{phase(0, "boot", ""), phase(5, "churn", ""), phase(20, "heal", "1m0s"), phase(30, "end", "settled")}
	from, to := indexOf(records...).Churn()
	require.Equal(t, []int{1, 2}, []int{from, to})
	require.Equal(t, Horizon{Heal: 2, End: 3, Bound: second(60), Deadline: second(80), Passed: second(10)}, indexOf(records...).Horizon())
	require.Equal(t, "the run has no heal phase", indexOf(records[:2]...).Horizon().Problem)
	require.Equal(t, `the bound of the heal phase, "soon", is not a duration such as 5m0s`, indexOf(phase(1, "heal", "soon")).Horizon().Problem)
}

func TestDisturbances(t *testing.T) {
	x := parsed(t, `
1 world fault partition r0 value=x op=cut peer=k0 rev=1
2 r0 down writer - inc=1
3 r0 down etcd - inc=1
4 world heal partition r0 value=x op=cut peer=k0 rev=1
4 world effect partition r0 value=cut:0 op=cut peer=k0 rev=1
5 world fault reset r0 value=x op=connections-reset rev=2
6 r0 up writer - inc=2
`)
	require.Len(t, x.Faults, 2)
	cut := x.Faults[0]
	require.Equal(t, map[string][]Disturbance{
		"r0": {{cut, second(1), second(4)}, {nil, second(2), second(6)}},
		"k0": {{cut, second(1), second(4)}},
	}, x.Disturbances(func(f *Fault) bool { return f.Is(disturb.Cut) }, "writer"))
}

func TestFaults(t *testing.T) {
	all := parsed(t, `
1 world fault black-hole r0 value=x op=connections-dead,cut peer=k0,k1 rev=4
2 world fault scale-down r1,r2 value=x op=process-ended rev=1
3 world heal black-hole r0 value=x op=connections-dead,cut peer=k0,k1 rev=4
3 world effect black-hole r0 value="connections-dead:0 cut:0" peer=k0,k1 rev=4
4 world effect scale-down r1,r2 value="process-ended:4" rev=1
5 world fault leader-change - value=x op=cut rev=2
`).Faults
	require.Equal(t, []*Fault{
		{Number: 4, Kind: "black-hole", Disturbs: []disturb.Kind{disturb.ConnectionsDead, disturb.Cut}, Hosts: []string{"r0"}, Peers: []string{"k0", "k1"},
			From: second(1), To: second(3), Effect: "connections-dead:0 cut:0"},
		{Number: 1, Begin: 1, Kind: "scale-down", Disturbs: []disturb.Kind{disturb.ProcessEnded}, Hosts: []string{"r1", "r2"},
			From: second(2), To: second(2), Effect: "process-ended:4", Did: true},
		{Number: 2, Begin: 5, Kind: "leader-change", Disturbs: []disturb.Kind{disturb.Cut}, From: second(5), To: second(5), Did: true},
	}, all)
	require.True(t, all[0].Is(disturb.EtcdFull, disturb.Cut))
	require.False(t, all[0].Is(disturb.EtcdFull))
}

// Versions 1 and 2 of the file form do not say what a fault disturbs.
func TestWhatAFaultDisturbsIsGuessedWhereItIsNotSaid(t *testing.T) {
	for kind, want := range guessed {
		f := parsed(t, "1 world fault "+kind+" r0 value=x rev=1\n").Faults[0]
		require.Equal(t, want, f.Disturbs)
		require.True(t, f.Did, "what it did is not said either")
	}
}

func TestConnections(t *testing.T) {
	records := []history.Record{
		{At: second(1), Actor: "a0", Verb: history.Up, Kind: "agent"},
		{At: second(2), Actor: "a0", Verb: history.Connect, Peer: "r0"},
		{At: second(3), Actor: "a0", Verb: history.Net, Key: "close", Peer: "r0"},
		{At: second(3), Actor: "a0", Verb: history.Disconnect, Peer: "r0"},
		{At: second(4), Actor: "a1", Verb: history.Connect, Peer: "r1"},
		{At: second(5), Actor: "a1", Verb: history.Down, Kind: "agent"},
	}
	departures := Departures(records)
	require.Equal(t, second(3), departures[ClientServer{"a0", "r0"}][0])
	require.Equal(t, second(5), departures[ClientServer{"a1", ""}][0])
	require.Equal(t, map[string]int{"a0": 3}, LastConnections(records))
	require.Equal(t, []int{1, -1, 4}, []int{ConnectionAt(records, "a0", 2), ConnectionAt(records, "a0", 5), ConnectionAt(records, "a1", 5)})
}

func TestWatchEvents(t *testing.T) {
	put := ParseEtcdEvent("put:k/a:b:7:3:2:hash:prev=5")
	require.Equal(t, "k/a:b", put.Key)
	require.Equal(t, int64(7), put.Mod)
	require.Equal(t, int64(-1), ParseEtcdEvent("nonsense").Mod)
	ev := ParseKubeEvent("ADDED:shop/web:12")
	require.Equal(t, []any{"ADDED", "shop/web", int64(12)}, []any{ev.What, ev.Key, ev.RV})
}
