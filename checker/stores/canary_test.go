package stores

import (
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/meshcheck/meshcheck/checker/property"
)

// vouched is a cluster with the identity 7, of which the writer r0 knows by its list of
// resourceVersion 3, and the identities 8, which is younger, and 9, which was deleted.
func canaried(lines string) string {
	return store("") + `
0 k0 truth identity 7 op=put value=x owner=i/7 rv=2
0 k0 truth identity 9 op=put value=z owner=i/9 rv=2
1 k0 truth identity 7 op=put value=y owner=i/7 rv=3
2 r0 up writer - inc=1
2 k0 event CiliumIdentity - peer=r0 value="ADDED:7:3 INITIAL:3"
3 k0 truth identity 8 op=put value=w owner=i/8 rv=4
3 k0 truth identity 9 op=del owner=i/9 rv=5
` + store(lines)[len(store("")):]
}

func TestCanaries(t *testing.T) {
	const says = "etcd of r0 (store 00000000000000a0): the canary of cilium/state/identities/v1 was put at rev 5 at 5.000s, but identity 7 "
	canary := "5 r0 put meta cilium/synced/c1/cilium/state/identities/v1 rev=5 value=now\n"
	canaries := `
4 r0 put identity cilium/state/identities/v1/id/7 rev=2 value=y
4 r0 put meta cilium/synced/c1/cilium/state/ip/v1 rev=3 value=now
4 r0 put meta cilium/synced/c1/cilium/state/nodes/v1 rev=4 value=now
` + canary
	propertytest.Tell(t, Canaries, []propertytest.Story{
		{Name: "what was listed is there, what was deleted since is not", History: canaried(`
4 r0 put identity cilium/state/identities/v1/id/7 rev=2 value=y
` + canary), Outcome: property.Pass, Says: []string{"1 of 1 canary, which vouch for 2 entries"}},
		{Name: "later content", History: canaried(`
4 k0 truth identity 7 op=put value=v owner=i/7 rv=6
4 r0 put identity cilium/state/identities/v1/id/7 rev=2 value=v
` + canary), Outcome: property.Pass, Says: []string{"1 of 1 canary, which vouch for 2 entries"}},
		{Name: "it comes too early", History: canaried(canary + `
6 r0 put identity cilium/state/identities/v1/id/7 rev=6 value=y
`), Outcome: property.Fail, Says: []string{says + "is not there, although the writer's list of rv 3 at 2.000s had it"}},
		{Name: "older content", History: canaried(`
4 r0 put identity cilium/state/identities/v1/id/7 rev=2 value=x
` + canary), Outcome: property.Fail, Says: []string{says + "is there as <x> of rev 2, which it was before that list only, although the writer's list of rv 3 at 2.000s had it"}},
		{Name: "it comes back too early", History: canaried(`
4 r0 put identity cilium/state/identities/v1/id/7 rev=2 value=y
4 r0 put meta cilium/synced/c1/cilium/state/identities/v1 rev=3 value=now
4 r0 del identity cilium/state/identities/v1/id/7 rev=4
4 r0 del meta cilium/synced/c1/cilium/state/identities/v1 rev=4
` + canary), Outcome: property.Fail, Says: []string{strings.Replace(says, "put at", "put again at", 1) + "is not there, although the writer's list of rv 3 at 2.000s had it"}},
		{Name: "of a writer without a list, and of nothing that is known", History: canaried(`
4 r0 up writer - inc=2
5 r0 put meta cilium/synced/c1/cilium/state/services/v1 rev=4 value=now
` + canary), Outcome: property.Unknown, Says: []string{"the history does not say which lists the writers of 1 canary had got"}},
		{Name: "ready before two of three", History: canaried(`
4 r0 put identity cilium/state/identities/v1/id/7 rev=2 value=y
` + canary + `
6 r0 ready - -
6 r0 unready - -
7 r0 ready - -
`), Outcome: property.Fail, Says: []string{
			"r0 became ready at 6.000s, but its writer, up since 2.000s, had not put the canary of cilium/state/ip/v1",
			"r0 became ready at 6.000s, but its writer, up since 2.000s, had not put the canary of cilium/state/nodes/v1"}},
		{Name: "ready after all", History: canaried(canaries + "6 r0 ready - -\n"), Outcome: property.Pass,
			Says: []string{"1 of 3 canaries, which vouch for 2 entries"}},
		{Name: "ready by what an earlier process put", History: canaried(canaries + `
6 r0 up writer - inc=2
7 r0 ready - -
8 r0 put meta cilium/synced/c1/cilium/state/ip/v1 rev=6 value=now
`), Outcome: property.Fail, Says: []string{
			"r0 became ready at 7.000s, but its writer, up since 6.000s, had not put the canary of cilium/state/identities/v1",
			"r0 became ready at 7.000s, but its writer, up since 6.000s, had not put the canary of cilium/state/ip/v1",
			"r0 became ready at 7.000s, but its writer, up since 6.000s, had not put the canary of cilium/state/nodes/v1"}},
		{Name: "an operator that leads is not a replica that is ready", History: canaried(`
4 r0 put identity cilium/state/identities/v1/id/7 rev=2 value=y
` + canary + `
6 r0 ready operator - inc=1
`), Outcome: property.Pass, Says: []string{"1 of 1 canary, which vouch for 2 entries"}},
		{Name: "a history without the canaries of the process", History: canaried(canaries + `
6 r0 up writer - inc=2
7 r0 ready - -
`), Outcome: property.Pass, Says: []string{"1 of 3 canaries, which vouch for 2 entries"}},
		{Name: "none", History: canaried(""), Outcome: property.Unknown, Says: []string{"no canary was put"}},
	})
}

