package checker

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property"
)

func TestIntegrity(t *testing.T) {
	tell(t, "integrity", []story{
		{"seen after it was written, and again after it was replaced", `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=k8s:app=web
2 a0 see identity 65537 value=k8s:app=web peer=r0
3 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=k8s:app=db
4 a1 see identity 65537 value=k8s:app=web peer=r1
4 a1 program endpoint 10.0.0.1 value=x
4 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p0 rv=58 value=x
`, property.Pass, []string{"2 entries seen by 2 agents and 1 programmed, each compared with what had been written before"}},
		{"content that never was", `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=k8s:app=web
2.5 a0 see identity 65537 value=k8s:app=db peer=r0
`, property.Fail, []string{"agent a0 saw identity 65537 as <k8s:app=db> at 2.500s (from r0), which was never written; at that instant it was <k8s:app=web> (rv 41)"}},
		{"content of another key", `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p0 rv=41 value="id=1 host=h pod=ns1/p0"
2 a0 program endpoint 10.0.0.2 value="id=1 host=h pod=ns1/p0"
`, property.Fail, []string{"the datapath of a0 got endpoint 10.0.0.2 as <id=1 host=h pod=ns1/p0> at 2.000s (from no server), but nothing ever claimed that key"}},
		{"seen before it was written", `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=k8s:app=web
2 a0 see identity 65537 value=k8s:app=db peer=r0
3 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=k8s:app=db
`, property.Fail, []string{"agent a0 saw identity 65537 as <k8s:app=db> at 2.000s (from r0), before that was first written at 3.000s (rv 57)"}},
		{"content that never was, of a key that is gone", `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
2 k0 truth node n0 op=del owner=CiliumNode/n0 rv=42
3 a0 see node n0 value=y peer=r0
`, property.Fail, []string{"agent a0 saw node n0 as <y> at 3.000s (from r0), which was never written; at that instant nothing claimed that key (rv 42)"}},
		{"replaced within one write, so never visible", `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=y
3 a0 see node n0 value=x peer=r0
`, property.Fail, []string{"agent a0 saw node n0 as <x> at 3.000s (from r0), which was never written; at that instant it was <y> (rv 41)"}},
		{"a claim of any owner counts", `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value=old
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=42 value=new
3 a0 see endpoint 10.0.0.1 value=new
4 a0 see endpoint 10.0.0.1 value=old
`, property.Pass, []string{"2 entries seen by 1 agent and 0 programmed, each compared with what had been written before"}},
		{"no truth", "1 a0 see node n0 value=x", property.Unknown, []string{"the history says of nothing that it is true"}},
		{"no agent", "1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x", property.Unknown, []string{"no agent saw anything"}},
	})
}

// versions is an identity that becomes web at rv 41, db at rv 57, is deleted at
// rv 60 and is web again at rv 70.
const versions = `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
3 k0 truth identity 65537 op=del owner=CiliumIdentity/65537 rv=60
4 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=70 value=web
`

