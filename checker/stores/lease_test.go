package stores

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/meshcheck/meshcheck/checker/property"
)

// leased is a writer in r0 with a lease of 60 s, granted at 1 s and renewed at 20 s, and
// the identity 7 on it, which is true throughout.
func leased(lines string) string {
	return store(`
0 k0 truth identity 7 op=put value=x owner=i/7 rv=2
1 r0 up writer - inc=1
1 r0 lease - 0abc op=grant peer=r0 value=60 from=1
1 r0 put identity cilium/state/identities/v1/id/7 rev=2 value=x owner=0abc
20 r0 lease - 0abc op=keepalive peer=r0 value=60 from=20
` + lines + `
900 r0 down etcd -
`)
}

// expiry is the end of that lease at an instant.
func expiry(at int) string {
	return fmt.Sprintf("%d r0 lease - 0abc op=expire\n%d r0 del identity cilium/state/identities/v1/id/7 rev=3\n", at, at)
}

func TestLeases(t *testing.T) {
	const says = "etcd of r0 (store 00000000000000a0): "
	const lost = `; it lost identity "cilium/state/identities/v1/id/7"`
	putBack := "%d r0 put identity cilium/state/identities/v1/id/7 rev=4 value=x\n"
	propertytest.Tell(t, Leases, []propertytest.Story{
		{Name: "a deletion that was asked for, and a lease that was revoked", History: leased(`
30 r0 del identity cilium/state/identities/v1/id/7 rev=3
30 r0 call meta cilium/state/identities/v1/id/7 op=delete value=1 peer=r0 rev=3 from=30
31 r0 put meta cilium/.initlock/1 rev=4 owner=0def
31 r0 lease - 0def op=grant peer=r0 value=60 from=31
32 r0 lease - 0def op=revoke peer=r0 from=32
32 r0 del meta cilium/.initlock/1 rev=5
`), Outcome: property.Pass, Says: []string{"2 leases, renewed 1 time, 0 expired; 1 ended with 1 key, of which 0 had to be put back"}},
		{Name: "expired while it was renewed", History: leased(expiry(40) + fmt.Sprintf(putBack, 41)), Outcome: property.Fail, Says: []string{
			says + "the lease 0abc of r0 with 1 key expired at 40.000s, 20.000s after it was renewed for 1m0s" + lost}},
		{Name: "not renewed by a writer that could", History: leased(expiry(81) + fmt.Sprintf(putBack, 82)), Outcome: property.Fail, Says: []string{
			says + "the lease 0abc of r0 with 1 key expired at 81.000s, although the writer and its etcd were up and undisturbed since its last renewal at 20.000s" + lost}},
		{Name: "the writer was frozen, and puts its keys back", History: leased(`
30 world fault writer-pause r0 rev=1
` + expiry(81) + `
100 world heal writer-pause r0 rev=1
` + fmt.Sprintf(putBack, 150)), Outcome: property.Pass, Says: []string{"1 lease, renewed 1 time, 1 expired; 1 ended with 1 key, of which 1 had to be put back"}},
		{Name: "the clock jumped, and the keys stay away", History: leased(`
30 world fault etcd-clock r0 rev=1
` + expiry(31) + fmt.Sprintf(putBack, 300)), Outcome: property.Fail, Says: []string{
			says + `"cilium/state/identities/v1/id/7", lost at 31.000s with the lease 0abc of r0, was not back at 151.050s, although it was true and nothing had disturbed the replica for 2m0.05s`}},
		{Name: "the lease was that of a writer that is gone", History: leased(`
30 r0 down writer - inc=1
31 r0 up writer - inc=2
` + expiry(81)), Outcome: property.Pass, Says: []string{"1 lease, renewed 1 time, 1 expired; 1 ended with 1 key, of which 0 had to be put back"}},
		{Name: "the writer is another one since, or the entry no longer true, or there was no time", History: leased(`
30 r0 down writer - inc=1
` + expiry(81) + `
82 r0 up writer - inc=2
`), Outcome: property.Pass, Says: []string{"1 lease, renewed 1 time, 1 expired; 1 ended with 1 key, of which 0 had to be put back"}},
		{Name: "no longer true", History: strings.ReplaceAll(leased(`
30 world fault etcd-clock r0 rev=1
`+expiry(31)+`
60 k0 truth identity 7 op=del owner=i/7 rv=3
`), "900 r0", "901 r0"), Outcome: property.Pass, Says: []string{"1 lease, renewed 1 time, 1 expired; 1 ended with 1 key, of which 0 had to be put back"}},
		{Name: "a deletion that nothing explains", History: leased(`
30 r0 del identity cilium/state/identities/v1/id/7 rev=3
31 r0 put meta k/a rev=4
32 r0 del meta k/a rev=5
`), Outcome: property.Fail, Says: []string{
			says + `"cilium/state/identities/v1/id/7" was deleted at rev 3 at 30.000s, which nobody asked for, and its lease 0abc had not ended`,
			says + `"k/a" was deleted at rev 5 at 32.000s, which nobody asked for, and it had no lease`}},
		{Name: "none", History: store(""), Outcome: property.Unknown, Says: []string{"the history has no lease"}},
	})
}
