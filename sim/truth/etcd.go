package truth

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// Prefixes of the keys that Cilium's writer keeps in the etcd
// (clustermesh-apiserver/clustermesh/converters.go).
const (
	identityPrefix = "cilium/state/identities/v1/id/"
	endpointPrefix = "cilium/state/ip/v1/default/"
	nodePrefix     = "cilium/state/nodes/v1/"
)

// FromEtcd returns the view kind of a key in an etcd and the canonical content
// of its value, or history.Meta and the value itself for a key that belongs to
// no view or a value that is not of its kind's form.
func FromEtcd(key string, value []byte) (kind, content string) {
	switch {
	case strings.HasPrefix(key, identityPrefix):
		labels := strings.Split(strings.TrimSuffix(string(value), ";"), ";")
		return history.Identity, Identity("", labels).Value
	case strings.HasPrefix(key, endpointPrefix):
		var v struct {
			IP           string
			HostIP       string
			ID           uint32
			K8sNamespace string
			K8sPodName   string
		}
		if err := json.Unmarshal(value, &v); err == nil {
			ip, _ := netip.ParseAddr(v.IP)
			return history.Endpoint, Endpoint(ip, v.ID, v.HostIP, v.K8sNamespace, v.K8sPodName).Value
		}
		if len(value) == 0 {
			return history.Endpoint, ""
		}
	case strings.HasPrefix(key, nodePrefix):
		var v struct{ IPAddresses []Address }
		if err := json.Unmarshal(value, &v); err == nil {
			return history.Node, Node("", v.IPAddresses).Value
		}
		if len(value) == 0 {
			return history.Node, ""
		}
	}
	return history.Meta, string(value)
}
