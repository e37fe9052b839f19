package mechanism

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/operator"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
)

// What operators owe and do not do looks like a finding where its records show how that came, and else like none.
// A pod of which nothing says its labels, since an operator has written others onto its identity, or marked it.
func TestOfANumberThatIsGivenOutTwice(t *testing.T) {
	const (
		start = `
0 k0 write Pod ns1/web-0 value="node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=web" op=create rv=4
0 k0 write CiliumIdentity 65537 value=labels=k8s:app=web op=create peer=w0 rv=5
0 k0 write CiliumEndpoint ns1/web-0 value="identity=65537 ips=10.0.0.5" op=create rv=6
`
		other  = "9 k0 write CiliumIdentity 65537 value=labels=k8s:app=db op=update peer=o0 rv=7\n"
		leads  = "8 o0 ready operator - inc=1\n"
		made   = "1 k0 write CiliumIdentity 65539 value=labels=k8s:app=web op=create peer=o0 rv=6\n"
		marked = "9 k0 write CiliumIdentity 65537 value=\"marked=true labels=k8s:app=web\" op=update peer=o0 rv=7\n"
		ofPods = "9 k0 write CiliumIdentity 65538 value=labels=k8s:app=db op=create peer=o0 rv=7\n10 k0 write CiliumIdentity 65538 value=labels=k8s:app=cache op=update peer=o0 rv=8\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"other labels", leads + other, CauseNumberTwice},
		{"by who has led for long", strings.Replace(leads, "8", "0", 1) + strings.Replace(other, "9", "70", 1), ""},
		{"of an identity that an agent made, as the operator did", strings.Replace(leads, "8", "0", 1) + made + strings.Replace(other, "9", "70", 1), CauseNumberTwice},
		{"of one that an agent made, and the operator none", strings.Replace(leads, "8", "0", 1) + strings.Replace(other, "9", "70", 1), ""},
		{"by who does not lead", strings.Replace(leads, "o0", "o1", 1) + other, ""},
		{"of an identity that is newer", leads + strings.Replace(marked, "9", "8", 1) + other, ""},
		{"a mark", leads + marked, ""},
		{"another identity", leads + ofPods, ""},
	} {
		cause := ofUnstarted(t, `{"mode":"clustermesh"}`, start+c.history)
		if c.want == "" {
			require.Nil(t, cause, c.name)
			continue
		}
		require.NotNil(t, cause, c.name)
		require.Equal(t, c.want, cause.Name())
	}
}

// A pod with other labels leaves its slice until its agent has made their identity.
func TestOfARelabelledPod(t *testing.T) {
	const (
		start = `
0 k0 write Pod ns1/web-0 value="node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=new" op=update peer=w0 rv=4
`
		left  = "1 k0 write CiliumEndpointSlice ces-1 value=namespace=ns1 op=update peer=o0 rv=5\n1 k0 truth endpoint 10.0.0.5 value=\"id=65537 host=192.168.0.1 pod=ns1/web-0\" op=del owner=CiliumEndpointSlice/ces-1 rv=5\n"
		made  = "20 k0 write CiliumIdentity 65538 value=labels=k8s:app=new,k8s:io.kubernetes.pod.namespace=ns1 op=create peer=w0 rv=6\n"
		other = "20 k0 write CiliumIdentity 65538 value=labels=k8s:app=new,k8s:io.kubernetes.pod.namespace=ns2 op=create peer=w0 rv=6\n"
	)
	const (
		gone    = "k0 write Pod ns1/web-0 op=delete peer=w0 rv=7\n"
		deleted = "0 k0 write CiliumIdentity 65538 op=delete peer=o0 rv=7\n"
		byAgent = "pod ns1/web-0 has had other labels since 0.000s, of which its agent made an identity at 20.000s; o0 took it out of slice ces-1 meanwhile, at 1.000s"
		ended   = "pod ns1/web-0 has had other labels since 0.000s, and o0 took it out of slice ces-1 at 1.000s; it ended or got others again at 9.000s, before its agent made an identity of them"
	)
	before := strings.Replace(made, "20", "0", 1)
	for _, c := range []struct{ name, history, want string }{
		{"its agent makes the identity later", left + made, byAgent},
		{"nobody makes it", left, ""},
		{"there was one", before + left, ""},
		{"there was one, and it was deleted", before + deleted + left + made, byAgent},
		{"there was one, and another one was deleted", before + strings.Replace(deleted, "65538", "65539", 1) + left + made, ""},
		{"there is one of another namespace", left + other, ""},
		{"the operator makes it", left + strings.Replace(made, "w0", "o0", 1), ""},
		{"it leaves by whom nobody knows", strings.Replace(left, "peer=o0", "peer=w0", 1) + made, ""},
		{"it ends before its agent makes the identity", left + "9 " + gone, ended},
		{"it ends, and the identity is made for another one", left + "9 " + gone + made, ended},
		{"it gets others again", left + "9 k0 write Pod ns1/web-0 value=\"node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=newer\" op=update peer=w0 rv=7\n", ended},
		{"its agent had the time to make the identity", left + "31 " + gone, ""},
		{"there was one, and it ends", before + left + "9 " + gone, ""},
		{"another one ends", left + "9 " + strings.Replace(gone, "web-0", "web-1", 1), ""},
	} {
		lines := strings.TrimPrefix(start+c.history, "\n")
		records, err := history.Parse(lines)
		require.NoError(t, err)
		out := slices.IndexFunc(records, func(r history.Record) bool { return r.Verb == history.Truth })
		cause := ofUnstarted(t, `{"mode":"crd","options":{"identityJitter":"30s"}}`, lines, out)
		if c.want == "" {
			require.Nil(t, cause, c.name)
			continue
		}
		require.NotNil(t, cause, c.name)
		require.Equal(t, CauseRelabelled, cause.Name())
		require.Equal(t, c.want, cause.Sentence())
	}
}

