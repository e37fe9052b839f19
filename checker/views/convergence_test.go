package views

import (
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/meshcheck/meshcheck/checker/property"
)

// settled is a truth of three entries, of which one is gone at the end, and a heal
// at 100 s with a bound of 60 s. The replica r0 has the truth, r1 lacks the node
// and still has the identity.
const settled = `
0 r0 up etcd - store=00000000000000a0 inc=1
0 r1 up etcd - store=00000000000000b1 inc=1
0 a0 up agent - inc=1
0 a0 connect - - peer=r0 store=00000000000000a0 inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p0 rv=41 value=x
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=42 value=y
1 k0 truth identity 65537 op=put owner=CiliumIdentity/65537 rv=43 value=web
2 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 store=00000000000000a0 rev=2 value=x
2 r0 put node cilium/state/nodes/v1/c1/n0 store=00000000000000a0 rev=3 value=y
2 r0 put identity cilium/state/identities/v1/id/65537 store=00000000000000a0 rev=4 value=web
2 r1 put endpoint cilium/state/ip/v1/default/10.0.0.1 store=00000000000000b1 rev=2 value=x
2 r1 put identity cilium/state/identities/v1/id/65537 store=00000000000000b1 rev=3 value=web
3 k0 truth identity 65537 op=del owner=CiliumIdentity/65537 rv=44
4 r0 del identity cilium/state/identities/v1/id/65537 store=00000000000000a0 rev=5
100 world phase - heal value=1m0s
`

func TestConvergence(t *testing.T) {
	propertytest.Tell(t, Convergence, []propertytest.Story{
		{Name: "before the heal and after it", History: settled + `
100 a0 see endpoint 10.0.0.1 value=x
100 a0 see node n0 value=y
101 a1 up agent - inc=1
102 a1 see endpoint 10.0.0.1 value=x
102 a1 see identity 65537 value=web
103 a1 see node n0 value=y
104 a1 drop identity 65537
160 world phase - end value=bound
`, Outcome: property.Pass, Says: []string{"2 of 2 agents converged to the 2 entries of the final truth: 0.000s after the heal at the median, 4.000s at most (a1); the bound is 1m0s"}},
		{Name: "long before the heal", History: settled[:len(settled)-len("100 world phase - heal value=1m0s\n")] + `
5 a0 see endpoint 10.0.0.1 value=x
6 a0 see node n0 value=y
100 world phase - heal value=1m0s
120 world phase - end value=settled
`, Outcome: property.Pass, Says: []string{"1 of 1 agent converged to the 2 entries of the final truth: 0.000s after the heal at the median, 0.000s at most (a0); the bound is 1m0s"}},
		{Name: "the agent is behind its replica", History: settled + `
101 a0 see endpoint 10.0.0.1 value=x
101 a0 see identity 65537 value=web
101 a0 see node n0 value=z
160 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: different node n0; it was connected with r0 (store 00000000000000a0) since 0.000s, which has the truth of all of them: the agent is behind", "agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: too many identity 65537; it was connected with r0 (store 00000000000000a0) since 0.000s, which has the truth of all of them: the agent is behind"}},
		{Name: "the writer is behind", History: settled + `
101 a0 connect - - peer=r1 store=00000000000000b1 inc=1
101 a0 see endpoint 10.0.0.1 value=x
101 a0 see identity 65537 value=web
160 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: missing node n0; it was connected with r1 (store 00000000000000b1) since 101.000s, which has none of them right either: the replica's writer is behind", "agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: too many identity 65537; it was connected with r1 (store 00000000000000b1) since 101.000s, which has none of them right either: the replica's writer is behind"}},
		{Name: "of one kind the agent is behind, of another the writer", History: settled + `
101 a0 connect - - peer=r1 store=00000000000000b1 inc=1
160 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: missing endpoint 10.0.0.1; it was connected with r1 (store 00000000000000b1) since 101.000s, which has the truth of all of them: the agent is behind", "agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: missing node n0; it was connected with r1 (store 00000000000000b1) since 101.000s, which has none of them right either: the replica's writer is behind"}},
		{Name: "both are behind", History: strings.Replace(settled, "100 world phase - heal", "4 k0 truth node n1 op=put owner=CiliumNode/n1 rv=45 value=z\n4 r0 put node cilium/state/nodes/v1/c1/n1 store=00000000000000a0 rev=6 value=z\n4 r1 put node cilium/state/nodes/v1/c1/n1 store=00000000000000b1 rev=4 value=z\n100 world phase - heal", 1) + `
101 a0 connect - - peer=r1 store=00000000000000b1 inc=1
101 a0 see endpoint 10.0.0.1 value=x
160 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had 2 entries wrong when the run ended, 60.000s after the heal: missing node n0, node n1; it was connected with r1 (store 00000000000000b1) since 101.000s, which has 1 of them wrong too: there the replica's writer is behind, in the others the agent"}},
		{Name: "not connected any more", History: settled + `
101 a0 see endpoint 10.0.0.1 value=x
110 a0 disconnect - - peer=r0 store=00000000000000a0 inc=1 value="heartbeat lost"
160 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: missing node n0; it was not connected since 110.000s (heartbeat lost)"}},
		{Name: "not connected since its restart", History: settled + `
101 a0 down agent - inc=1
101 a0 up agent - inc=2
160 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: missing endpoint 10.0.0.1; it was not connected: it never was since its start", "agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: missing node n0; it was not connected: it never was since its start"}},
		{Name: "connected with a store that is gone", History: settled + `
101 r0 up etcd - store=00000000000000a1 inc=2
160 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: missing endpoint 10.0.0.1; it was connected with r0 (store 00000000000000a0) since 0.000s, which is gone: the store is now 00000000000000a1", "agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: missing node n0; it was connected with r0 (store 00000000000000a0) since 0.000s, which is gone: the store is now 00000000000000a1"}},
		{Name: "connected with a store that is nowhere else in the history", History: settled + `
101 a0 connect - - peer=r7 store=00000000000000f0 inc=1
160 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: missing endpoint 10.0.0.1; it was connected with r7 (store 00000000000000f0) since 101.000s, of which the history tells nothing", "agent a0 had 1 entry wrong when the run ended, 60.000s after the heal: missing node n0; it was connected with r7 (store 00000000000000f0) since 101.000s, of which the history tells nothing"}},
		{Name: "down at the end beside one that is up", History: settled + `
101 a0 see endpoint 10.0.0.1 value=x
101 a0 see node n0 value=y
102 a1 up agent - inc=1
103 a1 down agent - inc=1
160 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a1 was down when the run ended, 60.000s after the heal"}},
		{Name: "too late", History: settled + `
101 a0 see endpoint 10.0.0.1 value=x
161 a0 see node n0 value=y
200 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had the view that the final truth demands only at 161.000s, 61.000s after the heal, and not within 1m0s: node n0 came last"}},
		{Name: "in time, but not kept", History: settled + `
101 a0 see endpoint 10.0.0.1 value=x
101 a0 see node n0 value=y
170 a0 drop node n0
171 a0 see node n0 value=y
200 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"agent a0 had the view that the final truth demands only at 171.000s, 71.000s after the heal, and not within 1m0s: node n0 came last"}},
		{Name: "cut before the bound and not converged", History: settled + `
101 a0 see endpoint 10.0.0.1 value=x
`, Outcome: property.Unknown, Says: []string{"the run ended 1.000s after the heal (cut), before the bound; until then none of 1 agent converged to the 2 entries of the final truth"}},
		{Name: "settled before the bound and not converged", History: settled + `
101 a0 see endpoint 10.0.0.1 value=x
150 world phase - end value=settled
`, Outcome: property.Unknown, Says: []string{"the run ended 50.000s after the heal (settled), before the bound; until then none of 1 agent converged to the 2 entries of the final truth"}},
		{Name: "either of two contents will do", History: settled + `
101 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p1 rv=50 value=z
101 a0 see endpoint 10.0.0.1 value=x
101 a0 see node n0 value=y
102 a1 up agent - inc=1
102 a1 see endpoint 10.0.0.1 value=z
103 a1 see node n0 value=y
200 world phase - end value=bound
`, Outcome: property.Pass, Says: []string{"2 of 2 agents converged to the 2 entries of the final truth: 1.000s after the heal at the median, 3.000s at most (a1); the bound is 1m0s"}},
		{Name: "an empty truth after a full one", History: `
0 a0 up agent - inc=1
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=42 value=y
1 a0 see node n0 value=y
2 k0 truth node n0 op=del owner=CiliumNode/n0 rv=43
3 world phase - heal value=1s
3.5 a0 drop node n0
9 world phase - end value=bound
`, Outcome: property.Pass, Says: []string{"1 of 1 agent converged to the 0 entries of the final truth: 0.500s after the heal at the median, 0.500s at most (a0); the bound is 1s"}},
		{Name: "no heal", History: "0 a0 up agent - inc=1\n1 a0 see node n0 value=y", Outcome: property.Unknown, Says: []string{"the run has no heal phase"}},
		{Name: "no bound", History: "0 a0 up agent - inc=1\n1 world phase - heal", Outcome: property.Unknown, Says: []string{`the bound of the heal phase, "", is not a duration such as 5m0s`}},
		{Name: "no agent", History: settled[:0] + "1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=42 value=y\n1 world phase - heal value=1m0s", Outcome: property.Unknown, Says: []string{"no agent was up when the run ended"}},
	})
}
