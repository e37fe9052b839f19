package mechanism

import (
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker/pods"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Two pods of a0's host have one address. One ends, and a0 deletes the key, hears that it is gone, and puts the other's. Then
// a1 gives the address to a third pod and ends it, and the key goes.
const (
	twoOnOneNode = `
0 world phase - start
0 k0 up kube - inc=1
0 k0 write CiliumNode n0 op=create rv=2
0 e0 up etcd - store=A inc=1
0 a0 up agent - inc=1
0 a1 up agent - inc=1
1 a0 connect - - peer=e0 store=A
1 a1 connect - - peer=e0 store=A
1 k0 write Pod ns/two value="uid=u2 node=n0 account=default labels=app=web" op=create rv=4
2 a0 truth endpoint e value="id=1 host=h0 pod=ns/one" op=put owner=Pod/ns/one rv=5
2 e0 put endpoint cilium/state/ip/v1/default/e value="id=1 host=h0 pod=ns/one" owner=L0 store=A rev=10
2 e0 call meta cilium/state/ip/v1/default/e value=h1 op=put peer=a0 store=A rev=10 from=2
3 a0 truth endpoint e value="id=70000 host=h0 pod=ns/two" op=put owner=Pod/ns/two rv=6
3 k0 write Pod ns/two value="uid=u2 node=n0 host=h0 phase=Running ips=e account=default labels=app=web" op=update rv=7
4 k0 truth endpoint e value="id=1 host=h0 pod=ns/one" op=del owner=Pod/ns/one rv=7
`
	ownDelete = `5 e0 del endpoint cilium/state/ip/v1/default/e store=A rev=11
5 e0 call meta cilium/state/ip/v1/default/e value=1 op=delete peer=a0 store=A rev=11 from=5
`
	putsTwo = `6 e0 put endpoint cilium/state/ip/v1/default/e value="id=70000 host=h0 pod=ns/two" owner=L0 store=A rev=12
6 e0 call meta cilium/state/ip/v1/default/e value=h2 op=put peer=a0 store=A rev=12 from=6
`
	thirdEnds = `50 a1 truth endpoint e value="id=3 host=h1 pod=ns/three" op=put owner=Pod/ns/three rv=8
50 e0 put endpoint cilium/state/ip/v1/default/e value="id=3 host=h1 pod=ns/three" owner=L1 store=A rev=13
50 e0 call meta cilium/state/ip/v1/default/e value=h3 op=put peer=a1 store=A rev=13 from=50
51 k0 truth endpoint e value="id=3 host=h1 pod=ns/three" op=del owner=Pod/ns/three rv=9
51 e0 del endpoint cilium/state/ip/v1/default/e store=A rev=14
51 e0 call meta cilium/state/ip/v1/default/e value=1 op=delete peer=a1 store=A rev=14 from=51
`
	healed = "60 world phase - heal value=60s\n"
	ended  = "1000 world phase - end value=bound\n"
	// Its controller puts it after five minutes, and the agents are told.
	putLate = `303 e0 put endpoint cilium/state/ip/v1/default/e value="id=70000 host=h0 pod=ns/two" owner=L0 store=A rev=15
303 e0 call meta cilium/state/ip/v1/default/e value=h2 op=put peer=a0 store=A rev=15 from=303
`
	numbered   = "303 a0 truth identity 70000 value=k8s:app=web op=put owner=Pod/ns/two rv=10\n303 a0 see identity 70000 value=k8s:app=web op=watch peer=e0 store=A inc=1\n"
	toldNumber = "303.1 a1 see identity 70000 value=k8s:app=web op=watch peer=e0 store=A inc=1\n"
	toldLate   = `303.2 a0 see endpoint e value="id=70000 host=h0 pod=ns/two" op=watch peer=e0 store=A inc=1
303.3 a1 see endpoint e value="id=70000 host=h0 pod=ns/two" op=watch peer=e0 store=A inc=1
`
)

// A key that an agent has deleted for another endpoint on its node is one that it does not put back: what lacks then is not
// explained by that it has one owner only.
func TestOfUnprotectedKeys(t *testing.T) {
	for _, c := range []struct{ name, history, want string }{
		{"its agent has deleted it", twoOnOneNode + ownDelete + putsTwo + thirdEnds, CauseFormerOwner},
		{"its agent has not deleted it", twoOnOneNode + putsTwo + thirdEnds, CauseOneKey},
		{"another agent has", twoOnOneNode + strings.Replace(ownDelete, "peer=a0", "peer=a1", 1) + putsTwo + thirdEnds, CauseOneKey},
		{"it was refused", twoOnOneNode + strings.Replace(ownDelete, "from=5", "from=5 err=late", 1) + putsTwo + thirdEnds, CauseOneKey},
		{"what ended was on another node", strings.ReplaceAll(twoOnOneNode, "host=h0 pod=ns/one", "host=h9 pod=ns/one") + ownDelete + putsTwo + thirdEnds, CauseOneKey},
		{"it had ended long before", twoOnOneNode + strings.ReplaceAll(ownDelete, "5 e0", "45 e0") + strings.ReplaceAll(putsTwo, "6 e0", "46 e0") + thirdEnds, CauseOneKey},
	} {
		t.Run(c.name, func(t *testing.T) { explained(t, views.Convergence, mode.KVStore, c.history+healed+ended, c.want) })
	}
}

// A pod that becomes usable late is explained by what came last, if that is what its store lacked.
func TestOfAPodThatIsUsableLate(t *testing.T) {
	for _, c := range []struct{ name, history, want string }{
		{"its key was not there", twoOnOneNode + ownDelete + putsTwo + thirdEnds + healed + putLate + numbered + toldNumber + toldLate, CauseFormerOwner},
		{"its key was there, and an agent took it late", twoOnOneNode + ownDelete + putsTwo + healed + numbered + toldNumber + toldLate, ""},
		{"its key was back at once", twoOnOneNode + ownDelete + putsTwo + thirdEnds + strings.ReplaceAll(putLate, "303", "52") + healed + numbered + toldNumber + toldLate, ""},
		{"nothing came last, as the agent that lacked it ended", twoOnOneNode + ownDelete + putsTwo + thirdEnds + healed + putLate + numbered + toldNumber + strings.Split(toldLate, "303.3")[0] + "304 a1 down agent - inc=1\n", ""},
		{"its identity came last", twoOnOneNode + ownDelete + putsTwo + thirdEnds + healed + putLate + numbered + toldLate + strings.Replace(toldNumber, "303.1", "304", 1), ""},
	} {
		t.Run(c.name, func(t *testing.T) { explained(t, pods.Started, mode.KVStore, c.history+ended, c.want) })
	}
}