// ofUnstarted is the cause of that the pod ns1/web-0, of which the first record is, and perhaps further ones, has not started.
func ofUnstarted(t *testing.T, plan, lines string, further ...int) *property.Cause {
	t.Helper()
	records, err := history.Parse(lines)
	require.NoError(t, err)
	in := &property.Input{Index: index.New(&history.History{Plan: plan, Records: records})}
	v := property.Violation{Facts: property.Facts{Kind: "Pod", Key: "ns1/web-0", At: 100 * time.Second}, Records: append([]int{0}, further...)}
	New(in).Explain(mode.Started, &v)
	return v.Cause
}

// A pod of a whole agent with a named port has no endpoint, as the operator's identity has no label for the port.
func TestOfANamedPort(t *testing.T) {
	const start = `
0 k0 write Pod ns1/web-0 value="node=n0 account=default labels=app=web" op=create rv=4
0 k0 write CiliumIdentity 65538 value=labels=k8s:app=db,k8s:io.cilium.k8s.policy.cluster=c1 op=create peer=o0 rv=5
0 k0 write CiliumIdentity 65537 value=labels=k8s:app=web,k8s:io.cilium.k8s.policy.cluster=c1 op=create peer=o0 rv=6
`
	const endpoint = "1 k0 write CiliumEndpoint ns1/web-0 value=\"identity=65537 ips=10.0.0.5\" op=create rv=6\n"
	const byAgent = `
0 k0 write Pod ns1/web-0 value="node=n0 account=default labels=app=web" op=create rv=4
0 k0 write CiliumIdentity 65537 value=labels=k8s:app=web op=create peer=a0 rv=5
`
	plan := func(agents, ports string) string {
		return `{"mode":"crd","options":{"agents":"` + agents + `"},"ops":[{"op":"pod-create","pod":{"namespace":"ns1","name":"web-0","ports":[` + ports + `]}}]}`
	}
	for _, c := range []struct{ name, history, plan, want string }{
		{"a whole agent's", start, plan("whole", `"http:8080/TCP"`), CauseNamedPort},
		{"a pod without ports", start, plan("whole", ""), ""},
		{"an assembled agent's", start, plan("assembled", `"http:8080/TCP"`), ""},
		{"a pod that has its endpoint", start + endpoint, plan("whole", `"http:8080/TCP"`), ""},
		{"identities that agents make", byAgent, plan("whole", `"http:8080/TCP"`), ""},
	} {
		cause := ofUnstarted(t, c.plan, c.history)
		if c.want == "" {
			require.Nil(t, cause, c.name)
			continue
		}
		require.NotNil(t, cause, c.name)
		require.Equal(t, c.want, cause.Name())
		require.Equal(t, "the pod has the named port http:8080/TCP, for which its agent wants a label of its identity; o0 made the identity 65537 without, at 0.000s", cause.Sentence())
	}
}

