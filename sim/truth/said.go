package truth

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/history/object"
)

// markedAnnotation on a CiliumIdentity says since when the operator has it marked for
// deletion (Cilium: pkg/k8s/identitybackend, HeartBeatAnnotation).
const markedAnnotation = "io.cilium.heartbeat"

// Parts of objects that make no entry true.
type (
	pod struct {
		Metadata struct {
			meta
			UID               string  `json:"uid"`
			DeletionTimestamp *string `json:"deletionTimestamp"`
		} `json:"metadata"`
		Spec struct {
			NodeName           string `json:"nodeName"`
			ServiceAccountName string `json:"serviceAccountName"`
			HostNetwork        bool   `json:"hostNetwork"`
		} `json:"spec"`
		Status struct {
			Phase  string `json:"phase"`
			HostIP string `json:"hostIP"`
			PodIPs []struct {
				IP string `json:"ip"`
			} `json:"podIPs"`
		} `json:"status"`
	}
	namespace struct {
		Metadata meta `json:"metadata"`
	}
	lease struct {
		Spec struct {
			HolderIdentity       string `json:"holderIdentity"`
			LeaseDurationSeconds int    `json:"leaseDurationSeconds"`
		} `json:"spec"`
	}
)

// Said returns what a history says of an object's content (history/object): of those whose
// content others go by, and "" of others.
func Said(kind string, content []byte) (string, error) {
	into := map[string]said{
		object.PodKind: &pod{}, object.NamespaceKind: &namespace{}, object.LeaseKind: &lease{},
		object.IdentityKind: &ciliumIdentity{}, object.EndpointKind: &ciliumEndpoint{}, object.SliceKind: &ciliumEndpointSlice{},
		object.CiliumPolicyKind: &ciliumPolicy{}, object.ClusterwidePolicyKind: &ciliumPolicy{}, object.KubernetesPolicyKind: &kubernetesPolicy{},
	}[kind]
	if into == nil {
		return "", nil
	}
	if err := json.Unmarshal(content, into); err != nil {
		return "", fmt.Errorf("%s: %w", kind, err)
	}
	return into.said().String(), nil
}

type said interface{ said() fmt.Stringer }

func (p *pod) said() fmt.Stringer {
	o := object.Pod{
		UID: p.Metadata.UID, Node: p.Spec.NodeName, HostIP: p.Status.HostIP, Phase: p.Status.Phase, ServiceAccount: p.Spec.ServiceAccountName,
		HostNetwork: p.Spec.HostNetwork, Ending: p.Metadata.DeletionTimestamp != nil, Labels: p.Metadata.Labels,
	}
	for _, ip := range p.Status.PodIPs {
		o.IPs = append(o.IPs, canonical(ip.IP))
	}
	return o
}

func (n *namespace) said() fmt.Stringer {
	return object.Namespace{Labels: n.Metadata.Labels, Hidden: !exported(n.Metadata.Annotations)}
}

func (l *lease) said() fmt.Stringer {
	return object.Lease{Holder: l.Spec.HolderIdentity, Seconds: l.Spec.LeaseDurationSeconds}
}

func (i *ciliumIdentity) said() fmt.Stringer {
	_, marked := i.Metadata.Annotations[markedAnnotation]
	return object.Identity{Labels: i.Labels, Marked: marked}
}

func (e *ciliumEndpoint) said() fmt.Stringer {
	return endpointOf("", e.Status.Identity.ID, e.Status.Networking)
}

func (s *ciliumEndpointSlice) said() fmt.Stringer {
	o := object.Slice{Namespace: s.Namespace}
	for _, e := range s.Endpoints {
		o.Endpoints = append(o.Endpoints, endpointOf(e.Name, e.IdentityID, e.Networking))
	}
	return o
}

func endpointOf(name string, id uint32, n *networking) object.Endpoint {
	e := object.Endpoint{Name: name, Identity: strconv.FormatUint(uint64(id), 10)}
	if n == nil {
		return e
	}
	for _, pair := range n.Addressing {
		for _, ip := range []string{pair.IPV4, pair.IPV6} {
			if ip != "" {
				e.IPs = append(e.IPs, canonical(ip))
			}
		}
	}
	return e
}

// exported reports whether agents of other clusters see what is in a namespace with these
// annotations: by default they do.
func exported(annotations map[string]string) bool {
	value, said := annotations[globalAnnotation]
	return !said || strings.EqualFold(value, "true") // as Cilium reads it
}
