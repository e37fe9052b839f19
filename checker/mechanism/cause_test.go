package mechanism_test

import (
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/mechanism"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// cameBack is an entry that goes and comes back with the same content, of which r0 hears and r1 does not; toFormer is an agent that
// moves to r1 then.
const (
	cameBack = `
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
3 r0 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r0 store=A rev=8
3 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
3 a0 drop endpoint e peer=r0 store=A inc=1
4 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=put owner=CiliumEndpoint/ns/one rv=7
4 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=9
4 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
`
	toFormer = `
5 a0 connect - - peer=r1 store=B
`
)

// Two replicas, r0 whose store is A and r1 whose store is B, have the endpoint e.
const twoReplicas = `
0 r0 up etcd - store=A inc=1
0 r1 up etcd - store=B inc=1
0 r0 up writer - inc=1
0 r1 up writer - inc=1
0 a0 up agent - inc=1
1 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=put owner=CiliumEndpoint/ns/one rv=5
1 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=5
1 r1 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=B rev=5
1 r0 put meta cilium/cluster-config/c1 store=A rev=6
1 r1 put meta cilium/cluster-config/c1 store=B rev=6
1 r0 put meta cilium/synced/c1/cilium/state/ip/v1 store=A rev=7
1 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=B rev=7
2 a0 connect - - peer=r0 store=A
2 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
`

const (
	hidden = `
3 k0 write Namespace ns op=update rv=6
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
`
	unhidden = `
3 k0 write Namespace other op=update rv=6
3 k0 truth endpoint e value="id=2 host=h pod=other/two" op=put owner=CiliumEndpoint/other/two rv=6
`
	formerEnds = `
6 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=7
6 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
6 r0 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r0 store=A rev=8
6 a0 drop endpoint e peer=r0 store=A inc=1
`
	nextOwner = `
3 k0 truth endpoint e value="id=2 host=h pod=other/two" op=put owner=CiliumEndpoint/other/two rv=6
`
	namespaceGone = `
3 k0 write Namespace ns op=delete rv=6
3 k0 event Namespace - value=DELETED:ns:6 peer=r0 id=1
`
	namespaceGoes = `
5.5 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=7
5.9 k0 write Namespace ns op=delete rv=8
5.9 k0 event Namespace - value=DELETED:ns:8 peer=r0 id=1
6 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
6 r0 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r0 store=A rev=8
6 a0 drop endpoint e peer=r0 store=A inc=1
`
	watchesNamespaces = "2 k0 watch Namespace - peer=r0 ask=initial: id=1\n"
	cutOff            = "2 world fault partition r0 op=cut peer=k0 rev=1\n"
	toldOfHidden      = "3 k0 event Namespace - value=MODIFIED:ns:6 peer=r0 id=1\n"

	shown = `
5 r0 put endpoint cilium/state/ip/v1/default/f value="id=1 host=h pod=ns/two" store=A rev=8
6 a0 see endpoint f value="id=1 host=h pod=ns/two" peer=r0 store=A inc=1
`
	replaced = `
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
4 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpoint/ns/two rv=7
4 r0 put endpoint cilium/state/ip/v1/default/e value="id=2 host=h pod=ns/two" store=A rev=8
4 a0 see endpoint e value="id=2 host=h pod=ns/two" peer=r0 store=A inc=1
`
	toStale = `
5 a0 disconnect - - value=reset peer=r0 store=A
6 a0 connect - - peer=r1 store=B
6 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r1 store=B inc=1
`
	deleted = `
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
3 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
3 r0 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r0 store=A rev=8
3 a0 drop endpoint e peer=r0 store=A inc=1
`
	toOrphan = `
6 a0 connect - - peer=r1 store=B
6 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r1 store=B inc=1
`
	// The endpoint e, which the store of r1 does not have, and an agent that has it from r0.
	newer = `
0 r0 up etcd - store=A inc=1
0 r1 up etcd - store=B inc=1
0 r1 up writer - inc=1
0 a0 up agent - inc=1
1 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=put owner=CiliumEndpoint/ns/one rv=5
1 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=5
2 a0 connect - - peer=r0 store=A
2 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
`
	toNewer = `
4 a0 connect - - peer=r1 store=B
4 a0 drop endpoint e peer=r1 store=B inc=1
`
	ends = `
10 world phase - heal value=10s
30 world phase - end value=settled
`
)

// An agent gets an identity from a list; its watches of other kinds are there.
const inList = `
0 r0 up etcd - store=A inc=1
0 a0 up agent - inc=1
1 k0 truth identity 7 value=app op=put owner=CiliumIdentity/7 rv=5
1 r0 put identity cilium/state/identities/v1/id/7 value=app store=A rev=5
2 a0 connect - - peer=r0 store=A
2 r0 watch endpoint cilium/state/ip/v1/default/ peer=a0 store=A ask=6 id=1
2 a0 see identity 7 value=app peer=r0 store=A inc=1
`

func TestCauses(t *testing.T) {
	for _, c := range []struct {
		name, records, property string
		want                    string // finding; "" for news
	}{
		{"an agent that stops before it has the whole list", inList + `
2.1 a0 drop identity 7 peer=r0 store=A inc=1
2.15 a0 down agent - inc=1
`, "no-spurious-deletion", mechanism.CauseCutList},
		{"a connection that ends before the agent has the whole list", inList + `
2.1 a0 disconnect - - value=reset peer=r0 store=A
2.1 a0 drop identity 7 peer=r0 store=A inc=1
`, "no-spurious-deletion", mechanism.CauseCutList},
		{"an agent that stops when it has the whole list", inList + `
2.05 r0 watch identity cilium/state/identities/v1/id peer=a0 store=A ask=6 id=2
2.1 a0 drop identity 7 peer=r0 store=A inc=1
2.15 a0 down agent - inc=1
`, "no-spurious-deletion", ""},
		{"a loss in the middle of a list that goes on", inList + `
2.1 a0 drop identity 7 peer=r0 store=A inc=1
`, "no-spurious-deletion", ""},
		{"a fail-over to a replica that is behind", twoReplicas + replaced + toStale, "monotonic", mechanism.CauseStale},
		{"a fail-over that gave its first watch up", twoReplicas + replaced + `
5 a0 connect - - peer=r1 store=B
5 r1 watch endpoint cilium/state/ip/v1/default/ peer=a0 store=B end=cilium/state/ip/v1/default0 ask=90 id=9
5 r1 unwatch endpoint cilium/state/ip/v1/default/ value=client peer=a0 store=B id=9
6 a0 connect - - peer=r1 store=B
6 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r1 store=B inc=1
6 r1 put endpoint cilium/state/ip/v1/default/e value="id=2 host=h pod=ns/two" store=B rev=8
`, "monotonic", mechanism.CauseStale},
		{"back in time on one store, which never went back", twoReplicas + replaced +
			"5 a0 see endpoint e value=\"id=1 host=h pod=ns/one\" peer=r0 store=A inc=1\n", "monotonic", ""},
		{"a fail-over to a replica whose next writer does not know of the key", twoReplicas + `
2.5 r1 down writer - inc=1
` + deleted + `
4 r1 up writer - inc=2
5 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=B rev=8
` + toOrphan, "monotonic", mechanism.CauseOrphan},
		{"a fail-over to a replica that has not got the entry yet", `
0 r0 up etcd - store=A inc=1
0 r1 up etcd - store=B inc=1
0 a0 up agent - inc=1
1 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=B rev=7
1 k0 truth endpoint e value=one op=put owner=CiliumEndpoint/ns/one rv=5
1 r0 put endpoint cilium/state/ip/v1/default/e value=one store=A rev=5
2 a0 connect - - peer=r0 store=A
2 a0 see endpoint e value=one peer=r0 store=A inc=1
3 a0 connect - - peer=r1 store=B
3 a0 drop endpoint e peer=r1 store=B inc=1
9 r1 put endpoint cilium/state/ip/v1/default/e value=one store=B rev=8
`, "no-spurious-deletion", mechanism.CauseStale},
		{"the same, but there is no canary yet", `
0 r0 up etcd - store=A inc=1
0 r1 up etcd - store=B inc=1
0 a0 up agent - inc=1
1 k0 truth endpoint e value=one op=put owner=CiliumEndpoint/ns/one rv=5
1 r0 put endpoint cilium/state/ip/v1/default/e value=one store=A rev=5
2 a0 connect - - peer=r0 store=A
2 a0 see endpoint e value=one peer=r0 store=A inc=1
3 a0 connect - - peer=r1 store=B
3 a0 drop endpoint e peer=r1 store=B inc=1
9 r1 put endpoint cilium/state/ip/v1/default/e value=one store=B rev=8
`, "no-spurious-deletion", ""},
		{"a fail-over to a replica that says that it has an entry which it never got", newer + `
3 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=B rev=7
` + toNewer, "no-spurious-deletion", ""},
		{"the same, but its writer's list was older than the entry", newer + `
2.5 k1 event CiliumEndpoint - value=INITIAL:4 peer=r1 id=1
3 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=B rev=7
` + toNewer, "no-spurious-deletion", mechanism.CauseStale},
		{"a writer whose list has an entry of a namespace that it has not been told of", newer + `
2.1 k1 event Namespace - value="ADDED:old:1 INITIAL:2" peer=r1 id=2
2.5 k1 event CiliumEndpoint - value="ADDED:ns/one:5 INITIAL:5" peer=r1 id=1
3 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=B rev=7
` + toNewer, "no-spurious-deletion", mechanism.CauseNamespaces},
		{"the canary of such a writer", newer + `
2.1 k1 event Namespace - value="ADDED:old:1 INITIAL:2" peer=r1 id=2
2.5 k1 event CiliumEndpoint - value="ADDED:ns/one:5 INITIAL:5" peer=r1 id=1
3 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=B rev=7
`, "canaries", mechanism.CauseNamespaces},
		{"a writer that has been told of the namespace", newer + `
2.1 k1 event Namespace - value="ADDED:old:1 INITIAL:2" peer=r1 id=2
2.5 k1 event CiliumEndpoint - value="ADDED:ns/one:5 INITIAL:5" peer=r1 id=1
2.6 k1 event Namespace - value=ADDED:ns:5 peer=r1 id=2
3 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=B rev=7
` + toNewer, "no-spurious-deletion", ""},
		{"a writer that has not been told that the namespace of the next owner is hidden no longer", twoReplicas + unhidden + formerEnds, "no-spurious-deletion", mechanism.CauseHidden},
		{"a writer that has been told so for long", twoReplicas + unhidden + "3 k0 event Namespace - value=MODIFIED:other:6 peer=r0 id=1\n" + formerEnds, "no-spurious-deletion", ""},
		{"a writer that is told of the end of the former namespace before it is told of the next owner", twoReplicas + nextOwner + namespaceGoes, "no-spurious-deletion", mechanism.CauseNamespace},
		{"a writer that is told of the next owner before", twoReplicas + nextOwner + "4 k0 event CiliumEndpoint - value=ADDED:other/two:6 peer=r0 id=2\n" + namespaceGoes, "no-spurious-deletion", ""},
		{"a writer that has been told of the end of the namespace for long", twoReplicas + namespaceGone + nextOwner + formerEnds, "no-spurious-deletion", ""},
		{"a writer that has not been told that the namespace is hidden", twoReplicas + hidden + shown, "integrity", mechanism.CauseHidden},
		{"a writer that has been told that the namespace is hidden", twoReplicas + hidden + "3 k0 event Namespace - value=MODIFIED:ns:6 peer=r0 id=1\n" + shown, "integrity", ""},
		{"a writer that is told that the namespace is hidden as it is told of the entry", twoReplicas + hidden + "4.9 k0 event Namespace - value=MODIFIED:ns:6 peer=r0 id=1\n" + shown, "integrity", mechanism.CauseHidden},
		{"a writer that would have been told so by a connection that is cut", twoReplicas + watchesNamespaces + cutOff + hidden + toldOfHidden + "4 k0 unwatch Namespace - value=client peer=r0 id=1\n4 world heal partition r0 rev=1\n" + shown, "integrity", mechanism.CauseHidden},
		{"a writer that is told so when the cut ends", twoReplicas + watchesNamespaces + cutOff + hidden + toldOfHidden + "4.9 world heal partition r0 rev=1\n" + shown, "integrity", mechanism.CauseHidden},
		{"a writer that was told so when the cut ended", twoReplicas + watchesNamespaces + cutOff + hidden + toldOfHidden + "3 world heal partition r0 rev=1\n" + shown, "integrity", ""},
		{"a writer that was told so while another is cut off", twoReplicas + watchesNamespaces + strings.ReplaceAll(cutOff, "r0", "r1") + hidden + toldOfHidden + shown, "integrity", ""},
		{"an entry of a namespace of which nothing was written", twoReplicas + shown, "integrity", ""},
		{"an agent drops what its store holds", twoReplicas + "3 a0 drop endpoint e peer=r0 store=A inc=1\n", "no-spurious-deletion", ""},
		{"a lease expires", twoReplicas + `
3 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
3 a0 drop endpoint e peer=r0 store=A inc=1
`, "no-spurious-deletion", mechanism.CauseLease},
		{"an agent still hears from the replica before, which knows more", twoReplicas + `
3 a0 connect - - peer=r1 store=B
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
4 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpoint/ns/two rv=7
4 r0 put endpoint cilium/state/ip/v1/default/e value="id=2 host=h pod=ns/two" store=A rev=8
4 a0 see endpoint e value="id=2 host=h pod=ns/two" peer=r0 store=A inc=1
5 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r1 store=B inc=1
`, "monotonic", mechanism.CauseStale},
		{"a store that is behind works off its backlog, under an agent that has come to it", twoReplicas + `
3 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpoint/ns/one rv=6
3 r0 put endpoint cilium/state/ip/v1/default/e value="id=2 host=h pod=ns/two" store=A rev=8
3 a0 see endpoint e value="id=2 host=h pod=ns/two" peer=r0 store=A inc=1
4 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=put owner=CiliumEndpoint/ns/one rv=7
4 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=9
4 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
5 a0 connect - - peer=r1 store=B
5 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r1 store=B inc=1
6 r1 put endpoint cilium/state/ip/v1/default/e value="id=2 host=h pod=ns/two" store=B rev=8
6 a0 see endpoint e value="id=2 host=h pod=ns/two" peer=r1 store=B inc=1
`, "monotonic", mechanism.CauseStale},
		{"a store that is behind deletes the former life of what has come back as it was, under an agent that has come to it", twoReplicas + cameBack + toFormer + `
6 r1 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r1 store=B rev=8
6 r1 del endpoint cilium/state/ip/v1/default/e store=B rev=8
6 a0 drop endpoint e peer=r1 store=B inc=1
`, "no-spurious-deletion", mechanism.CauseStale},
		{"a lease of such a key expires", twoReplicas + cameBack + toFormer + `
6 r1 del endpoint cilium/state/ip/v1/default/e store=B rev=8
6 a0 drop endpoint e peer=r1 store=B inc=1
`, "no-spurious-deletion", mechanism.CauseLease},
		{"a store deletes what has never gone, under an agent that has come to it", twoReplicas + toFormer + `
6 r1 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r1 store=B rev=8
6 r1 del endpoint cilium/state/ip/v1/default/e store=B rev=8
6 a0 drop endpoint e peer=r1 store=B inc=1
`, "no-spurious-deletion", ""},
		{"a slow agent hears late of what its new store lacked in the list", `
0 r0 up etcd - store=A inc=1
0 r1 up etcd - store=B inc=1
0 a0 up agent - inc=1
1 k0 truth endpoint e value=one op=put owner=CiliumEndpoint/ns/one rv=5
1 r0 put endpoint cilium/state/ip/v1/default/e value=one store=A rev=5
2 a0 connect - - peer=r0 store=A
2 a0 see endpoint e value=one peer=r0 store=A inc=1
3 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=B rev=7
3 a0 connect - - peer=r1 store=B
4 r1 put endpoint cilium/state/ip/v1/default/e value=one store=B rev=8
5 k0 truth endpoint e value=one op=del owner=CiliumEndpoint/ns/one rv=6
6 a0 drop endpoint e peer=r1 store=B inc=1
7 a0 see endpoint e value=one peer=r1 store=B inc=1
`, "monotonic", mechanism.CauseStale},
		{"a lease expires, and its key is back when a slow agent hears of it", twoReplicas + `
3 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
4 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=9
5 a0 drop endpoint e peer=r0 store=A inc=1
`, "no-spurious-deletion", mechanism.CauseLease},
		{"a lease expires in the store that the agent is about to leave", twoReplicas + `
3 a0 connect - - peer=r1 store=B
4 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
4 a0 drop endpoint e peer=r0 store=A inc=1
`, "no-spurious-deletion", mechanism.CauseLease},
		{"a writer puts back what an informer that is behind still has", twoReplicas + deleted + `
4.9 k0 event Namespace - value="ADDED:ns:6" peer=r0 id=2
5 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=9
5 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
`, "monotonic", mechanism.CauseNamespace},
		{"a watch that is opened again tells of a lease that expired meanwhile", twoReplicas + `
3 a0 disconnect - - value=timeout peer=r0 store=A
4 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
5 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=9
9 a0 connect - - peer=r0 store=A
9 a0 drop endpoint e peer=r0 store=A inc=1
`, "no-spurious-deletion", mechanism.CauseLease},
		{"an agent that reads slowly has lost its replica and hears of a lease that had expired", twoReplicas + `
4 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
5 a0 disconnect - - value=reset peer=r0 store=A
9 a0 drop endpoint e peer=r0 store=A inc=1
`, "no-spurious-deletion", mechanism.CauseLease},
		{"a writer puts back what was gone, for no known reason", twoReplicas + deleted + `
5 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=9
5 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
`, "monotonic", ""},
		{"a writer deletes for no known reason", twoReplicas + `
3 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
3 r0 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r0 store=A rev=8
3 a0 drop endpoint e peer=r0 store=A inc=1
`, "no-spurious-deletion", ""},
		{"a writer deletes after a relist", twoReplicas + moved + `
4 k0 event Namespace - value="ADDED:ns:3 INITIAL:7" peer=r0 id=3
4 k0 event CiliumEndpoint - value="ADDED:ns/two:6 INITIAL:7" peer=r0 id=1
` + wronglyDeleted, "no-spurious-deletion", mechanism.CauseRelist},
		{"a writer deletes although it has been told in order", twoReplicas + `
2 k0 event CiliumEndpoint - value="ADDED:ns/one:6 INITIAL:7" peer=r0 id=1
` + moved + `
3 k0 event CiliumEndpoint - value=ADDED:ns/two:6 peer=r0 id=1
` + wronglyDeleted, "no-spurious-deletion", ""},
		{"a writer takes the last of several events for the first", twoReplicas + moved + `
4.9 k0 event CiliumEndpoint - value="MODIFIED:ns/one:5 ADDED:ns/two:6 DELETED:ns/one:7" peer=r0 id=1
` + wronglyDeleted, "no-spurious-deletion", mechanism.CauseMerged},
		{"a writer has handled the first of several events long before", twoReplicas + `
2 k0 event CiliumEndpoint - value=MODIFIED:ns/one:5 peer=r0 id=1
` + moved + `
4.9 k0 event CiliumEndpoint - value="ADDED:ns/two:6 DELETED:ns/one:7" peer=r0 id=1
` + wronglyDeleted, "no-spurious-deletion", ""},
		{"several events of an object that never had the key", twoReplicas + moved + `
4.9 k0 event CiliumEndpoint - value="MODIFIED:ns/three:5 ADDED:ns/two:6 DELETED:ns/three:7" peer=r0 id=1
` + wronglyDeleted, "no-spurious-deletion", ""},
		{"a writer learns of a namespace late", twoReplicas + strings.ReplaceAll(moved, "ns/two", "new/two") + `
3 k0 event CiliumEndpoint - value=ADDED:new/two:6 peer=r0 id=1
4.001 k0 event Namespace - value="ADDED:new:6" peer=r0 id=2
` + wronglyDeleted, "no-spurious-deletion", mechanism.CauseNamespace},
		{"a writer has heard of the deletion of a namespace only", twoReplicas + `
2 k0 event Namespace - value=DELETED:new:4 peer=r0 id=2
` + strings.ReplaceAll(moved, "ns/two", "new/two") + `
3 k0 event CiliumEndpoint - value=ADDED:new/two:6 peer=r0 id=1
` + wronglyDeleted, "no-spurious-deletion", mechanism.CauseNamespace},
		{"a writer has heard of a namespace again, long before", twoReplicas + `
2 k0 event Namespace - value="DELETED:new:4 ADDED:new:5" peer=r0 id=2
` + strings.ReplaceAll(moved, "ns/two", "new/two") + `
3 k0 event CiliumEndpoint - value=ADDED:new/two:6 peer=r0 id=1
` + wronglyDeleted, "no-spurious-deletion", ""},
		{"an agent hears late of a lease that had expired", twoReplicas + aWatch + `
4 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
4.5 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=9
5 a0 drop endpoint e peer=r0 store=A inc=1
`, "no-spurious-deletion", mechanism.CauseLease},
		{"an agent hears late of a deletion that nothing explains", twoReplicas + aWatch + `
4 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
4 r0 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r0 store=A rev=8
4.5 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=9
5 a0 drop endpoint e peer=r0 store=A inc=1
`, "no-spurious-deletion", ""},
		{"an agent hears late of what came after a lease had expired", twoReplicas + aWatch + `
4 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
4.1 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=9
5 k0 truth endpoint e value="id=2 host=h pod=ns/one" op=put owner=CiliumEndpoint/ns/one rv=6
5 r0 put endpoint cilium/state/ip/v1/default/e value="id=2 host=h pod=ns/one" store=A rev=10
6 k0 truth endpoint e value="id=2 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=7
7 a0 connect - - peer=r0 store=A
7 r0 watch endpoint cilium/state/ip/v1/default/ peer=a0 store=A end=cilium/state/ip/v1/default0 ask=8 id=10
7 a0 drop endpoint e peer=r0 store=A inc=1
7 a0 see endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
7 a0 see endpoint e value="id=2 host=h pod=ns/one" peer=r0 store=A inc=1
`, "monotonic", mechanism.CauseLease},
		{"an agent gives up waiting for a replica", twoReplicas + `
2 a0 program endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
3 a0 down agent - inc=1
3 a0 up agent - inc=2
63 a0 unprogram endpoint e inc=2
63 a0 synced endpoint - value=timeout inc=2
`, "no-spurious-deletion", mechanism.CauseNoSource},
		{"an agent gives up waiting for a cluster configuration", twoReplicas + `
2 a0 program endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
3 a0 down agent - inc=1
3 a0 up agent - inc=2
4 r0 del meta cilium/cluster-config/c1 store=A rev=8
5 a0 connect - - peer=r0 store=A
63 a0 unprogram endpoint e peer=r0 store=A inc=2
63 a0 synced endpoint - value=timeout inc=2
`, "no-spurious-deletion", mechanism.CauseClusterConfig},
		{"the entry leaves the datapath although the agent had its lists", twoReplicas + `
2 a0 program endpoint e value="id=1 host=h pod=ns/one" peer=r0 store=A inc=1
3 a0 unprogram endpoint e peer=r0 store=A inc=1
3 a0 synced endpoint - value=synced inc=1
`, "no-spurious-deletion", ""},
		{"the entry was deleted while the writer restarted", twoReplicas + `
2.5 r0 down writer - inc=1
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
4 r0 up writer - inc=2
5 r0 put meta cilium/synced/c1/cilium/state/ip/v1 store=A rev=8
` + ends, "convergence", mechanism.CauseOrphan},
		{"the entry was deleted before its writer was told of it, but not of its namespace", twoReplicas + `
2.5 r0 down writer - inc=1
3 r0 up writer - inc=2
3 k0 event Namespace - value="ADDED:ns:1 INITIAL:5" peer=r0 id=7
3.5 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=8
4 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
` + ends, "convergence", mechanism.CauseUntold},
		{"likewise, but the writer asked for its deletion, in vain", twoReplicas + `
2.5 r0 down writer - inc=1
3 r0 up writer - inc=2
3 k0 event Namespace - value="ADDED:ns:1 INITIAL:5" peer=r0 id=7
3.5 r0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=A rev=8
4 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
5 r0 call meta cilium/state/ip/v1/default/e op=delete err=Unavailable peer=r0 store=A from=5
` + ends, "convergence", ""},
		{"an etcd applies what the writer before had asked for", twoReplicas + `
2 k0 truth endpoint f value="id=1 host=h pod=ns/f" op=put owner=CiliumEndpoint/ns/f rv=6
2 r0 call meta cilium/state/ip/v1/default/f op=put value=x err=Canceled peer=r0 store=A from=2
2.5 r0 down writer - inc=1
3 k0 truth endpoint f value="id=1 host=h pod=ns/f" op=del owner=CiliumEndpoint/ns/f rv=7
4 r0 up writer - inc=2
4.5 r0 put endpoint cilium/state/ip/v1/default/f value="id=1 host=h pod=ns/f" store=A rev=8
4.6 a0 see endpoint f value="id=1 host=h pod=ns/f" peer=r0 store=A inc=1
5 r0 put meta cilium/synced/c1/cilium/state/ip/v1 store=A rev=9
` + ends, "convergence", mechanism.CauseOrphan},
		{"a key that no writer knows of goes with its lease, too late", twoReplicas + `
2.5 r0 down writer - inc=1
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
4 r0 up writer - inc=2
5 r0 put meta cilium/synced/c1/cilium/state/ip/v1 store=A rev=8
10 world phase - heal value=10s
25 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=9
25 a0 drop endpoint e peer=r0 store=A inc=1
30 world phase - end value=settled
`, "convergence", mechanism.CauseOrphan},
		{"the entry was there again for a while, unknown to the next writer", twoReplicas + `
2.5 r0 down writer - inc=1
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
4 r0 up writer - inc=2
5 r0 put meta cilium/synced/c1/cilium/state/ip/v1 store=A rev=8
6 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpoint/ns/two rv=7
7 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=del owner=CiliumEndpoint/ns/two rv=8
` + ends, "convergence", mechanism.CauseOrphan},
		{"the same, but the next writer has not listed", twoReplicas + `
2.5 r0 down writer - inc=1
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
4 r0 up writer - inc=2
` + ends, "convergence", ""},
		{"a writer does not delete what it could have", twoReplicas + `
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
` + ends, "convergence", ""},
		{"a writer waits as long as it had been refused for", twoReplicas + `
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
9 r0 call meta DeleteRange op=other err="database space exceeded" peer=r0 store=A from=9
10 world phase - heal value=1s
14 world phase - end value=settled
`, "convergence", mechanism.CauseBackOff},
		{"a writer has waited longer than that", twoReplicas + `
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
9 r0 call meta DeleteRange op=other err="database space exceeded" peer=r0 store=A from=9
` + ends, "convergence", ""},
		{"what another writer asked for was refused", twoReplicas + `
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
9 r0 call meta DeleteRange op=other err="database space exceeded" peer=r1 store=A from=9
10 world phase - heal value=1s
14 world phase - end value=settled
`, "convergence", ""},
		{"a watch goes on at a revision of another store", twoReplicas + `
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
4 a0 disconnect - - value=reset peer=r0 store=A
4 r0 down etcd - store=A inc=1
4 r0 up etcd - store=A/2 inc=2
5 a0 connect - - peer=r0 store=A/2
` + ends, "convergence", mechanism.CauseEmptied},
		{"a writer is stopped before it was told of anything", twoReplicas + `
3 k0 event CiliumNode - value=INITIAL:7 peer=r0 id=1
4 r1 down writer - inc=1
` + ends + "60 world left - k8s.io/client-go/util/workqueue.newDelayingQueue[...] rev=6\n60 world left - - rev=6\n", "leaks", mechanism.CauseQueue},
		{"goroutines are left that nothing explains", twoReplicas + `
3 k0 event CiliumNode - value=INITIAL:7 peer=r0 id=1
3 k0 event CiliumNode - value=INITIAL:7 peer=r1 id=2
5 r1 down writer - inc=1
` + ends + "60 world left - k8s.io/client-go/util/workqueue.newDelayingQueue[...] rev=6\n60 world left - - rev=6\n", "leaks", ""},
		{"a store that had what the agent knew better goes back by itself: it is not behind", twoReplicas + replaced + `
5 r1 put endpoint cilium/state/ip/v1/default/e value="id=2 host=h pod=ns/two" store=B rev=8
5 r1 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h pod=ns/one" store=B rev=9
` + toStale + ends, "monotonic", ""},
		{"an agent is behind its store", twoReplicas + `
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=6
3 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
3 r0 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r0 store=A rev=8
` + ends, "convergence", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			requireCause(t, c.records, c.property, c.want)
		})
	}
}