func TestOfOperators(t *testing.T) {
	const start = `
0 k0 write CiliumNode n0 op=create rv=1
0 k0 write Namespace ns1 op=create rv=2
0 o0 up operator - inc=1
0 o0 ready operator - inc=1
5 k0 write Pod ns1/web-0 value="node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=web" op=create peer=w0 rv=4
5 k0 write CiliumIdentity 65537 value=labels=k8s:app=web,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1 op=create peer=o0 rv=5
6 k0 write CiliumEndpointSlice ces-1 value="namespace=ns1 endpoint=web-0,65537,10.0.0.5" op=create peer=o0 rv=6
`
	const (
		gone       = "k0 write Pod ns1/web-0 op=delete peer=w0 rv=7\n"
		relabelled = "k0 write Pod ns1/web-0 value=\"node=n0 host=192.168.0.1 phase=Running ips=10.0.0.6 account=default labels=app=web\" op=update peer=w0 rv=7\n"
		restart    = "20 o0 down operator - inc=1\n30 o0 up operator - inc=2\n30 o0 ready operator - inc=2\n"
		listed     = "30.1 k0 event CiliumEndpointSlice - value=\"ADDED:ces-1:6 INITIAL:6\" peer=o0 id=1\n35 k0 request CiliumNode - value=n0:1 op=list peer=o0 from=35 ask=0\n"
		empty      = "31 k0 write CiliumEndpointSlice ces-1 value=namespace=ns1 op=update peer=o0 rv=8\n"
		marked     = "20 k0 write CiliumIdentity 65537 value=\"marked=true labels=k8s:app=web,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1\" op=update peer=o0 rv=8\n"
		collected  = "30 k0 write CiliumIdentity 65537 op=delete peer=o0 rv=9\n"
		numbered   = "k0 write CiliumIdentity 65538 value=labels=k8s:app=db,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1 op=create peer=o0 rv=8\n"
		end        = "300 world phase - end value=settled\n"
		leads      = "7 o1 up operator - inc=1\n12 k0 write Lease kube-system/cilium-operator-resource-lock value=\"holder=o0-1 seconds=15\" op=update peer=o0 rv=7\n"
		taken      = "27 k0 write Lease kube-system/cilium-operator-resource-lock value=\"holder=o1-1 seconds=15\" op=update peer=o1 rv=8\n"
		written    = "27.5 k0 write CiliumEndpointSlice ces-1 value=namespace=ns1 op=update peer=o0 rv=9\n"
		has        = "11 k0 write CiliumEndpoint ns1/web-0 value=\"identity=65537 ips=10.0.0.5\" op=create peer=w0 rv=7\n"
		waits      = "32 k0 write Pod ns1/web-1 value=\"node=n0 host=192.168.0.1 phase=Running ips=10.0.0.7 account=default labels=app=web\" op=create peer=w0 rv=9\n40 k0 write CiliumEndpointSlice ces-2 value=\"namespace=ns1 endpoint=web-1,65537,10.0.0.7\" op=create peer=o0 rv=10\n"
		away       = "k0 write CiliumNode n0 op=delete peer=w0 rv=7\n"
		back       = "35 k0 write CiliumNode n0 op=create peer=w0 rv=10\n"
		drop       = "k0 write CiliumEndpointSlice ces-1 op=delete peer=o0 rv=9\n"
	)
	for _, c := range []struct {
		name     string
		property property.Property
		history  string
		cause    string
	}{
		{"deleted while no operator led", operator.Slices, "20 o0 down operator - inc=1\n25 " + gone + "30 o0 up operator - inc=2\n30 o0 ready operator - inc=2\n" + empty + end, CauseDeletedAway},
		{"deleted while the one that had led was cut off", operator.Slices, leads + "25 " + gone + taken + "27 o1 ready operator - inc=1\n" + empty + end, CauseDeletedAway},
		{"deleted while the one that leads again was cut off", operator.Slices, leads + "15 " + gone + "20 o0 down operator - inc=1 err=\"leader election lost\"\n30 o0 up operator - inc=2\n30 o0 ready operator - inc=2\n" + empty + end, CauseDeletedAway},
		{"deleted while no operator led, and emptied much later", operator.Slices, "20 o0 down operator - inc=1\n25 " + gone + "30 o0 up operator - inc=2\n30 o0 ready operator - inc=2\n" + empty + strings.Replace(waits, "ces-2", "ces-1", 1) +
			"150 k0 write Pod ns1/web-1 op=delete peer=w0 rv=11\n" + strings.Replace(empty, "31", "151", 1) + end, CauseDeletedAway},
		{"deleted while no operator led, from another slice", operator.Slices, "18 " + strings.TrimPrefix(empty, "31 ") + "20 o0 down operator - inc=1\n25 " + gone + "30 o0 up operator - inc=2\n30 o0 ready operator - inc=2\n" + empty + end, ""},
		{"deleted while no operator led, and a pod waits for its place", operator.Slices, "20 o0 down operator - inc=1\n25 " + gone + "30 o0 up operator - inc=2\n30 o0 ready operator - inc=2\n" + empty + waits + end, CauseDeletedAway},
		{"deleted while one led, and a pod waits for its place", operator.Slices, "15 " + gone + "16 " + strings.TrimPrefix(empty, "31 ") + restart + waits + end, ""},
		{"deleted while one led", operator.Slices, "15 " + gone + restart + empty + end, ""},
		{"deleted before the one that leads has its lists", operator.Slices, restart + listed + "35.1 " + gone + strings.Replace(empty, "31", "36", 1) + end, CauseDeletedAway},
		{"deleted when the one that leads has its lists", operator.Slices, restart + listed + "35.3 " + gone + strings.Replace(empty, "31", "36", 1) + end, ""},
		{"deleted before another one has its lists", operator.Slices, restart + strings.ReplaceAll(listed, "o0", "o1") + "35.1 " + gone + strings.Replace(empty, "31", "36", 1) + end, ""},
		{"a node comes back", operator.Slices, "20 k0 write CiliumNode n0 op=delete peer=w0 rv=7\n21 " + drop + "30 k0 write CiliumNode n0 op=create peer=w0 rv=10\n" + end, CauseNodeBack},
		{"its number was given to other labels", operator.Slices, has + "19 o0 ready operator - inc=1\n20 k0 write CiliumIdentity 65537 value=labels=k8s:app=db op=update peer=o0 rv=8\n" +
			"21 k0 write CiliumIdentity 65539 value=labels=k8s:app=web,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1 op=create peer=o0 rv=9\n" + end, CauseNumberTwice},
		{"changed while no operator led", operator.Slices, "20 o0 down operator - inc=1\n25 " + relabelled + "30 o0 up operator - inc=2\n30 o0 ready operator - inc=2\n" + end, CauseChangedAway},
		{"changed just before the one that led ended", operator.Slices, "19 " + relabelled + restart + end, CauseChangedAway},
		{"changed before the next one has listed endpoints", operator.Slices, restart + "36 " + relabelled + end, CauseChangedAway},
		{"changed while one led", operator.Slices, "15 " + relabelled + "80 o0 down operator - inc=1\n90 o0 up operator - inc=2\n90 o0 ready operator - inc=2\n" + end, ""},
		{"changed while no operator led, and its node was away", operator.Slices, "10 " + away + "20 o0 down operator - inc=1\n25 " + relabelled + "30 o0 up operator - inc=2\n30 o0 ready operator - inc=2\n" + back + end, CauseChangedAway},
		{"changed while one led, and its node was away", operator.Slices, "10 " + away + "15 " + relabelled + "80 o0 down operator - inc=1\n90 o0 up operator - inc=2\n90 o0 ready operator - inc=2\n" + strings.Replace(back, "35", "100", 1) + end, ""},
		{"a pod is forgotten", operator.Slices, "21 " + drop + end, ""},
		{"restarts", operator.IdentityGarbage, "15 " + gone + "16 " + drop + restart + end, CauseRestarts},
		{"the lease is given back first", operator.SingleLeader, leads + taken + written + "28 o0 down operator - inc=1 err=\"leader election lost\"\n" + end, CauseRelease},
		{"the process ends before its write is served", operator.SingleLeader, leads + taken + "28 o0 down operator - inc=1 err=\"leader election lost\"\n28.001 " + strings.TrimPrefix(written, "27.5 ") + end, CauseRelease},
		{"it never stops", operator.SingleLeader, leads + taken + written + end, ""},
		{"it stops for another reason", operator.SingleLeader, leads + taken + written + "28 o0 down operator - inc=1\n" + end, ""},
		{"it stops too late", operator.SingleLeader, leads + taken + written + "31 o0 down operator - inc=1 err=\"leader election lost\"\n" + end, ""},
		{"an expired watch", operator.IdentityGarbage, "15 " + gone + "16 " + drop + "250 k0 watch CiliumIdentity - peer=o0 ask=initial:9 id=4\n" + end, CauseLists},
		{"an expired watch, long before", operator.IdentityGarbage, "15 " + gone + "16 " + drop + "200 k0 watch CiliumIdentity - peer=o0 ask=initial:9 id=4\n" + end, ""},
		{"a watch that goes on", operator.IdentityGarbage, "15 " + gone + "16 " + drop + "250 k0 watch CiliumIdentity - peer=o0 ask=9 id=4\n" + end, ""},
		{"a pod waits for its endpoint", operator.IdentitySafety, marked + collected + end, CauseWaits},
		{"a pod's endpoint has the identity", operator.IdentitySafety, has + "12 k0 event CiliumEndpoint - value=ADDED:ns1/web-0:7 peer=o0 id=1\n" + marked + collected + end, ""},
		{"a pod's endpoint has the identity, and the operator never asked", operator.IdentitySafety, has + marked + collected + end, ""},
		{"a pod's endpoint has the identity, of which the operator has not heard", operator.IdentitySafety, "10 k0 watch CiliumEndpoint - peer=o0 ask=initial: id=1\n" + has + "12 k0 event CiliumEndpoint - value=ADDED:ns1/web-0:7 peer=a0 id=1\n" + marked + collected + end, CauseStaleCollector},
		{"a pod's endpoint has it no more", operator.IdentitySafety, "11 k0 write CiliumEndpoint ns1/web-0 value=\"identity=65537 ips=10.0.0.5\" op=create peer=w0 rv=7\n" +
			"12 k0 write CiliumEndpoint ns1/web-0 value=\"identity=65538 ips=10.0.0.5\" op=update peer=w0 rv=8\n" + marked + collected + end, CauseWaits},
		{"an identity that was not marked", operator.IdentitySafety, collected + end, ""},
		{"an identity that gets other labels", operator.IdentitySafety, "49 o0 ready operator - inc=2\n50 k0 write CiliumIdentity 65537 value=labels=k8s:app=db op=update peer=o0 rv=9\n" + end, CauseNumberTwice},
		{"its new identity came while no operator led", operator.Slices, "19 " + strings.Replace(relabelled, "app=web", "app=db", 1) + "20 o0 down operator - inc=1\n25 " + numbered + "30 o0 up operator - inc=2\n30 o0 ready operator - inc=2\n" + end, CauseChangedAway},
		{"no restart", operator.IdentityGarbage, "15 " + gone + "16 " + drop + end, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			records, err := history.Parse(start + c.history)
			require.NoError(t, err)
			in := &property.Input{Index: index.New(&history.History{Plan: `{"options":{"endpointSlices":true,"identityGCInterval":"10s","identityTimeout":"20s"}}`, Records: records})}
			r := c.property.Check(in)
			require.Len(t, r.Violations, 1, r.Evidence)
			v := &r.Violations[0]
			New(in).Explain(c.property.Name, v)
			if c.cause == "" {
				require.Nil(t, v.Cause)
				return
			}
			require.NotNil(t, v.Cause)
			require.Equal(t, c.cause, v.Cause.Name())
			require.NotEmpty(t, v.Cause.Sentence())
		})
	}
}

