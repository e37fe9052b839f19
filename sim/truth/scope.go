package truth

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/meshcheck/meshcheck/history"
)

// Scope turns the objects of the cluster into what agents ought to know: what the
// objects make true, as far as their namespaces are exported. Identities and
// endpoints of a namespace that does not exist, or that is annotated as not
// global, are not (Cilium: clustermesh-apiserver/clustermesh/synchronizer.go,
// namespaceHandler; by default namespaces are global). Who reads the objects themselves
// sees those of every namespace.
type Scope struct {
	Ledger     *Ledger
	cluster    Cluster
	slices     bool
	exported   bool                // agents know what is exported, and no more
	namespaces map[string]bool     // exported
	objects    map[string]claimant // that make entries true, or would, by owner
	rivals     map[string]int      // by owner: how many of its entries at most share a key
}

type claimant struct {
	namespace string
	entries   []Entry
}

// NewScope returns the scope of a cluster without objects. Endpoints come from
// CiliumEndpointSlices, or else from CiliumEndpoints. If exported is set, agents read
// what a ClusterMesh API server exports, and else the objects themselves.
func NewScope(cluster Cluster, slices, exported bool) *Scope {
	return &Scope{Ledger: NewLedger(), cluster: cluster, slices: slices, exported: exported, namespaces: map[string]bool{}, objects: map[string]claimant{}, rivals: map[string]int{}}
}

// globalAnnotation on a namespace says whether it is exported
// (Cilium: pkg/annotation, GlobalNamespace).
const globalAnnotation = "clustermesh.cilium.io/global"

// Apply takes a new version of the object "namespace/name", or its deletion if
// content is nil, into account, and returns the difference as Ledger.Set does.
func (s *Scope) Apply(kind, key string, content []byte) ([]history.Record, error) {
	if kind == "Namespace" {
		return s.applyNamespace(key, content)
	}
	owner := kind + "/" + key
	if content == nil {
		delete(s.objects, owner)
		return s.set(owner), nil
	}
	namespace, entries, err := FromObject(kind, content, s.slices, s.cluster)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", owner, err)
	}
	// A ClusterMesh API server skips an identity that does not say its namespace.
	if len(entries) == 0 || s.exported && kind == "CiliumIdentity" && namespace == "" {
		delete(s.objects, owner)
	} else {
		s.objects[owner] = claimant{namespace, entries}
	}
	return s.set(owner), nil
}

// set tells the ledger what an object makes true. One that claims a key more than
// once, as a slice does while two pods in it have one address, does so as several
// owners: all of it is true, and who reads the object may see each.
func (s *Scope) set(owner string) (changes []history.Record) {
	o := s.objects[owner]
	var groups [][]Entry
	if !s.exported || o.namespace == "" || s.namespaces[o.namespace] {
		groups = rivals(o.entries)
	}
	for i := range max(len(groups), s.rivals[owner], 1) {
		var entries []Entry
		if i < len(groups) {
			entries = groups[i]
		}
		changes = append(changes, s.Ledger.Set(rival(owner, i), entries)...)
	}
	s.rivals[owner] = len(groups)
	return changes
}

// rival names the owner of the claims in group i.
func rival(owner string, i int) string {
	if i == 0 {
		return owner
	}
	return fmt.Sprintf("%s#%d", owner, i+1)
}

// rivals divides entries into groups that have each key once. Of those with the
// same key the one with the least content is in the first group, whatever their
// order, which the operator changes at will.
func rivals(entries []Entry) (groups [][]Entry) {
	contents := map[claimKey][]string{}
	for _, e := range entries {
		k := claimKey{e.Kind, e.Key}
		if !slices.Contains(contents[k], e.Value) {
			contents[k] = append(contents[k], e.Value)
		}
	}
	for _, e := range entries {
		values := contents[claimKey{e.Kind, e.Key}]
		slices.Sort(values)
		i := slices.Index(values, e.Value)
		for len(groups) <= i {
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], e)
	}
	return groups
}

func (s *Scope) applyNamespace(name string, content []byte) ([]history.Record, error) {
	shown := content != nil
	if shown {
		var o namespace
		if err := json.Unmarshal(content, &o); err != nil {
			return nil, fmt.Errorf("namespace %s: %w", name, err)
		}
		shown = exported(o.Metadata.Annotations)
	}
	if s.namespaces[name] == shown {
		return nil, nil
	}
	s.namespaces[name] = shown
	var changes []history.Record
	for _, owner := range slices.Sorted(maps.Keys(s.objects)) {
		if s.objects[owner].namespace == name {
			changes = append(changes, s.set(owner)...)
		}
	}
	return changes, nil
}
