package sources

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/property/propertytest"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// reading is an agent that reads the replica r0 of two that are ready.
const reading = `
0 k0 up kube - inc=1
0 r0 up etcd - store=s0 inc=1
0 r1 up etcd - store=s1 inc=1
0 r0 up writer - inc=1
0 r1 up writer - inc=1
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
1 r0 ready - -
1 r1 ready - -
2 a0 up agent - inc=1
3 a0 net - dial peer=r0
3 a0 connect - - peer=r0 store=s0
3 a0 see node n0 value=x peer=r0 store=s0
3 r0 watch node N peer=a0 store=s0 end=O id=1
3 r0 watch identity N peer=a0 store=s0 end=O id=2
3 r0 watch endpoint N peer=a0 store=s0 end=O id=3
`

// end is long after all that happens.
const end = `
990 world phase - end value=bound
`

// movedAt80 is the agent's way to the replica r1.
const movedAt80 = `
80 a0 disconnect - - peer=r0 store=s0 value=close
80.5 a0 net - dial peer=r1
80.6 a0 connect - - peer=r1 store=s1
81 r1 watch node N peer=a0 store=s1 end=O id=11
81 r1 watch identity N peer=a0 store=s1 end=O id=12
81 r1 watch endpoint N peer=a0 store=s1 end=O id=13
`

