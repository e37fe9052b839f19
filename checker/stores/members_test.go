package stores

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/property/propertytest"
)

// A member that starts lets clients in within 20 s in which nothing disturbs one of the members.
func TestMembers(t *testing.T) {
	const formed = `
0 e0 up etcd - store=s inc=1
0 e1 up etcd - store=s inc=1
1 e0 ready etcd - store=s inc=1
1 e1 ready etcd - store=s inc=1
5 e1 down etcd - store=s inc=1
10 e1 up etcd - store=s inc=2
`
	for _, c := range []struct {
		name, history string
		broken        string // the sentence; none: it holds
	}{
		{"it does", formed + "29 e1 ready etcd - store=s inc=2\n100 world phase - end\n", ""},
		{"too late", formed + "31 e1 ready etcd - store=s inc=2\n100 world phase - end\n",
			"e1, which started at 10.000s, let no client in by 30.000s, although all members were up and no fault struck one since 10.000s"},
		{"never", formed + "100 world phase - end\n", "e1, which started at 10.000s, let no client in by 30.000s, although all members were up and no fault struck one since 10.000s"},
		{"the run ends before", formed + "30 world phase - end\n", ""},
		{"it ends before", formed + "30 e1 down etcd - store=s inc=2\n100 world phase - end\n", ""},
		{"a fault strikes the other in between", formed + "20 world fault partition e0 value=x op=cut peer=a0 rev=1\n35 world heal partition e0 value=x op=cut peer=a0 rev=1\n55 e1 ready etcd - store=s inc=2\n100 world phase - end\n", ""},
		{"and has ended long before", formed + "20 world fault partition e0 value=x op=cut peer=a0 rev=1\n35 world heal partition e0 value=x op=cut peer=a0 rev=1\n56 e1 ready etcd - store=s inc=2\n100 world phase - end\n",
			"e1, which started at 10.000s, let no client in by 55.000s, although all members were up and no fault struck one since 35.000s"},
		{"the other is down", formed + "12 e0 down etcd - store=s inc=1\n100 world phase - end\n", ""},
		{"and comes back", formed + "12 e0 down etcd - store=s inc=1\n40 e0 up etcd - store=s inc=2\n41 e0 ready etcd - store=s inc=2\n61 e1 ready etcd - store=s inc=2\n100 world phase - end\n",
			"e1, which started at 10.000s, let no client in by 60.000s, although all members were up and no fault struck one since 40.000s"},
		{"their connections died in silence", formed + "11 world fault black-hole e0 value=x op=connections-dead,cut peer=e1 rev=1\n12 world heal black-hole e0 value=x op=connections-dead,cut peer=e1 rev=1\n200 world phase - end\n", ""},
		{"long ago", formed + "11 world fault black-hole e0 value=x op=connections-dead,cut peer=e1 rev=1\n12 world heal black-hole e0 value=x op=connections-dead,cut peer=e1 rev=1\n300 world phase - end\n",
			"e1, which started at 10.000s, let no client in by 212.000s, although all members were up and no fault struck one since 192.000s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := propertytest.Judge(t, Members, c.history)
			if c.broken == "" {
				require.Equal(t, property.Pass, r.Outcome, "%v", r.Violations)
				return
			}
			require.Len(t, r.Violations, 1)
			require.Equal(t, c.broken, r.Violations[0].Sentence())
		})
	}
	require.Equal(t, property.NotApplicable, propertytest.Judge(t, Members, "0 e0 up etcd - store=s inc=1\n").Outcome)
	require.Equal(t, property.Unknown, propertytest.Judge(t, Members, "0 k0 up kube - inc=1\n").Outcome)
}
