package views

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/meshcheck/meshcheck/checker/property"
)

const twoVersions = `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
`

func TestMonotonicSession(t *testing.T) {
	propertytest.Tell(t, MonotonicSession, []propertytest.Story{
		{Name: "back in time within a session", History: twoVersions + `
3 a0 up agent - inc=1
4 a0 connect - - peer=r0 store=00000000000000a0 inc=1
5 a0 see identity 65537 value=db peer=r0
6 a0 see identity 65537 value=web peer=r0
`, Outcome: property.Fail, Says: []string{"agent a0 saw identity 65537 as <web> (rv 41, from r0) at 6.000s after <db> (rv 57, from r0) at 5.000s: back in time"}},
		{Name: "back in time with another connection", History: twoVersions + `
3 a0 up agent - inc=1
4 a0 connect - - peer=r0 store=00000000000000a0 inc=1
5 a0 see identity 65537 value=db peer=r0
6 a0 disconnect - - peer=r0 store=00000000000000a0 inc=1 value=reset
7 a0 connect - - peer=r1 store=00000000000000b1 inc=1
8 a0 see identity 65537 value=web peer=r1
9 a0 see identity 65537 value=db peer=r1
`, Outcome: property.Pass, Says: []string{"3 changes in 2 sessions of 1 agent, each compared with the version before in the same session"}},
		{Name: "what comes after the connection is lost belongs to it", History: twoVersions + `
4 a0 connect - - peer=r0 store=00000000000000a0 inc=1
5 a0 see identity 65537 value=db peer=r0
6 a0 disconnect - - peer=r0 store=00000000000000a0 inc=1 value=reset
7 a0 see identity 65537 value=web
`, Outcome: property.Fail, Says: []string{"agent a0 saw identity 65537 as <web> (rv 41, from no server) at 7.000s after <db> (rv 57, from r0) at 5.000s: back in time"}},
		{Name: "what the old connection still delivers belongs to it", History: twoVersions + `
3 a0 up agent - inc=1
4 a0 connect - - peer=r0 store=00000000000000a0 inc=1
5 a0 see identity 65537 value=db peer=r0 source=clustermesh session=1
6 a0 disconnect - - peer=r0 store=00000000000000a0 inc=1 value=reset
7 a0 connect - - peer=r1 store=00000000000000b1 inc=1
8 a0 see identity 65537 value=web peer=r0 source=clustermesh session=1
`, Outcome: property.Fail, Says: []string{"agent a0 saw identity 65537 as <web> (rv 41, from r0) at 8.000s after <db> (rv 57, from r0) at 5.000s: back in time"}},
		{Name: "of agents that read the kube-apiserver", History: twoVersions + `
3 a0 up agent - inc=1
5 a0 see identity 65537 value=db peer=k0 source=crd session=1
6 a0 see identity 65537 value=web peer=k1 source=crd session=2
7 a0 see identity 65537 value=db peer=k1 source=crd session=2
`, Outcome: property.Pass, Says: []string{"3 changes in 2 sessions of 1 agent, each compared with the version before in the same session"}},
		{Name: "neither sessions nor connections", History: twoVersions + `
5 a0 see identity 65537 value=db peer=k0
6 a0 see identity 65537 value=web peer=k0
`, Outcome: property.Unknown, Says: []string{"the history does not say over which connections agents learned of changes"}},
		{Name: "back in time after a restart, in view and datapath", History: twoVersions + `
3 a0 up agent - inc=1
5 a0 see identity 65537 value=db peer=r0 session=1
5 a0 program identity 65537 value=db peer=r0 session=1
6 a0 down agent - inc=1
7 a0 up agent - inc=2
8 a0 see identity 65537 value=web peer=r0 session=1
8 a0 program identity 65537 value=web peer=r0 session=1
`, Outcome: property.Pass, Says: []string{"4 changes in 2 sessions of 1 agent, each compared with the version before in the same session"}},
		{Name: "only content that never was", History: "1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x\n2 a0 see node n0 value=y", Outcome: property.Unknown, Says: []string{"no agent saw anything that was ever true"}},
	})
}