func TestFailOver(t *testing.T) {
	stories := []propertytest.Story{
		{Name: "the writer is gone: two heartbeats and a status check", History: reading + movedAt80 + `
10 r0 down writer - inc=1
10 r0 unready - -
` + end, Outcome: property.Pass, Says: []string{"1 loss of a source: 1 ended with another replica, 0 with the same one, 0 with the agent; in 1 another one could be read, in the others nothing is demanded"}},
		{Name: "and not noticed", History: reading + `
10 r0 down writer - inc=1
10 r0 unready - -
` + end, Outcome: property.Fail, Says: []string{"agent a0, which had read r0, lost its source at 10.000s (writer gone), and could have another one 0.000s later; at 184.200s, 174.200s after the loss, it had not noticed it"}},
		{Name: "it connects with that one again and again", History: reading + `
10 r0 down writer - inc=1
10 r0 unready - -
150 a0 disconnect - - peer=r0 store=s0 value=close
150.5 a0 net - dial peer=r0
151 a0 connect - - peer=r0 store=s0
` + end, Outcome: property.Fail, Says: []string{"agent a0, which had read r0, lost its source at 10.000s (writer gone), and could have another one 0.000s later; at 174.200s, 164.200s after the loss, it had connected and did not have all lists and watches"}},
		{Name: "the next one loses its writer while it connects", History: reading + `
10 r0 down writer - inc=1
10 r0 unready - -
80 a0 disconnect - - peer=r0 store=s0 value=close
80.5 a0 net - dial peer=r1
80.55 r1 down writer - inc=1
80.55 r1 unready - -
80.55 r0 up writer - inc=2
80.55 r0 ready - -
80.6 a0 connect - - peer=r1 store=s1
240 a0 disconnect - - peer=r1 store=s1 value=close
240.5 a0 net - dial peer=r0
240.6 a0 connect - - peer=r0 store=s0
241 r0 watch node N peer=a0 store=s0 end=O id=11
241 r0 watch identity N peer=a0 store=s0 end=O id=12
241 r0 watch endpoint N peer=a0 store=s0 end=O id=13
` + end, Outcome: property.Pass, Says: []string{"1 loss of a source: 0 ended with another replica, 1 with the same one, 0 with the agent; in 1 another one could be read, in the others nothing is demanded"}},
		{Name: "its replica is gone, and it is connected with none", History: reading + movedAt80 + `
10 r0 unready - -
10 r0 down etcd - store=s0 inc=1
10 a0 disconnect - - peer=r0 store=s0 value=reset
` + end, Outcome: property.Fail, Says: []string{"agent a0, which had read r0, lost its source at 10.000s (server gone), and could have another one 0.000s later; at 34.200s, 24.200s after the loss, it had noticed it and was not connected"}},
		{Name: "connected, but without lists", History: reading + `
10 r0 unready - -
10 r0 down etcd - store=s0 inc=1
10 a0 disconnect - - peer=r0 store=s0 value=reset
11 a0 net - dial peer=r1
11 a0 connect - - peer=r1 store=s1
12 r1 watch node N peer=a0 store=s1 end=O id=11
` + end, Outcome: property.Fail, Says: []string{"agent a0, which had read r0, lost its source at 10.000s (server gone), and could have another one 0.000s later; at 34.200s, 24.200s after the loss, it had connected and did not have all lists and watches"}},
		{Name: "there is no other for a while, in which the back-off grows", History: reading + movedAt80 + `
5 r1 unready - -
10 r0 unready - -
10 r0 down etcd - store=s0 inc=1
10 a0 disconnect - - peer=r0 store=s0 value=reset
30 r1 ready - -
` + end, Outcome: property.Fail, Says: []string{"agent a0, which had read r0, lost its source at 10.000s (server gone), and could have another one 20.000s later; at 78.200s, 68.200s after the loss, it had noticed it and was not connected"}},
		{Name: "the Service gives it the replica that is cut off from it", History: reading + `
10 world fault partition a0 peer=r0 rev=1 op=cut value=x
100 a0 disconnect - - peer=r0 store=s0 value=timeout
500 world heal partition a0 peer=r0 rev=1 op=cut value=x
505 a0 connect - - peer=r0 store=s0
505 r0 watch node N peer=a0 store=s0 end=O id=11
505 r0 watch identity N peer=a0 store=s0 end=O id=12
505 r0 watch endpoint N peer=a0 store=s0 end=O id=13
` + end, Outcome: property.Pass, Says: []string{"1 loss of a source: 0 ended with another replica, 1 with the same one, 0 with the agent; in 1 another one could be read, in the others nothing is demanded"}},
		{Name: "the writer hears nothing, and beats on: no agent can notice", History: reading + `
10 world fault partition r0 peer=k0 rev=1 op=cut value=x
800 world heal partition r0 peer=k0 rev=1 op=cut value=x
` + end, Outcome: property.Pass, Says: []string{"1 loss of a source: 0 ended with another replica, 1 with the same one, 0 with the agent; in 0 another one could be read, in the others nothing is demanded"}},
		{Name: "it ends itself", History: reading + `
10 r0 down writer - inc=1
10 r0 unready - -
20 a0 down agent - inc=1
` + end, Outcome: property.Pass, Says: []string{"1 loss of a source: 0 ended with another replica, 0 with the same one, 1 with the agent; in 1 another one could be read, in the others nothing is demanded"}},
		{Name: "nothing is lost", History: reading + end, Outcome: property.Pass, Says: []string{"no agent lost its source, of 1 time that one began to read a replica"}},
		{Name: "nobody reads", History: "0 a0 up agent - inc=1" + end, Outcome: property.Unknown, Says: []string{"no agent had watches of all kinds at a replica"}},
	}
	for i := range stories {
		stories[i].History = propertytest.InTime(t, stories[i].History)
	}
	propertytest.Tell(t, FailOver, stories)
}

func TestFailOverTellsItsParts(t *testing.T) {
	r := propertytest.Judge(t, FailOver, propertytest.InTime(t, reading+movedAt80+`
10 r0 down writer - inc=1
10 r0 unready - -
`+end))
	var all []string
	for _, m := range r.Measures {
		all = append(all, m.Group+": "+m.String())
	}
	require.Equal(t, []string{
		"to another replica: p50 71.000s, p99 71.000s, max 71.000s of 1",
		"notice: p50 70.000s, p99 70.000s, max 70.000s of 1",
		"back-off: p50 0.500s, p99 0.500s, max 0.500s of 1",
		"connect: p50 0.100s, p99 0.100s, max 0.100s of 1",
		"list: p50 0.400s, p99 0.400s, max 0.400s of 1",
	}, all)
}

