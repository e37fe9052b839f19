package views

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
)

// changing is an identity that becomes web at 1 s, db at 10 s, and web again at 20 s.
const changing = `
0 a0 up agent - inc=1
1 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=41 value=web
10 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=42 value=db
20 k0 truth identity 300 op=put owner=CiliumIdentity/300 rv=43 value=web
`

func TestStaleness(t *testing.T) {
	stories := []propertytest.Story{
		{Name: "late by 3 s, then by 1 s", History: changing + `
2 a0 see identity 300 value=web
13 a0 see identity 300 value=db
21 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"delta-atomic with a delta of 3.000s (agent a0, identity 300, at 13.000s): 3 contents shown; porcupine agrees on 1 entry; the stalest view 3.000s old (agent a0, identity 300, at 13.000s)"}},
		{Name: "the oldest read is just before the content is true again", History: changing + `
2 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"delta-atomic with a delta of 10.000s (agent a0, identity 300, at 20.000s): 1 content shown; porcupine agrees on 1 entry; the stalest view 10.000s old (agent a0, identity 300, at 20.000s)"}},
		{Name: "what was shown before must not be read later than what comes after", History: changing + `
2 a0 see identity 300 value=web
25 a0 see identity 300 value=db
26 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"delta-atomic with a delta of 15.000s (agent a0, identity 300, at 25.000s): 3 contents shown; porcupine agrees on 1 entry; the stalest view 10.000s old (agent a0, identity 300, at 20.000s)"}},
		{Name: "absence counts once the lists are complete", History: changing + `
0 a0 synced endpoint - value=synced inc=1
7 a0 see identity 300 value=web
13 a0 see identity 300 value=db
21 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"delta-atomic with a delta of 6.000s (agent a0, identity 300, at 7.000s): 4 contents shown; porcupine agrees on 1 entry; the stalest view 6.000s old (agent a0, identity 300, at 7.000s)"}},
		{Name: "absence does not count before, nor while the agent is down", History: changing + `
7 a0 see identity 300 value=web
8 a0 down agent - inc=1
30 a0 up agent - inc=2
35 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"delta-atomic with a delta of 0.000s: 2 contents shown; porcupine agrees on 1 entry; the stalest view 6.000s old (agent a0, identity 300, at 7.000s)"}},
		{Name: "the lists of the first incarnation are not those of the second", History: changing + `
0 a0 synced endpoint - value=synced inc=1
2 a0 see identity 300 value=web
3 a0 down agent - inc=1
25 a0 up agent - inc=2
26 a0 synced endpoint - value=timeout inc=2
35 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"delta-atomic with a delta of 1.000s (agent a0, identity 300, at 2.000s): 3 contents shown; porcupine agrees on 1 entry; the stalest view 10.000s old (agent a0, identity 300, at 35.000s)"}},
		{Name: "what no delta explains is left to others", History: changing + `
2 a0 see identity 300 value=db
11 a0 see identity 300 value=db
12 a0 see identity 300 value=web
13 a0 see identity 300 value=db
14 a0 drop identity 300
20.5 a0 see identity 300 value=web
` + healed, Outcome: property.Pass, Says: []string{"delta-atomic with a delta of 0.000s: 6 contents shown; porcupine agrees on 1 entry; the stalest view 19.500s old (agent a0, identity 300, at 20.500s); 3 that no delta explains left to integrity, monotonic and no-spurious-deletion"}},
		{Name: "older than the bound after the bound", History: changing + `
2 a0 see identity 300 value=web
11 a0 see identity 300 value=db
` + healed, Outcome: property.Fail, Says: []string{"agent a0 showed identity 300 as <db> from 11.000s to 160.000s, 60.000s after the heal, which was last true 140.000s before, and not within 1m0s"}},
		{Name: "never there, although the lists are complete", History: changing + `
30 a0 synced endpoint - value=synced inc=1
` + healed, Outcome: property.Fail, Says: []string{"agent a0 showed identity 300 as absent from 30.000s to 160.000s, 60.000s after the heal, which was last true 159.000s before, and not within 1m0s"}},
		{Name: "dropped for no reason and never seen again", History: changing + `
21 a0 see identity 300 value=web
22 a0 drop identity 300
` + healed, Outcome: property.Fail, Says: []string{"agent a0 showed identity 300 as absent from 22.000s to 160.000s, 60.000s after the heal, which was last true 159.000s before, and not within 1m0s"}},
		{Name: "never true", History: changing + `
21 a0 see identity 300 value=x
` + healed, Outcome: property.Fail, Says: []string{"agent a0 showed identity 300 as <x> from 21.000s to 160.000s, 60.000s after the heal, which was never true"}},
		{Name: "the datapath of an agent that is down", History: `
0 a0 up agent - inc=1
1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/ns1/p rv=41 value=x
1 k0 truth endpoint 10.0.0.2 op=put owner=CiliumEndpoint/ns1/q rv=42 value=y
2 a0 see endpoint 10.0.0.1 value=x
2 a0 program endpoint 10.0.0.1 value=x
2 a0 program endpoint 10.0.0.2 value=y
3 a0 down agent - inc=1
5 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns1/p rv=43
6 k0 truth endpoint 10.0.0.2 op=del owner=CiliumEndpoint/ns1/q rv=44
` + healed, Outcome: property.Fail, Says: []string{"the datapath of a0 showed endpoint 10.0.0.1 as <x> from 2.000s to 160.000s, 60.000s after the heal, which was last true 155.000s before, and not within 1m0s; and 1 more"}},
		{Name: "a change after the bound takes a moment", History: changing + `
21 a0 see identity 300 value=web
100 world phase - heal value=1m0s
170 k0 truth identity 300 op=del owner=CiliumIdentity/300 rv=44
171 a0 drop identity 300
180 world phase - end value=settled
`, Outcome: property.Pass, Says: []string{"delta-atomic with a delta of 1.000s (agent a0, identity 300, at 171.000s): 2 contents shown; porcupine agrees on 1 entry; the stalest view 20.000s old (agent a0, identity 300, at 21.000s)"}},
		{Name: "not true when the run ends before the bound", History: changing + `
11 a0 see identity 300 value=db
100 world phase - heal value=1m0s
120 world phase - end value=settled
`, Outcome: property.Unknown, Says: []string{"the run ended 20.000s after the heal (settled), before the bound; what it showed then of 1 entry was not true any more"}},
		{Name: "no heal", History: changing + "21 a0 see identity 300 value=web", Outcome: property.Unknown, Says: []string{"the run has no heal phase, so nothing bounds it; until the end delta-atomic with a delta of 0.000s: 1 content shown; porcupine agrees on 1 entry; the stalest view 20.000s old (agent a0, identity 300, at 21.000s)"}},
		{Name: "nothing shown", History: changing, Outcome: property.Unknown, Says: []string{"no agent showed anything for any time"}},
	}
	for i := range stories {
		stories[i].History = propertytest.InTime(t, stories[i].History)
	}
	propertytest.Tell(t, Staleness, stories)
}

