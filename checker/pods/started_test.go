package pods

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// start is a cluster of one node and one agent, with an operator and a pod that has an identity.
const start = `
0 world phase - start
0 k0 up kube - inc=1
0 k0 write CiliumNode n0 op=create rv=1
0 k0 write Namespace ns1 op=create rv=2
0 o0 up operator - inc=1
1 a0 up agent - inc=1
5 world phase - churn
6 k0 write Pod ns1/web-0 value="node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=web" op=create peer=w0 rv=4
7 k0 write CiliumIdentity 65537 value=labels=k8s:app=web,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1 op=create peer=o0 rv=5
7 k0 truth identity 65537 value=k8s:app=web op=put owner=CiliumIdentity/65537 rv=5
8 k0 write CiliumEndpoint ns1/web-0 value="identity=65537 ips=10.0.0.5" op=create peer=w0 rv=6
`

const (
	published = `
10 k0 write CiliumEndpointSlice ces-1 value="namespace=ns1 endpoint=web-0,65537,10.0.0.5" op=create peer=o0 rv=7
10 k0 truth endpoint 10.0.0.5 value="id=65537 host=192.168.0.1 pod=ns1/web-0" op=put owner=CiliumEndpointSlice/ces-1 rv=7
`
	seen = `
12 a0 see identity 65537 value=k8s:app=web op=watch inc=1
12 a0 see endpoint 10.0.0.5 value="id=65537 host=192.168.0.1 pod=ns1/web-0" op=watch inc=1
`
	unpublished = `
20 k0 write CiliumEndpointSlice ces-1 op=delete peer=o0 rv=8
20 k0 truth endpoint 10.0.0.5 op=del owner=CiliumEndpointSlice/ces-1 rv=8
`
	again = `
40 k0 write CiliumEndpointSlice ces-2 value="namespace=ns1 endpoint=web-0,65537,10.0.0.5" op=create peer=o0 rv=9
40 k0 truth endpoint 10.0.0.5 value="id=65537 host=192.168.0.1 pod=ns1/web-0" op=put owner=CiliumEndpointSlice/ces-2 rv=9
`
	// A pod comes back under its name, and the endpoint of the one before it ends late.
	replaced = `
15 k0 write Pod ns1/web-0 op=delete peer=w0 rv=7
16 k0 write Pod ns1/web-0 value="uid=u2 node=n0 account=default labels=app=web" op=create peer=w0 rv=7
`
	endedLate = `
35 k0 write CiliumEndpoint ns1/web-0 op=delete peer=w0 rv=8
36 k0 write CiliumEndpoint ns1/web-0 value="identity=65537 ips=10.0.0.5" op=create peer=w0 rv=8
`
	end = `
65 world phase - heal value=1m0s
130 world phase - end value=bound
`
)

func judge(t *testing.T, fragment string) property.Result {
	t.Helper()
	return judgeIn(t, "clustermesh", fragment)
}

func judgeIn(t *testing.T, mode, fragment string) property.Result {
	t.Helper()
	records, err := history.Parse(fragment)
	require.NoError(t, err)
	return Started.Check(&property.Input{Index: index.New(&history.History{Plan: `{"mode":"` + mode + `"}`, Records: records})})
}