// requireCause demands of records that they break a property, and that each violation has a
// cause, or none if it is "".
func requireCause(t *testing.T, text, name, want string) {
	t.Helper()
	records, err := history.Parse(text)
	require.NoError(t, err)
	r, _ := checker.Check(index.New(&history.History{Records: records}), checker.Config{}).Result(name)
	require.Equal(t, property.Fail, r.Outcome, r.Evidence)
	for _, v := range r.Violations {
		if want == "" {
			require.Nil(t, v.Cause, "%s", v.Sentence())
			continue
		}
		require.NotNil(t, v.Cause, v.Sentence())
		require.Equal(t, want, v.Cause.Name())
		require.NotEmpty(t, v.Cause.Sentence())
		require.NotEmpty(t, v.Cause.Records())
	}
}

const (
	// The address goes from ns/one to ns/two without a gap.
	moved = `
3 k0 truth endpoint e value="id=2 host=h pod=ns/two" op=put owner=CiliumEndpoint/ns/two rv=6
3 k0 truth endpoint e value="id=1 host=h pod=ns/one" op=del owner=CiliumEndpoint/ns/one rv=7
`
	aWatch = `
2 r0 watch endpoint cilium/state/ip/v1/default/ peer=a0 store=A end=cilium/state/ip/v1/default0 ask=8 id=9
`
	wronglyDeleted = `
5 r0 del endpoint cilium/state/ip/v1/default/e store=A rev=8
5 r0 call meta cilium/state/ip/v1/default/e op=delete value=1 peer=r0 store=A rev=8
5 a0 drop endpoint e peer=r0 store=A inc=1
`
)
