package mechanism_test

import (
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker/mechanism"
)

// Two agents share an etcd: a0 has given the pod ns/one the address e, and a1 sees it.
const sharesEtcd = `
0 k0 up kube - inc=1
0 e0 up etcd - store=A inc=1
0 a0 up agent - inc=1
0 a1 up agent - inc=1
1 a0 connect - - peer=e0 store=A
1 a1 connect - - peer=e0 store=A
2 a0 truth endpoint e value="id=1 host=h0 pod=ns/one" op=put owner=Pod/ns/one rv=5
2 e0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h0 pod=ns/one" owner=L0 store=A rev=10
2 e0 call meta cilium/state/ip/v1/default/e value=h op=put peer=a0 store=A rev=10 from=2
2 a1 see endpoint e value="id=1 host=h0 pod=ns/one" op=watch peer=e0 store=A inc=1
`

// Then a1 gives it to ns/two, and puts the key over that of a0.
const takenOver = sharesEtcd + `
3 a1 truth endpoint e value="id=2 host=h1 pod=ns/two" op=put owner=Pod/ns/two rv=6
3 e0 put endpoint cilium/state/ip/v1/default/e value="id=2 host=h1 pod=ns/two" owner=L1 store=A rev=11
3 e0 call meta cilium/state/ip/v1/default/e value=h op=put peer=a1 store=A rev=11 from=3
3 a1 see endpoint e value="id=2 host=h1 pod=ns/two" op=watch peer=e0 store=A inc=1
`

const deletedBy = "20 e0 del endpoint cilium/state/ip/v1/default/e store=A rev=12\n20 e0 call meta cilium/state/ip/v1/default/e value=1 op=delete store=A rev=12 from=20 peer="

// The lease of the key ends, and its agent puts it again, before the endpoint ends; the other agent hears of all that later.
const (
	leaseEnds = "5 e0 del endpoint cilium/state/ip/v1/default/e store=A rev=11\n" +
		"6 e0 put endpoint cilium/state/ip/v1/default/e value=\"id=1 host=h0 pod=ns/one\" owner=L1 store=A rev=12\n"
	heardLate = "\n30 a1 drop endpoint e op=watch peer=e0 store=A inc=1\n" +
		"31 a1 see endpoint e value=\"id=1 host=h0 pod=ns/one\" op=watch peer=e0 store=A inc=1\n31 a1 drop endpoint e op=watch peer=e0 store=A inc=1\n"
)

const dropped = "\n20 a1 drop endpoint e op=watch peer=e0 store=A inc=1\n"

// oneEnds is the end of a0's pod, which the deletion of the key follows.
const oneEnds = `4 k0 truth endpoint e value="id=1 host=h0 pod=ns/one" op=del owner=Pod/ns/one rv=7
`

// twoEnds is the end of both, by the deletion that a1 asks for.
const twoEnds = `19 k0 truth endpoint e value="id=2 host=h1 pod=ns/two" op=del owner=Pod/ns/two rv=8
` + deletedBy + "a1" + `
20 e0 truth endpoint e value="id=1 host=h0 pod=ns/one" op=del owner=Pod/ns/one rv=9` + dropped

// ownerEnds is the end of a1's pod, whose content the key has.
const ownerEnds = takenOver + `19 k0 truth endpoint e value="id=2 host=h1 pod=ns/two" op=del owner=Pod/ns/two rv=8
` + deletedBy + "a1" + dropped

const putBack = `29 e0 call meta cilium/state/ip/v1/default/e op=range peer=a0 store=A rev=12 from=29
30 e0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h0 pod=ns/one" owner=L0 store=A rev=13
30 e0 call meta cilium/state/ip/v1/default/e value=h op=put peer=a0 store=A rev=13 from=30
30 a1 see endpoint e value="id=1 host=h0 pod=ns/one" op=watch peer=e0 store=A inc=1
`

// An operator collects the identity 7, of which the key of the only agent that uses it has gone.
const collects = `
0 k0 up kube - inc=1
0 e0 up etcd - store=A inc=1
0 a1 up agent - inc=1
1 a1 connect - - peer=e0 store=A
2 e0 put identity cilium/state/identities/v1/id/7 value="k8s:a=b;k8s:c=d" store=A rev=10
2 e0 truth identity 7 value="k8s:a=b;k8s:c=d" op=put owner=key/7 rv=5
2 a0 truth identity 7 value="k8s:a=b;k8s:c=d" op=put owner=Pod/ns/one rv=6
2 e0 put meta cilium/state/identities/v1/value/k8s:a=b;k8s:c=d;/192.168.0.1 store=A rev=11
2 a1 see identity 7 value="k8s:a=b;k8s:c=d" op=watch peer=e0 store=A inc=1
4 e0 del meta cilium/state/identities/v1/value/k8s:a=b;k8s:c=d;/192.168.0.1 store=A rev=12
20 e0 call meta cilium/state/identities/v1/id/7 value=1 op=delete peer=o0 store=A rev=13 from=20
20 e0 del identity cilium/state/identities/v1/id/7 store=A rev=13
20 e0 truth identity 7 value="k8s:a=b;k8s:c=d" op=del owner=key/7 rv=7
20 a1 drop identity 7 op=watch peer=e0 store=A inc=1
`