func TestStarted(t *testing.T) {
	for _, c := range []struct {
		name, history string
		outcome       property.Outcome
		says          string
	}{
		{"usable", published + seen + end, property.Pass, "1 pod, of which 1 lived until the bound after the heal had passed"},
		{"in no slice", end, property.Fail,
			"pod ns1/web-0 has been as it is since 6.000s (node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=web), and when the run ended, 124.000s later, nothing that agents read said so"},
		{"without an identity any more", "9 k0 write CiliumIdentity 65537 op=delete peer=o0 rv=7\n" + end, property.Fail,
			"pod ns1/web-0 has been as it is since 6.000s (node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=web), and when the run ended, 124.000s later, nothing that agents read said so, and there was no identity of its labels"},
		{"not seen", published + end, property.Fail,
			"pod ns1/web-0 has been as it is since 6.000s, and when the run ended, 124.000s later, an agent still lacked its endpoint or its identity"},
		{"seen late", published + "65 world phase - heal value=1m0s\n127 a0 see identity 65537 value=k8s:app=web op=watch inc=1\n" +
			`128 a0 see endpoint 10.0.0.5 value="id=65537 host=192.168.0.1 pod=ns1/web-0" op=watch inc=1` + "\n130 world phase - end value=bound\n", property.Fail,
			"pod ns1/web-0 has been as it is since 6.000s and was usable only at 128.000s, 122.000s later, and not within 1m0s after that and the heal"},
		{"taken away for a while", published + seen + unpublished + again + end, property.Fail,
			"pod ns1/web-0 lived on as it was, and nothing that agents read said so from 20.000s to 40.000s, for 20.000s"},
		{"the endpoint of the pod before it is taken away", published + seen + replaced + unpublished + endedLate + again + end, property.Pass,
			"2 pods, of which 1 lived until the bound after the heal had passed"},
		{"what was said of the pod before it went on to be true, and is taken away", published + seen + replaced +
			strings.NewReplacer("35 k0", "17 k0", "36 k0", "18 k0").Replace(endedLate) + unpublished + again + end, property.Fail,
			"pod ns1/web-0 lived on as it was, and nothing that agents read said so from 20.000s to 40.000s, for 20.000s"},
		{"taken down by its agent", published + seen + "20 k0 write CiliumEndpoint ns1/web-0 op=delete peer=w0 rv=8\n20 k0 truth endpoint 10.0.0.5 op=del owner=CiliumEndpointSlice/ces-1 rv=8\n" +
			"50 k0 write Pod ns1/web-0 op=delete peer=w0 rv=9\n" + end, property.Unknown, "no pod lived until the bound after the heal had passed"},
		{"on a node that is gone", "9 k0 write CiliumNode n0 op=delete peer=w0 rv=7\n" + end, property.Unknown, "no pod lived until the bound after the heal had passed"},
		{"too early to say", "65 world phase - heal value=1m0s\n66 world phase - end value=bound\n", property.Unknown, "the run ended before the bound after the heal had passed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := judge(t, start+c.history)
			said := r.Evidence
			if len(r.Violations) > 0 {
				require.Len(t, r.Violations, 1)
				require.Contains(t, Started.Rules, r.Violations[0].Rule)
				said = r.Violations[0].Sentence()
			}
			require.Equal(t, c.says, said)
			require.Equal(t, c.outcome, r.Outcome)
		})
	}
}

// A kubelet has its agent end an endpoint before it deletes the Pod, which a fault may hold up.
func TestEndedByItsAgentInASharedEtcd(t *testing.T) {
	r := judgeIn(t, "kvstore", `
0 world phase - start
0 k0 write CiliumNode n0 op=create rv=1
0 k0 write Namespace ns1 op=create rv=2
1 a0 up agent - inc=1
5 world phase - churn
6 k0 write Pod ns1/web-0 value="node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=web" op=create peer=w0 rv=4
7 w0 truth identity 65537 value=k8s:app=web op=put owner=Pod/ns1/web-0 rv=5
7 w0 truth endpoint 10.0.0.5 value="id=65537 host=192.168.0.1 pod=ns1/web-0" op=put owner=Pod/ns1/web-0 rv=5
12 a0 see identity 65537 value=k8s:app=web op=watch inc=1
12 a0 see endpoint 10.0.0.5 value="id=65537 host=192.168.0.1 pod=ns1/web-0" op=watch inc=1
20 e0 truth endpoint 10.0.0.5 op=del owner=Pod/ns1/web-0 rv=6
20 a0 drop endpoint 10.0.0.5 op=watch inc=1
50 k0 write Pod ns1/web-0 op=delete peer=w0 rv=9
`+end)
	require.Empty(t, r.Violations)
	require.Equal(t, "no pod lived until the bound after the heal had passed", r.Evidence)
}

