// Package truth says what the Kubernetes objects of the world make true: which
// entries of an agent's view exist, and with which content. It is the harness's
// ground truth and uses none of Cilium's code.
//
// An entry has a canonical content, in which views, stores and truth compare:
//
//	identity  key: the numeric identity   "k8s:app=web;k8s:io.kubernetes.pod.namespace=ns1" (sorted)
//	endpoint  key: the IP address         "id=65537 host=192.168.0.3 pod=ns1/web-0 key=3 ports=http:8080/TCP"
//	node      key: the node's name        "InternalIP=192.168.0.3 cluster=c1/1 cidr4=10.128.0.0/24 key=3 label.zone=z0"
//	service   key: "namespace/name"       "ClusterIP=10.96.0.1:80/TCP:http port.http=80 affinity=10800s"
//	backend   key: the Service, address, port and protocol, "ns1/web/10.0.0.5:8080/TCP"
//	                                      "state=active ports=http node=n0"
//
// Which fields of Cilium's types are in it, under which name, and which are not, for which
// reason, is in schema.Fields.
package truth

import (
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
