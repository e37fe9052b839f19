package mechanism_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/mechanism"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// An agent that reads k0 sees that slice s1 gives the address e to pod ns/one.
const readsSlices = `
0 a0 up agent - inc=1
1 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=put owner=CiliumEndpointSlice/s1 rv=5
2 a0 see endpoint e value="id=1 host=h pod=ns/one" op=list peer=k0 inc=1
`

// The address goes from s1 to s2, without a gap.
const movedSlice = readsSlices + `
3 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpointSlice/s2 rv=7
4 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpointSlice/s1 rv=8
`

// Then s2 gives it up as well.
const gaveUp = `
5 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=del owner=CiliumEndpointSlice/s2 rv=9
6 k0 truth endpoint e value="id=3 host=h pod=ns/three" op=put owner=CiliumEndpointSlice/s1 rv=10
`

// What an agent had been told of when it took something is what proves an order that it
// lost: not how long ago it was told.
func TestCausesOfReadersOfSlices(t *testing.T) {
	for _, c := range []struct{ name, records, property, want string }{
		{"one update of a slice, read slowly", readsSlices + `
3 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpointSlice/s1 rv=7
3 k0 event CiliumEndpointSlice - value="MODIFIED:s1:7" peer=a0 id=1
9 a0 drop endpoint e op=watch peer=k0 inc=1
9 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
`, "no-spurious-deletion", mechanism.CauseSlice},
		{"a slice of whose update the agent was not told", readsSlices + `
3 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpointSlice/s1 rv=7
3 k0 event CiliumEndpointSlice - value="MODIFIED:s1:5" peer=a0 id=1
9 a0 drop endpoint e op=watch peer=k0 inc=1
9 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
`, "no-spurious-deletion", ""},
		{"a pod that two slices have, with another address each", readsSlices + `
3 k0 truth endpoint f value="id=1 host=h pod=ns/one" op=put owner=CiliumEndpointSlice/s2 rv=7
3 k0 event CiliumEndpointSlice - value="ADDED:s2:7" peer=a0 id=1
3.001 a0 see endpoint f value="id=1 host=h pod=ns/one" op=watch peer=k0 inc=1
3.001 a0 drop endpoint e op=watch peer=k0 inc=1
`, "no-spurious-deletion", mechanism.CauseTwoSlices},
		{"a pod that another slice had before", `
0 k0 truth endpoint f value="id=1 host=h pod=ns/one" op=put owner=CiliumEndpointSlice/s2 rv=3
0 k0 truth endpoint f value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpointSlice/s2 rv=4
` + strings.TrimPrefix(readsSlices, "\n") + `
3 k0 event CiliumEndpointSlice - value="MODIFIED:s2:6" peer=a0 id=1
3.001 a0 drop endpoint e op=watch peer=k0 inc=1
`, "no-spurious-deletion", ""},
		{"two slices, told of together", movedSlice + `
9 k0 event CiliumEndpointSlice - value="ADDED:s2:7 MODIFIED:s1:8" peer=a0 id=1
9.001 a0 drop endpoint e op=watch peer=k0 inc=1
9.001 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
`, "no-spurious-deletion", mechanism.CauseObjects},
		{"two slices in a list, which the older one is not in", movedSlice + `
9 k0 event CiliumEndpointSlice - value="ADDED:s2:7 INITIAL:8" peer=a0 id=1
9.001 a0 drop endpoint e op=list peer=k0 inc=1
9.001 a0 see endpoint e value="id=2 host=h pod=ns/two" op=list peer=k0 inc=1
`, "no-spurious-deletion", mechanism.CauseObjects},
		{"the claim is told of when the removal has been taken", movedSlice + `
9 k0 event CiliumEndpointSlice - value="MODIFIED:s1:8" peer=a0 id=1
9.001 a0 drop endpoint e op=watch peer=k0 inc=1
9.002 k0 event CiliumEndpointSlice - value="ADDED:s2:7" peer=a0 id=1
9.003 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
`, "no-spurious-deletion", ""},
		{"the removal is not told of at all", movedSlice + `
9 k0 event CiliumEndpointSlice - value="ADDED:s2:7" peer=a0 id=1
9.001 a0 drop endpoint e op=watch peer=k0 inc=1
9.001 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
`, "no-spurious-deletion", ""},
		{"a claim that is over, told of with what came after it", movedSlice + gaveUp + `
9 k0 event CiliumEndpointSlice - value="ADDED:s2:7 MODIFIED:s1:10 DELETED:s2:9" peer=a0 id=1
9.001 a0 see endpoint e value="id=3 host=h pod=ns/three" op=watch peer=k0 inc=1
9.001 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
`, "monotonic", mechanism.CauseObjects},
		{"a claim that is over, told of when what came after it has been taken", movedSlice + gaveUp + `
9 k0 event CiliumEndpointSlice - value="MODIFIED:s1:10" peer=a0 id=1
9.001 a0 see endpoint e value="id=3 host=h pod=ns/three" op=watch peer=k0 inc=1
9.002 k0 event CiliumEndpointSlice - value="ADDED:s2:7" peer=a0 id=1
9.003 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
`, "monotonic", ""},
		{"an address that one update of a slice passes on, and which then is free", readsSlices + `
3 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpointSlice/s1 rv=7
4 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=del owner=CiliumEndpointSlice/s1 rv=8
9 k0 event CiliumEndpointSlice - value="MODIFIED:s1:7 MODIFIED:s1:8" peer=a0 id=1
9.001 a0 drop endpoint e op=watch peer=k0 inc=1
9.001 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
9.001 a0 drop endpoint e op=watch peer=k0 inc=1
`, "monotonic", mechanism.CauseSlice},
		{"an update of the older of two owners, after the drop of the younger", readsSlices + `
3 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpointSlice/s2 rv=7
3 k0 event CiliumEndpointSlice - value="ADDED:s2:7" peer=a0 id=1
3.001 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
4 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=del owner=CiliumEndpointSlice/s2 rv=8
5 k0 truth endpoint e value="id=3 host=h pod=ns/one" op=put owner=CiliumEndpointSlice/s1 rv=9
6 k0 truth endpoint e value="id=3 host=h pod=ns/one" op=del owner=CiliumEndpointSlice/s1 rv=10
9 k0 event CiliumEndpointSlice - value="DELETED:s2:8 MODIFIED:s1:9 MODIFIED:s1:10" peer=a0 id=1
9.001 a0 drop endpoint e op=watch peer=k0 inc=1
9.002 a0 see endpoint e value="id=3 host=h pod=ns/one" op=watch peer=k0 inc=1
9.003 a0 drop endpoint e op=watch peer=k0 inc=1
`, "monotonic", mechanism.CauseOldOwner},
		{"an owner that wrote its claim again", readsSlices + `
3 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpointSlice/s2#2 rv=7
4 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpointSlice/s1 rv=8
5 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpointSlice/s2 rv=9
5 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=del owner=CiliumEndpointSlice/s2#2 rv=9
6 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=del owner=CiliumEndpointSlice/s2 rv=10
9 k0 event CiliumEndpointSlice - value="ADDED:s2:7 MODIFIED:s1:8 MODIFIED:s2:9 MODIFIED:s2:10" peer=a0 id=1
9.001 a0 drop endpoint e op=watch peer=k0 inc=1
9.001 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
9.001 a0 drop endpoint e op=watch peer=k0 inc=1
`, "monotonic", mechanism.CauseObjects},
		{"an owner's second claim, when a drop came before its first", movedSlice + `
5 k0 truth endpoint e value="id=3 host=h pod=ns/two" op=put owner=CiliumEndpointSlice/s2 rv=9
6 k0 truth endpoint e value="id=3 host=h pod=ns/two" op=del owner=CiliumEndpointSlice/s2 rv=10
9 k0 event CiliumEndpointSlice - value="ADDED:s2:7 MODIFIED:s1:8 MODIFIED:s2:9 MODIFIED:s2:10" peer=a0 id=1
9.001 a0 drop endpoint e op=watch peer=k0 inc=1
9.001 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
9.001 a0 see endpoint e value="id=3 host=h pod=ns/two" op=watch peer=k0 inc=1
9.001 a0 drop endpoint e op=watch peer=k0 inc=1
`, "monotonic", mechanism.CauseObjects},
		{"a datapath that waited for the view after a restart, and the view's drop", readsSlices + `
2 a0 program endpoint e value="id=1 host=h pod=ns/one" op=list peer=k0 inc=1
3 a0 down agent - inc=1
4 a0 up agent - inc=2
5 a0 see endpoint e value="id=1 host=h pod=ns/one" op=list peer=k0 inc=2
6 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpointSlice/s2 rv=7
6 k0 event CiliumEndpointSlice - value="ADDED:s2:7" peer=a0 id=1
6.001 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=2
7 k0 truth endpoint e value="id=3 host=h pod=ns/one" op=put owner=CiliumEndpointSlice/s1 rv=8
7 k0 event CiliumEndpointSlice - value="MODIFIED:s1:8" peer=a0 id=1
7.001 a0 see endpoint e value="id=3 host=h pod=ns/one" op=watch peer=k0 inc=2
8 k0 truth endpoint e value="id=3 host=h pod=ns/one" op=del owner=CiliumEndpointSlice/s1 rv=9
8 k0 event CiliumEndpointSlice - value="MODIFIED:s1:9" peer=a0 id=1
8.001 a0 drop endpoint e op=watch peer=k0 inc=2
9 a0 unprogram endpoint e op=watch peer=k0 inc=2
`, "no-spurious-deletion", mechanism.CauseOldOwner},
		{"an agent that lists an address twice, and loses it before its fence opens", readsSlices + `
3 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpointSlice/s2 rv=7
4 a0 down agent - inc=1
5 a0 up agent - inc=2
5.1 k0 watch CiliumEndpointSlice - peer=a0 ask=0 id=2
5.2 k0 event CiliumEndpointSlice - value="INITIAL:s2:7 INITIAL:s1:5 BOOKMARK:7" peer=a0 id=2
5.3 a0 see endpoint e value="id=2 host=h pod=ns/two" op=list peer=k0 inc=2
5.3 a0 see endpoint e value="id=1 host=h pod=ns/one" op=list peer=k0 inc=2
6 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpointSlice/s1 rv=8
6.1 k0 event CiliumEndpointSlice - value="MODIFIED:s1:8" peer=a0 id=2
6.2 a0 drop endpoint e op=watch peer=k0 inc=2
7 a0 synced endpoint - value=synced peer=k0 inc=2 source=crd session=2
`, "fence", mechanism.CauseOldOwner},
		{"a claim that is over, taken long after what came after it", movedSlice + gaveUp + `
9 k0 event CiliumEndpointSlice - value="ADDED:s2:7 MODIFIED:s1:10 DELETED:s2:9" peer=a0 id=1
9.001 a0 see endpoint e value="id=3 host=h pod=ns/three" op=watch peer=k0 inc=1
9.8 a0 see endpoint e value="id=2 host=h pod=ns/two" op=watch peer=k0 inc=1
`, "monotonic", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			records, err := history.Parse(c.records + ends)
			require.NoError(t, err)
			r, _ := checker.Check(index.New(&history.History{Records: records}), checker.Config{}).Result(c.property)
			require.Equal(t, property.Fail, r.Outcome, r.Evidence)
			for _, v := range r.Violations {
				if c.want == "" {
					require.Nil(t, v.Cause, "%s", v.Sentence())
					continue
				}
				require.NotNil(t, v.Cause, v.Sentence())
				require.Equal(t, c.want, v.Cause.Name())
				require.NotEmpty(t, v.Cause.Sentence())
				require.NotEmpty(t, v.Cause.Records())
			}
		})
	}
}
