package operator

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// story is what happens after the start, and what a property says of it.
type story struct {
	name, history string
	outcome       property.Outcome
	says          string // the only violation, or the evidence
}

// start is a cluster of one node in which the operator o0 leads.
const start = `
0 world phase - start
0 k0 up kube - inc=1
0 k0 write CiliumNode n0 op=create rv=1
0 k0 write Namespace ns1 op=create rv=2
0 o0 up operator - inc=1
0 o1 up operator - inc=1
0 k0 write Lease kube-system/cilium-operator-resource-lock value="holder=o0-1 seconds=15" op=create peer=o0 rv=3
0 o0 ready operator - inc=1
5 k0 write Pod ns1/web-0 value="node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=web" op=create peer=w0 rv=4
5 k0 write CiliumIdentity 65537 value=labels=k8s:app=web,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1 op=create peer=o0 rv=5
`

const (
	identity = "value=labels=k8s:app=web,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1"
	inSlice  = `6 k0 write CiliumEndpointSlice ces-1 value="namespace=ns1 endpoint=web-0,65537,10.0.0.5" op=create peer=o0 rv=6` + "\n"
	end      = "200 world phase - end value=settled\n"
	plan     = `{"mode":"clustermesh","options":{"endpointSlices":true,"identityGCInterval":"10s","identityTimeout":"20s","sliceSize":2}}`
)

func tell(t *testing.T, p property.Property, stories []story) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			records, err := history.Parse(start + s.history)
			require.NoError(t, err)
			r := p.Check(&property.Input{Index: index.New(&history.History{Plan: plan, Records: records})})
			said := r.Evidence
			if len(r.Violations) > 0 {
				require.Len(t, r.Violations, 1)
				require.Contains(t, p.Rules, r.Violations[0].Rule)
				said = r.Violations[0].Sentence()
			}
			require.Equal(t, s.says, said)
			require.Equal(t, s.outcome, r.Outcome)
		})
	}
}

func TestSlices(t *testing.T) {
	tell(t, Slices, []story{
		{"a pod is in its slice", inSlice + end, property.Pass, "1 pod in 1 slice at most, in 200.000s in which an operator led undisturbed"},
		{"a pod is in no slice", end, property.Fail,
			"pod ns1/web-0 (identity=65537 ips=10.0.0.5) was in no slice from 5.000s until the run ended: an operator led undisturbed for 195.000s of it, and 30.000s are enough"},
		{"nobody leads", "5.5 o0 unready operator - inc=1\n" + end, property.Unknown, "an operator led undisturbed for 5.500s, which is less than the bound of 30.000s"},
		{"an operator is struck all the time", "5.5 world fault operator-pause o0 value=x op=process-ended rev=1\n170 world heal operator-pause o0 value=x op=process-ended rev=1\n" + end,
			property.Unknown, "an operator led undisturbed for 5.500s, which is less than the bound of 30.000s"},
		{"a pod that was deleted stays", inSlice + "20 k0 write Pod ns1/web-0 op=delete peer=w0 rv=7\n" + end, property.Fail,
			"pod ns1/web-0, which was deleted, stayed in ces-1 (identity=65537 ips=10.0.0.5) from 20.000s until the run ended: an operator led undisturbed for 180.000s of it, and 30.200s are enough"},
		{"it goes in time", inSlice + "20 k0 write Pod ns1/web-0 op=delete peer=w0 rv=7\n21 k0 write CiliumEndpointSlice ces-1 op=delete peer=o0 rv=8\n" + end, property.Pass,
			"1 pod in 1 slice at most, in 200.000s in which an operator led undisturbed"},
		{"it leaves an empty slice", inSlice + "20 k0 write Pod ns1/web-0 op=delete peer=w0 rv=7\n21 k0 write CiliumEndpointSlice ces-1 value=namespace=ns1 op=update peer=o0 rv=8\n" + end, property.Fail,
			"slice ces-1 was empty from 21.000s until the run ended: an operator led undisturbed for 179.000s of it, and 30.200s are enough"},
		{"a pod is in two", inSlice + `7 k0 write CiliumEndpointSlice ces-2 value="namespace=ns1 endpoint=web-0,65537,10.0.0.5" op=create peer=o0 rv=7` + "\n" +
			`90 k0 write CiliumEndpointSlice ces-2 op=delete peer=o0 rv=8` + "\n" + end, property.Fail,
			"pod ns1/web-0 was in ces-1 and ces-2 from 7.000s until 90.000s: an operator led undisturbed for 83.000s of it, and 30.400s are enough"},
		{"an identity is not that of its labels", `6 k0 write CiliumEndpointSlice ces-1 value="namespace=ns1 endpoint=web-0,70000,10.0.0.5" op=create peer=o0 rv=6` + "\n" + end, property.Fail,
			"pod ns1/web-0 (identity=65537 ips=10.0.0.5) was in ces-1 as identity=70000 ips=10.0.0.5 from 5.000s until the run ended: an operator led undisturbed for 195.000s of it, and 30.200s are enough"},
		{"an address is not the pod's", `6 k0 write CiliumEndpointSlice ces-1 value="namespace=ns1 endpoint=web-0,65537,10.0.0.6" op=create peer=o0 rv=6` + "\n" + end, property.Fail,
			"pod ns1/web-0 (identity=65537 ips=10.0.0.5) was in ces-1 as identity=65537 ips=10.0.0.6 from 5.000s until the run ended: an operator led undisturbed for 195.000s of it, and 30.200s are enough"},
		{"a slice is too large", `6 k0 write CiliumEndpointSlice ces-1 value="namespace=ns1 endpoint=web-0,65537,10.0.0.5 endpoint=a,1 endpoint=b,1" op=create peer=o0 rv=6` + "\n" +
			`6.1 k0 write CiliumEndpointSlice ces-1 value="namespace=ns1 endpoint=web-0,65537,10.0.0.5" op=update peer=o0 rv=7` + "\n" + end, property.Fail,
			"o0 wrote 3 endpoints into slice ces-1 at 6.000s, which may hold 2"},
	})
}

