package load

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// requests are so many of a client, evenly from an instant on, ten per second.
func requestsOf(client string, from, n int) string {
	var b strings.Builder
	for i := range n {
		at := fmt.Sprintf("%d.%d", from+i/10, i%10)
		fmt.Fprintf(&b, "%s k0 request Pod ns1/a op=get peer=%s rv=2 from=%s bytes=100\n", at, client, at)
	}
	return b.String()
}

func TestLoad(t *testing.T) {
	propertytest.Tell(t, Load, []propertytest.Story{
		{Name: "many in the first minute of a process, few later", History: "5 r0 up writer - inc=1\n" + requestsOf("r0", 5, 580) + requestsOf("r0", 100, 120), Outcome: property.Pass, Says: []string{"700 requests of 1 client of a server; beyond their first minutes at most 100 % of the bound (r0 of k0 in the minute until 111.900s: 120 of 120)"}},
		{Name: "as many as there are writes and objects", History: "99 k0 write Pod ns1/a op=create rv=2\n" + requestsOf("r0", 100, 123), Outcome: property.Pass, Says: []string{"123 requests of 1 client of a server; beyond their first minutes at most 100 % of the bound (r0 of k0 in the minute until 112.200s: 123 of 123)"}},
		{Name: "a storm", History: requestsOf("a0", 100, 400), Outcome: property.Fail, Says: []string{"a0 made 121 requests of k0 in the minute until 112.000s, the last one get ns1/a; the bound is 120"}},
		{Name: "a restart begins anew", History: requestsOf("r0", 100, 60) + "121 r0 up writer - inc=2\n" + requestsOf("r0", 122, 400), Outcome: property.Pass, Says: []string{"460 requests of 1 client of a server; beyond their first minutes at most 50 % of the bound (r0 of k0 in the minute until 105.900s: 60 of 120)"}},
		{Name: "of an etcd only", History: "1 r0 call meta k/a op=put peer=r0 store=a0 rev=2 from=1\n", Outcome: property.Unknown, Says: []string{"the history has no request to a kube-apiserver"}},
	})
}

// An operator that looks through identities every 10 s does so seven times in some minutes.
func TestLoadOfACollector(t *testing.T) {
	var b strings.Builder
	b.WriteString("0 k0 up kube - inc=1\n0 k0 request Pod ns1/a op=get peer=a0 rv=2 from=0 bytes=100\n0 e0 put identity cilium/state/identities/v1/id/65537 value=k8s:app=web store=e rev=2\n")
	for i := range 148 {
		fmt.Fprintf(&b, "%d.%d e0 call meta x op=range peer=o0 store=e rev=2 from=0 bytes=20\n", 100+i/10, i%10)
	}
	records, err := history.Parse(b.String())
	require.NoError(t, err)
	for plan, want := range map[string]string{
		`{"options":{}}`: "o0 made 125 requests of e0 in the minute until 112.400s, the last one range x; the bound is 124",
		`{"options":{"identityGCInterval":"10s"}}`: "",
	} {
		r := Load.Check(&property.Input{Index: index.New(&history.History{Plan: plan, Records: records})})
		said := ""
		for _, v := range r.Violations {
			said = v.Sentence()
		}
		require.Equal(t, want, said, plan)
	}
}

// Agents that make what they use known again every 10 s ask twice for each identity, seven times in some minutes.
func TestLoadOfMakingKnownAgain(t *testing.T) {
	const start = "0 k0 up kube - inc=1\n0 k0 request Pod ns1/a op=get peer=a0 rv=2 from=0 bytes=100\n" +
		"0 e0 put meta cilium/state/identities/v1/value/k8s:app=web;/192.168.0.1 value=65537 store=e rev=2\n"
	for _, c := range []struct{ name, plan, history, says string }{
		{"every 10 s", `{"options":{"identitySyncInterval":"10s"}}`, start, ""},
		{"every 5 minutes", `{"options":{}}`, start, "a0 made 123 requests of e0 in the minute until 112.200s, the last one range x; the bound is 122"},
		{"nothing is used", `{"options":{"identitySyncInterval":"10s"}}`, start + "1 e0 del meta cilium/state/identities/v1/value/k8s:app=web;/192.168.0.1 store=e rev=3\n",
			"a0 made 121 requests of e0 in the minute until 112.000s, the last one range x; the bound is 120"},
		{"an operator does not", `{"options":{"identitySyncInterval":"10s"}}`, strings.ReplaceAll(start, "a0", "o0"), "o0 made 121 requests of e0 in the minute until 112.000s, the last one range x; the bound is 120"},
	} {
		var b strings.Builder
		b.WriteString(c.history)
		client := "a0"
		if strings.Contains(c.history, "peer=o0") {
			client = "o0"
		}
		for i := range 134 {
			fmt.Fprintf(&b, "%d.%d e0 call meta x op=range peer=%s store=e rev=2 from=0 bytes=20\n", 100+i/10, i%10, client)
		}
		records, err := history.Parse(b.String())
		require.NoError(t, err)
		r := Load.Check(&property.Input{Index: index.New(&history.History{Plan: c.plan, Records: records})})
		said := ""
		for _, v := range r.Violations {
			said = v.Sentence()
		}
		require.Equal(t, c.says, said, c.name)
	}
}

