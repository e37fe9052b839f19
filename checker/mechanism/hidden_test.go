package mechanism_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/mechanism"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// A namespace is hidden, an agent moves to r1, and r1 puts what was in the namespace as that is
// shown again.
func TestAWriterThatIsToldOfANamespaceFirst(t *testing.T) {
	const before = twoReplicas + `
3 k0 write Namespace ns value="hidden=true labels=a=x" op=update rv=6
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
3 r0 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r0 store=A rev=8
3 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
3 r1 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r1 store=B rev=8
3 r1 del endpoint cilium/state/ip/v1/default/e store=B rev=8
3 a0 drop endpoint e peer=r0 store=A inc=1
3.1 a0 disconnect - - value=close peer=r0 store=A
3.1 a0 connect - - peer=r1 store=B
`
	const after = `
6 r1 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=B rev=9
6 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r1 store=B inc=1
9 world phase - end value=bound
`
	for name, c := range map[string]struct{ between, want string }{
		"as it is told": {`
5.9 k0 write Namespace ns value="labels=a=x" op=update rv=8
5.9 k0 event Namespace - value=MODIFIED:ns:8 peer=r1 id=1
`, mechanism.CauseHidden},
		"long after": {`
3.5 k0 write Namespace ns value="labels=a=x" op=update rv=8
3.5 k0 event Namespace - value=MODIFIED:ns:8 peer=r1 id=1
`, ""},
		"and the namespace is still hidden": {`
5.9 k0 write Namespace ns value="hidden=true labels=a=y" op=update rv=8
5.9 k0 event Namespace - value=MODIFIED:ns:8 peer=r1 id=1
`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			records, err := history.Parse(before + c.between + after)
			require.NoError(t, err)
			r, _ := checker.Check(index.New(&history.History{Records: records}), checker.Config{}).Result("monotonic")
			require.Equal(t, property.Fail, r.Outcome, r.Evidence)
			for _, v := range r.Violations {
				if c.want == "" {
					require.Nil(t, v.Cause)
					continue
				}
				require.NotNil(t, v.Cause, v.Sentence())
				require.Equal(t, c.want, v.Cause.Name())
				require.Contains(t, v.Cause.Sentence(), "it was told at 5.900s that the namespace ns is for other clusters since 5.900s")
			}
		})
	}
}

// The same of one replica, whose writer was frozen when it was told, and of an entry that is another one by now.
func TestAFrozenWriterThatIsToldOfANamespaceFirst(t *testing.T) {
	const before = twoReplicas + `
3 k0 write Namespace ns value="hidden=true labels=a=x" op=update rv=6
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
3 r0 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r0 store=A rev=8
3 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
3 a0 drop endpoint e peer=r0 store=A inc=1
`
	const frozen = "4 world fault writer-pause r0 value=x op=writer-frozen rev=1\n"
	const after = `
5 k0 write Namespace ns value="labels=a=x" op=update rv=8
5 k0 event Namespace - value=MODIFIED:ns:8 peer=r0 id=1
6 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpoint/ns/two rv=9
9 world heal writer-pause r0 value=x op=writer-frozen rev=1
9 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=9
9 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
12 world phase - end value=bound
`
	for records, want := range map[string]string{
		before + frozen + after: mechanism.CauseHidden,
		before + after:          "", // it was told long before
	} {
		parsed, err := history.Parse(records)
		require.NoError(t, err)
		r, _ := checker.Check(index.New(&history.History{Records: parsed}), checker.Config{}).Result("monotonic-session")
		require.Equal(t, property.Fail, r.Outcome, r.Evidence)
		require.Len(t, r.Violations, 1)
		if want == "" {
			require.Nil(t, r.Violations[0].Cause)
			continue
		}
		require.NotNil(t, r.Violations[0].Cause, r.Violations[0].Sentence())
		require.Equal(t, want, r.Violations[0].Cause.Name())
		require.Contains(t, r.Violations[0].Cause.Sentence(), "it was told at 9.000s that the namespace ns is for other clusters since 5.000s, and not yet that what was in it is gone, which it is since 6.000s at the latest")
	}
}
