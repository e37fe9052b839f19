package views

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/meshcheck/meshcheck/checker/property"
)

// overlapping is an address that goes from the pod ns1/old to ns1/new at 2 s, with a
// state in between in which both have it.
const overlapping = `
0 a0 up agent - inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value="id=300 host=h1 pod=ns1/old"
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=42 value="id=301 host=h2 pod=ns1/new"
2.1 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/old rv=43
`

// reused is the same without that state.
const reused = `
0 a0 up agent - inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value="id=300 host=h1 pod=ns1/old"
2 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/old rv=42
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=43 value="id=301 host=h2 pod=ns1/new"
`

// healed ends a run long enough after its heal.
const healed = `
100 world phase - heal value=1m0s
160 world phase - end value=bound
`

func TestOwner(t *testing.T) {
	propertytest.Tell(t, Owner, []propertytest.Story{
		{Name: "the new one after the old one", History: reused + `
2 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r0
2 a0 program endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r0
3 a0 see endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r0
3 a0 program endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r0
` + healed, Outcome: property.Pass, Says: []string{"4 endpoints shown to the views and datapaths of 1 agent, of addresses of which 1 had more than one owner; 2 mappings of live owners when the run ended"}},
		{Name: "in turns while both have it, seen late", History: overlapping + `
3 a0 see endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r0
3.1 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r0
3.2 a0 see endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r0
` + healed, Outcome: property.Pass, Says: []string{"3 endpoints shown to the views and datapaths of 1 agent, of addresses of which 1 had more than one owner; 1 mapping of live owners when the run ended"}},
		{Name: "the old one after the new one, by another replica (cilium 16565)", History: reused + `
3 a0 see endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r0
4 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r1
5 a0 see endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r1
` + healed, Outcome: property.Fail, Says: []string{"agent a0 mapped 10.0.0.1 to pod ns1/old with identity 300 (rv 41, from r1) at 4.000s after pod ns1/new with identity 301 (rv 43, from r0) at 3.000s, while it is that of pod ns1/new with identity 301: the old owner after the new"}},
		{Name: "across a restart, with a deletion between, in the datapath too", History: reused + `
3 a0 see endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r0
3 a0 program endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r0
3.5 a0 drop endpoint 10.0.0.1
4 a0 down agent - inc=1
5 a0 up agent - inc=2
6 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r1
6 a0 program endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r1
7 a0 see endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r1
7 a0 program endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r1
` + healed, Outcome: property.Fail, Says: []string{"agent a0 mapped 10.0.0.1 to pod ns1/old with identity 300 (rv 41, from r1) at 6.000s after pod ns1/new with identity 301 (rv 43, from r0) at 3.000s, while it is that of pod ns1/new with identity 301: the old owner after the new", "the datapath of a0 mapped 10.0.0.1 to pod ns1/old with identity 300 (rv 41, from r1) at 6.000s after pod ns1/new with identity 301 (rv 43, from r0) at 3.000s, while it is that of pod ns1/new with identity 301: the old owner after the new"}},
		{Name: "the old identity of the same pod", History: `
0 a0 up agent - inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=41 value="id=300 host=h1 pod=ns1/p"
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=42 value="id=301 host=h1 pod=ns1/p"
3 a0 see endpoint 10.0.0.1 value="id=301 host=h1 pod=ns1/p" peer=r0
4 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p" peer=r1
5 a0 see endpoint 10.0.0.1 value="id=301 host=h1 pod=ns1/p" peer=r1
` + healed, Outcome: property.Fail, Says: []string{"agent a0 mapped 10.0.0.1 to pod ns1/p with identity 300 (rv 41, from r1) at 4.000s after pod ns1/p with identity 301 (rv 42, from r0) at 3.000s, while it is that of pod ns1/p with identity 301: the old owner after the new"}},
		{Name: "an old host of the same owner is not its concern", History: `
0 a0 up agent - inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=41 value="id=300 host=h1 pod=ns1/p"
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=42 value="id=300 host=h2 pod=ns1/p"
3 a0 see endpoint 10.0.0.1 value="id=300 host=h2 pod=ns1/p" peer=r0
4 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/p" peer=r1
` + healed, Outcome: property.Pass, Says: []string{"2 endpoints shown to the views and datapaths of 1 agent, of addresses of which 0 had more than one owner; 1 mapping of live owners when the run ended"}},
		{Name: "the old one after the new one, when nobody has it any more", History: reused + `
3 a0 see endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r0
4 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/new rv=50
5 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r1
` + healed, Outcome: property.Pass, Says: []string{"2 endpoints shown to the views and datapaths of 1 agent, of addresses of which 1 had more than one owner; 0 mappings of live owners when the run ended"}},
		{Name: "the old one when the run ends", History: reused + `
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r0
3 a0 program endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r0
` + healed, Outcome: property.Fail, Says: []string{"agent a0 mapped, when the run ended, 10.0.0.1, that of pod ns1/new with identity 301, to pod ns1/old with identity 300 since 3.000s", "the datapath of a0 mapped, when the run ended, 10.0.0.1, that of pod ns1/new with identity 301, to pod ns1/old with identity 300 since 3.000s"}},
		{Name: "nobody when the run ends", History: reused + `
3 a0 see endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r0
4 a0 drop endpoint 10.0.0.1
` + healed, Outcome: property.Fail, Says: []string{"agent a0 mapped, when the run ended, 10.0.0.1, that of pod ns1/new with identity 301, to nothing"}},
		{Name: "of an agent that is down", History: reused + `
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r0
50 a0 down agent - inc=1
` + healed, Outcome: property.Pass, Says: []string{"1 endpoint shown to the views and datapaths of 1 agent, of addresses of which 1 had more than one owner; 0 mappings of live owners when the run ended"}},
		{Name: "the run ends before the bound", History: reused + `
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r0
100 world phase - heal value=1m0s
120 world phase - end value=settled
`, Outcome: property.Unknown, Says: []string{"the run ended 20.000s after the heal (settled), before the bound; until then agent a0 mapped, when the run ended, 10.0.0.1, that of pod ns1/new with identity 301, to pod ns1/old with identity 300 since 3.000s"}},
		{Name: "no heal", History: reused + `
3 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r0
`, Outcome: property.Unknown, Says: []string{"the run has no heal phase"}},
		{Name: "no heal, and the old one after the new one", History: reused + `
3 a0 see endpoint 10.0.0.1 value="id=301 host=h2 pod=ns1/new" peer=r0
4 a0 see endpoint 10.0.0.1 value="id=300 host=h1 pod=ns1/old" peer=r1
`, Outcome: property.Fail, Says: []string{"agent a0 mapped 10.0.0.1 to pod ns1/old with identity 300 (rv 41, from r1) at 4.000s after pod ns1/new with identity 301 (rv 43, from r0) at 3.000s, while it is that of pod ns1/new with identity 301: the old owner after the new"}},
		{Name: "no endpoint that names its owner", History: "1 k0 truth endpoint 10.0.0.1 op=put owner=x rv=41 value=x\n2 a0 see endpoint 10.0.0.1 value=x", Outcome: property.Unknown, Says: []string{"no agent saw an endpoint whose content names a pod and an identity"}},
	})
}
