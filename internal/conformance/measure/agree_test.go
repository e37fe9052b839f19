package measure

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

func records(t *testing.T, text string) []history.Record {
	t.Helper()
	all, err := history.Parse(text)
	require.NoError(t, err)
	return all
}

const twoReplicas = `
1 r0 up etcd - store=aaaaaaaaaaaaaaaa inc=1
1 r1 up etcd - store=bbbbbbbbbbbbbbbb inc=1
2 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p0 store=aaaaaaaaaaaaaaaa rev=2
3 r0 ready - -
4 r1 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p0 store=bbbbbbbbbbbbbbbb rev=2
5 r1 ready - -
`

func TestLongestDisagreement(t *testing.T) {
	for name, c := range map[string]struct {
		more string
		want string
	}{
		"none": {"", ""},
		"a change, twice; the longer one counts": {`
10 r0 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=aaaaaaaaaaaaaaaa rev=3
10.5 r1 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=bbbbbbbbbbbbbbbb rev=3
20 r1 put endpoint cilium/state/ip/v1/default/10.0.0.2 value=p1 store=bbbbbbbbbbbbbbbb rev=4
22 r0 put endpoint cilium/state/ip/v1/default/10.0.0.2 value=p1 store=aaaaaaaaaaaaaaaa rev=4
`, "r0 and r1 gave different answers about 10.0.0.2 for 2.000s, from 20.000s on"},
		"one that is not ready gives no answer": {`
9 r1 unready - -
10 r0 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=aaaaaaaaaaaaaaaa rev=3
20 r1 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=bbbbbbbbbbbbbbbb rev=3
21 r1 ready - -
`, ""},
		"until it leaves": {`
10 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p9 store=aaaaaaaaaaaaaaaa rev=3
12.5 r1 unready - -
`, "r0 and r1 gave different answers about 10.0.0.1 for 2.500s, from 10.000s on"},
		"to the end": {`
10 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p9 store=aaaaaaaaaaaaaaaa rev=3
14 world phase - end value=bound
`, "r0 and r1 gave different answers about 10.0.0.1 for 4.000s, from 10.000s on"},
		"an etcd that is emptied": {`
10 r1 up etcd - store=bbbbbbbbbbbbbbbb/2 inc=2
13 r1 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p0 store=bbbbbbbbbbbbbbbb/2 rev=2
`, "r0 and r1 gave different answers about 10.0.0.1 for 3.000s, from 10.000s on"},
		"what is no endpoint": {`
10 r0 put node cilium/state/nodes/v1/c1/n0 value=n0 store=aaaaaaaaaaaaaaaa rev=3
14 world phase - end value=bound
`, ""},
	} {
		got, found := LongestDisagreement(records(t, twoReplicas+c.more))
		require.Equal(t, c.want != "", found, name)
		if found {
			require.Equal(t, c.want, got.String(), name)
		}
	}
}

func TestLongestDisagreementOfThree(t *testing.T) {
	got, found := LongestDisagreement(records(t, twoReplicas+`
6 r2 up etcd - store=cccccccccccccccc inc=1
7 r2 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p0 store=cccccccccccccccc rev=2
8 r2 ready - -
10 r2 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=cccccccccccccccc rev=3
11 r1 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=bbbbbbbbbbbbbbbb rev=3
15 r0 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=aaaaaaaaaaaaaaaa rev=3
`))
	require.True(t, found)
	require.Equal(t, [2]string{"r0", "r1"}, got.Replicas)
	require.Equal(t, 4*time.Second, got.To-got.From)
}
