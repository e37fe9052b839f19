package mechanism

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// A node's key goes, comes back and goes again, and the agent drops the node once for each.
func TestOfAnOlderDeletion(t *testing.T) {
	const start = `
0 e0 up etcd - store=E inc=1
0 a0 up agent - inc=1
0 a0 connect - - peer=e0 store=E
0 k0 truth node n1 value=one op=put owner=CiliumNode/n1 rv=2
1 e0 put node cilium/state/nodes/v1/c1/n1 value=one store=E rev=2
1 a0 see node n1 value=one op=watch peer=e0 store=E inc=1
5 k0 truth node n1 value=one op=del owner=CiliumNode/n1 rv=3
5 e0 del node cilium/state/nodes/v1/c1/n1 store=E rev=3
`
	const again = `
6 k0 truth node n1 value=two op=put owner=CiliumNode/n1 rv=4
6 e0 put node cilium/state/nodes/v1/c1/n1 value=two store=E rev=4
6 a0 see node n1 value=two op=watch peer=e0 store=E inc=1
9 k0 truth node n1 value=two op=del owner=CiliumNode/n1 rv=5
9 e0 del node cilium/state/nodes/v1/c1/n1 store=E rev=5
`
	for name, c := range map[string]struct{ history, want, says string }{
		"one for each deletion":            {start + again + "35 a0 drop node n1 peer=e0 store=E inc=1\n39 a0 drop node n1 peer=e0 store=E inc=1\n", CauseOlderDeletion, "9.000s; a0 dropped it at 35.000s"},
		"the first one is heard late":      {start + strings.NewReplacer("6 ", "46 ", "9 ", "49 ").Replace(again) + "76 a0 drop node n1 peer=e0 store=E inc=1\n79 a0 drop node n1 peer=e0 store=E inc=1\n", CauseOlderDeletion, "49.000s; a0 dropped it at 76.000s"},
		"both after the last one":          {start + again + "39 a0 drop node n1 peer=e0 store=E inc=1\n39 a0 drop node n1 peer=e0 store=E inc=1\n", "", ""},
		"two for one deletion":             {start + "35 a0 drop node n1 peer=e0 store=E inc=1\n39 a0 drop node n1 peer=e0 store=E inc=1\n", "", ""},
		"before the delay of the last one": {start + again + "35 a0 drop node n1 peer=e0 store=E inc=1\n37 a0 drop node n1 peer=e0 store=E inc=1\n", "", ""},
	} {
		records, err := history.Parse(c.history)
		require.NoError(t, err)
		in := &property.Input{Index: index.New(&history.History{Plan: `{"mode":"kvstore"}`, Records: records})}
		last := len(records) - 1
		v := property.Violation{Facts: property.Facts{Agent: "a0", Kind: history.Node, Key: "n1", At: records[last].At}, Records: []int{last}}
		New(in).Explain("no-spurious-deletion", &v)
		if c.want == "" {
			require.Nil(t, v.Cause, name)
			continue
		}
		require.NotNil(t, v.Cause, name)
		require.Equal(t, c.want, v.Cause.Name())
		require.Equal(t, "the key of node n1 went from e0 at 5.000s and again at "+c.says+", as the delay of the first deletion was over, and once more as that of the second was", v.Cause.Sentence())
	}
}
