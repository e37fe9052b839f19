package sim

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/node/addressing"
	"github.com/cilium/cilium/pkg/option"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/kube/crds"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// resources are those of the kube-apiservers. What a whole agent lists besides is there for it.
func (w *world) resources() []storage.Resource {
	if w.plan.HasWhole() {
		return append(crds.Resources(), storage.ListedByAgents()...)
	}
	return crds.Resources()
}

// buildWhole makes the nodes of whole agents. Their Nodes are there: kubelet has registered
// each with the address that its CiliumNode has had so far, and Kubernetes has given it
// addresses for pods, of which its CiliumInternalIP is the first.
func (w *world) buildWhole() error {
	w.wholes = map[string]agent.Whole{}
	for i := range w.plan.Topology.Agents {
		if !w.plan.Whole(i) {
			continue
		}
		name, host := fault.NodeName(i), mode.Agent.Host(i)
		var known v2.CiliumNode
		if err := w.store.Get("CiliumNode", "", name).Decode(&known); err != nil {
			return err
		}
		node, err := nodeOf(i, &known)
		if err != nil {
			return err
		}
		if _, err := w.store.Create(node); err != nil {
			return err
		}
		o := &w.plan.Options
		enforced := w.rec.record
		if !w.plan.HasPolicies() {
			enforced = nil
		}
		if w.wholes[name], err = w.cfg.Whole(agent.Daemon{
			Host: host, Node: name, Cluster: o.ClusterName, ClusterID: o.ClusterID,
			EndpointSlices: o.EndpointSlices, Identities: cmp.Or(o.IdentityManagement, option.IdentityManagementModeOperator),
			IdentityJitter: o.IdentityJitter.Std(),
			Dial:           w.kubeDialer(host), Enforced: enforced, Log: w.cfg.Log.With("host", host),
		}); err != nil {
			return err
		}
	}
	return nil
}

// cni implements workload.CNI.
type cni struct{ w *world }

func (c cni) On(node string) bool {
	number, is := fault.NodeNumber(node)
	return is && c.w.plan.Whole(number)
}

func (c cni) Add(ctx context.Context, node string, s agent.Sandbox) ([]string, error) {
	return c.w.wholes[node].Add(ctx, s)
}

func (c cni) Del(ctx context.Context, node, container string) error {
	return c.w.wholes[node].Del(ctx, container)
}

// Prefix lengths of the addresses that a node has for pods, as kube-controller-manager's
// defaults are (node-cidr-mask-size-ipv4 and -ipv6).
const podBits4, podBits6 = 24, 64

func nodeOf(number int, known *v2.CiliumNode) (*corev1.Node, error) {
	o := &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: known.Name, Labels: map[string]string{corev1.LabelHostname: known.Name}},
	}
	for _, a := range known.Spec.Addresses {
		ip, err := netip.ParseAddr(a.IP)
		if err != nil {
			return nil, fmt.Errorf("CiliumNode %s: %w", known.Name, err)
		}
		switch a.Type {
		case addressing.NodeInternalIP:
			o.Status.Addresses = append(o.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a.IP})
		case addressing.NodeCiliumInternalIP:
			o.Spec.PodCIDRs = append(o.Spec.PodCIDRs, netip.PrefixFrom(ip, podBits4).Masked().String())
		}
	}
	o.Status.Addresses = append(o.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("fd00:192:168::%x", number+1)})
	o.Spec.PodCIDRs = append(o.Spec.PodCIDRs, fmt.Sprintf("fd00:10:%x::/%d", number, podBits6))
	o.Spec.PodCIDR = o.Spec.PodCIDRs[0]
	return o, nil
}

// outliveTheirHive are functions in cilium-agent that start goroutines which its hive does not
// end, with how many of each an agent has: its process's end is theirs, and one that stops
// in good order has none here.
var outliveTheirHive = map[string]int64{
	"github.com/cilium/cilium/daemon/cmd.(*endpointRestorer).regenerateRestoredEndpoints": 1,
	"github.com/cilium/cilium/pkg/policy.(*SelectorCache).queueUserNotification.func1":    2, // of peers, and of the pods that policies are about
	"github.com/cilium/cilium/pkg/trigger.NewTrigger":                                     1,
}