// Who has lost its lease puts everything back: four requests for each object, where agents
// share an etcd.
func TestLoadOfPuttingBack(t *testing.T) {
	lines := func(etcd, objects string) string {
		var b strings.Builder
		b.WriteString("0 k0 up kube - inc=1\n0 k0 request Pod ns1/a op=get peer=a0 rv=2 from=0 bytes=100\n" + objects)
		for i := range 124 {
			fmt.Fprintf(&b, "%d.%d %s call meta x op=range peer=a0 store=e rev=2 from=0 bytes=20\n", 300+i/10, i%10, etcd)
		}
		return b.String()
	}
	const pod = "1 k0 write Pod ns1/a op=create rv=2\n"
	propertytest.Tell(t, Load, []propertytest.Story{
		{Name: "an object of a shared etcd", History: lines("e0", pod), Outcome: property.Pass, Says: []string{"125 requests of 2 clients of a server; beyond their first minutes at most 100 % of the bound (a0 of e0 in the minute until 312.300s: 124 of 124)"}},
		{Name: "nothing to put back", History: lines("e0", ""), Outcome: property.Fail, Says: []string{"a0 made 121 requests of e0 in the minute until 312.000s, the last one range x; the bound is 120"}},
		{Name: "an object of a replica's", History: lines("r0", pod), Outcome: property.Fail, Says: []string{"a0 made 122 requests of r0 in the minute until 312.100s, the last one range x; the bound is 121"}},
	})
}

func TestLoadIsMeasured(t *testing.T) {
	r := propertytest.Judge(t, Load, `
0 world phase - start
0 k0 up kube - inc=1
0 r0 up etcd - store=a0 inc=1
1 k0 request Pod - op=list peer=r0 rv=2 value=ns1/a:2 from=1 bytes=1000
1 k0 request Pod ns1/a op=get peer=r0 rv=2 from=1 bytes=100
1 k0 watch Pod - peer=r0 ask=initial: id=1
1 k0 event Pod - peer=r0 id=1 value="ADDED:ns1/a:2" bytes=500
2 k0 event Pod - peer=r0 id=1 value="INITIAL:2" bytes=50
2 k0 event Pod - peer=r0 id=1 value="MODIFIED:ns1/a:3" bytes=500
3 r0 call meta k/ end=k0 op=range peer=a0 store=a0 rev=1 from=3 bytes=70
3 r0 lease - 0abc op=keepalive peer=r0 value=60 from=3 store=a0
3 r0 down etcd - store=a0 inc=1
4 world phase - churn
9 world phase - end
`)
	var said []string
	for _, m := range r.Measures {
		said = append(said, m.Name+" of "+m.Group+": "+m.String())
	}
	require.Equal(t, []string{
		"requests per second of kube, start: p50 0, p99 2, max 2 of 4",
		"watches opened per second of kube, start: p50 0, p99 1, max 1 of 4",
		"events per second of kube, start: p50 0, p99 2, max 2 of 4",
		"bytes per second of kube, start: p50 0 B, p99 1600 B, max 1600 B of 4",
		"requests per second of kube, churn: p50 0, p99 0, max 0 of 5",
		"watches opened per second of kube, churn: p50 0, p99 0, max 0 of 5",
		"events per second of kube, churn: p50 0, p99 0, max 0 of 5",
		"bytes per second of kube, churn: p50 0 B, p99 0 B, max 0 B of 5",
		"lists in 10 s of kube: p50 2, p99 2, max 2 of 10",
		"bytes of lists in 10 s of kube: p50 1550 B, p99 1550 B, max 1550 B of 10",
		"requests per second of etcd, start: p50 0, p99 2, max 2 of 4",
		"watches opened per second of etcd, start: p50 0, p99 0, max 0 of 4",
		"events per second of etcd, start: p50 0, p99 0, max 0 of 4",
		"bytes per second of etcd, start: p50 0 B, p99 70 B, max 70 B of 4",
		"lists in 10 s of etcd: p50 1, p99 1, max 1 of 10",
		"bytes of lists in 10 s of etcd: p50 70 B, p99 70 B, max 70 B of 10",
	}, said)
}

