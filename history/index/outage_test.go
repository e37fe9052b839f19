package index

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/disturb"
)

func TestWhatAFaultCutsOff(t *testing.T) {
	hosts, ring := []string{"a0", "a1"}, []string{"r0", "r1", "r2", "r3"}
	for _, c := range []struct {
		name     string
		fault    Fault
		lifted   bool
		since    int
		from, to string
		want     bool
	}{
		{name: "from its peer", fault: Fault{Disturbs: []disturb.Kind{disturb.Cut}, Hosts: hosts, Peers: []string{"r0"}}, from: "r0", to: "a1", want: true},
		{name: "to its peer", fault: Fault{Disturbs: []disturb.Kind{disturb.Cut}, Hosts: hosts, Peers: []string{"r0"}}, from: "a1", to: "r0", want: true},
		{name: "not another", fault: Fault{Disturbs: []disturb.Kind{disturb.Cut}, Hosts: hosts, Peers: []string{"r0"}}, from: "r1", to: "a1"},
		{name: "from all others", fault: Fault{Disturbs: []disturb.Kind{disturb.Cut}, Hosts: hosts}, from: "r1", to: "a1", want: true},
		{name: "not from each other", fault: Fault{Disturbs: []disturb.Kind{disturb.Cut}, Hosts: hosts}, from: "a0", to: "a1"},
		{name: "no more", fault: Fault{Disturbs: []disturb.Kind{disturb.Cut}, Hosts: hosts}, lifted: true, from: "r1", to: "a1"},
		{name: "one way", fault: Fault{Disturbs: []disturb.Kind{disturb.CutOneWay}, Hosts: hosts, Peers: []string{"r0"}}, from: "a1", to: "r0", want: true},
		{name: "not the other", fault: Fault{Disturbs: []disturb.Kind{disturb.CutOneWay}, Hosts: hosts, Peers: []string{"r0"}}, from: "r0", to: "a1"},
		{name: "a neighbour in the ring", fault: Fault{Disturbs: []disturb.Kind{disturb.CutRing}, Hosts: ring}, from: "r0", to: "r1"},
		{name: "the last and the first", fault: Fault{Disturbs: []disturb.Kind{disturb.CutRing}, Hosts: ring}, from: "r3", to: "r0"},
		{name: "across the ring", fault: Fault{Disturbs: []disturb.Kind{disturb.CutRing}, Hosts: ring}, from: "r3", to: "r1", want: true},
		{name: "a connection of before, for good", fault: Fault{Disturbs: []disturb.Kind{disturb.ConnectionsDead}, Hosts: hosts, Peers: []string{"r0"}, From: seconds(5)}, lifted: true, since: 4, from: "r0", to: "a0", want: true},
		{name: "not a later one", fault: Fault{Disturbs: []disturb.Kind{disturb.ConnectionsDead}, Hosts: hosts, Peers: []string{"r0"}, From: seconds(5)}, lifted: true, since: 6, from: "r0", to: "a0"},
	} {
		w := World{inForce: []force{{&c.fault, c.lifted}}}
		require.Equal(t, c.want, w.Cut(c.from, c.to, seconds(c.since)), c.name)
	}
}

func TestOutages(t *testing.T) {
	x := parsed(t, `
0 k0 up kube - inc=1
0 r0 up etcd - store=s inc=1
0 r0 up writer - inc=1
1 a0 up agent - inc=1
1 k0 watch Pod - peer=a0 id=1
2 a0 connect - - peer=r0 store=s
10 r0 down writer - inc=1
15 a0 disconnect - - peer=r0 store=s value=close
20 a0 connect - - peer=r0 store=s
30 r0 up writer - inc=2
40 k0 down kube - inc=1
50 k0 up kube - inc=2
60 world fault writer-pause r0 rev=1 op=writer-frozen value=x
65 world heal writer-pause r0 rev=1 op=writer-frozen value=x
70 r0 down etcd - store=s inc=1
75 a0 down agent - inc=1
`)
	var all []Outage
	for _, o := range x.Outages()[0] {
		o.Record = 0
		all = append(all, o)
	}
	require.Equal(t, []Outage{
		{From: seconds(1), To: seconds(2), Why: NoConnection},
		{From: seconds(10), To: seconds(30), Why: WriterGone, Server: "r0"},
		{From: seconds(40), To: seconds(50), Why: WriterCutOff, Server: "r0"},
		{From: seconds(60), To: seconds(65), Why: WriterFrozen, Server: "r0"},
		{From: seconds(70), To: seconds(75), Why: ServerGone, Server: "r0"},
	}, all)
}

func TestOutagesOfAgentsThatReadTheKubeAPIServer(t *testing.T) {
	x := parsed(t, `
0 k0 up kube - inc=1
1 a0 up agent - inc=1
2 k0 watch CiliumNode - peer=a0 id=1
5 world fault partition a0 peer=k0 rev=1 op=cut value=x
8 world heal partition a0 peer=k0 rev=1 op=cut value=x
10 k0 down kube - inc=1
11 k0 unwatch CiliumNode - value=closed peer=a0 id=1
`)
	var all []Outage
	for _, o := range x.Outages()[0] {
		o.Record = 0
		all = append(all, o)
	}
	require.Equal(t, []Outage{
		{From: seconds(1), To: seconds(2), Why: NoConnection},
		{From: seconds(5), To: seconds(8), Why: CutOff, Server: "k0"},
		{From: seconds(10), To: Forever, Why: ServerGone, Server: "k0"},
	}, all)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