func TestSteady(t *testing.T) {
	stories := []propertytest.Story{
		{Name: "nothing happens", History: reading + end, Outcome: property.Pass, Says: []string{"895.000s of connections to which nothing had happened for 92.000s, and 0 requests: 0 connections given up, 0 dials and 0 lists"}},
		{Name: "given up, dialed and listed", History: reading + `
200 a0 disconnect - - peer=r0 store=s0 value=close
200 a0 net - dial peer=r1
200.1 r1 call meta N op=range end=O peer=a0 store=s1
` + end, Outcome: property.Fail, Says: []string{
			"a0 gave up its connection with r0 (close) at 200.000s, when nothing had happened to either for 197.000s",
			"a0 dialed r1 at 200.000s, when nothing had happened to either for 197.000s"}},
		{Name: "listed on the connection that it has, twice", History: reading + `
200.1 r0 call meta N op=range end=O peer=a0 store=s0
200.2 r0 call meta N op=range end=O peer=a0 store=s0
200.3 r0 call meta N op=range peer=a0 store=s0
` + end, Outcome: property.Fail, Says: []string{"a0 listed N of r0 at 200.100s, when nothing had happened to either for 197.100s; and 1 more"}},
		{Name: "its replica ends soon after", History: reading + `
200 a0 disconnect - - peer=r0 store=s0 value=close
200 a0 net - dial peer=r1
205 r0 down etcd - store=s0 inc=1
` + end, Outcome: property.Pass, Says: []string{"803.000s of connections to which nothing had happened for 92.000s, and 0 requests: 0 connections given up, 0 dials and 0 lists"}},
		{Name: "a fault strikes it", History: reading + `
150 world fault slow-link a0 peer=r0 rev=1 op=messages-slow value=x
200 a0 disconnect - - peer=r0 store=s0 value=close
250 world heal slow-link a0 peer=r0 rev=1 op=messages-slow value=x
300 a0 connect - - peer=r0 store=s0
` + end, Outcome: property.Pass, Says: []string{"606.000s of connections to which nothing had happened for 92.000s, and 0 requests: 0 connections given up, 0 dials and 0 lists"}},
		{Name: "too short", History: reading + "50 world phase - end value=bound", Outcome: property.Unknown, Says: []string{"of no client of a server and its server was there a time in which nothing had happened to either for 92.000s"}},
	}
	for i := range stories {
		stories[i].History = propertytest.InTime(t, stories[i].History)
	}
	propertytest.Tell(t, Steady, stories)
}

// In a large cluster a lost heartbeat is noticed late, and a kube-apiserver that is lost is not.
func TestSteadyInALargeCluster(t *testing.T) {
	const large = `{"topology":{"nodes":275}}`
	for _, c := range []struct {
		name, records string
		outcome       property.Outcome
		says          string
	}{
		{"dials a kube-apiserver", "0 k0 up kube - inc=1\n0 r0 up writer - inc=1\n1 r0 net - dial peer=k0\n150 r0 net - dial peer=k0", property.Fail,
			"r0 dialed k0 at 150.000s, when nothing had happened to either for 149.000s"},
		{"dials it while it may yet have to", "0 k0 up kube - inc=1\n0 r0 up writer - inc=1\n1 r0 net - dial peer=k0\n100 r0 net - dial peer=k0", property.Unknown,
			"of no client of a server and its server was there a time in which nothing had happened to either for 230.612s (107.000s with a kube-apiserver)"},
		{"gives up a replica while it may yet have to", reading + "150 a0 disconnect - - peer=r0 store=s0 value=close", property.Unknown,
			"of no client of a server and its server was there a time in which nothing had happened to either for 230.612s (107.000s with a kube-apiserver)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			records, err := history.Parse(c.records)
			require.NoError(t, err)
			r := Steady.Check(&property.Input{Index: index.New(&history.History{Plan: large, Records: records})})
			said := r.Evidence
			for i := range r.Violations {
				said = r.Violations[i].Sentence()
			}
			require.Equal(t, c.outcome, r.Outcome, said)
			require.Equal(t, c.says, said)
		})
	}
}

