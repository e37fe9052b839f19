package mechanism_test

import (
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker/mechanism"
)

const (
	// An agent reads the only replica, whose etcd comes back empty under its writer.
	emptied = `
0 k0 up kube - inc=1
0 r0 up etcd - store=A inc=1
0 r0 up writer - inc=1
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
1 r0 put meta cilium/cluster-config/c1 store=A rev=6
1 r0 ready - -
2 a0 up agent - inc=1
3 a0 net - dial peer=r0
3 a0 connect - - peer=r0 store=A
3 a0 see node n0 value=x peer=r0 store=A
3 r0 watch node N peer=a0 store=A end=O ask=7 id=1
3 r0 watch identity N peer=a0 store=A end=O ask=7 id=2
3 r0 watch endpoint N peer=a0 store=A end=O ask=7 id=3
5 r0 event meta cilium/.heartbeat value=put:cilium/.heartbeat:90:8:1:x peer=a0 store=A rev=90 id=4
10 r0 down etcd - store=A inc=1
10 a0 disconnect - - peer=r0 store=A value=reset
11 r0 up etcd - store=A/2 inc=2
12 a0 net - dial peer=r0
12 a0 connect - - peer=r0 store=A/2
`
	notConfigured = `
13 r0 call meta cilium/cluster-config/c1 op=range peer=a0 store=A/2 rev=1 from=13
30 r0 call meta cilium/cluster-config/c1 op=range peer=a0 store=A/2 rev=1 from=30
`
	stillNot   = "195 r0 call meta cilium/cluster-config/c1 op=range peer=a0 store=A/2 rev=1 from=195\n"
	configured = "199 r0 call meta cilium/cluster-config/c1 op=range value=cilium/cluster-config/c1:9:x peer=a0 store=A/2 rev=9 from=199\n"
	lists      = `
200 r0 call meta cilium/synced/c1/ op=range end=cilium/synced/c10 peer=a0 store=A/2 rev=9 from=200
200 r0 watch node N peer=a0 store=A/2 end=O ask=9 rev=9 id=11
200 r0 watch identity N peer=a0 store=A/2 end=O ask=9 rev=9 id=12
200 r0 watch endpoint N peer=a0 store=A/2 end=O ask=9 rev=9 id=13
`
	toldOfRevision   = "13 r0 call meta cilium/.heartbeat op=range peer=a0 store=A/2 rev=1 from=13\n"
	foreignHeartbeat = "13 r0 watch meta cilium/.heartbeat peer=a0 store=A/2 end=cilium/.heartbeau ask=91 rev=1 id=14\n"
	givesUp          = "200 a0 disconnect - - peer=r0 store=A/2 value=close\n"
	muchLater        = "990 world phase - end value=bound\n"
)

func TestCausesOfSources(t *testing.T) {
	for _, c := range []struct {
		name, records, property, want string
	}{
		{"an agent that waits for the cluster's configuration does not read its store", emptied + notConfigured + muchLater, "fail-over", mechanism.CauseClusterConfig},
		{"an agent that never asks for the configuration", emptied + muchLater, "fail-over", ""},
		{"a store that has the configuration", emptied + strings.ReplaceAll(notConfigured, "op=range", "op=range value=cilium/cluster-config/c1:9:x") + muchLater, "fail-over", ""},
		{"a writer that has not put the configuration yet", strings.ReplaceAll(emptied, "1 r0 put meta cilium/cluster-config/c1 store=A rev=6", "") + notConfigured + muchLater, "fail-over", ""},
		{"a writer that has started anew", emptied + "12 r0 down writer - inc=1\n12.5 r0 up writer - inc=2\n" + notConfigured + muchLater, "fail-over", ""},
		{"an agent lists as soon as it has the configuration", emptied + notConfigured + stillNot + configured + lists + muchLater, "steady", mechanism.CauseClusterConfig},
		{"an agent no longer asks for the configuration", emptied + notConfigured + lists + muchLater, "steady", ""},
		{"an agent lists long after it has had the configuration", emptied + notConfigured + strings.ReplaceAll(configured, "199", "150") + lists + muchLater, "steady", ""},
		{"a writer does not put the configuration back at its check", emptied + notConfigured + strings.NewReplacer("195", "395", "199", "399", "200", "400").Replace(stillNot+configured+lists) + muchLater, "steady", ""},
		{"an agent that hears of no heartbeat gives its connection up", emptied + foreignHeartbeat + givesUp + muchLater, "steady", mechanism.CauseEmptied},
		{"an agent that watches heartbeats from the present", emptied + toldOfRevision + strings.ReplaceAll(foreignHeartbeat, "ask=91", "ask=2") + givesUp + muchLater, "steady", ""},
		{"an agent has heard of a heartbeat of the new store", emptied + foreignHeartbeat +
			"150 r0 event meta cilium/.heartbeat value=put:cilium/.heartbeat:91:8:1:x peer=a0 store=A/2 rev=91 id=14\n" + givesUp + muchLater, "steady", ""},
		{"an agent that waits for canaries does not read its store", emptied + strings.ReplaceAll(foreignHeartbeat, "cilium/.heartbeat ", "cilium/synced/c1/ ") + muchLater, "fail-over", mechanism.CauseEmptied},
	} {
		t.Run(c.name, func(t *testing.T) { requireCause(t, c.records, c.property, c.want) })
	}
}