func TestIdentityGarbage(t *testing.T) {
	gone := "20 k0 write Pod ns1/web-0 op=delete peer=w0 rv=7\n"
	tell(t, IdentityGarbage, []story{
		{"it goes in time", gone + "80 k0 write CiliumIdentity 65537 op=delete peer=o0 rv=8\n" + end, property.Pass, "1 of 1 identity that no pod asked for were deleted"},
		{"it stays", gone + end, property.Fail,
			"no pod has asked for identity 65537 since 20.000s, and it was still there at 200.000s: operators led undisturbed for 180.000s of it, and 70.000s are enough"},
		{"it goes late", gone + "120 k0 write CiliumIdentity 65537 op=delete peer=o0 rv=8\n" + end, property.Fail,
			"no pod has asked for identity 65537 since 20.000s, and it was deleted only at 120.000s: operators led undisturbed for 100.000s of it, and 70.000s are enough"},
		{"it goes while a fault is in force", "19 world fault kube-freeze k0 value=x op=cache-behind rev=1\n" + gone + "80 k0 write CiliumIdentity 65537 op=delete peer=o0 rv=8\n" + "130 world heal kube-freeze k0 value=x op=cache-behind rev=1\n" + end, property.Pass, "1 of 1 identity that no pod asked for were deleted"},
		{"no operator leads", "19 o0 unready operator - inc=1\n" + gone + end, property.Unknown, "there was no identity that no pod asked for while operators led for as long as the heartbeat's time-out"},
		{"operators that change leave it", gone + "60 o0 unready operator - inc=1\n61 o1 ready operator - inc=1\n" + end, property.Fail,
			"no pod has asked for identity 65537 since 20.000s, and it was still there at 200.000s: operators led undisturbed for 179.000s of it, and 100.000s are enough"},
		{"an endpoint still has it", "10 k0 write CiliumEndpoint ns1/web-0 value=identity=65537 op=create peer=w0 rv=6\n" + gone + end, property.Unknown, "there was no identity that no pod asked for while operators led for as long as the heartbeat's time-out"},
	})
}

