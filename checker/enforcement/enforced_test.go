package enforcement

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/property/propertytest"
)

// A whole agent, a0, with a pod, web, to which a policy lets come in api on one port. Its policy map is right.
const start = `
0 world phase - start
0 k0 write Namespace ns1 op=create rv=1
0 k0 write CiliumIdentity 65537 value=labels=k8s:app=web,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1 op=create rv=2
0 k0 write CiliumIdentity 65538 value=labels=k8s:app=api,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1 op=create rv=3
0 k0 write CiliumNetworkPolicy ns1/p value="subject=app=web&io.kubernetes.pod.namespace=ns1 ingress=true allow-ingress=pods:app=api&io.kubernetes.pod.namespace=ns1,port:80/TCP" op=create rv=4
1 a0 up agent - inc=1
2 k0 write Pod ns1/web-0 value="uid=u1 node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=web" op=create peer=w0 rv=5
2 a0 enforce - ns1/web-0 op=begins owner=7
2 a0 enforce ingress ns1/web-0 value="65538 80/TCP" op=allow owner=7 rev=4294967041
2 a0 enforce ingress ns1/web-0 value=1 op=allow owner=7 rev=4294964481
2 a0 enforce egress ns1/web-0 value=0 op=allow owner=7 rev=4294967041
3 k0 write CiliumEndpoint ns1/web-0 value="identity=65537 ips=10.0.0.5" op=create peer=a0 rv=6
5 world phase - churn
`

const end = `
200 world phase - heal value=1m0s
320 world phase - end value=settled
`

const (
	atRest    = "looks of policy maps that policies demand something of"
	api       = "ingress from identity 65538 (<app=api> in ns1)"
	ofThePod  = "the policy map of a0's endpoint of pod ns1/web-0 "
	other     = `100 k0 write CiliumNetworkPolicy ns1/q value="subject=io.kubernetes.pod.namespace=ns1 ingress=true allow-ingress=pods:app=api&io.kubernetes.pod.namespace=ns1" op=create rv=9` + "\n"
	removed   = "k0 write CiliumNetworkPolicy ns1/p op=delete rv=10\n"
	forgotten = `a0 enforce ingress ns1/web-0 value="65538 80/TCP" op=del owner=7` + "\n"
	widened   = "101 a0 enforce ingress ns1/web-0 value=65538 op=allow owner=7 rev=4294967041\n"
	ofAll     = "a0 enforce ingress ns1/web-0 value=0 op=allow owner=7 rev=4294967041\na0 enforce ingress ns1/web-0 value=11 op=allow owner=7 rev=4294967041\n"
)

// at puts the time before each line.
func at(time, lines string) string {
	return strings.ReplaceAll(time+" "+strings.TrimSuffix(lines, "\n"), "\n", "\n"+time+" ") + "\n"
}

func TestEnforced(t *testing.T) {
	for _, c := range []struct {
		name, history string
		outcome       property.Outcome
		says          []string
	}{
		{"right", end, property.Pass, nil},
		{"another policy allows the same before the first goes", other + widened + at("150", removed) + at("150.01", forgotten) + end, property.Pass, nil},
		{"dropped though allowed throughout", at("50", forgotten) + end, property.Fail, []string{
			ofThePod + "dropped " + api + " on 80/TCP at 50.000s, which it had let through, and which every policy since 20.000s allows"}},
		{"never let in", other + at("150", removed) + end, property.Fail, []string{
			ofThePod + "did not let through " + api + " on 65533/TCP at 130.000s, which every policy since 100.000s allows"}},
		{"let in for good after the policy has gone to another", at("60", `k0 write CiliumNetworkPolicy ns1/p value="subject=app=web&io.kubernetes.pod.namespace=ns1 ingress=true" op=update rv=9`) + end, property.Fail, []string{
			ofThePod + "let through " + api + " on 80/TCP at 90.000s, which no policy since 60.000s allows"}},
		{"let in whom nobody ever allowed", at("60", ofAll) + end, property.Fail, []string{
			ofThePod + "let through ingress from world on 65533/TCP at 60.000s, which no policy since 30.000s allows (and 6 other flows likewise)"}},
		{"the same, while a fault may explain it", "40 world fault partition a0 op=connections-dead rev=1 peer=k0\n" + at("60", `k0 write CiliumNetworkPolicy ns1/p value="subject=app=web&io.kubernetes.pod.namespace=ns1 ingress=true" op=update rv=9`) +
			"150 world heal partition a0 rev=1 peer=k0\n" + at("160", forgotten) + end, property.Pass, nil},
		{"an order of policies that no agent need know is nobody's fault", at("60", removed) + at("60", "k0 write NetworkPolicy ns1/n value=\"subject=io.kubernetes.pod.namespace=ns1 ingress=true allow-ingress=anyone\" op=create rv=11") +
			at("60.1", forgotten) + at("60.2", ofAll+"a0 enforce ingress ns1/web-0 value=13 op=allow owner=7 rev=4294967041\n") + end, property.Pass, nil},
		{"nobody enforces", "", property.NotApplicable, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := start + c.history
			if c.outcome == property.NotApplicable {
				text = "0 world phase - start\n"
			}
			r := propertytest.Judge(t, Enforced, text)
			var said []string
			for i := range r.Violations {
				said = append(said, r.Violations[i].Sentence())
			}
			require.Equal(t, c.says, said)
			require.Equal(t, c.outcome, r.Outcome, r.Evidence)
			if c.outcome == property.Pass {
				require.Contains(t, r.Evidence, atRest)
			}
		})
	}
}

