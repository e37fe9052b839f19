package checker

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property"
)

const twoVersions = `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
`

func TestMonotonicSession(t *testing.T) {
	tell(t, "monotonic-session", []story{
		{"back in time within a session", twoVersions + `
3 a0 up agent - inc=1
4 a0 connect - - peer=r0 store=00000000000000a0 inc=1
5 a0 see identity 65537 value=db peer=r0
6 a0 see identity 65537 value=web peer=r0
`, property.Fail, []string{"agent a0 saw identity 65537 as <web> (rv 41, from r0) at 6.000s after <db> (rv 57, from r0) at 5.000s: back in time"}},
		{"back in time with another connection", twoVersions + `
3 a0 up agent - inc=1
4 a0 connect - - peer=r0 store=00000000000000a0 inc=1
5 a0 see identity 65537 value=db peer=r0
6 a0 disconnect - - peer=r0 store=00000000000000a0 inc=1 value=reset
7 a0 connect - - peer=r1 store=00000000000000b1 inc=1
8 a0 see identity 65537 value=web peer=r1
9 a0 see identity 65537 value=db peer=r1
`, property.Pass, []string{"3 changes in 2 sessions of 1 agent, each compared with the version before in the same session"}},
		{"what comes after the connection is lost belongs to it", twoVersions + `
4 a0 connect - - peer=r0 store=00000000000000a0 inc=1
5 a0 see identity 65537 value=db peer=r0
6 a0 disconnect - - peer=r0 store=00000000000000a0 inc=1 value=reset
7 a0 see identity 65537 value=web
`, property.Fail, []string{"agent a0 saw identity 65537 as <web> (rv 41, from no server) at 7.000s after <db> (rv 57, from r0) at 5.000s: back in time"}},
		{"what the old connection still delivers belongs to it", twoVersions + `
3 a0 up agent - inc=1
4 a0 connect - - peer=r0 store=00000000000000a0 inc=1
5 a0 see identity 65537 value=db peer=r0 source=clustermesh session=1
6 a0 disconnect - - peer=r0 store=00000000000000a0 inc=1 value=reset
7 a0 connect - - peer=r1 store=00000000000000b1 inc=1
8 a0 see identity 65537 value=web peer=r0 source=clustermesh session=1
`, property.Fail, []string{"agent a0 saw identity 65537 as <web> (rv 41, from r0) at 8.000s after <db> (rv 57, from r0) at 5.000s: back in time"}},
		{"of agents that read the kube-apiserver", twoVersions + `
3 a0 up agent - inc=1
5 a0 see identity 65537 value=db peer=k0 source=crd session=1
6 a0 see identity 65537 value=web peer=k1 source=crd session=2
7 a0 see identity 65537 value=db peer=k1 source=crd session=2
`, property.Pass, []string{"3 changes in 2 sessions of 1 agent, each compared with the version before in the same session"}},
		{"neither sessions nor connections", twoVersions + `
5 a0 see identity 65537 value=db peer=k0
6 a0 see identity 65537 value=web peer=k0
`, property.Unknown, []string{"the history does not say over which connections agents learned of changes"}},
		{"back in time after a restart, in view and datapath", twoVersions + `
3 a0 up agent - inc=1
5 a0 see identity 65537 value=db peer=r0 session=1
5 a0 program identity 65537 value=db peer=r0 session=1
6 a0 down agent - inc=1
7 a0 up agent - inc=2
8 a0 see identity 65537 value=web peer=r0 session=1
8 a0 program identity 65537 value=web peer=r0 session=1
`, property.Pass, []string{"4 changes in 2 sessions of 1 agent, each compared with the version before in the same session"}},
		{"only content that never was", "1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x\n2 a0 see node n0 value=y", property.Unknown,
			[]string{"no agent saw anything that was ever true"}},
	})
}