func TestMonotonic(t *testing.T) {
	tell(t, "monotonic", []story{
		{"all versions, late, and one skipped", versions + `
9.1 a0 see identity 65537 value=web peer=r0
9.2 a0 see identity 65537 value=db peer=r0
9.3 a0 drop identity 65537 peer=r0
9.4 a0 see identity 65537 value=web peer=r0
9.5 a1 see identity 65537 value=db peer=r1
9.6 a1 see identity 65537 value=web peer=r1
`, property.Pass, []string{"6 changes of 2 entries in views and datapaths of 2 agents, each compared with the version before"}},
		{"back in time after a fail-over", `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
9.1 a3 see identity 65537 value=db peer=r0
12.4 a3 see identity 65537 value=web peer=r1
`, property.Fail, []string{"agent a3 saw identity 65537 as <web> (rv 41, from r1) at 12.400s after <db> (rv 57, from r0) at 9.100s: back in time"}},
		{"the content is that of a later version, which is not yet", `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
2.1 a3 see identity 65537 value=db peer=r0
2.2 a3 see identity 65537 value=web peer=r1
4 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=70 value=web
`, property.Fail, []string{"agent a3 saw identity 65537 as <web> (rv 41, from r1) at 2.200s after <db> (rv 57, from r0) at 2.100s: back in time"}},
		{"seen again after it was dropped for good", `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=del owner=CiliumIdentity/65537 rv=57
3 a0 see identity 65537 value=web peer=r0
4 a0 drop identity 65537 peer=r0
5 a0 see identity 65537 value=web peer=r1
`, property.Fail, []string{"agent a0 saw identity 65537 as <web> (rv 41, from r1) at 5.000s after gone (rv 57, from r0) at 4.000s: back in time"}},
		{"a restart does not make old versions new", `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
2 a0 up agent - inc=1
3 a0 see identity 65537 value=db peer=r0 inc=1
4 a0 down agent - inc=1
5 a0 up agent - inc=2
6 a0 see identity 65537 value=web peer=r1 inc=2
`, property.Fail, []string{"agent a0 saw identity 65537 as <web> (rv 41, from r1) at 6.000s after <db> (rv 57, from r0) at 3.000s: back in time"}},
		{"a restart shows the same version again", `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
2 a0 up agent - inc=1
3 a0 see identity 65537 value=db peer=r0 inc=1
4 a0 down agent - inc=1
5 a0 up agent - inc=2
6 a0 see identity 65537 value=db peer=r1 inc=2
`, property.Pass, []string{"2 changes of 1 entry in views and datapaths of 1 agent, each compared with the version before"}},
		{"a fail-over to an equal replica", versions + `
9.1 a0 see identity 65537 value=db peer=r0
9.2 a0 see identity 65537 value=db peer=r1
9.3 a0 see identity 65537 value=web peer=r1
`, property.Pass, []string{"3 changes of 1 entry in views and datapaths of 1 agent, each compared with the version before"}},
		{"two owners take turns while both claim", `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value=old
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=42 value=new
3 a0 see endpoint 10.0.0.1 value=new
4 a0 see endpoint 10.0.0.1 value=old
5 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/old rv=43
6 a0 see endpoint 10.0.0.1 value=new
`, property.Pass, []string{"3 changes of 1 entry in views and datapaths of 1 agent, each compared with the version before"}},
		{"the old owner again after its claim was seen to end", `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value=old
2 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/old rv=43
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=44 value=new
3 a0 program endpoint 10.0.0.1 value=new peer=r0
4 a0 program endpoint 10.0.0.1 value=old peer=r0
`, property.Fail, []string{"the datapath of a0 got endpoint 10.0.0.1 as <old> (rv 41, from r0) at 4.000s after <new> (rv 44, from r0) at 3.000s: back in time"}},
		{"truths recorded out of order", `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
1 k1 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 a0 see identity 65537 value=web
3 a0 see identity 65537 value=db
`, property.Pass, []string{"2 changes of 1 entry in views and datapaths of 1 agent, each compared with the version before"}},
		{"an unexplained deletion is not its concern", `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
2 a0 see node n0 value=x
3 a0 drop node n0
4 a0 see node n0 value=x
`, property.Pass, []string{"3 changes of 1 entry in views and datapaths of 1 agent, each compared with the version before"}},
		{"only content that never was", "1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x\n2 a0 see node n0 value=y", property.Unknown,
			[]string{"no agent saw anything that was ever true"}},
	})
}

