package mechanism

import (
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/model/mode"
)

// What an agent sees in CRDs and no replica has is explained where its namespace is hidden, and not
// where it is for all, or where the agent saw it in a replica.
func TestOfWhatCRDsShow(t *testing.T) {
	const (
		kube   = "0 world phase - start\n0 k0 up kube - inc=1\n0 k0 truth node n0 op=put owner=CiliumNode/n0 rv=4 value=x\n1 a0 up agent - inc=1\n"
		start  = kube + "1 r0 up etcd - store=s inc=1\n"
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
	t.Run("a hidden namespace, where there are no replicas", func(t *testing.T) {
		explained(t, views.Integrity, mode.CRD, kube+hidden+seen+end, "")
	})

	const (
		api     = "\"id=65793 host=192.168.0.1 pod=api/api-0\""
		owned   = "4 k0 truth endpoint 10.0.0.2 op=put owner=CiliumEndpoint/api/api-0 rv=7 value=" + api + "\n4 a0 see endpoint 10.0.0.2 value=" + api + " op=watch peer=k0 inc=1 source=crd session=1\n"
		dropped = "6 a0 drop endpoint 10.0.0.2 op=watch peer=k0 inc=1 source=crd session=1\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"what is hidden is dropped, in whose place another owner was", hidden + owned + seen + dropped, CauseShownByCRDs},
		{"what is not hidden is dropped so", owned + seen + dropped, ""},
		{"another owner's is dropped", hidden + owned + dropped, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			explained(t, views.NoSpuriousDeletion, mode.Handover, start+c.history+end, c.want)
		})
	}
}

// An agent that reads the etcd of a replica sees a node and an endpoint there.
const (
	web          = "\"id=65792 host=192.168.0.1 pod=shop/web-0\""
	readsReplica = "0 world phase - start\n0 k0 up kube - inc=1\n0 r0 up etcd - store=s inc=1\n" +
		"0 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/shop/web-0 rv=4 value=" + web + "\n" +
		"0 k0 truth node n0 op=put owner=CiliumNode/n0 rv=5 value=x\n" +
		"1 a0 up agent - inc=1\n1 a0 reading - clustermesh value=clustermesh op=begins\n1 a0 connect - - peer=r0 store=s inc=1 session=1\n" +
		"2 a0 see node n0 value=x op=list peer=r0 store=s inc=1 source=clustermesh session=1\n" +
		"2 a0 see endpoint 10.0.0.1 value=" + web + " op=list peer=r0 store=s inc=1 source=clustermesh session=1\n"
)

// What an agent had from its etcd stays where CRDs said the same meanwhile and it ceased to read them, and not where they
// did not say it, or where what they had said was withdrawn with them.
func TestOfWhatCRDsConfirmed(t *testing.T) {
	const (
		twice     = "4 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/shop/web-0#2 rv=4 value=" + web + "\n4 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/shop/web-0#2 rv=4 value=" + web + "\n"
		falls     = "10 a0 reading - clustermesh,crd value=crd,clustermesh op=fall-back\n"
		told      = "11 k0 event CiliumEndpoint - value=\"ADDED:shop/web-0:4 INITIAL:9\" peer=a0\n"
		early     = "5 k0 event CiliumEndpoint - value=\"ADDED:shop/web-0:4 INITIAL:9\" peer=a0\n"
		toldOther = "11 k0 event CiliumEndpoint - value=\"ADDED:shop/web-1:4 INITIAL:9\" peer=a0\n"
		toldOld   = "11 k0 event CiliumEndpoint - value=\"ADDED:shop/web-0:3 INITIAL:9\" peer=a0\n"
		toldGone  = "11 k0 event CiliumEndpoint - value=DELETED:shop/web-0:4 peer=a0\n"
		alone     = "12 a0 reading - clustermesh,crd value=crd op=listed\n"
		over      = "20 a0 reading - clustermesh value=clustermesh op=goes-over\n"
		end       = "30 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/shop/web-0 rv=12 value=" + web + "\n" +
			"40 world phase - heal value=10s\n90 world phase - end value=settled\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"CRDs said the same", falls + told + over, CauseStoppedReader},
		{"the object had it twice before", twice + falls + told + over, CauseStoppedReader},
		{"the agent never read CRDs", "", ""},
		{"it was told before it read them for itself", early + falls + over, ""},
		{"CRDs told it of another object", falls + toldOther + over, ""},
		{"of the object before it was so", falls + toldOld + over, ""},
		{"that the object was gone", falls + toldGone + over, ""},
		{"it still reads CRDs", falls + told, ""},
		{"what CRDs had said went with them", falls + told + alone + over, ""},
	} {
		t.Run(c.name, func(t *testing.T) { explained(t, views.Convergence, mode.Handover, readsReplica+c.history+end, c.want) })
	}
}

