// Package schema says how the entries of an agent's view are called where they are
// kept: the kinds of entries, the Kubernetes kinds that make them true, and the keys
// of an etcd that hold them. It is the one place where a key's prefix is spelled; a
// test below sim compares it with Cilium's own constants.
//
// An etcd of the ClusterMesh API server holds (clustermesh-apiserver/clustermesh/converters.go):
//
//	cilium/state/identities/v1/id/1007           the labels of an identity
//	cilium/state/ip/v1/default/10.0.0.5          an endpoint
//	cilium/state/nodes/v1/c1/n0                  a node
//	cilium/synced/c1/cilium/state/ip/v1          a canary: all keys of the kind have been put
//	cilium/cluster-config/c1                     the configuration of the cluster
//	cilium/.heartbeat                            the time of the writer's last sign of life
//
// and one that agents share holds as well (pkg/kvstore/allocator/allocator.go):
//
//	cilium/state/identities/v1/value/k8s:a=b;/192.168.0.1   an agent's use of an identity
//
// Services and their backends are in no etcd: in every mode agents read them from the
// kube-apiservers.
package schema

import (
	"slices"
	"strings"
)

// The kinds of entries, and Meta for keys of an etcd that hold no entry.
const (
	Identity = "identity"
	Endpoint = "endpoint"
	Node     = "node"
	Service  = "service" // what a Service says of itself
	Backend  = "backend" // an address and port that an EndpointSlice gives a Service
	Meta     = "meta"
)

// Keys of an etcd that hold no entry.
const (
	CanaryPrefix        = "cilium/synced/"         // of canaries, followed by the name of the cluster
	ClusterConfigPrefix = "cilium/cluster-config/" // followed by the name of the cluster
	Heartbeat           = "cilium/.heartbeat"
)

// Kind is a kind of entries.
type Kind struct {
	Name      string
	Path      string   // what the keys of an etcd begin with, and what a canary is of; without a slash at the end; empty if no etcd holds it
	Prefix    string   // Path and what else stands before an entry's own name, up to a node's cluster
	Resources []string // the Kubernetes kinds that make entries of it true; a writer reads one of them
}

var kinds = []Kind{
	{Identity, "cilium/state/identities/v1", "cilium/state/identities/v1/id/", []string{"CiliumIdentity"}},
	{Endpoint, "cilium/state/ip/v1", "cilium/state/ip/v1/default/", []string{"CiliumEndpoint", "CiliumEndpointSlice"}},
	{Node, "cilium/state/nodes/v1", "cilium/state/nodes/v1/", []string{"CiliumNode"}},
	{Service, "", "", []string{"Service"}},
	{Backend, "", "", []string{"EndpointSlice"}},
}

// stored are those of kinds that an etcd holds, which come first.
const stored = 3

// Kinds returns all kinds of entries, in a fixed order. It must not be changed.
func Kinds() []Kind { return kinds }

// Stored returns the kinds of entries that an etcd holds, where agents read one: the first
// of Kinds. It must not be changed.
func Stored() []Kind { return kinds[:stored] }

// InEtcd reports whether an etcd holds entries of the kind, where agents read one.
func (k *Kind) InEtcd() bool { return k.Path != "" }

// KindNames returns the names of all kinds of entries, in the order of Kinds.
func KindNames() []string { return namesOf(kinds) }

// StoredNames returns the names of the kinds of Stored.
func StoredNames() []string { return namesOf(kinds[:stored]) }

func namesOf(kinds []Kind) (names []string) {
	for i := range kinds {
		names = append(names, kinds[i].Name)
	}
	return names
}

// OfServices reports whether a kind of entries, by its name, is one that agents read from
// the kube-apiservers in every mode.
func OfServices(kind string) bool { return kind == Service || kind == Backend }

// MakesServices reports whether objects of a Kubernetes kind make entries of these kinds.
func MakesServices(resource string) bool { return resource == "Service" || resource == "EndpointSlice" }

// MakesStored reports whether objects of a Kubernetes kind make entries true that an etcd
// holds where agents read one. Agents may read others to find their way.
func MakesStored(resource string) bool {
	return slices.ContainsFunc(Stored(), func(k Kind) bool { return slices.Contains(k.Resources, resource) })
}

// UsersPrefix returns what those keys begin with by which agents that share an etcd say that
// they use the identity of labels; the address of a node follows.
func UsersPrefix(labels string) string { return kinds[0].Path + "/value/" + labels + ";/" }

// LockPrefix returns what the keys begin with by which agents that share an etcd hold, or wait for, the
// lock of labels that are to have an identity; the lease of each follows.
func LockPrefix(labels string) string { return kinds[0].Path + "/locks/" + labels + ";/" }

// KindNamed returns the kind with a name, or nil.
func KindNamed(name string) *Kind {
	for i := range kinds {
		if kinds[i].Name == name {
			return &kinds[i]
		}
	}
	return nil
}

// KindOf returns the kind that a key of an etcd, or the prefix of a range of keys, is
// of; nil if there is none. Canaries are of none: see CanaryOf.
func KindOf(key string) *Kind {
	for i := range stored {
		if rest, ok := strings.CutPrefix(key, kinds[i].Path); ok && (rest == "" || rest[0] == '/') {
			return &kinds[i]
		}
	}
	return nil
}

// KindOfScope returns the kind whose keys Cilium names by a scope in its metrics, such as ip/v1
// (pkg/kvstore, GetScopeFromKey and the sync queue); nil if there is none.
func KindOfScope(scope string) *Kind { return KindOf("cilium/state/" + scope) }

// EntryOf returns the kind of the entry that a key of an etcd holds, nil if it holds
// none, and the entry's name: what follows the last slash.
func EntryOf(key string) (kind *Kind, name string) {
	for i := range stored {
		if strings.HasPrefix(key, kinds[i].Prefix) {
			return &kinds[i], NameIn(key)
		}
	}
	return nil, ""
}

// IsKeyOf reports whether a key of an etcd, or the prefix of a range of keys, is of a
// kind of entries.
func IsKeyOf(key, kind string) bool {
	k := KindOf(key)
	return k != nil && k.Name == kind
}

// IsCanaryOf reports whether a key of an etcd is the canary of a kind of entries.
func IsCanaryOf(key, kind string) bool {
	k, _ := CanaryOf(key)
	return k != nil && k.Name == kind
}

// NameIn returns an entry's name in its key in an etcd: what follows the last slash.
func NameIn(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

// CanaryOf returns the kind that a key of an etcd is the canary of, nil if it is none,
// and the name of the cluster. A canary says that all keys of its kind have been put
// (pkg/kvstore/store/syncstore.go).
func CanaryOf(key string) (kind *Kind, cluster string) {
	rest, ok := strings.CutPrefix(key, CanaryPrefix)
	if !ok {
		return nil, ""
	}
	cluster, path, _ := strings.Cut(rest, "/")
	for i := range stored {
		if kinds[i].Path == path {
			return &kinds[i], cluster
		}
	}
	return nil, ""
}
