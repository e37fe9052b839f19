package views

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/meshcheck/meshcheck/checker/property"
)

// named is an endpoint of the identity 300, both of which exist from 1 s on, and an
// agent that is connected from 2 s on.
const named = `
0 a0 up agent - inc=1
1 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=41 value=web
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=42 value="id=300 host=h1 pod=ns1/p"
2 a0 connect - - peer=r0 store=00000000000000a0 inc=1
`

// kubeReader is the history of an agent which has two watches at the kube-apiserver k0.
const kubeReader = `
0 k0 up kube - inc=1
0 a0 up agent - inc=1
1 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=41 value=web
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=42 value="id=300 host=h1 pod=ns1/p"
2 k0 watch CiliumEndpoint - peer=a0 ask=initial: id=1
2 k0 watch CiliumIdentity - peer=a0 ask=initial: id=2
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p" peer=k0 source=crd session=1
`

func TestReference(t *testing.T) {
	propertytest.Tell(t, Referential, []propertytest.Story{
		{Name: "the identity comes first", History: named + `
3 a0 see identity 300 value=web
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
3 a0 program endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
` + healed, Outcome: property.Pass, Says: []string{"2 endpoints in views and datapaths of 1 agent; 0 times without the identity"}},
		{Name: "the identity comes a little later", History: named + `
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
3.5 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"1 endpoint in views and datapaths of 1 agent; 1 time without the identity"}},
		{Name: "the identity goes a little earlier", History: named + `
3 a0 see identity 300 value=web
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
50 k0 truth identity 300 op=del owner=CiliumIdentity/300 rv=43
50 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/p rv=44
50 a0 drop identity 300
99 a0 drop endpoint 10.0.0.1
` + healed, Outcome: property.Pass, Says: []string{"1 endpoint in views and datapaths of 1 agent; 1 time without the identity"}},
		{Name: "the identity comes later than the bound, while all is well", History: named + `
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
3 a0 program endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
64 a0 see identity 300 value=web
` + healed, Outcome: property.Fail, Says: []string{"agent a0 had endpoint 10.0.0.1 of identity 300, which the agent's view lacked from 3.000s until 64.000s", "the datapath of a0 had endpoint 10.0.0.1 of identity 300, which the agent's view lacked from 3.000s until 64.000s"}},
		{Name: "the identity comes later than the bound, but the agent was not connected all the time", History: named + `
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
40 a0 disconnect - - peer=r0 store=00000000000000a0 inc=1 value=reset
41 a0 connect - - peer=r1 store=00000000000000b1 inc=1
99 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"1 endpoint in views and datapaths of 1 agent; 1 time without the identity"}},
		{Name: "of an agent that reads the kube-apiserver: the identity comes later than the bound", History: kubeReader + `
64 a0 see identity 300 value=web
` + healed, Outcome: property.Fail, Says: []string{"agent a0 had endpoint 10.0.0.1 of identity 300, which the agent's view lacked from 3.000s until 64.000s"}},
		{Name: "of an agent that reads the kube-apiserver and has lost it", History: kubeReader + `
40 a0 net - reset peer=k0
41 k0 watch CiliumIdentity - peer=a0 ask=43 id=3
99 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"1 endpoint in views and datapaths of 1 agent; 1 time without the identity"}},
		{Name: "of an agent that reads the kube-apiserver, of which one watch ends", History: kubeReader + `
40 k0 unwatch CiliumIdentity - value=timeout peer=a0 id=2
41 k0 watch CiliumIdentity - peer=a0 ask=43 id=3
64 a0 see identity 300 value=web
` + healed, Outcome: property.Fail, Says: []string{"agent a0 had endpoint 10.0.0.1 of identity 300, which the agent's view lacked from 3.000s until 64.000s"}},
		{Name: "the identity comes later than the bound, but did not exist all the time", History: named + `
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
40 k0 truth identity 300 op=del owner=CiliumIdentity/300 rv=43
50 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=44 value=web
99 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"1 endpoint in views and datapaths of 1 agent; 1 time without the identity"}},
		{Name: "the identity is dropped and never comes back", History: named + `
3 a0 see identity 300 value=web
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
3 a0 program endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
100 world phase - heal value=1m0s
130 a0 drop identity 300
160 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had endpoint 10.0.0.1 of identity 300, which the agent's view lacked from 130.000s and still when the run ended, at 160.000s", "the datapath of a0 had endpoint 10.0.0.1 of identity 300, which the agent's view lacked from 130.000s and still when the run ended, at 160.000s"}},
		{Name: "another endpoint's identity", History: named + `
3 k0 truth endpoint 10.0.0.2 op=put owner=CiliumEndpoint/ns1/q rv=44 value="id=300 host=h1 pod=ns1/q"
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
3 a0 see endpoint 10.0.0.2 value="id=300 host=h1 pod=ns1/q"
` + healed, Outcome: property.Fail, Says: []string{"agent a0 had endpoint 10.0.0.1 of identity 300, which the agent's view lacked from 3.000s and still when the run ended, at 160.000s; and 1 more"}},
		{Name: "a restart: what the datapath kept counts from the complete lists on", History: named + `
3 a0 see identity 300 value=web
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
3 a0 program endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
4 a0 down agent - inc=1
5 a0 up agent - inc=2
90 a0 see identity 300 value=web
91 a0 synced endpoint - value=synced inc=2
` + healed, Outcome: property.Pass, Says: []string{"2 endpoints in views and datapaths of 1 agent; 0 times without the identity"}},
		{Name: "a restart after which the identity never comes", History: named + `
3 a0 see identity 300 value=web
3 a0 program endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
4 a0 down agent - inc=1
5 a0 up agent - inc=2
91 a0 synced endpoint - value=synced inc=2
` + healed, Outcome: property.Fail, Says: []string{"the datapath of a0 had endpoint 10.0.0.1 of identity 300, which the agent's view lacked from 91.000s and still when the run ended, at 160.000s"}},
		{Name: "a reserved identity has no object", History: `
0 a0 up agent - inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=42 value="id=4 host=h1 pod=ns1/p"
3 a0 see endpoint 10.0.0.1 value="id=4 host=h1 pod=ns1/p"
` + healed, Outcome: property.Unknown, Says: []string{"no agent saw an endpoint that names an identity"}},
		{Name: "missing when the run ends before the bound", History: named + `
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
30 world phase - heal value=1m0s
50 world phase - end value=settled
`, Outcome: property.Unknown, Says: []string{"the run ended 20.000s after the heal (settled), before the bound, with 1 endpoint without the identity"}},
		{Name: "no heal", History: named + `
3 a0 see identity 300 value=web
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p"
`, Outcome: property.Unknown, Says: []string{"the run has no heal phase"}},
	})
}
