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
// namespaceHandler; by default namespaces are global).
type Scope struct {
	Ledger     *Ledger
	slices     bool
	namespaces map[string]bool   // exported
	objects    map[string]object // that make entries true, or would, by owner
}

type object struct {
	namespace string
	entries   []Entry
}

// NewScope returns the scope of a cluster without objects. Endpoints come from
// CiliumEndpointSlices, or else from CiliumEndpoints.
func NewScope(slices bool) *Scope {
	return &Scope{Ledger: NewLedger(), slices: slices, namespaces: map[string]bool{}, objects: map[string]object{}}
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
		return s.Ledger.Set(owner, nil), nil
	}
	namespace, entries, err := FromObject(kind, content, s.slices)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", owner, err)
	}
	if len(entries) == 0 {
		delete(s.objects, owner)
	} else {
		s.objects[owner] = object{namespace, entries}
	}
	return s.set(owner), nil
}

func (s *Scope) set(owner string) []history.Record {
	o := s.objects[owner]
	if o.namespace != "" && !s.namespaces[o.namespace] {
		return s.Ledger.Set(owner, nil)
	}
	return s.Ledger.Set(owner, o.entries)
}

func (s *Scope) applyNamespace(name string, content []byte) ([]history.Record, error) {
	exported := content != nil
	if exported {
		var o struct {
			Metadata struct {
				Annotations map[string]string `json:"annotations"`
			} `json:"metadata"`
		}
		if err := json.Unmarshal(content, &o); err != nil {
			return nil, fmt.Errorf("namespace %s: %w", name, err)
		}
		exported = o.Metadata.Annotations[globalAnnotation] != "false"
	}
	if s.namespaces[name] == exported {
		return nil, nil
	}
	s.namespaces[name] = exported
	var changes []history.Record
	for _, owner := range slices.Sorted(maps.Keys(s.objects)) {
		if s.objects[owner].namespace == name {
			changes = append(changes, s.set(owner)...)
		}
	}
	return changes, nil
}