// A writer that a fault gives another cluster ID puts nodes with that, and the canary of nodes.
func TestCanariesOfAnotherClusterID(t *testing.T) {
	const says, list = "etcd of r0 (store 00000000000000a0): the canary of cilium/state/nodes/v1 was put at rev 5 at 5.000s, but node n0 is there as <",
		", which it was before that list only, although the writer's list of rv 3 at 3.000s had it"
	story := func(lines ...string) string {
		return store("") + `
0 k0 truth node n0 op=put value="ip=1 cluster=c1/1 boot=a" owner=CiliumNode/n0 rv=2
1 k0 truth node n0 op=put value="ip=2 cluster=c1/1 boot=a" owner=CiliumNode/n0 rv=3
2 world fault writer-cluster-id r0 op=process-ended,config-wrong rev=1
3 r0 up writer - inc=1
3 k0 event CiliumNode - peer=r0 value="ADDED:n0:3 INITIAL:3"
` + store(strings.Join(lines, ""))[len(store("")):]
	}
	const put, canary = "4 r0 put node cilium/state/nodes/v1/c1/n0 rev=4 value=\"ip=2 cluster=c1/81 boot=a\"\n", "5 r0 put meta cilium/synced/c1/cilium/state/nodes/v1 rev=5 value=now\n"
	const healed = "9 world heal writer-cluster-id r0 op=process-ended,config-wrong rev=1\n"
	propertytest.Tell(t, Canaries, []propertytest.Story{
		{Name: "the ID of the fault", History: story(put, canary, healed), Outcome: property.Pass, Says: []string{"1 of 1 canary, which vouch for 1 entry"}},
		{Name: "an older content with that ID", History: story(strings.ReplaceAll(put, "ip=2", "ip=1"), canary, healed), Outcome: property.Fail, Says: []string{says + "ip=1 cluster=c1/81 boot=a> of rev 4" + list}},
		{Name: "another content", History: story(strings.ReplaceAll(put, "boot=a", "boot=b"), canary, healed), Outcome: property.Fail, Says: []string{says + "ip=2 cluster=c1/81 boot=b> of rev 4" + list}},
		{Name: "of a writer that has the right ID again", History: story(put, strings.Replace(healed, "9", "4.5", 1), canary), Outcome: property.Fail, Says: []string{says + "ip=2 cluster=c1/81 boot=a> of rev 4" + list}},
		{Name: "of a writer that no fault struck", History: strings.ReplaceAll(story(put, canary, healed), "cluster-id r0", "cluster-id r1"), Outcome: property.Fail, Says: []string{says + "ip=2 cluster=c1/81 boot=a> of rev 4" + list}},
	})
}
