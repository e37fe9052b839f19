package views

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
)

// created is a pod that is there before the churn, and one that is created at 11 s.
const created = `
0 a0 up agent - inc=1
0 a1 up agent - inc=1
1 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=41 value=web
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=42 value="id=300 host=h1 pod=ns1/p"
10 world phase - churn
10 k0 truth identity 301 op=put owner=CiliumIdentity/301 rv=43 value=db
11 k0 truth endpoint 10.0.0.2 op=put owner=CiliumEndpoint/ns1/q rv=44 value="id=301 host=h1 pod=ns1/q"
12 a0 see endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
`

func TestReadiness(t *testing.T) {
	propertytest.Tell(t, Readiness, []propertytest.Story{
		{Name: "in views, then in datapaths, then with its identity", History: created + `
13 a1 see endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
14 a0 program endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
15 a1 program endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
16 a0 see identity 301 value=db
17 a1 see identity 301 value=db
` + healed, Outcome: property.Pass, Says: []string{"1 of 1 pod created during the churn became usable; 0 of the others had ended before, or shared their address"}},
		{Name: "deleted before", History: created + `
13 k0 truth endpoint 10.0.0.2 op=del owner=CiliumEndpoint/ns1/q rv=45
14 a1 see endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
` + healed, Outcome: property.Pass, Says: []string{"0 of 1 pod created during the churn became usable; 1 of the others had ended before, or shared their address"}},
		{Name: "an agent that is down need not know", History: created + `
12 a0 see identity 301 value=db
20 a1 down agent - inc=1
` + healed, Outcome: property.Pass, Says: []string{"1 of 1 pod created during the churn became usable; 0 of the others had ended before, or shared their address"}},
		{Name: "an agent that starts anew must", History: created + `
12 a0 see identity 301 value=db
13 a0 down agent - inc=1
14 a1 see identity 301 value=db
20 a0 up agent - inc=2
21 a1 see endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
22 a0 see endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
` + healed, Outcome: property.Fail, Says: []string{"pod ns1/q with identity 301 got 10.0.0.2 at 11.000s and was still not usable when the run ended, 60.000s after the heal: a0 lacks its identity"}},
		{Name: "with its identity too late", History: created + `
12 a0 see identity 301 value=db
13 a1 see endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
100 world phase - heal value=1m0s
161 a1 see identity 301 value=db
170 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"pod ns1/q with identity 301 got 10.0.0.2 at 11.000s and was usable only at 161.000s, 61.000s after the heal, and not within 1m0s"}},
		{Name: "never, until it is deleted after the bound", History: created + `
100 world phase - heal value=1m0s
165 k0 truth endpoint 10.0.0.2 op=del owner=CiliumEndpoint/ns1/q rv=45
170 world phase - end value=bound
`, Outcome: property.Fail, Says: []string{"pod ns1/q with identity 301 got 10.0.0.2 at 11.000s and was not usable before it was gone at 165.000s"}},
		{Name: "with the old identity only", History: created + `
12 a0 see identity 301 value=db
13 a1 see identity 301 value=db
13 a1 see endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
20 k0 truth identity 302 op=put owner=CiliumIdentity/302 rv=45 value=x
20 k0 truth endpoint 10.0.0.2 op=put owner=CiliumEndpoint/ns1/q rv=46 value="id=302 host=h1 pod=ns1/q"
21 a0 see identity 302 value=x
21 a1 see identity 302 value=x
` + healed, Outcome: property.Fail, Says: []string{"pod ns1/q with identity 302 got 10.0.0.2 at 20.000s and was still not usable when the run ended, 60.000s after the heal: a0 lacks its endpoint, a1 lacks its endpoint"}},
		{Name: "the pod that had the address before has it still", History: created + `
12 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/r rv=45 value="id=300 host=h1 pod=ns1/r"
12 a0 see identity 301 value=db
13 a1 see endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
13 a1 see identity 301 value=db
` + healed, Outcome: property.Pass, Says: []string{"1 of 2 pods created during the churn became usable; 1 of the others had ended before, or shared their address"}},
		{Name: "not yet when the run ends before the bound", History: created + `
100 world phase - heal value=1m0s
120 world phase - end value=settled
`, Outcome: property.Unknown, Says: []string{"1 of 1 pod created during the churn were not yet usable when the run ended"}},
		{Name: "no pod in the churn", History: "0 a0 up agent - inc=1\n1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=42 value=\"id=300 host=h1 pod=ns1/p\"\n10 world phase - churn" + healed, Outcome: property.Unknown, Says: []string{"no pod was created during the churn"}},
		{Name: "no agent", History: "10 world phase - churn\n11 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=42 value=\"id=300 host=h1 pod=ns1/p\"" + healed, Outcome: property.Unknown, Says: []string{"there is no agent"}},
	})
}

func TestReadinessIsMeasuredInEachAspect(t *testing.T) {
	r := propertytest.Judge(t, Readiness, created+`
13 a1 see endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
14 a0 program endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
15 a1 program endpoint 10.0.0.2 value="id=301 host=h1 pod=ns1/q"
16 a0 see identity 301 value=db
17 a1 see identity 301 value=db
`+healed)
	var took []string
	for _, m := range r.Measures {
		took = append(took, m.Group+": "+m.String())
	}
	require.Equal(t, []string{
		"endpoint in all views: p50 2.000s, p99 2.000s, max 2.000s of 1",
		"endpoint in all datapaths: p50 4.000s, p99 4.000s, max 4.000s of 1",
		"usable: endpoint and identity: p50 6.000s, p99 6.000s, max 6.000s of 1",
	}, took)
}
