package rest

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/meshcheck/meshcheck/checker/property"
)

// stored is a store with two entries, of which one has a content of its own.
const stored = `
0 r0 up etcd - store=00000000000000a0 inc=1
0 a0 up agent - inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p0 rv=41 value=x
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=42 value=y
2 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 store=00000000000000a0 rev=2 value=x
2 r0 put endpoint cilium/state/ip/v1/default/10.0.0.2 store=00000000000000a0 rev=3 value=z
2 r0 put node cilium/state/nodes/v1/c1/n0 store=00000000000000a0 rev=4 value=y
2 r0 put meta cilium/synced/c1/x store=00000000000000a0 rev=5 value=1
3 r0 del endpoint cilium/state/ip/v1/default/10.0.0.2 store=00000000000000a0 rev=6
4 a0 connect - - peer=r0 store=00000000000000a0 inc=1
`

// keyed is a store with an endpoint and a node that have more than an identity and addresses.
const keyed = `
0 r0 up etcd - store=00000000000000a0 inc=1
0 a0 up agent - inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns/p rv=41 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP"
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=42 value="InternalIP=192.168.0.1 cidr4=10.1.0.0/24"
2 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 store=00000000000000a0 rev=2 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP"
2 r0 put node cilium/state/nodes/v1/c1/n0 store=00000000000000a0 rev=3 value="InternalIP=192.168.0.1 cidr4=10.1.0.0/24"
4 a0 connect - - peer=r0 store=00000000000000a0 inc=1
`

func TestSingleSource(t *testing.T) {
	propertytest.Tell(t, SingleSource, []propertytest.Story{
		{Name: "equal", History: stored + `
5 a0 see endpoint 10.0.0.1 value=x
5 a0 see node n0 value=y
5 a0 see node n1 value=w
6 a0 drop node n1
20 r0 put meta cilium/.heartbeat store=00000000000000a0 rev=7 value=1
20 world phase - end value=settled
`, Outcome: property.Pass, Says: []string{"2 entries of 1 agent compared with the stores that they read"}},
		{Name: "lacks one, has another, and one is different", History: stored + `
5 a0 see endpoint 10.0.0.2 value=z
5 a0 see node n0 value=v
20 world phase - end value=settled
`, Outcome: property.Fail, Says: []string{"agent a0, connected with r0 (store 00000000000000a0) since 4.000s, differed from that store in 1 entry of the kind node at rest: it has n0 as <v> and the store as <y>", "agent a0, connected with r0 (store 00000000000000a0) since 4.000s, differed from that store in 2 entries of the kind endpoint at rest: it has 10.0.0.2, which the store has not, it lacks 10.0.0.1"}},
		{Name: "lacks what no view ever had and nothing ever claimed", History: stored + `
5 r0 put identity cilium/state/identities/v1/id/300 store=00000000000000a0 rev=7 value=web
5 a0 see endpoint 10.0.0.1 value=x
5 a0 see node n0 value=y
20 world phase - end value=settled
`, Outcome: property.Fail, Says: []string{"agent a0, connected with r0 (store 00000000000000a0) since 4.000s, differed from that store in 1 entry of the kind identity at rest: it lacks 300"}},
		{Name: "what an incarnation had that is gone", History: stored + `
5 a0 see endpoint 10.0.0.1 value=x
5 a0 see node n0 value=y
6 a0 down agent - inc=1
7 a0 up agent - inc=2
8 a0 connect - - peer=r0 store=00000000000000a0 inc=2
8 a0 see endpoint 10.0.0.1 value=x
20 world phase - end value=settled
`, Outcome: property.Fail, Says: []string{"agent a0, connected with r0 (store 00000000000000a0) since 8.000s, differed from that store in 1 entry of the kind node at rest: it lacks n0"}},
		{Name: "the whole content", History: keyed + `
5 a0 see endpoint 10.0.0.1 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP"
5 a0 see node n0 value="InternalIP=192.168.0.1 cidr4=10.1.0.0/24"
20 world phase - end value=settled
`, Outcome: property.Pass, Says: []string{"2 entries of 1 agent compared with the stores that they read"}},
		{Name: "another encryption key, and no CIDR", History: keyed + `
5 a0 see endpoint 10.0.0.1 value="id=1 host=h pod=ns/p key=1 ports=http:80/TCP"
5 a0 see node n0 value="InternalIP=192.168.0.1"
20 world phase - end value=settled
`, Outcome: property.Fail, Says: []string{"agent a0, connected with r0 (store 00000000000000a0) since 4.000s, differed from that store in 1 entry of the kind endpoint at rest: it has 10.0.0.1 as <id=1 host=h pod=ns/p key=1 ports=http:80/TCP> and the store as <id=1 host=h pod=ns/p key=2 ports=http:80/TCP>", "agent a0, connected with r0 (store 00000000000000a0) since 4.000s, differed from that store in 1 entry of the kind node at rest: it has n0 as <InternalIP=192.168.0.1> and the store as <InternalIP=192.168.0.1 cidr4=10.1.0.0/24>"}},
		{Name: "not at rest", History: stored + `
5 a0 see endpoint 10.0.0.1 value=x
14.999 world phase - end value=bound
`, Outcome: property.Unknown, Says: []string{"the run was not at rest: see endpoint 10.0.0.1 of a0 changed 9.999s before its end"}},
		{Name: "not connected", History: stored + `
5 a0 disconnect - - peer=r0 store=00000000000000a0 inc=1 value=reset
20 world phase - end value=bound
`, Outcome: property.Unknown, Says: []string{"no agent was connected when the run ended"}},
		{Name: "down", History: stored + `
5 a0 down agent - inc=1
20 world phase - end value=bound
`, Outcome: property.Unknown, Says: []string{"no agent was connected when the run ended"}},
	})
}