// A writer with another cluster ID, and an agent that connects meanwhile or before.
func TestCauseOfATakenConfiguration(t *testing.T) {
	const (
		start = `
0 k0 up kube - inc=1
0 r0 up etcd - store=A inc=1
0 r0 up writer - inc=1
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
1 r0 put meta cilium/cluster-config/c1 store=A rev=6
2 a0 up agent - inc=1
3 world phase - churn
`
		mistaken = `
10 world fault writer-cluster-id r0 op=process-ended,config-wrong rev=1
11 r0 put meta cilium/cluster-config/c1 store=A rev=8
`
		connects = `
20 a0 connect - - peer=r0 store=A
20 r0 call meta cilium/cluster-config/c1 op=range value=cilium/cluster-config/c1:8:x peer=a0 store=A rev=8 from=20
`
		mended = `
30 world heal writer-cluster-id r0 op=process-ended,config-wrong rev=1
31 r0 put meta cilium/cluster-config/c1 store=A rev=9
31 r0 put node cilium/state/nodes/v1/c1/n0 value=x store=A rev=10
40 world phase - heal value=1m0s
`
		end = "200 world phase - end value=bound\n"
	)
	for _, c := range []struct{ name, records, want string }{
		{"it connects while the ID is wrong", start + mistaken + connects + mended + end, mechanism.CauseTakenOnce},
		{"it connects when the ID is right again", start + mistaken + mended + strings.NewReplacer("20 ", "45 ", ":8:", ":9:", "rev=8 from=20", "rev=9 from=45").Replace(connects) + end, ""},
		{"the ID was right throughout", start + connects + mended + end, ""},
		{"it connects anew", start + mistaken + connects + "25 a0 disconnect - - peer=r0 store=A value=close\n" + mended + "46 a0 connect - - peer=r0 store=A\n" + end, ""},
	} {
		t.Run(c.name, func(t *testing.T) { requireCause(t, c.records, "convergence", c.want) })
	}
}

// An agent that took a wrong cluster ID and is told the right one on a new connection drops what it had.
func TestCauseOfADrainAfterAWrongConfiguration(t *testing.T) {
	const (
		start = `
0 k0 up kube - inc=1
0 r0 up etcd - store=A inc=1
0 r0 up writer - inc=1
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
1 r0 put meta cilium/cluster-config/c1 store=A rev=6
2 a0 up agent - inc=1
3 world phase - churn
10 world fault writer-cluster-id r0 op=process-ended,config-wrong rev=1
`
		mistaken = "11 r0 put meta cilium/cluster-config/c1 store=A rev=8\n"
		connects = "20 a0 connect - - peer=r0 store=A\n" +
			"20 r0 call meta cilium/cluster-config/c1 op=range value=cilium/cluster-config/c1:8:wrong peer=a0 store=A rev=8 from=20\n"
		sees   = "21 a0 see node n0 value=x op=list peer=r0 store=A inc=1\n"
		mended = "30 world heal writer-cluster-id r0 op=process-ended,config-wrong rev=1\n31 r0 put meta cilium/cluster-config/c1 store=A rev=9\n"
		anew   = "40 a0 disconnect - - peer=r0 store=A value=close\n41 a0 connect - - peer=r0 store=A\n"
		told   = "41 r0 call meta cilium/cluster-config/c1 op=range value=cilium/cluster-config/c1:9:right peer=a0 store=A rev=9 from=41\n"
		drops  = "41.1 a0 drop node n0 op=watch peer=r0 store=A inc=1\n"
		end    = "50 world phase - heal value=1m0s\n200 world phase - end value=bound\n"
	)
	for _, c := range []struct{ name, records, want string }{
		{"it is told the right ID", start + mistaken + connects + sees + mended + anew + told + drops + end, mechanism.CauseTakenOnce},
		{"it is told the same one", start + mistaken + connects + sees + mended + anew + strings.Replace(told, "right", "wrong", 1) + drops + end, ""},
		{"it drops it much later", start + mistaken + connects + sees + mended + anew + told + strings.Replace(drops, "41.1", "46", 1) + end, ""},
		{"the ID was right before", start + mistaken + mended + strings.NewReplacer("20 ", "32 ", ":8:", ":9:", "rev=8 from=20", "rev=9 from=32").Replace(connects) + strings.Replace(sees, "21 ", "33 ", 1) + anew + strings.Replace(told, "right", "other", 1) + drops + end, ""},
		{"it has started again", start + mistaken + connects + sees + mended + "39 a0 down agent - inc=1\n39 a0 up agent - inc=2\n" + strings.Replace(strings.Replace(sees, "21 ", "39.5 ", 1), "inc=1", "inc=2", 1) + strings.Replace(anew, "40 a0 disconnect - - peer=r0 store=A value=close\n", "", 1) + told + strings.Replace(drops, "inc=1", "inc=2", 1) + end, ""},
	} {
		t.Run(c.name, func(t *testing.T) { requireCause(t, c.records, "no-spurious-deletion", c.want) })
	}
}