// What an agent had from an etcd that it has lost stays where CRDs, when it has listed them, do not say so any more, and
// both sources count; not where CRDs alone count, or say so still, or where it reads an etcd again.
func TestOfWhatALostEtcdLeaves(t *testing.T) {
	const (
		lost   = "10 a0 disconnect - - peer=r0 store=s value=close\n"
		gone   = "11 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/shop/web-0 rv=12 value=" + web + "\n"
		falls  = "20 a0 reading - clustermesh,crd value=crd,clustermesh op=fall-back\n"
		listed = "21 a0 reading - clustermesh,crd value=crd,clustermesh op=listed\n"
		alone  = "21 a0 reading - clustermesh,crd value=crd op=listed\n"
		again  = "22 a0 connect - - peer=r0 store=s inc=1 session=2\n"
		late   = "23 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/shop/web-0 rv=12 value=" + web + "\n"
		end    = "40 world phase - heal value=10s\n90 world phase - end value=settled\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"gone between the loss and the list", lost + gone + falls + listed, CauseLostEtcd},
		{"CRDs alone count", lost + gone + falls + alone, ""},
		{"gone when CRDs are listed", lost + falls + listed + late, ""},
		{"CRDs are not listed", lost + gone + falls, ""},
		{"the etcd was not lost", gone + falls + listed, ""},
		{"the agent reads it again", lost + gone + falls + listed + again, ""},
	} {
		t.Run(c.name, func(t *testing.T) { explained(t, views.Convergence, mode.Handover, readsReplica+c.history+end, c.want) })
	}
}

// An agent that had an address from its etcd takes it from CRDs when it lists these: of two owners the older one, with which it
// loses the address. It did not where it had not been told of the other one by then.
func TestOfAnOldOwnerThatBothSourcesSay(t *testing.T) {
	const (
		other = "\"id=65793 host=192.168.0.1 pod=shop/web-1\""
		owns  = "5 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/shop/web-1 rv=6 value=" + other + "\n"
		falls = "10 a0 disconnect - - peer=r0 store=s value=close\n20 a0 reading - clustermesh,crd value=crd,clustermesh op=fall-back\n"
		told  = "21 k0 event CiliumEndpoint - value=\"ADDED:shop/web-0:4 ADDED:shop/web-1:6 INITIAL:9\" peer=a0 id=1\n"
		first = "21 k0 event CiliumEndpoint - value=\"ADDED:shop/web-0:4 INITIAL:9\" peer=a0 id=1\n"
		alone = "22 a0 reading - clustermesh,crd value=crd op=listed\n"
		later = "23 k0 event CiliumEndpoint - value=ADDED:shop/web-1:6 peer=a0 id=1\n"
		gone  = "30 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/shop/web-0 rv=12 value=" + web + "\n" +
			"30 k0 event CiliumEndpoint - value=DELETED:shop/web-0:12 peer=a0 id=1\n" +
			"30.1 a0 drop endpoint 10.0.0.1 op=watch peer=k0 inc=1 source=crd session=1\n90 world phase - end value=settled\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"told of both by its list", owns + falls + told + alone + gone, CauseOldOwner},
		{"told of the other one later", owns + falls + first + alone + later + gone, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			explained(t, views.NoSpuriousDeletion, mode.Handover, readsReplica+c.history, c.want)
		})
	}
}