func TestIdentitySafety(t *testing.T) {
	deleted := "k0 write CiliumIdentity 65537 op=delete peer=o0 rv=9\n"
	tell(t, IdentitySafety, []story{
		{"that of a live pod", "50 " + deleted + end, property.Fail, "o0 deleted identity 65537 at 50.000s, which is that of ns1/web-0 since 5.000s"},
		{"that of a pod that it cannot know yet", "6 " + deleted + end, property.Pass, "1 identity deleted by operators"},
		{"that of an endpoint", "10 k0 write CiliumEndpoint ns1/web-0 value=identity=65537 op=create peer=w0 rv=6\n20 k0 write Pod ns1/web-0 op=delete peer=w0 rv=7\n50 " + deleted + end, property.Fail,
			"o0 deleted identity 65537 at 50.000s, which is that of ns1/web-0 since 5.000s"},
		{"one of two of these labels", "10 k0 write CiliumIdentity 65538 " + identity + " op=create peer=o0 rv=6\n50 " + deleted + end, property.Pass, "1 identity deleted by operators"},
		{"other labels for a live pod's", "50 k0 write CiliumIdentity 65537 " + strings.Replace(identity, "web", "db", 1) + " op=update peer=o0 rv=9\n" + end, property.Fail,
			"o0 gave identity 65537 other labels at 50.000s, which was that of ns1/web-0 since 5.000s"},
		{"other labels by who is no operator", "50 k0 write CiliumIdentity 65537 " + strings.Replace(identity, "web", "db", 1) + " op=update peer=w0 rv=9\n" + end, property.Unknown, "no operator deleted an identity, and none was in use in the end"},
		{"a mark", "50 k0 write CiliumIdentity 65537 value=\"marked=true " + strings.TrimPrefix(identity, "value=") + "\" op=update peer=o0 rv=9\n" + end, property.Pass, "no operator deleted an identity; 1 identity in use in the end"},
		{"other labels for one that nobody has", "20 k0 write Pod ns1/web-0 op=delete peer=w0 rv=7\n50 k0 write CiliumIdentity 65537 " + strings.Replace(identity, "web", "db", 1) + " op=update peer=o0 rv=9\n" + end, property.Unknown, "no operator deleted an identity, and none was in use in the end"},
		{"one that nobody has", "20 k0 write Pod ns1/web-0 op=delete peer=w0 rv=7\n50 " + deleted + end, property.Pass, "1 identity deleted by operators"},
		{"none", end, property.Pass, "no operator deleted an identity; 1 identity in use in the end"},
		{"none of none", "20 k0 write Pod ns1/web-0 op=delete peer=w0 rv=7\n" + end, property.Unknown, "no operator deleted an identity, and none was in use in the end"},
	})
}

func TestSingleLeader(t *testing.T) {
	lease := `k0 write Lease kube-system/cilium-operator-resource-lock value="holder=o1-1 seconds=15" op=update peer=o1 rv=6` + "\n"
	tell(t, SingleLeader, []story{
		{"the leader writes", inSlice + end, property.Pass, "2 writes of operators, of which the lease changed its holder 0 times"},
		{"the next one writes", "30 " + lease + "31 k0 write CiliumEndpointSlice ces-1 value=namespace=ns1 op=create peer=o1 rv=7\n" + end, property.Pass, "2 writes of operators, of which the lease changed its holder 1 time"},
		{"the former one writes", "30 " + lease + "31 k0 write CiliumEndpointSlice ces-1 value=namespace=ns1 op=create peer=o0 rv=7\n" + end, property.Fail,
			"k0 served the create of CiliumEndpointSlice ces-1 by o0 at 31.000s, while o1 has held the lease since 30.000s"},
		{"the former one writes to an etcd", "30 " + lease + "31 e0 call meta cilium/state/identities/v1/id/256 value=1 op=delete peer=o0 store=1 rev=7\n" + end, property.Fail,
			"e0 served the delete of cilium/state/identities/v1/id/256 by o0 at 31.000s, while o1 has held the lease since 30.000s"},
		{"the former one sees whether its etcd is there", "30 " + lease + "31 e0 call meta cilium/.initlock/1/2 value=1 op=put peer=o0 store=1 rev=7\n" + end, property.Pass,
			"1 write of operators, of which the lease changed its holder 1 time"},
	})
}

func TestNothingOfOperators(t *testing.T) {
	for _, p := range []property.Property{Slices, IdentityGarbage, IdentitySafety, SingleLeader} {
		for fragment, want := range map[string]property.Outcome{
			"":                        property.Unknown,
			"0 a0 up agent - inc=1\n": property.NotApplicable,
			"0 o0 up operator - inc=1\n0 k0 write Pod ns1/web-0 op=create rv=1\n": property.NotApplicable, // an earlier form
		} {
			records, err := history.Parse(fragment)
			require.NoError(t, err)
			r := p.Check(&property.Input{Index: index.New(&history.History{Plan: plan, Records: records})})
			require.Equal(t, want, r.Outcome, "%s: %s", p.Name, fragment)
		}
	}
}

// Agents wait with the identity of a relabelled pod as long as the plan says, those that are whole as well.
func TestTheJitterIsThePlans(t *testing.T) {
	jitter := func(plan string) time.Duration {
		return optionsOf(&property.Input{Index: index.New(&history.History{Plan: plan})}).jitter
	}
	require.Zero(t, jitter(`{"options":{"agents":"whole"}}`))
	require.Equal(t, time.Second, jitter(`{"options":{"identityJitter":"1s"}}`))
	require.Equal(t, time.Second, jitter(`{"options":{"agents":"whole,assembled","identityJitter":"1s"}}`))
}
