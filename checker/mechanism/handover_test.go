package mechanism

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/model/mode"
)

// What an agent sees in CRDs and no replica has is explained where its namespace is hidden, and not
// where it is for all, or where the agent saw it in a replica.
func TestOfWhatCRDsShow(t *testing.T) {
	const (
		start  = "0 world phase - start\n0 k0 up kube - inc=1\n0 k0 truth node n0 op=put owner=CiliumNode/n0 rv=4 value=x\n1 a0 up agent - inc=1\n"
		hidden = "2 k0 write Namespace shop value=\"hidden=true labels=kubernetes.io/metadata.name=shop\" op=update rv=5\n"
		shown  = "3 k0 write Namespace shop value=\"labels=kubernetes.io/metadata.name=shop\" op=update rv=6\n"
		seen   = "5 a0 see endpoint 10.0.0.2 value=\"id=65792 host=192.168.0.1 pod=shop/web-1\" op=list peer=k0 inc=1 source=crd session=1\n"
		inEtcd = "5 a0 see endpoint 10.0.0.2 value=\"id=65792 host=192.168.0.1 pod=shop/web-1\" op=list peer=r0 store=s inc=1 source=clustermesh session=1\n"
		end    = "90 world phase - end value=settled\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"a hidden namespace, by CRDs", hidden + seen, CauseShownByCRDs},
		{"one that is not hidden any more", hidden + shown + seen, ""},
		{"a namespace that was never hidden", seen, ""},
		{"a hidden namespace, by a replica", hidden + inEtcd, ""},
	} {
		t.Run(c.name, func(t *testing.T) { explained(t, views.Integrity, mode.Handover, start+c.history+end, c.want) })
	}
}
