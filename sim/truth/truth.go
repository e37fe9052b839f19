// Package truth says what the Kubernetes objects of the world make true: which
// entries of an agent's view exist, and with which content. It is the harness's
// ground truth and uses none of Cilium's code.
//
// An entry has a canonical content, in which views, stores and truth compare:
//
//	identity  key: the numeric identity   "k8s:app=web;k8s:io.kubernetes.pod.namespace=ns1" (sorted)
//	endpoint  key: the IP address         "id=65537 host=192.168.0.3 pod=ns1/web-0"
//	node      key: the node's name        "CiliumInternalIP=10.0.3.1 InternalIP=192.168.0.3" (sorted)
package truth

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// Entry is one entry of a view.
type Entry struct{ Kind, Key, Value string }

// Identity returns the entry of a numeric identity with labels, each
// "source:key=value", or "source:key" where the value is empty: Cilium writes it in both
// ways.
func Identity(id string, labels []string) Entry {
	labels = slices.Clone(labels)
	for i, label := range labels {
		if key, value, _ := strings.Cut(label, "="); value == "" {
			labels[i] = key
		}
	}
	slices.Sort(labels)
	return Entry{history.Identity, id, strings.Join(labels, ";")}
}

// The reserved identities of a host and of another one
// (Cilium: pkg/identity/numericidentity.go).
const (
	hostIdentity       = 1
	remoteNodeIdentity = 6
)

// Endpoint returns the entry of an endpoint's address. The namespace, the pod's
// name and the host are empty where they are not known. What one cluster knows as its
// host is a remote node to those who read it (Cilium: pkg/ipcache/kvstore.go, OnUpdate),
// so both are one content.
func Endpoint(ip netip.Addr, id uint32, host, namespace, pod string) Entry {
	if id == hostIdentity {
		id = remoteNodeIdentity
	}
	host = canonical(host)
	return Entry{history.Endpoint, ip.Unmap().String(), fmt.Sprintf("id=%d host=%s pod=%s/%s", id, host, namespace, pod)}
}

// Address is an address of a node.
type Address struct {
	Type string `json:"type"`
	IP   string `json:"ip"`
}

// canonical is an address as Cilium prints it, however it was written; what is none
// stays.
func canonical(address string) string {
	if ip, err := netip.ParseAddr(address); err == nil {
		return ip.Unmap().String()
	}
	return address
}

// Node returns the entry of a node.
func Node(name string, addresses []Address) Entry {
	var s []string
	for _, a := range addresses {
		s = append(s, a.Type+"="+canonical(a.IP))
	}
	slices.Sort(s)
	return Entry{history.Node, name, strings.Join(s, " ")}
}

// Parts of the Kubernetes objects, as in Cilium's CRD schemas
// (pkg/k8s/apis/cilium.io/client/crds).
type (
	meta struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	}
	networking struct {
		Addressing []struct {
			IPV4 string `json:"ipv4"`
			IPV6 string `json:"ipv6"`
		} `json:"addressing"`
		NodeIP string `json:"node"`
	}
	ciliumIdentity struct {
		Metadata meta              `json:"metadata"`
		Labels   map[string]string `json:"security-labels"`
	}
	ciliumEndpoint struct {
		Metadata meta `json:"metadata"`
		Status   struct {
			Identity struct {
				ID uint32 `json:"id"`
			} `json:"identity"`
			Networking *networking `json:"networking"`
		} `json:"status"`
	}
	ciliumEndpointSlice struct {
		Metadata  meta   `json:"metadata"`
		Namespace string `json:"namespace"`
		Endpoints []struct {
			Name       string      `json:"name"`
			IdentityID uint32      `json:"id"`
			Networking *networking `json:"networking"`
		} `json:"endpoints"`
	}
	ciliumNode struct {
		Metadata meta `json:"metadata"`
		Spec     struct {
			Addresses []Address `json:"addresses"`
		} `json:"spec"`
	}
)

// namespaceLabel is the label of an identity that names its pods' namespace.
const namespaceLabel = "k8s:io.kubernetes.pod.namespace"

// FromObject returns the entries that an object makes true, in the order in
// which they stand in it, and the namespace that they belong to, if any. Two may
// have the same key. Endpoints come from
// CiliumEndpointSlices or from CiliumEndpoints, as slices says. An object of
// another kind makes none true.
func FromObject(kind string, object []byte, slices bool) (namespace string, entries []Entry, err error) {
	switch {
	case kind == "CiliumIdentity":
		var o ciliumIdentity
		if err := json.Unmarshal(object, &o); err != nil || len(o.Labels) == 0 {
			return "", nil, err
		}
		var labels []string
		for k, v := range o.Labels {
			labels = append(labels, k+"="+v)
		}
		return o.Labels[namespaceLabel], []Entry{Identity(o.Metadata.Name, labels)}, nil
	case kind == "CiliumNode":
		var o ciliumNode
		if err := json.Unmarshal(object, &o); err != nil {
			return "", nil, err
		}
		return "", []Entry{Node(o.Metadata.Name, o.Spec.Addresses)}, nil
	case kind == "CiliumEndpointSlice" && slices:
		var o ciliumEndpointSlice
		if err := json.Unmarshal(object, &o); err != nil {
			return "", nil, err
		}
		for _, ep := range o.Endpoints {
			if entries, err = appendEndpoint(entries, ep.Networking, ep.IdentityID, o.Namespace, ep.Name); err != nil {
				return "", nil, fmt.Errorf("endpoint %s: %w", ep.Name, err)
			}
		}
		return o.Namespace, entries, nil
	case kind == "CiliumEndpoint" && !slices:
		var o ciliumEndpoint
		if err := json.Unmarshal(object, &o); err != nil {
			return "", nil, err
		}
		entries, err = appendEndpoint(nil, o.Status.Networking, o.Status.Identity.ID, o.Metadata.Namespace, o.Metadata.Name)
		return o.Metadata.Namespace, entries, err
	}
	return "", nil, nil
}

func appendEndpoint(entries []Entry, n *networking, id uint32, namespace, pod string) ([]Entry, error) {
	if n == nil {
		return entries, nil
	}
	for _, a := range n.Addressing {
		for _, s := range []string{a.IPV4, a.IPV6} {
			if s == "" {
				continue
			}
			ip, err := netip.ParseAddr(s)
			if err != nil {
				return nil, err
			}
			entries = append(entries, Endpoint(ip, id, n.NodeIP, namespace, pod))
		}
	}
	return entries, nil
}