// An agent goes over to the etcd that it had read before as soon as it is connected again, and loses what came there meanwhile
// until its watch has told it; not where the etcd did not have that, or has it from before.
func TestOfAWatchThatGoesOn(t *testing.T) {
	const (
		inCRDs = "6 k0 truth endpoint 10.0.0.2 op=put owner=CiliumEndpoint/shop/web-1 rv=6 value=\"id=65792 host=192.168.0.1 pod=shop/web-1\"\n"
		lost   = "5 a0 disconnect - - peer=r0 store=s value=close\n"
		put    = "7 r0 put endpoint cilium/state/ip/v1/default/10.0.0.2 value=\"id=65792 host=192.168.0.1 pod=shop/web-1\" store=s rev=9\n"
		falls  = "8 a0 reading - clustermesh,crd value=crd op=listed\n8 a0 see endpoint 10.0.0.2 value=\"id=65792 host=192.168.0.1 pod=shop/web-1\" op=list peer=k0 inc=1 source=crd session=1\n"
		again  = "9 a0 connect - - peer=r0 store=s inc=1 session=2\n9.05 a0 reading - clustermesh value=clustermesh op=goes-over\n" +
			"9.05 a0 drop endpoint 10.0.0.2 op=list peer=r0 store=s inc=1 source=clustermesh session=1\n"
		told = "9.06 a0 see endpoint 10.0.0.2 value=\"id=65792 host=192.168.0.1 pod=shop/web-1\" op=watch peer=r0 store=s inc=1 source=clustermesh session=2\n"
		end  = "90 world phase - end value=settled\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"its watch tells it at once", lost + inCRDs + put + falls + again + told + end, CauseStale},
		{"it was not connected with it before", inCRDs + put + falls + strings.Replace(again, "9 a0 connect - - peer=r0 store=s inc=1 session=2\n", "", 1) + told + end, ""},
		{"its watch never tells it", lost + inCRDs + put + falls + again + end, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			explained(t, views.NoSpuriousDeletion, mode.Handover, readsReplica+c.history, c.want)
		})
	}
}