func TestFence(t *testing.T) {
	const stored = `
0 r0 put node cilium/state/nodes/v1/c1/n0 value=x store=s0 rev=2
0 r0 put node cilium/state/nodes/v1/c1/n1 value=x store=s0 rev=3
4 r0 del node cilium/state/nodes/v1/c1/n1 store=s0 rev=4
0 k0 truth node n1 op=put owner=CiliumNode/n1 rv=40 value=x
`
	const late = `
3 r0 call meta cilium/state/identities/v1/id op=range peer=a0 store=s0 end=cilium/state/identities/v1/ie rev=1
4 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=41 value=x
4 r0 put identity cilium/state/identities/v1/id/300 value=x store=s0 rev=2
5 a0 disconnect - - value=close peer=r0 store=s0
5 a0 connect - - peer=r0 store=s0
`
	stories := []propertytest.Story{
		{Name: "with what the store had", History: reading + stored + `
5 a0 synced endpoint - value=synced peer=r0 store=s0 inc=1
`, Outcome: property.Pass, Says: []string{"1 datapath regenerated with complete lists, in which 1 entry of the source were looked for; 0 after the time-out without them"}},
		{Name: "without some of it", History: reading + stored + `
0 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=40 value=x
0 r0 put identity cilium/state/identities/v1/id/300 value=x store=s0 rev=1
5 a0 synced endpoint - value=synced peer=r0 store=s0 inc=1
`, Outcome: property.Fail, Says: []string{"agent a0 regenerated its endpoints at 5.000s, 3.000s after its start, with lists that it took for complete, and did not know identity 300, which r0 had since before"}},
		{Name: "without what came after the first page of its list, whose second one came with the next connection", History: reading + late + `
6 r0 call meta "cilium/state/identities/v1/id/200\x00" op=range peer=a0 store=s0 end=cilium/state/identities/v1/ie rev=1
7 a0 synced endpoint - value=synced peer=r0 store=s0 inc=1
`, Outcome: property.Pass, Says: []string{"1 datapath regenerated with complete lists, in which 0 entries of the source were looked for; 0 after the time-out without them"}},
		{Name: "without what came before its list", History: reading + late + `
6 r0 call meta cilium/state/identities/v1/id op=range peer=a0 store=s0 end=cilium/state/identities/v1/ie rev=2
7 a0 synced endpoint - value=synced peer=r0 store=s0 inc=1
`, Outcome: property.Fail, Says: []string{"agent a0 regenerated its endpoints at 7.000s, 5.000s after its start, with lists that it took for complete, and did not know identity 300, which r0 had since before"}},
		{Name: "before the time-out", History: reading + `
61 a0 synced endpoint - value=timeout inc=1
`, Outcome: property.Fail, Says: []string{"agent a0 regenerated its endpoints at 61.000s, 59.000s after its start, without its initial lists: it had not waited for its time-out of 1m0s"}},
		{Name: "after it", History: reading + `
62 a0 synced endpoint - value=timeout inc=1
`, Outcome: property.Pass, Says: []string{"0 datapaths regenerated with complete lists, in which 0 entries of the source were looked for; 1 after the time-out without them"}},
		{Name: "where agents read the kube-apiserver", History: `
0 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
1 a0 up agent - inc=1
2 a0 see identity 300 value=x
3 a0 synced endpoint - value=synced inc=1
`, Outcome: property.Fail, Says: []string{"agent a0 regenerated its endpoints at 3.000s, 2.000s after its start, with lists that it took for complete, and did not know node n0, which the kube-apiserver had since before"}},
		{Name: "nobody starts", History: reading, Outcome: property.Unknown, Says: []string{"no agent regenerated its endpoints"}},
	}
	for i := range stories {
		stories[i].History = propertytest.InTime(t, stories[i].History)
	}
	propertytest.Tell(t, Fence, stories)
}