// ofNode says on which node the pod ns/one is.
const ofNode = "3 k0 write Pod ns/one value=\"node=n0 phase=Running ips=e\" op=create rv=4\n"

// expires is the end of the key of a0's pod, with its lease.
const expires = `4 e0 del endpoint cilium/state/ip/v1/default/e store=A rev=11
4 a1 drop endpoint e op=watch peer=e0 store=A inc=1
`

// looksFor is that an agent is told that the key is gone.
func looksFor(at, agent string) string {
	return at + " e0 call meta cilium/state/ip/v1/default/e op=range peer=" + agent + " store=A rev=11 from=4\n"
}

// refusedPut is that an etcd refuses an agent's put, as its lease is gone.
func refusedPut(at, agent string) string {
	return at + " e0 call meta Put op=other peer=" + agent + " store=A from=" + at + " err=\"rpc error: code = NotFound desc = etcdserver: requested lease not found\"\n"
}

// failedPut is that an etcd is too slow for an agent's put of a key, noLease that it gives an agent no lease.
func failedPut(at, from, agent, key string) string {
	return at + " e0 call meta cilium/state/ip/v1/default/" + key + " value=h op=put peer=" + agent + " store=A from=" + from + " err=\"etcdserver: request timed out\"\n"
}

func noLease(at, agent string) string {
	return at + " e0 lease - L9 op=grant peer=" + agent + " store=A from=" + at + " err=\"etcdserver: mvcc: database space exceeded\"\n"
}

const settled = "\n40 world phase - heal value=6m0s\n1000 world phase - end value=bound\n"

