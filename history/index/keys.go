package index

import (
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// CanaryKind is one kind of keys that a canary vouches for.
type CanaryKind struct {
	Kind      string   // the view kind
	Canary    string   // the end of the canary's key, after "cilium/synced/<cluster>/"
	Prefix    string   // of the keys
	Resources []string // the Kubernetes kinds that feed it; a writer lists one of them
}

// CanaryKinds are those of Cilium's writer (clustermesh-apiserver/clustermesh/converters.go;
// pkg/kvstore/store/syncstore.go puts the canaries). Keys of nodes begin with the name of
// the cluster.
var CanaryKinds = []CanaryKind{
	{history.Identity, "cilium/state/identities/v1", "cilium/state/identities/v1/id/", []string{"CiliumIdentity"}},
	{history.Endpoint, "cilium/state/ip/v1", "cilium/state/ip/v1/default/", []string{"CiliumEndpoint", "CiliumEndpointSlice"}},
	{history.Node, "cilium/state/nodes/v1", "cilium/state/nodes/v1/", []string{"CiliumNode"}},
}

// IdentitiesPrefix is what the agents' watches of identities are of.
const IdentitiesPrefix = "cilium/state/identities/v1"

const syncedPrefix = "cilium/synced/"

// CanaryOf returns the kind that a key of an etcd is the canary of, and the name of the
// cluster; nil if it is none that is known.
func CanaryOf(key string) (*CanaryKind, string) {
	rest, ok := strings.CutPrefix(key, syncedPrefix)
	if !ok {
		return nil, ""
	}
	cluster, canary, _ := strings.Cut(rest, "/")
	for i := range CanaryKinds {
		if CanaryKinds[i].Canary == canary {
			return &CanaryKinds[i], cluster
		}
	}
	return nil, ""
}

// CanaryKindOf returns the view kind that a key of an etcd is the canary of, or "".
func CanaryKindOf(key string) string {
	if k, _ := CanaryOf(key); k != nil {
		return k.Kind
	}
	return ""
}

// IsCanaryOf reports whether a key of an etcd is the canary of a view kind.
func IsCanaryOf(key, kind string) bool {
	return CanaryKindOf(key) == kind
}

// EntryKey names an entry: the kind of the view, and its key there.
type EntryKey struct{ Kind, Key string }

// EntryOf is the entry's key in a key of an etcd: what follows the last slash.
func EntryOf(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }
