package views

import (
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/property/propertytest"
)

// An endpoint whose encryption key changes, and a node that gets another CIDR, after an
// agent has seen both.
const rotated = `
0 a0 up agent - inc=1
0 a0 connect - - peer=r0 store=00000000000000a0 inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns/p rv=41 value="id=1 host=h pod=ns/p key=1 ports=http:80/TCP"
1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=42 value="InternalIP=192.168.0.1 cidr4=10.1.0.0/24"
2 a0 see endpoint 10.0.0.1 peer=r0 store=00000000000000a0 value="id=1 host=h pod=ns/p key=1 ports=http:80/TCP"
2 a0 program endpoint 10.0.0.1 peer=r0 store=00000000000000a0 value="id=1 host=h pod=ns/p key=1 ports=http:80/TCP"
2 a0 see node n0 peer=r0 store=00000000000000a0 value="InternalIP=192.168.0.1 cidr4=10.1.0.0/24"
5 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns/p rv=43 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP"
5 k0 truth node n0 op=put owner=CiliumNode/n0 rv=44 value="InternalIP=192.168.0.1 cidr4=10.2.0.0/24"
`

const (
	endpointAfter = `
6 a0 see endpoint 10.0.0.1 peer=r0 store=00000000000000a0 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP"
6 a0 program endpoint 10.0.0.1 peer=r0 store=00000000000000a0 value="id=1 host=h pod=ns/p key=2 ports=http:80/TCP"
`
	nodeAfter = `
6 a0 see node n0 peer=r0 store=00000000000000a0 value="InternalIP=192.168.0.1 cidr4=10.2.0.0/24"
`
	// droppedLater is what an agent that has seen the rotation does while both exist.
	droppedLater = `
8 a0 drop endpoint 10.0.0.1 peer=r0 store=00000000000000a0
`
	keyAgain = `
7 a0 see endpoint 10.0.0.1 peer=r0 store=00000000000000a0 value="id=1 host=h pod=ns/p key=1 ports=http:80/TCP"
`
	healedAfter = `
10 world phase - heal value=1m0s
100 world phase - end
`
)

// identityMissing is an identity, and rotatedIdentity one that the agent has seen.
const (
	identityMissing = `
0 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=40 value=web
`
	rotatedIdentity = identityMissing + `
0 a0 up agent - inc=1
0 a0 see identity 300 peer=r0 store=00000000000000a0 value=web
`
)

// podOf is a pod that is created in the churn.
const podOf = `
0 a0 up agent - inc=1
1 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=40 value=web
2 a0 see identity 300 value=web
10 world phase - churn
11 k0 truth endpoint 10.0.0.2 op=put owner=CiliumEndpoint/ns/q rv=41 value="id=300 host=h pod=ns/q key=2 ports=http:80/TCP"
`

const healedLater = `
100 world phase - heal value=1m0s
170 world phase - end value=bound
`

// Each property that compares contents sees a difference in one field of it alone, and
// those that ask for something else of an entry are not disturbed by one.
func TestOneFieldOfTheContent(t *testing.T) {
	with := rotated + endpointAfter + nodeAfter
	for _, c := range []struct {
		p     property.Property
		story propertytest.Story
	}{
		{Integrity, propertytest.Story{Name: "the whole content", History: with, Outcome: property.Pass, Says: []string{"4 entries seen by 1 agent and 2 programmed, each compared with what had been written before"}}},
		{Integrity, propertytest.Story{Name: "without its ports", History: with + `7 a0 see endpoint 10.0.0.1 peer=r0 value="id=1 host=h pod=ns/p key=2"`, Outcome: property.Fail,
			Says: []string{"agent a0 saw endpoint 10.0.0.1 as <id=1 host=h pod=ns/p key=2> at 7.000s (from r0), which was never written; at that instant it was <id=1 host=h pod=ns/p key=2 ports=http:80/TCP> (rv 43)"}}},
		{Monotonic, propertytest.Story{Name: "a key and the next", History: with, Outcome: property.Pass, Says: []string{"6 changes of 3 entries in views and datapaths of 1 agent, each compared with the version before"}}},
		{Monotonic, propertytest.Story{Name: "the key before again", History: with + keyAgain, Outcome: property.Fail,
			Says: []string{"agent a0 saw endpoint 10.0.0.1 as <id=1 host=h pod=ns/p key=1 ports=http:80/TCP> (rv 41, from r0) at 7.000s after <id=1 host=h pod=ns/p key=2 ports=http:80/TCP> (rv 43, from r0) at 6.000s: back in time"}}},
		{MonotonicSession, propertytest.Story{Name: "a key and the next", History: with, Outcome: property.Pass, Says: []string{"6 changes in 1 session of 1 agent, each compared with the version before in the same session"}}},
		{MonotonicSession, propertytest.Story{Name: "the key before again", History: with + keyAgain, Outcome: property.Fail,
			Says: []string{"agent a0 saw endpoint 10.0.0.1 as <id=1 host=h pod=ns/p key=1 ports=http:80/TCP> (rv 41, from r0) at 7.000s after <id=1 host=h pod=ns/p key=2 ports=http:80/TCP> (rv 43, from r0) at 6.000s: back in time"}}},
		{Convergence, propertytest.Story{Name: "all of it", History: with + healedAfter, Outcome: property.Pass, Says: []string{"1 of 1 agent converged to the 2 entries of the final truth: 0.000s after the heal at the median, 0.000s at most (a0); the bound is 1m0s"}}},
		{Convergence, propertytest.Story{Name: "a node with its CIDR of before", History: rotated + endpointAfter + healedAfter, Outcome: property.Fail, Says: []string{"agent a0 had 1 entry wrong when the run ended, 90.000s after the heal: different node n0; it was connected with r0 (store 00000000000000a0) since 0.000s, of which the history tells nothing"}}},
		{Convergence, propertytest.Story{Name: "an endpoint with its key of before", History: rotated + nodeAfter + healedAfter, Outcome: property.Fail, Says: []string{"agent a0 had 1 entry wrong when the run ended, 90.000s after the heal: different endpoint 10.0.0.1; it was connected with r0 (store 00000000000000a0) since 0.000s, of which the history tells nothing"}}},
		{Staleness, propertytest.Story{Name: "soon", History: with + healedAfter, Outcome: property.Pass, Says: []string{"delta-atomic with a delta of 1.000s (agent a0, endpoint 10.0.0.1, at 6.000s): 6 contents shown; porcupine agrees on 3 entries; the stalest view 1.000s old (agent a0, endpoint 10.0.0.1, at 2.000s)"}}},
		{Staleness, propertytest.Story{Name: "a key of before for ever", History: rotated + nodeAfter + healedAfter, Outcome: property.Fail, Says: []string{"agent a0 showed endpoint 10.0.0.1 as <id=1 host=h pod=ns/p key=1 ports=http:80/TCP> from 2.000s to 100.000s, 90.000s after the heal, which was last true 95.000s before, and not within 1m0s", "the datapath of a0 showed endpoint 10.0.0.1 as <id=1 host=h pod=ns/p key=1 ports=http:80/TCP> from 2.000s to 100.000s, 90.000s after the heal, which was last true 95.000s before, and not within 1m0s"}}},
		{Owner, propertytest.Story{Name: "another key is no other owner", History: with + keyAgain + healedAfter, Outcome: property.Pass, Says: []string{"5 endpoints shown to the views and datapaths of 1 agent, of addresses of which 0 had more than one owner; 2 mappings of live owners when the run ended"}}},
		{NoSpuriousDeletion, propertytest.Story{Name: "dropped for its other key", History: with + droppedLater, Outcome: property.Fail, Says: []string{"agent a0 dropped endpoint 10.0.0.1 at 8.000s (from r0), seen as <id=1 host=h pod=ns/p key=2 ports=http:80/TCP> at 6.000s (from r0), although it existed without a break since 5.000s (rv 43, CiliumEndpoint/ns/p)"}}},
		{NoSpuriousDeletion, propertytest.Story{Name: "dropped with the key of before", History: rotated + nodeAfter + droppedLater, Outcome: property.Fail, Says: []string{"agent a0 dropped endpoint 10.0.0.1 at 8.000s (from r0), seen as <id=1 host=h pod=ns/p key=1 ports=http:80/TCP> at 2.000s (from r0), although it existed without a break since 1.000s (rv 41, CiliumEndpoint/ns/p)"}}},
		{NoSpuriousDeletion, propertytest.Story{Name: "deleted after its rotation", History: with + `
7 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns/p rv=45
` + droppedLater, Outcome: property.Pass, Says: []string{"1 deletion from views and datapaths of 1 agent, each compared with what existed"}}},
		{Referential, propertytest.Story{Name: "another key is no other identity", History: rotatedIdentity + strings.ReplaceAll(strings.Replace(with, "0 a0 up agent - inc=1\n", "", 1), "id=1 ", "id=300 ") + healedAfter, Outcome: property.Pass, Says: []string{"4 endpoints in views and datapaths of 1 agent; 0 times without the identity"}}},
		{Referential, propertytest.Story{Name: "the identity is missing whatever the key is", History: strings.ReplaceAll(identityMissing+with, "id=1 ", "id=300 ") + healedAfter, Outcome: property.Fail, Says: []string{"agent a0 had endpoint 10.0.0.1 of identity 300, which the agent's view lacked from 2.000s and still when the run ended, at 100.000s", "the datapath of a0 had endpoint 10.0.0.1 of identity 300, which the agent's view lacked from 2.000s and still when the run ended, at 100.000s"}}},
		{Readiness, propertytest.Story{Name: "with its key", History: podOf + `
13 a0 see endpoint 10.0.0.2 value="id=300 host=h pod=ns/q key=2 ports=http:80/TCP"
13 a0 program endpoint 10.0.0.2 value="id=300 host=h pod=ns/q key=2 ports=http:80/TCP"
` + healedLater, Outcome: property.Pass, Says: []string{"1 of 1 pod created during the churn became usable; 0 of the others had ended before, or shared their address"}}},
		{Readiness, propertytest.Story{Name: "with its key, but not in the datapath", History: podOf + `
13 a0 see endpoint 10.0.0.2 value="id=300 host=h pod=ns/q key=2 ports=http:80/TCP"
13 a0 program endpoint 10.0.0.2 value="id=300 host=h pod=ns/q ports=http:80/TCP"
` + healedLater, Outcome: property.Fail, Says: []string{"pod ns/q with identity 300 got 10.0.0.2 at 11.000s and was still not usable when the run ended, 70.000s after the heal: a0 lacks its endpoint in the datapath"}}},
		{Readiness, propertytest.Story{Name: "without its ports", History: podOf + `
13 a0 see endpoint 10.0.0.2 value="id=300 host=h pod=ns/q key=2"
13 a0 program endpoint 10.0.0.2 value="id=300 host=h pod=ns/q key=2"
` + healedLater, Outcome: property.Fail, Says: []string{"pod ns/q with identity 300 got 10.0.0.2 at 11.000s and was still not usable when the run ended, 70.000s after the heal: a0 lacks its endpoint"}}},
	} {
		t.Run(c.p.Name, func(t *testing.T) { propertytest.Tell(t, c.p, []propertytest.Story{c.story}) })
	}
}
