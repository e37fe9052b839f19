package simtest

import (
	"fmt"
	"strings"
)

// Identity returns a CiliumIdentity of the cluster c1, padded by a label of some bytes.
func Identity(name string, padding int) []byte {
	return fmt.Appendf(nil, `{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":%q,"labels":{"io.kubernetes.pod.namespace":"default"}},`+
		`"security-labels":{"k8s:io.kubernetes.pod.namespace":"default","k8s:io.cilium.k8s.policy.cluster":"c1","k8s:n":%q,"k8s:p":%q}}`, name, name, strings.Repeat("x", padding))
}

// Node returns a CiliumNode.
func Node(name, ip string) []byte {
	return fmt.Appendf(nil, `{"kind":"CiliumNode","apiVersion":"cilium.io/v2","metadata":{"name":%q},"spec":{"addresses":[{"type":"InternalIP","ip":%q}]}}`, name, ip)
}

// Endpoint returns a CiliumEndpoint in the namespace default, on the node of 192.168.0.1.
func Endpoint(name, ip string, id int) []byte {
	return fmt.Appendf(nil, `{"kind":"CiliumEndpoint","apiVersion":"cilium.io/v2","metadata":{"namespace":"default","name":%q},`+
		`"status":{"id":1,"identity":{"id":%d},"networking":{"addressing":[{"ipv4":%q}],"node":"192.168.0.1"}}}`, name, id, ip)
}

// Slice returns a CiliumEndpointSlice with such an endpoint, of the identity 66001.
func Slice(name, pod, ip string) []byte {
	return fmt.Appendf(nil, `{"kind":"CiliumEndpointSlice","apiVersion":"cilium.io/v2alpha1","metadata":{"name":%q},"namespace":"default",`+
		`"endpoints":[{"name":%q,"id":66001,"networking":{"addressing":[{"ipv4":%q}],"node":"192.168.0.1"}}]}`, name, pod, ip)
}
