package views

import (
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/meshcheck/meshcheck/checker/property"
)

// A writer that a fault gives another cluster ID puts a node with that.
const (
	wrongID = `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value="ip=1 cluster=c1/1"
2 world fault writer-cluster-id r0 op=config-wrong rev=1
`
	rightID = "3 world heal writer-cluster-id r0 op=config-wrong rev=1\n"
	putNode = "3 r0 put node cilium/state/nodes/v1/c1/n0 store=A rev=5 value=\"ip=1 cluster=c1/81\"\n"
	seeNode = "4 a0 see node n0 peer=r0 store=A value=\"ip=1 cluster=c1/81\"\n"

	misconfigured = wrongID + putNode + rightID + seeNode

	otherID = "agent a0 saw node n0 as <ip=1 cluster=c1/81> at 4.000s (from r0), which was never written; at that instant it was <ip=1 cluster=c1/1> (rv 41)"
)

func TestIntegrity(t *testing.T) {
	propertytest.Tell(t, Integrity, []propertytest.Story{
		{Name: "seen after it was written, and again after it was replaced", History: `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=k8s:app=web
2 a0 see identity 65537 value=k8s:app=web peer=r0
3 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=k8s:app=db
4 a1 see identity 65537 value=k8s:app=web peer=r1
4 a1 program endpoint 10.0.0.1 value=x
4 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p0 rv=58 value=x
`, Outcome: property.Pass, Says: []string{"2 entries seen by 2 agents and 1 programmed, each compared with what had been written before"}},
		{Name: "content that never was", History: `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=k8s:app=web
2.5 a0 see identity 65537 value=k8s:app=db peer=r0
`, Outcome: property.Fail, Says: []string{"agent a0 saw identity 65537 as <k8s:app=db> at 2.500s (from r0), which was never written; at that instant it was <k8s:app=web> (rv 41)"}},
		{Name: "content of another key", History: `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p0 rv=41 value="id=1 host=h pod=ns1/p0"
2 a0 program endpoint 10.0.0.2 value="id=1 host=h pod=ns1/p0"
`, Outcome: property.Fail, Says: []string{"the datapath of a0 got endpoint 10.0.0.2 as <id=1 host=h pod=ns1/p0> at 2.000s (from no server), but nothing ever claimed that key"}},
		{Name: "seen before it was written", History: `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=k8s:app=web
2 a0 see identity 65537 value=k8s:app=db peer=r0
3 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=k8s:app=db
`, Outcome: property.Fail, Says: []string{"agent a0 saw identity 65537 as <k8s:app=db> at 2.000s (from r0), before that was first written at 3.000s (rv 57)"}},
		{Name: "content that never was, of a key that is gone", History: `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
2 k0 truth node n0 op=del owner=CiliumNode/n0 rv=42
3 a0 see node n0 value=y peer=r0
`, Outcome: property.Fail, Says: []string{"agent a0 saw node n0 as <y> at 3.000s (from r0), which was never written; at that instant nothing claimed that key (rv 42)"}},
		{Name: "with the cluster ID that a fault gave the writer", History: misconfigured, Outcome: property.Pass,
			Says: []string{"1 entry seen by 1 agent and 0 programmed, each compared with what had been written before; 1 of them with the cluster ID that a fault had given the writer"}},
		{Name: "with a cluster ID that no fault gave", History: strings.ReplaceAll(misconfigured, "config-wrong", "process-ended"), Outcome: property.Fail, Says: []string{otherID}},
		{Name: "with the cluster ID that a fault gave the writer of another store", History: strings.ReplaceAll(misconfigured, "peer=r0 store=A", "peer=r1 store=B"), Outcome: property.Fail,
			Says: []string{strings.Replace(otherID, "r0", "r1", 1)}},
		{Name: "put when the writer had the right cluster ID again", History: wrongID + strings.Replace(rightID, "3", "2.5", 1) + putNode + seeNode, Outcome: property.Fail, Says: []string{otherID}},
		{Name: "replaced within one write, so never visible", History: `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=y
3 a0 see node n0 value=x peer=r0
`, Outcome: property.Fail, Says: []string{"agent a0 saw node n0 as <x> at 3.000s (from r0), which was never written; at that instant it was <y> (rv 41)"}},
		{Name: "a claim of any owner counts", History: `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value=old
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=42 value=new
3 a0 see endpoint 10.0.0.1 value=new
4 a0 see endpoint 10.0.0.1 value=old
`, Outcome: property.Pass, Says: []string{"2 entries seen by 1 agent and 0 programmed, each compared with what had been written before"}},
		{Name: "no truth", History: "1 a0 see node n0 value=x", Outcome: property.Unknown, Says: []string{"the history says of nothing that it is true"}},
		{Name: "no agent", History: "1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x", Outcome: property.Unknown, Says: []string{"no agent saw anything"}},
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
	propertytest.Tell(t, Monotonic, []propertytest.Story{
		{Name: "all versions, late, and one skipped", History: versions + `
9.1 a0 see identity 65537 value=web peer=r0
9.2 a0 see identity 65537 value=db peer=r0
9.3 a0 drop identity 65537 peer=r0
9.4 a0 see identity 65537 value=web peer=r0
9.5 a1 see identity 65537 value=db peer=r1
9.6 a1 see identity 65537 value=web peer=r1
`, Outcome: property.Pass, Says: []string{"6 changes of 2 entries in views and datapaths of 2 agents, each compared with the version before"}},
		{Name: "back in time after a fail-over", History: `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
9.1 a3 see identity 65537 value=db peer=r0
12.4 a3 see identity 65537 value=web peer=r1
`, Outcome: property.Fail, Says: []string{"agent a3 saw identity 65537 as <web> (rv 41, from r1) at 12.400s after <db> (rv 57, from r0) at 9.100s: back in time"}},
		{Name: "the content is that of a later version, which is not yet", History: `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
2.1 a3 see identity 65537 value=db peer=r0
2.2 a3 see identity 65537 value=web peer=r1
4 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=70 value=web
`, Outcome: property.Fail, Says: []string{"agent a3 saw identity 65537 as <web> (rv 41, from r1) at 2.200s after <db> (rv 57, from r0) at 2.100s: back in time"}},
		{Name: "seen again after it was dropped for good", History: `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=del owner=CiliumIdentity/65537 rv=57
3 a0 see identity 65537 value=web peer=r0
4 a0 drop identity 65537 peer=r0
5 a0 see identity 65537 value=web peer=r1
`, Outcome: property.Fail, Says: []string{"agent a0 saw identity 65537 as <web> (rv 41, from r1) at 5.000s after gone (rv 57, from r0) at 4.000s: back in time"}},
		{Name: "a restart does not make old versions new", History: `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
2 a0 up agent - inc=1
3 a0 see identity 65537 value=db peer=r0 inc=1
4 a0 down agent - inc=1
5 a0 up agent - inc=2
6 a0 see identity 65537 value=web peer=r1 inc=2
`, Outcome: property.Fail, Says: []string{"agent a0 saw identity 65537 as <web> (rv 41, from r1) at 6.000s after <db> (rv 57, from r0) at 3.000s: back in time"}},
		{Name: "a restart shows the same version again", History: `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
2 a0 up agent - inc=1
3 a0 see identity 65537 value=db peer=r0 inc=1
4 a0 down agent - inc=1
5 a0 up agent - inc=2
6 a0 see identity 65537 value=db peer=r1 inc=2
`, Outcome: property.Pass, Says: []string{"2 changes of 1 entry in views and datapaths of 1 agent, each compared with the version before"}},
		{Name: "a fail-over to an equal replica", History: versions + `
9.1 a0 see identity 65537 value=db peer=r0
9.2 a0 see identity 65537 value=db peer=r1
9.3 a0 see identity 65537 value=web peer=r1
`, Outcome: property.Pass, Says: []string{"3 changes of 1 entry in views and datapaths of 1 agent, each compared with the version before"}},
		{Name: "two owners take turns while both claim", History: `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value=old
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=42 value=new
3 a0 see endpoint 10.0.0.1 value=new
4 a0 see endpoint 10.0.0.1 value=old
5 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/old rv=43
6 a0 see endpoint 10.0.0.1 value=new
`, Outcome: property.Pass, Says: []string{"3 changes of 1 entry in views and datapaths of 1 agent, each compared with the version before"}},
		{Name: "the old owner again after its claim was seen to end", History: `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value=old
2 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/old rv=43
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=44 value=new
3 a0 program endpoint 10.0.0.1 value=new peer=r0
4 a0 program endpoint 10.0.0.1 value=old peer=r0
`, Outcome: property.Fail, Says: []string{"the datapath of a0 got endpoint 10.0.0.1 as <old> (rv 41, from r0) at 4.000s after <new> (rv 44, from r0) at 3.000s: back in time"}},
		{Name: "truths recorded out of order", History: `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=57 value=db
1 k1 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 a0 see identity 65537 value=web
3 a0 see identity 65537 value=db
`, Outcome: property.Pass, Says: []string{"2 changes of 1 entry in views and datapaths of 1 agent, each compared with the version before"}},
		{Name: "an unexplained deletion is not its concern", History: `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
2 a0 see node n0 value=x
3 a0 drop node n0
4 a0 see node n0 value=x
`, Outcome: property.Pass, Says: []string{"3 changes of 1 entry in views and datapaths of 1 agent, each compared with the version before"}},
		{Name: "only content that never was", History: "1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x\n2 a0 see node n0 value=y", Outcome: property.Unknown, Says: []string{"no agent saw anything that was ever true"}},
	})
}

func TestNoSpuriousDeletion(t *testing.T) {
	propertytest.Tell(t, NoSpuriousDeletion, []propertytest.Story{
		{Name: "a deletion and a re-creation, both seen late", History: versions + `
9 a0 see identity 65537 value=db peer=r0
9.1 a0 drop identity 65537 peer=r0
9.2 a0 see identity 65537 value=web peer=r0
`, Outcome: property.Pass, Says: []string{"1 deletion from views and datapaths of 1 agent, each compared with what existed"}},
		{Name: "dropped while it exists", History: `
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=41 value=web
2 a0 see identity 65537 value=web peer=r0
3 a0 drop identity 65537 peer=r1
`, Outcome: property.Fail, Says: []string{"agent a0 dropped identity 65537 at 3.000s (from r1), seen as <web> at 2.000s (from r0), although it existed without a break since 1.000s (rv 41, CiliumIdentity/65537)"}},
		{Name: "dropped before it is deleted", History: `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
2 a0 see node n0 value=x peer=r0
3 a0 drop node n0 peer=r0
3.5 k0 truth node n0 op=del owner=CiliumNode/n0 rv=60
`, Outcome: property.Fail, Says: []string{"agent a0 dropped node n0 at 3.000s (from r0), seen as <x> at 2.000s (from r0), although it existed without a break since 1.000s (rv 41, CiliumNode/n0)"}},
		{Name: "dropped again after the re-creation was seen, with the same content", History: `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
2 k0 truth node n0 op=del owner=CiliumNode/n0 rv=42
3 k0 truth node n0 op=put owner=CiliumNode/n0 rv=43 value=x
4 a0 see node n0 value=x peer=r0
5 a0 drop node n0 peer=r0
6 a0 see node n0 value=x peer=r0
7 a0 drop node n0 peer=r1
`, Outcome: property.Fail, Says: []string{"agent a0 dropped node n0 at 7.000s (from r1), seen as <x> at 6.000s (from r0), although it existed without a break since 3.000s (rv 43, CiliumNode/n0)"}},
		{Name: "dropped when the first of two owners is deleted (cilium 25562)", History: `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value=old
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=42 value=new
3 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/old rv=43
4 a0 program endpoint 10.0.0.1 value=new peer=r0
5 a0 unprogram endpoint 10.0.0.1 peer=r0
`, Outcome: property.Fail, Says: []string{"the datapath of a0 lost endpoint 10.0.0.1 at 5.000s (from r0), seen as <new> at 4.000s (from r0), although it existed without a break since 2.000s (rv 42, CiliumEndpoint/ns1/new)"}},
		{Name: "dropped when the last of two owners is deleted", History: `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/old rv=41 value=old
2 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/new rv=42 value=new
3 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/old rv=43
4 a0 see endpoint 10.0.0.1 value=new peer=r0
5 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/new rv=44
5 a0 drop endpoint 10.0.0.1 peer=r0
`, Outcome: property.Pass, Says: []string{"1 deletion from views and datapaths of 1 agent, each compared with what existed"}},
		{Name: "the owner changes within one write", History: `
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpointSlice/a rv=41 value=x
2 a0 see endpoint 10.0.0.1 value=x peer=r0
3 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpointSlice/a rv=42
3 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpointSlice/b rv=42 value=x
4 a0 drop endpoint 10.0.0.1 peer=r0
`, Outcome: property.Fail, Says: []string{"agent a0 dropped endpoint 10.0.0.1 at 4.000s (from r0), seen as <x> at 2.000s (from r0), although it existed without a break since 1.000s (rv 41, CiliumEndpointSlice/a)"}},
		{Name: "what was never seen", History: versions + `
9 a0 drop identity 65537 peer=r0
9 a0 unprogram node n0
`, Outcome: property.Fail, Says: []string{
			"agent a0 dropped identity 65537 at 9.000s (from r0), which was not in it",
			"the datapath of a0 lost node n0 at 9.000s (from no server), which was not in it"}},
		{Name: "a restart empties the view, but not the datapath", History: versions + `
9 a0 up agent - inc=1
9 a0 see identity 65537 value=db peer=r0 inc=1
9 a0 program identity 65537 value=db peer=r0 inc=1
9.1 a0 down agent - inc=1
9.2 a0 up agent - inc=2
9.3 a0 drop identity 65537 peer=r0 inc=2
9.3 a0 unprogram identity 65537 peer=r0 inc=2
`, Outcome: property.Fail, Says: []string{"agent a0 dropped identity 65537 at 9.300s (from r0), which was not in it"}},
		{Name: "a restart needs no deletions", History: versions + `
9 a0 up agent - inc=1
9 a0 see identity 65537 value=db peer=r0 inc=1
9.1 a0 down agent - inc=1
9.2 a0 up agent - inc=2
9.3 a0 see identity 65537 value=db peer=r0 inc=2
9.4 a0 drop identity 65537 peer=r0 inc=2
`, Outcome: property.Pass, Says: []string{"1 deletion from views and datapaths of 1 agent, each compared with what existed"}},
		{Name: "after a step back in time the old version's deletion is due", History: `
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=41 value=x
2 k0 truth node n0 op=del owner=CiliumNode/n0 rv=42
3 k0 truth node n0 op=put owner=CiliumNode/n0 rv=43 value=y
4 a0 see node n0 value=y peer=r0
5 a0 see node n0 value=x peer=r1
6 a0 drop node n0 peer=r1
`, Outcome: property.Pass, Says: []string{"1 deletion from views and datapaths of 1 agent, each compared with what existed"}},
		{Name: "no deletion", History: versions + "9 a0 see identity 65537 value=db peer=r0", Outcome: property.Unknown, Says: []string{"nothing left an agent's view or datapath"}},
	})
}