func TestNoSpuriousDeletion(t *testing.T) {
	tell(t, "no-spurious-deletion", []story{
		{"a deletion and a re-creation, both seen late", versions + `
9 a0 see identity 65537 value=db peer=r0
9.1 a0 drop identity 65537 peer=r0
9.2 a0 see identity 65537 value=web peer=r0
`, property.Pass, []string{"1 deletion from views and datapaths of 1 agent, each compared with what existed"}},
		{"dropped while it exists", `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 a0 see identity 65537 value=web peer=r0
3 a0 drop identity 65537 peer=r1
`, property.Fail, []string{"agent a0 dropped identity 65537 at 3.000s (from r1), seen as <web> at 2.000s (from r0), although it existed without a break since 1.000s (rv 41, CiliumIdentity/65537)"}},
		{"dropped before it is deleted", `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
2 a0 see node n0 value=x peer=r0
3 a0 drop node n0 peer=r0
3.5 k0 truth node n0 op=del owner=CiliumNode/n0 rv=60
`, property.Fail, []string{"agent a0 dropped node n0 at 3.000s (from r0), seen as <x> at 2.000s (from r0), although it existed without a break since 1.000s (rv 41, CiliumNode/n0)"}},
		{"dropped again after the re-creation was seen, with the same content", `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
2 k0 truth node n0 op=del owner=CiliumNode/n0 rv=42
3 k0 truth node n0 op=put owner=CiliumNode/n0 rv=43 value=x
4 a0 see node n0 value=x peer=r0
5 a0 drop node n0 peer=r0
6 a0 see node n0 value=x peer=r0
7 a0 drop node n0 peer=r1
`, property.Fail, []string{"agent a0 dropped node n0 at 7.000s (from r1), seen as <x> at 6.000s (from r0), although it existed without a break since 3.000s (rv 43, CiliumNode/n0)"}},
		{"dropped when the first of two owners is deleted (cilium 25562)", `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value=old
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=42 value=new
3 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/old rv=43
4 a0 program endpoint 10.0.0.1 value=new peer=r0
5 a0 unprogram endpoint 10.0.0.1 peer=r0
`, property.Fail, []string{"the datapath of a0 lost endpoint 10.0.0.1 at 5.000s (from r0), seen as <new> at 4.000s (from r0), although it existed without a break since 2.000s (rv 42, CiliumEndpoint/ns1/new)"}},
		{"dropped when the last of two owners is deleted", `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value=old
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=42 value=new
3 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/old rv=43
4 a0 see endpoint 10.0.0.1 value=new peer=r0
5 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/new rv=44
5 a0 drop endpoint 10.0.0.1 peer=r0
`, property.Pass, []string{"1 deletion from views and datapaths of 1 agent, each compared with what existed"}},
		{"the owner changes within one write", `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpointSlice/a rv=41 value=x
2 a0 see endpoint 10.0.0.1 value=x peer=r0
3 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpointSlice/a rv=42
3 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpointSlice/b rv=42 value=x
4 a0 drop endpoint 10.0.0.1 peer=r0
`, property.Fail, []string{"agent a0 dropped endpoint 10.0.0.1 at 4.000s (from r0), seen as <x> at 2.000s (from r0), although it existed without a break since 1.000s (rv 41, CiliumEndpointSlice/a)"}},
		{"what was never seen", versions + `
9 a0 drop identity 65537 peer=r0
9 a0 unprogram node n0
`, property.Fail, []string{
			"agent a0 dropped identity 65537 at 9.000s (from r0), which was not in it",
			"the datapath of a0 lost node n0 at 9.000s (from no server), which was not in it"}},
		{"a restart empties the view, but not the datapath", versions + `
9 a0 up agent - inc=1
9 a0 see identity 65537 value=db peer=r0 inc=1
9 a0 program identity 65537 value=db peer=r0 inc=1
9.1 a0 down agent - inc=1
9.2 a0 up agent - inc=2
9.3 a0 drop identity 65537 peer=r0 inc=2
9.3 a0 unprogram identity 65537 peer=r0 inc=2
`, property.Fail, []string{"agent a0 dropped identity 65537 at 9.300s (from r0), which was not in it"}},
		{"a restart needs no deletions", versions + `
9 a0 up agent - inc=1
9 a0 see identity 65537 value=db peer=r0 inc=1
9.1 a0 down agent - inc=1
9.2 a0 up agent - inc=2
9.3 a0 see identity 65537 value=db peer=r0 inc=2
9.4 a0 drop identity 65537 peer=r0 inc=2
`, property.Pass, []string{"1 deletion from views and datapaths of 1 agent, each compared with what existed"}},
		{"after a step back in time the old version's deletion is due", `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
2 k0 truth node n0 op=del owner=CiliumNode/n0 rv=42
3 k0 truth node n0 op=put owner=CiliumNode/n0 rv=43 value=y
4 a0 see node n0 value=y peer=r0
5 a0 see node n0 value=x peer=r1
6 a0 drop node n0 peer=r1
`, property.Pass, []string{"1 deletion from views and datapaths of 1 agent, each compared with what existed"}},
		{"no deletion", versions + "9 a0 see identity 65537 value=db peer=r0", property.Unknown, []string{"nothing left an agent's view or datapath"}},
	})
}
