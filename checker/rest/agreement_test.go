package rest

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/property/propertytest"
)

// healed ends a run long enough after its heal.
const healed = `
100 world phase - heal value=1m0s
160 world phase - end value=bound
`

// claimed is an address that two pods claim for good, and two agents with a replica each.
const claimed = `
0 a0 up agent - inc=1
0 a1 up agent - inc=1
1 k0 truth endpoint 10.0.0.9 op=put owner=CiliumEndpoint/ns1/p rv=41 value=x
1 k0 truth endpoint 10.0.0.9 op=put owner=CiliumEndpoint/ns1/q rv=42 value=y
2 a0 connect - - peer=r0 store=s0
2 a1 connect - - peer=r1 store=s1
3 a0 see endpoint 10.0.0.9 value=x peer=r0 store=s0
`

// rotated is an endpoint whose encryption key changes, of which one agent has heard.
const rotated = `
0 a0 up agent - inc=1
0 a1 up agent - inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns/p rv=41 value="id=1 host=h pod=ns/p key=1 ports=http:80/TCP"
2 a0 connect - - peer=r0 store=s0
2 a1 connect - - peer=r1 store=s1
5 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns/p rv=42 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP"
6 a0 see endpoint 10.0.0.1 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP" peer=r0 store=s0
`

func TestAgreement(t *testing.T) {
	stories := []propertytest.Story{
		{Name: "all say the same", History: claimed + `
4 a1 see endpoint 10.0.0.9 value=x peer=r1 store=s1
` + healed, Outcome: property.Pass, Says: []string{"1 entry compared between 2 agents"}},
		{Name: "each has another owner, and both are right", History: claimed + `
4 a1 see endpoint 10.0.0.9 value=y peer=r1 store=s1
` + healed, Outcome: property.Fail, Says: []string{"agent a1, which reads r1, showed endpoint 10.0.0.9 as <y> at rest, and that of a0, which reads r0, as <x>"}},
		{Name: "one field of the content is another", History: rotated + `
6 a1 see endpoint 10.0.0.1 value="id=1 host=h pod=ns/p key=1 ports=http:80/TCP" peer=r1 store=s1
` + healed, Outcome: property.Fail, Says: []string{"agent a1, which reads r1, showed endpoint 10.0.0.1 as <id=1 host=h pod=ns/p key=1 ports=http:80/TCP> at rest, and that of a0, which reads r0, as <id=1 host=h pod=ns/p key=2 ports=http:80/TCP>"}},
		{Name: "one agent has no ports", History: rotated + `
6 a1 see endpoint 10.0.0.1 value="id=1 host=h pod=ns/p key=2" peer=r1 store=s1
` + healed, Outcome: property.Fail, Says: []string{"agent a1, which reads r1, showed endpoint 10.0.0.1 as <id=1 host=h pod=ns/p key=2> at rest, and that of a0, which reads r0, as <id=1 host=h pod=ns/p key=2 ports=http:80/TCP>"}},
		{Name: "one datapath has the key of before", History: rotated + `
6 a1 see endpoint 10.0.0.1 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP" peer=r1 store=s1
7 a0 program endpoint 10.0.0.1 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP"
7 a1 program endpoint 10.0.0.1 value="id=1 host=h pod=ns/p key=1 ports=http:80/TCP"
` + healed, Outcome: property.Fail, Says: []string{"the datapath of a1, which reads r1, showed endpoint 10.0.0.1 as <id=1 host=h pod=ns/p key=1 ports=http:80/TCP> at rest, and that of a0, which reads r0, as <id=1 host=h pod=ns/p key=2 ports=http:80/TCP>"}},
		{Name: "the whole content", History: rotated + `
6 a1 see endpoint 10.0.0.1 value="id=1 host=h pod=ns/p key=1 ports=http:80/TCP" peer=r1 store=s1
7 a1 see endpoint 10.0.0.1 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP" peer=r1 store=s1
` + healed, Outcome: property.Pass, Says: []string{"1 entry compared between 2 agents"}},
		{Name: "what the truth demands is the reference, however few say so", History: claimed + `
4 k0 truth endpoint 10.0.0.9 op=del owner=CiliumEndpoint/ns1/p rv=43
4 a1 see endpoint 10.0.0.9 value=y peer=r1 store=s1
0 a2 up agent - inc=1
5 a2 see endpoint 10.0.0.9 value=x
` + healed, Outcome: property.Fail, Says: []string{
			"agent a0, which reads r0, showed endpoint 10.0.0.9 as <x> at rest, and that of a1, which reads r1, as <y>",
			"agent a2, which reads no server, showed endpoint 10.0.0.9 as <x> at rest, and that of a1, which reads r1, as <y>"}},
		{Name: "one has nothing", History: claimed + healed, Outcome: property.Fail, Says: []string{"agent a1, which reads r1, showed endpoint 10.0.0.9 as absent at rest, and that of a0, which reads r0, as <x>"}},
		{Name: "the datapaths", History: claimed + `
4 a1 see endpoint 10.0.0.9 value=x peer=r1 store=s1
5 a0 program endpoint 10.0.0.9 value=x
5 a1 program endpoint 10.0.0.9 value=y
5 a1 program endpoint 10.0.0.10 value=z
` + healed, Outcome: property.Fail, Says: []string{"the datapath of a1, which reads r1, showed endpoint 10.0.0.9 as <y> at rest, and that of a0, which reads r0, as <x>; and 1 more"}},
		{Name: "an agent that is down says nothing", History: claimed + `
4 a1 see endpoint 10.0.0.9 value=y peer=r1 store=s1
5 a1 down agent - inc=1
` + healed, Outcome: property.Unknown, Says: []string{"1 agent up when the run ended: there is nobody to agree with"}},
		{Name: "not yet at rest", History: claimed + `
4 a1 see endpoint 10.0.0.9 value=y peer=r1 store=s1
` + healed + `
155 a1 see endpoint 10.0.0.10 value=y peer=r1 store=s1
`, Outcome: property.Unknown, Says: []string{"the run was not at rest: see endpoint 10.0.0.10 of a1 changed 5.000s before its end"}},
		{Name: "cut before the bound", History: claimed + `
4 a1 see endpoint 10.0.0.9 value=y peer=r1 store=s1
100 world phase - heal value=1m0s
140 world phase - end value=cut
`, Outcome: property.Unknown, Says: []string{"the run ended 40.000s after the heal (cut), before the bound; until then agents said otherwise of 1 entry"}},
		{Name: "settled before the bound", History: claimed + `
4 a1 see endpoint 10.0.0.9 value=y peer=r1 store=s1
100 world phase - heal value=1m0s
140 world phase - end value=settled
`, Outcome: property.Fail, Says: []string{"agent a1, which reads r1, showed endpoint 10.0.0.9 as <y> at rest, and that of a0, which reads r0, as <x>"}},
		{Name: "no heal", History: claimed, Outcome: property.Unknown, Says: []string{"the run has no heal phase"}},
	}
	for i := range stories {
		stories[i].History = propertytest.InTime(t, stories[i].History)
	}
	propertytest.Tell(t, Agreement, stories)
}