// What checking costs must not grow with how late a history ends.
func TestLoadOfAHistoryOfThirtyYears(t *testing.T) {
	r := propertytest.Judge(t, Load, `
0 world phase - start
0 k0 up kube - inc=1
1 k0 request Pod ns1/a op=get peer=a0 rv=2 from=1 bytes=100
4 world phase - churn
999999999 world phase - end
`)
	var said []string
	for _, m := range r.Measures {
		if m.Name == "requests per second" || m.Name == "lists in 10 s" {
			said = append(said, m.Group+": "+m.String())
		}
	}
	require.Equal(t, []string{
		"kube, start: p50 0, p99 1, max 1 of 4",
		"kube, churn: p50 0, p99 0, max 0 of 999,999,995",
		"kube: p50 0, p99 0, max 0 of 1,000,000,000",
		"etcd: p50 0, p99 0, max 0 of 1,000,000,000",
	}, said)
}

func TestOperationsAreTimedFromThePlan(t *testing.T) {
	const run = `
0 k0 up kube - inc=1
1 k0 request Pod - op=list peer=r0 rv=2 value=ns1/a:2 from=1 bytes=1000
4 world phase - churn
4.5 w0 op Pod ns1/a op=pod-create rev=1 from=4
5.5 w0 op Pod ns1/b op=pod-create rev=2 from=4
6 w0 op Pod ns1/a op=pod-delete rev=3 from=5 value=200ms
7 w0 op Pod ns1/c op=pod-create rev=4 from=6 err=superseded
8 world phase - heal value=6m
9 w0 op Pod ns1/d op=pod-create rev=5 from=8
19 w0 op Pod ns1/e op=pod-create rev=6 from=7 err=unfinished
19 world phase - end value=bound
`
	r := propertytest.Judge(t, Load, run)
	require.Equal(t, property.Pass, r.Outcome)
	require.Contains(t, r.Evidence, "; 6 operations of the workload asked for, 1.5 per second of the churn, of which 0.8 were reached; 1 superseded by a later one; 1 not over when the run ended")
	var said []string
	for _, m := range r.Measures {
		if strings.HasPrefix(m.Name, "operation") {
			said = append(said, m.Name+" of "+m.Group+": "+m.String())
		}
	}
	require.Equal(t, []string{
		"operations asked for per second of churn: p50 1, p99 2, max 2 of 4",
		"operations over per second of churn: p50 1, p99 1, max 1 of 4",
		"operation, from its planned time on of pod-create: p50 1.000s, p99 1.500s, max 1.500s of 3",
		"operation, from its planned time on of pod-delete: p50 1.000s, p99 1.000s, max 1.000s of 1",
	}, said)
}

func TestLeaks(t *testing.T) {
	const run = "9 world phase - end value=settled\n"
	propertytest.Tell(t, Leaks, []propertytest.Story{
		{Name: "nothing is left", History: run + "9 world left - -\n", Outcome: property.Pass, Says: []string{"every process was stopped, and the goroutines that were left were counted"}},
		{Name: "goroutines are left", History: run + "9 world left - a/b.Run rev=2\n9 world left - a/c.Run rev=1\n9 world left - - rev=3\n", Outcome: property.Fail, Says: []string{
			"2 goroutines started by a/b.Run outlived their processes", "1 goroutine started by a/c.Run outlived their processes"}},
		{Name: "nobody counted", History: run, Outcome: property.Unknown, Says: []string{"the goroutines that were left when every process had stopped were not counted"}},
	})
}

// What is counted long after the run was left at its end.
func TestLeaksAreOfTheRunsEnd(t *testing.T) {
	result := propertytest.Judge(t, Leaks, "9 world phase - end value=settled\n1809 world left - a/b.Run rev=2\n1809 world left - - rev=2\n")
	require.Len(t, result.Violations, 1)
	require.Equal(t, 9*time.Second, result.Violations[0].At)
}

// Since the form 3 of histories the workload's host has a client for each node, and one
// more; before, it had one.
func TestClientsOnTheWorkloadsHost(t *testing.T) {
	s := stormCheck{openLoop: true}
	for _, kind := range []string{"CiliumNode", "CiliumNode", "Pod"} {
		s.count(kind, 1)
	}
	s.count("CiliumNode", -1)
	require.Equal(t, 2, s.objects)
	require.Equal(t, 2, s.clientsOn("w0"))
	require.Equal(t, 1, s.clientsOn("r0"))
	s.openLoop = false
	require.Equal(t, 1, s.clientsOn("w0"))
}
