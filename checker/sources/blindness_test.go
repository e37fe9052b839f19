package sources

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/property/propertytest"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

func TestBlindnessAndWhatWasMissed(t *testing.T) {
	records, err := history.Parse(propertytest.InTime(t, reading+`
5 world phase - churn
10 r0 down writer - inc=1
20 k0 truth node n1 op=put owner=CiliumNode/n1 rv=42 value=x
35 k0 truth node n1 op=del owner=CiliumNode/n1 rv=43
40 k0 truth node n1 op=put owner=CiliumNode/n1 rv=44 value=x
50 world phase - heal value=1m0s
60 r0 up writer - inc=2
61 a0 see node n1 value=x peer=r0 store=s0
90 k0 truth node n1 op=del owner=CiliumNode/n1 rv=45
95 k0 truth node n2 op=put owner=CiliumNode/n2 rv=46 value=x
95.5 k0 truth node n2 op=del owner=CiliumNode/n2 rv=47
100 world phase - end value=bound
`))
	require.NoError(t, err)
	in := &property.Input{Index: index.New(&history.History{Records: records})}
	agents, _ := index.Incarnations(in.Views, 100*time.Second)
	var all []string
	for _, m := range append(Blindness(in, agents, in.Outages()), Missed(in, agents, in.Views.Changes())...) {
		all = append(all, m.Name+", "+m.Group+": "+m.String())
	}
	// The node n0 was there before the agent, n2 for half a second; n1 was there twice.
	require.Equal(t, []string{
		"blindness, agents, churn: p50 40.000s, p99 40.000s, max 40.000s of 1",
		"blindness, agents, heal: p50 10.000s, p99 10.000s, max 10.000s of 1",
		"missed, of what was there for 1s, by agents: p50 50 %, p99 50 %, max 50 % of 1",
		"missed, of what was there for 10s, by agents: p50 50 %, p99 50 %, max 50 % of 1",
	}, all)
}
