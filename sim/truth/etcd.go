package truth

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/meshcheck/meshcheck/model/schema"
)

// FromEtcd returns the view kind of a key in an etcd and the canonical content
// of its value, or schema.Meta and the value itself for a key that belongs to
// no view or a value that is not of its kind's form.
func FromEtcd(key string, value []byte) (kind, content string) {
	entry, _ := schema.EntryOf(key)
	if entry == nil {
		return schema.Meta, string(value)
	}
	switch entry.Name {
	case schema.Identity:
		labels := strings.Split(strings.TrimSuffix(string(value), ";"), ";")
		return schema.Identity, Identity("", labels).Value
	case schema.Endpoint:
		var v struct {
			IP           string
			HostIP       string
			ID           uint32
			K8sNamespace string
			K8sPodName   string
		}
		if err := json.Unmarshal(value, &v); err == nil {
			ip, _ := netip.ParseAddr(v.IP)
			return schema.Endpoint, Endpoint(ip, v.ID, v.HostIP, v.K8sNamespace, v.K8sPodName).Value
		}
		if len(value) == 0 {
			return schema.Endpoint, ""
		}
	case schema.Node:
		var v struct{ IPAddresses []Address }
		if err := json.Unmarshal(value, &v); err == nil {
			return schema.Node, Node("", v.IPAddresses).Value
		}
		if len(value) == 0 {
			return schema.Node, ""
		}
	}
	return schema.Meta, string(value)
}