// How long a map was behind is measured.
func TestHowLongItTook(t *testing.T) {
	r := propertytest.Judge(t, Enforced, start+
		at("60", `k0 write CiliumNetworkPolicy ns1/p value="subject=app=web&io.kubernetes.pod.namespace=ns1 ingress=true" op=update rv=9`)+
		at("62", "k0 write CiliumIdentity 65538 op=delete rv=10")+at("65", forgotten)+end)
	require.Equal(t, property.Pass, r.Outcome)
	require.Equal(t, "p50 3.000s, p99 3.000s, max 3.000s of 1", r.Measures[2].String())
}

// What nobody demands any more is not waited for: the pod has other labels, and no identity of these yet.
func TestHowLongItTookUntilThePodWasAnother(t *testing.T) {
	r := propertytest.Judge(t, Enforced, start+
		at("60", `k0 write CiliumNetworkPolicy ns1/p value="subject=app=web&io.kubernetes.pod.namespace=ns1 ingress=true" op=update rv=9`)+
		at("63", `k0 write Pod ns1/web-0 value="uid=u1 node=n0 host=192.168.0.1 phase=Running ips=10.0.0.5 account=default labels=app=db" op=update peer=w0 rv=10`)+
		at("80", forgotten)+end)
	require.Equal(t, "p50 3.000s, p99 3.000s, max 3.000s of 1", r.Measures[0].String())
}

// What a policy map lets through, as the program that asks it has it.
func TestTable(t *testing.T) {
	const allow, deny = 4294967041, 4294967295
	web, host, network := podsOf("65537", nil), surroundings()[0], networkOf("10.9.0.0/16")
	for _, c := range []struct {
		name string
		of   table
		flow flow
		want bool
	}{
		{"nothing", table{}, flow{false, web, "80/TCP"}, false},
		{"the port", table{{false, "65537", "80/TCP"}: {false, allow}}, flow{false, web, "80/TCP"}, true},
		{"another port", table{{false, "65537", "80/TCP"}: {false, allow}}, flow{false, web, "80/UDP"}, false},
		{"another direction", table{{false, "65537", "80/TCP"}: {false, allow}}, flow{true, web, "80/TCP"}, false},
		{"the cluster", table{{false, "11", ""}: {false, allow}}, flow{false, web, "80/TCP"}, true},
		{"everybody, where the cluster has no entry", table{{false, "0", ""}: {false, allow}}, flow{false, web, "80/TCP"}, true},
		{"everybody does not count where the cluster has one", table{{false, "0", ""}: {false, allow}, {false, "11", "TCP"}: {true, deny}}, flow{false, web, "80/TCP"}, false},
		{"what denies is of higher precedence", table{{false, "65537", "80/TCP"}: {false, allow}, {false, "11", ""}: {true, deny}}, flow{false, web, "80/TCP"}, false},
		{"of entries about one the port counts", table{{false, "65537", "80/TCP"}: {false, allow}, {false, "65537", ""}: {true, deny}}, flow{false, web, "80/TCP"}, true},
		{"a network is of the world", table{{true, "13", "TCP"}: {false, allow}}, flow{true, network, "80/TCP"}, true},
		{"the host is nobody's", table{{false, "11", ""}: {false, allow}, {false, "0", ""}: {true, deny}}, flow{false, host, "80/TCP"}, false},
	} {
		require.Equal(t, c.want, c.of.lets(c.flow), c.name)
	}
}