// An identity that no endpoint has is deleted and made again, each time that the collector has waited for long enough.
func TestOfAnIdentityThatIsMadeAgain(t *testing.T) {
	const (
		start = "0 k0 write CiliumIdentity 65537 value=labels=k8s:app=web op=create peer=o0 rv=5\n0 a0 up agent - inc=1\n"
		again = "60 k0 write CiliumIdentity 65537 op=delete peer=o0 rv=6\n60 k0 write CiliumIdentity 65537 value=labels=k8s:app=web op=create peer=o0 rv=7\n"
		seen  = "120.1 a0 see identity 65537 value=k8s:app=web inc=1 source=crd\n"
		has   = "61 k0 write CiliumEndpoint ns1/web-0 value=\"identity=65537 ips=10.0.0.5\" op=create peer=w0 rv=8\n"
	)
	later := strings.ReplaceAll(again, "60 k0", "120 k0")
	for _, c := range []struct{ name, history, want string }{
		{"twice", again + later + seen, CauseWaits},
		{"once", later + seen, ""},
		{"an endpoint has it", again + has + later + seen, ""},
		{"an agent makes it again", again + strings.Replace(later, "create peer=o0", "create peer=w0", 1) + seen, ""},
		{"it is seen long after", again + later + strings.Replace(seen, "120.1", "150", 1), ""},
	} {
		records, err := history.Parse(start + c.history)
		require.NoError(t, err)
		in := &property.Input{Index: index.New(&history.History{Plan: `{"mode":"crd"}`, Records: records})}
		v := property.Violation{Facts: property.Facts{Agent: "a0", Kind: history.Identity, Key: "65537", At: records[len(records)-1].At}, Records: []int{len(records) - 1}}
		New(in).Explain("convergence", &v)
		if c.want == "" {
			require.Nil(t, v.Cause, c.name)
			continue
		}
		require.NotNil(t, v.Cause, c.name)
		require.Equal(t, c.want, v.Cause.Name())
		require.Equal(t, "no CiliumEndpoint has identity 65537, though a pod has its labels: o0 deleted it and made it again 2 times, the last time at 120.000s", v.Cause.Sentence())
	}
}