// Who asked for a deletion, and for whom, is what proves that it was a former owner.
func TestCausesWhereAgentsShareAnEtcd(t *testing.T) {
	for _, c := range []struct{ name, records, property, want string }{
		{"the agent of a former owner deletes the key", takenOver + oneEnds + deletedBy + "a0" + dropped, "no-spurious-deletion", mechanism.CauseFormerOwner},
		{"the agent of an owner whose key it is deletes it", ownerEnds, "no-spurious-deletion", mechanism.CauseOneKey},
		{"the lease of its key has expired", takenOver + "20 e0 del endpoint cilium/state/ip/v1/default/e store=A rev=12" + dropped, "no-spurious-deletion", mechanism.CauseSharedLease},
		{"it has expired long before the agent is told", sharesEtcd + leaseEnds + strings.Replace(oneEnds, "4 k0", "7 k0", 1) + heardLate, "monotonic", mechanism.CauseSharedLease},
		{"its agent has asked for that", sharesEtcd + strings.Replace(leaseEnds, "6 e0 put", "5 e0 call meta cilium/state/ip/v1/default/e value=1 op=delete store=A rev=11 from=5 peer=a0\n6 e0 put", 1) + strings.Replace(oneEnds, "4 k0", "7 k0", 1) + heardLate, "monotonic", ""},
		{"the agent of the owner does", takenOver + oneEnds + deletedBy + "a1" + dropped, "no-spurious-deletion", ""},
		{"the former owner has not ended", takenOver + deletedBy + "a0" + dropped, "no-spurious-deletion", ""},
		{"nobody has had it before", sharesEtcd + deletedBy + "a0" + dropped, "no-spurious-deletion", ""},
		{"an agent puts back what has ended", takenOver + twoEnds + putBack, "monotonic", mechanism.CausePutBack},
		{"it does so with a new lease", takenOver + twoEnds + strings.ReplaceAll(putBack, "owner=L0", "owner=L1"), "monotonic", mechanism.CausePutBack},
		{"an agent puts back what has changed", sharesEtcd + `
3 a0 truth endpoint e value="id=2 host=h0 pod=ns/one" op=put owner=Pod/ns/one rv=6
3 e0 put endpoint cilium/state/ip/v1/default/e value="id=2 host=h0 pod=ns/one" owner=L0 store=A rev=11
3 a1 see endpoint e value="id=2 host=h0 pod=ns/one" op=watch peer=e0 store=A inc=1
` + putBack, "monotonic", mechanism.CausePutBack},
		{"and it stays", takenOver + twoEnds + putBack + settled, "convergence", mechanism.CausePutBack},
		{"an operator collects an identity whose user's key has gone with a lease", collects, "no-spurious-deletion", mechanism.CauseCollected},
		{"one that an agent has begun to use since the operator looked", strings.NewReplacer(
			"4 e0 del meta cilium/state/identities/v1/value/k8s:a=b;k8s:c=d;/192.168.0.1",
			"3 e0 call meta cilium/state/identities/v1/value/k8s:a=b;k8s:c=d; op=range peer=o0 store=A rev=11 from=3 end=x\n4 e0 put meta cilium/state/identities/v1/value/k8s:a=b;k8s:c=d;/192.168.0.2").Replace(collects), "no-spurious-deletion", mechanism.CauseCollector},
		{"one whose user's key is there", strings.ReplaceAll(collects, "4 e0 del meta", "4 e0 put meta"), "no-spurious-deletion", ""},
		{"one that an agent deletes", strings.ReplaceAll(collects, "peer=o0", "peer=a0"), "no-spurious-deletion", ""},
		{"a pod ends while its agent is cut off", sharesEtcd + `
4 world fault partition a0 value="a0 and e0 are cut off from each other for 8s" op=cut peer=e0 rev=1
` + strings.ReplaceAll(oneEnds, "4 k0", "5 k0") + `
12 world heal partition a0 value="a0 and e0 are cut off from each other for 8s" op=cut peer=e0 rev=1
` + settled, "convergence", mechanism.CauseUndeleted},
		{"a pod ends when its agent has restarted", sharesEtcd + "3 a0 down agent - inc=1\n3.5 a0 up agent - inc=2\n" + oneEnds + settled, "convergence", mechanism.CauseUndeleted},
		{"a pod ends when its node has been deleted", sharesEtcd + ofNode + "3.5 k0 write CiliumNode n0 op=delete rv=5\n" + oneEnds + settled, "convergence", mechanism.CauseUndeleted},
		{"a pod ends when another node has been deleted", sharesEtcd + ofNode + "3.5 k0 write CiliumNode n1 op=delete rv=5\n" + oneEnds + settled, "convergence", ""},
		{"nothing is the reason", sharesEtcd + oneEnds + settled, "convergence", ""},
		{"a put after its lease has gone is refused", sharesEtcd + expires + refusedPut("5", "a0") + settled, "convergence", mechanism.CauseLostPut},
		{"it is refused long after, and the agent has just found its key gone", sharesEtcd + expires + looksFor("18", "a0") + refusedPut("19", "a0") + settled, "convergence", mechanism.CauseLostPut},
		{"it is refused long after, and nobody has looked for the key", sharesEtcd + expires + refusedPut("19", "a0") + settled, "convergence", ""},
		{"another agent has looked for the key", sharesEtcd + expires + looksFor("18", "a1") + refusedPut("19", "a0") + settled, "convergence", ""},
		{"another agent is refused a put", sharesEtcd + expires + looksFor("18", "a0") + refusedPut("19", "a1") + settled, "convergence", ""},
		{"it has looked for the key long before", sharesEtcd + expires + looksFor("10", "a0") + refusedPut("19", "a0") + settled, "convergence", ""},
		{"it has looked for the key, and is not refused", sharesEtcd + expires + looksFor("18", "a0") + settled, "convergence", ""},
		{"the put that follows times out, after a while", sharesEtcd + expires + looksFor("18", "a0") + failedPut("26", "18", "a0", "e") + settled, "convergence", mechanism.CauseLostPut},
		{"it has asked for that put before it looked", sharesEtcd + expires + looksFor("18", "a0") + failedPut("26", "17", "a0", "e") + settled, "convergence", ""},
		{"a put of another key times out", sharesEtcd + expires + looksFor("18", "a0") + failedPut("26", "18", "a0", "f") + settled, "convergence", ""},
		{"the put that times out is another agent's", sharesEtcd + expires + looksFor("18", "a0") + failedPut("26", "18", "a1", "e") + settled, "convergence", ""},
		{"a put times out, and nobody has looked for the key", sharesEtcd + expires + failedPut("26", "18", "a0", "e") + settled, "convergence", ""},
		{"it gets no lease for the put that follows", sharesEtcd + expires + looksFor("18", "a0") + noLease("18", "a0") + settled, "convergence", mechanism.CauseLostPut},
		{"it gets a lease", sharesEtcd + expires + looksFor("18", "a0") + "18 e0 lease - L9 value=60 op=grant peer=a0 store=A from=18\n" + settled, "convergence", ""},
		{"it gets no lease long after", sharesEtcd + expires + looksFor("18", "a0") + noLease("25", "a0") + settled, "convergence", ""},
		{"another agent gets no lease", sharesEtcd + expires + looksFor("18", "a0") + noLease("18", "a1") + settled, "convergence", ""},
		{"another agent is cut off", sharesEtcd + `
4 world fault partition a1 value="a1 and e0 are cut off from each other for 8s" op=cut peer=k0 rev=1
` + strings.ReplaceAll(oneEnds, "4 k0", "5 k0") + `
12 world heal partition a1 value="a1 and e0 are cut off from each other for 8s" op=cut peer=k0 rev=1
` + settled, "convergence", ""},
	} {
		t.Run(c.name, func(t *testing.T) { requireCause(t, c.records, c.property, c.want) })
	}
}