func TestHops(t *testing.T) {
	r := judge(t, start+published+seen+"30 k0 write Pod ns1/web-0 op=delete peer=w0 rv=8\n31 k0 truth endpoint 10.0.0.5 op=del owner=CiliumEndpointSlice/ces-1 rv=9\n"+
		"33 a0 drop endpoint 10.0.0.5 op=watch inc=1\n"+end)
	said := map[string]float64{}
	for _, m := range r.Measures {
		require.Equal(t, 1, m.N, m.Group)
		said[m.Group] = m.Max
	}
	require.Equal(t, map[string]float64{
		"pod to its identity":                            1,
		"pod to its CiliumEndpoint":                      2,
		"pod to what agents read":                        4,
		"pod to usable, end to end":                      6,
		"deleted pod to what agents read":                1,
		"deleted pod to gone from all views, end to end": 3,
	}, said)
}

func TestNothingOfPods(t *testing.T) {
	require.Equal(t, property.Unknown, judge(t, "").Outcome)
	require.Equal(t, property.NotApplicable, judge(t, "0 k0 write Pod ns1/web-0 op=create rv=1\n").Outcome) // an earlier form
	require.Equal(t, property.NotApplicable, judge(t, "0 a0 up agent - inc=1\n0 k0 write Pod ns1/web-0 value=node=n0 op=create rv=1\n").Outcome)
}

// A pod that is as it is only since the heal, as where its kube-apiserver could not be reached until
// then, has the bound from then on, and the run goes on for longer.
func TestStartedAfterTheHeal(t *testing.T) {
	run := `
0 world phase - start
0 k0 up kube - inc=1
0 k0 write CiliumNode n0 op=create rv=1
0 k0 write Namespace ns1 op=create rv=2
0 o0 up operator - inc=1
1 a0 up agent - inc=1
5 world phase - churn
65 world phase - heal value=1m0s
66 k0 write Pod ns1/web-0 value="node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=web" op=create peer=w0 rv=4
`
	r := judge(t, run+"130 world phase - end value=bound\n")
	require.Equal(t, property.Fail, r.Outcome)
	r = judge(t, run+"125.5 world phase - end value=bound\n")
	require.Equal(t, property.Unknown, r.Outcome)
}

// Where a pod of a whole agent is the agent says itself: an address of its node that others can send to.
func TestWhereAPodOfAWholeAgentIs(t *testing.T) {
	const node = `0 k0 truth node n0 value="InternalIP=192.168.0.1 CiliumInternalIP=10.0.0.1 cluster=c1/1" op=put owner=CiliumNode/n0 rv=1` + "\n"
	behind := func(host, agents string) property.Result {
		records, err := history.Parse(strings.ReplaceAll(start[1:len("\n0 world phase - start\n")]+node+start[len("\n0 world phase - start\n"):]+published+seen+end, "host=192.168.0.1 pod", "host="+host+" pod"))
		require.NoError(t, err)
		return Started.Check(&property.Input{Index: index.New(&history.History{Plan: `{"mode":"crd","topology":{"agents":2},"options":{"agents":"` + agents + `"}}`, Records: records})})
	}
	require.Equal(t, property.Pass, behind("192.168.0.1", "whole").Outcome)
	require.Equal(t, property.Pass, behind("10.0.0.1", "assembled").Outcome, "there the workload says it")
	require.Equal(t, property.Pass, behind("10.0.0.1", "assembled,whole").Outcome, "it is another node's agent that is whole")
	r := behind("10.0.0.1", "whole,assembled")
	require.Equal(t, property.Fail, r.Outcome)
	require.Equal(t, elsewhere, r.Violations[0].Rule)
	require.Equal(t, "pod ns1/web-0 has been as it is since 6.000s on a node with InternalIP=192.168.0.1 CiliumInternalIP=10.0.0.1 cluster=c1/1, and when the run ended, 124.000s later, what agents read said that it is behind 10.0.0.1", r.Violations[0].Sentence())
}