func TestStalenessIsMeasuredByPhaseAndAgent(t *testing.T) {
	r := propertytest.Judge(t, Staleness, propertytest.InTime(t, changing+`
2 a0 see identity 300 value=web
9 world phase - churn
13 a0 see identity 300 value=db
13 a0 program endpoint 10.0.0.1 value=x
15 world phase - heal value=1m0s
21.5 a0 see identity 300 value=web
90 world phase - end value=bound
`))
	var all []string
	for _, m := range r.Measures {
		all = append(all, m.Name+", "+m.Group+": "+m.String())
	}
	require.Equal(t, []string{
		"staleness, views: p50 0.000s, p99 1.000s, max 1.000s of 2",
		"staleness, views, churn: p50 0.000s, p99 3.000s, max 3.000s of 2",
		"staleness, views, heal: p50 0.000s, p99 1.500s, max 1.500s of 2",
		"blindness, agents, churn: p50 0.000s, p99 0.000s, max 0.000s of 1",
		"blindness, agents, heal: p50 0.000s, p99 0.000s, max 0.000s of 1",
		"missed, of what was there for 1s, by agents: p50 0 %, p99 0 %, max 0 % of 1",
		"missed, of what was there for 10s, by agents: p50 0 %, p99 0 %, max 0 % of 1",
		"missed, of what was there for 1m0s, by agents: p50 0 %, p99 0 %, max 0 % of 1",
		"delta, views, churn: p50 3.000s, p99 3.000s, max 3.000s of 1",
		"delta, views, heal: p50 1.500s, p99 1.500s, max 1.500s of 1",
		"least delta of an agent, views: p50 3.000s, p99 3.000s, max 3.000s of 1",
		"least delta of an agent, datapaths: p50 0.000s, p99 0.000s, max 0.000s of 1",
	}, all)
}