// What an agent has of CRDs stays when its namespace is hidden, where it still reads them and they still say so.
func TestOfWhatCRDsStillShow(t *testing.T) {
	const (
		start = "0 world phase - start\n0 k0 up kube - inc=1\n1 a0 up agent - inc=1\n1 a0 reading - clustermesh value=clustermesh op=begins\n" +
			"1 k0 write Namespace shop value=\"labels=kubernetes.io/metadata.name=shop\" op=create rv=3\n"
		end    = "1 k0 write CiliumEndpoint shop/web-0 value=\"identity=65792 ips=10.0.0.1\" op=create rv=4\n"
		sliced = "1 k0 write CiliumEndpointSlice ces-1 value=\"namespace=shop endpoint=web-0,65792,10.0.0.1\" op=create rv=5\n"
		seen   = "1 k0 truth endpoint 10.0.0.1 op=put owner=CiliumEndpoint/shop/web-0 rv=4 value=" + web + "\n1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=4 value=x\n" +
			"2 a0 reading - clustermesh,crd value=clustermesh op=fall-back\n3 a0 reading - clustermesh,crd value=crd op=listed\n" +
			"3 a0 see node n0 value=x op=list peer=k0 inc=1 source=crd session=1\n3 a0 see endpoint 10.0.0.1 value=" + web + " op=list peer=k0 inc=1 source=crd session=1\n"
		hidden  = "10 k0 write Namespace shop value=\"hidden=true labels=kubernetes.io/metadata.name=shop\" op=update rv=6\n"
		shown   = "11 k0 write Namespace shop value=\"labels=kubernetes.io/metadata.name=shop\" op=update rv=7\n"
		gone    = "10 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/shop/web-0 rv=6 value=" + web + "\n"
		deleted = "12 k0 write CiliumEndpoint shop/web-0 op=delete rv=8\n"
		other   = "12 k0 write CiliumEndpoint shop/web-0 value=\"identity=65793 ips=10.0.0.1\" op=update rv=8\n"
		emptied = "12 k0 write CiliumEndpointSlice ces-1 value=namespace=shop op=update rv=8\n"
		over    = "13 a0 connect - - peer=r0 store=s inc=1 session=2\n13 a0 reading - clustermesh value=clustermesh op=goes-over\n"
		ends    = "40 world phase - heal value=10s\n90 world phase - end value=settled\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"CRDs still say it", end + seen + hidden + gone, CauseShownByCRDs},
		{"slices still say it", end + sliced + seen + hidden + gone, CauseShownByCRDs},
		{"the namespace is shown again", end + seen + hidden + gone + shown, ""},
		{"the endpoint is deleted", end + seen + hidden + gone + deleted, ""},
		{"it has another identity", end + seen + hidden + gone + other, ""},
		{"its slice does not say it any more", end + sliced + seen + hidden + gone + emptied, ""},
		{"the agent has gone over", end + seen + hidden + gone + over, ""},
		{"it was never hidden", end + seen + gone, ""},
	} {
		t.Run(c.name, func(t *testing.T) { explained(t, views.Convergence, mode.Handover, start+c.history+ends, c.want) })
	}
	// An identity goes by its labels.
	const (
		labels = "k8s:app=web;k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop"
		made   = "1 k0 write CiliumIdentity 65792 value=labels=k8s:app=web,k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop op=create rv=4\n"
		known  = "1 k0 truth identity 65792 op=put owner=CiliumIdentity/65792 rv=4 value=" + labels + "\n1 k0 truth node n0 op=put owner=CiliumNode/n0 rv=4 value=x\n" +
			"2 a0 reading - clustermesh,crd value=clustermesh op=fall-back\n3 a0 reading - clustermesh,crd value=crd op=listed\n" +
			"3 a0 see node n0 value=x op=list peer=k0 inc=1 source=crd session=1\n3 a0 see identity 65792 value=" + labels + " op=list peer=k0 inc=1 source=crd session=1\n"
		ended    = "10 k0 truth identity 65792 op=del owner=CiliumIdentity/65792 rv=6 value=" + labels + "\n"
		dropped  = "12 k0 write CiliumIdentity 65792 op=delete rv=8\n"
		numbered = "12 k0 write CiliumIdentity 65792 value=labels=k8s:app=db op=update rv=8\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"the identity is still there", made + known + hidden + ended, CauseShownByCRDs},
		{"the identity is deleted", made + known + hidden + ended + dropped, ""},
		{"the identity has other labels", made + known + hidden + ended + numbered, ""},
	} {
		t.Run(c.name, func(t *testing.T) { explained(t, views.Convergence, mode.Handover, start+c.history+ends, c.want) })
	}
}

// What an agent has of identities from CRDs goes as it is stopped, where one cache has them; what it loses so at another
// time has no such cause.
func TestOfAnAgentThatIsStoppedWhileItReadsCRDs(t *testing.T) {
	const reads = readsReplica + "2 k0 truth identity 7 op=put owner=CiliumIdentity/7 rv=6 value=x\n" +
		"10 a0 reading - clustermesh,crd value=crd,clustermesh op=fall-back\n" +
		"11 a0 see identity 7 value=x op=list peer=k0 inc=1 source=crd session=1\n" +
		"20 a0 drop identity 7 op=drop peer=k0 inc=1 source=crd session=1\n"
	for stopped, want := range map[string]string{"20 a0 down agent - inc=1\n": CauseOneCache, "21 a0 down agent - inc=1\n": ""} {
		explained(t, views.NoSpuriousDeletion, mode.Handover, reads+stopped+"90 world phase - end value=settled\n", want)
	}
}
