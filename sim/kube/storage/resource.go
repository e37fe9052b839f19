package storage

import (
	"slices"

	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshcheck/meshcheck/sim/kube/schema"
)

// Resource is a kind of objects that a Store serves.
type Resource struct {
	Group      string // "" is the core group
	Version    string
	Name       string // plural, as in the URL
	Kind       string
	Namespaced bool

	// Custom: defined by a CustomResourceDefinition. Updates must name a
	// resourceVersion, strategic merge patches are refused, objects count their
	// generation, and the items of a list carry kind and apiVersion.
	Custom bool
	// Status: status is a subresource. Updates of the object leave the status
	// alone, updates of the status leave the rest.
	Status bool
	// StatusOnCreate: with Status, a status sent with a create is kept.
	StatusOnCreate bool
	// Generation: a built-in kind that counts its generation.
	Generation bool
	// Graceful: who deletes an object gives it time to end.
	Graceful bool
	// ReturnsDeleted: who deletes an object is answered with it.
	ReturnsDeleted bool
	// UpdateNeedsVersion: a built-in kind whose updates must name a resourceVersion.
	UpdateNeedsVersion bool
	// Fields are the paths of string fields that a field selector may name
	// besides metadata.name and metadata.namespace.
	Fields []string
	// Unwritten: writes are not modelled; it is listed and watched, and empty.
	Unwritten bool
	// Schema, if non-nil, is applied to what clients write.
	Schema *schema.Schema

	index int            // in the Store
	empty map[string]any // emptyObject
}

// Index is the position of a Store's resource among all of it.
func (r *Resource) Index() int { return r.index }

// DefaultResources returns the resources that Cilium's control plane uses, by
// group and name.
func DefaultResources() []Resource {
	return []Resource{
		{Version: "v1", Name: "namespaces", Kind: "Namespace", Status: true, ReturnsDeleted: true, Fields: []string{"status.phase"}},
		{Version: "v1", Name: "nodes", Kind: "Node", Status: true, StatusOnCreate: true},
		{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true, Status: true, Generation: true, Graceful: true, ReturnsDeleted: true, Fields: []string{
			"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase", "status.podIP"}},
		{Version: "v1", Name: "services", Kind: "Service", Namespaced: true, Status: true, ReturnsDeleted: true, Fields: []string{"spec.clusterIP", "spec.type"}},
		{Group: "cilium.io", Version: "v2", Name: "ciliumendpoints", Kind: "CiliumEndpoint", Namespaced: true, Custom: true},
		{Group: "cilium.io", Version: "v2alpha1", Name: "ciliumendpointslices", Kind: "CiliumEndpointSlice", Custom: true},
		{Group: "cilium.io", Version: "v2", Name: "ciliumidentities", Kind: "CiliumIdentity", Custom: true, Status: true},
		{Group: "cilium.io", Version: "v2", Name: "ciliumnodes", Kind: "CiliumNode", Custom: true, Status: true},
		{Group: "coordination.k8s.io", Version: "v1", Name: "leases", Kind: "Lease", Namespaced: true, UpdateNeedsVersion: true},
		{Group: "discovery.k8s.io", Version: "v1", Name: "endpointslices", Kind: "EndpointSlice", Namespaced: true, Generation: true},
	}
}

// ListedByAgents returns what cilium-agent lists besides, of which policies are written too.
func ListedByAgents() []Resource {
	return []Resource{
		{Version: "v1", Name: "configmaps", Kind: "ConfigMap", Namespaced: true, Unwritten: true},
		{Version: "v1", Name: "secrets", Kind: "Secret", Namespaced: true, Unwritten: true},
		{Group: "networking.k8s.io", Version: "v1", Name: "networkpolicies", Kind: "NetworkPolicy", Namespaced: true, Generation: true},
		{Group: "cilium.io", Version: "v2", Name: "ciliumcidrgroups", Kind: "CiliumCIDRGroup", Custom: true, Unwritten: true},
		{Group: "cilium.io", Version: "v2", Name: "ciliumclusterwidenetworkpolicies", Kind: "CiliumClusterwideNetworkPolicy", Custom: true, Status: true},
		{Group: "cilium.io", Version: "v2", Name: "ciliumnetworkpolicies", Kind: "CiliumNetworkPolicy", Namespaced: true, Custom: true, Status: true},
		{Group: "cilium.io", Version: "v2alpha1", Name: "ciliumpodippools", Kind: "CiliumPodIPPool", Custom: true, Unwritten: true},
	}
}

// ServiceExports returns the resource that the ClusterMesh API server lists as
// well if the Multi-Cluster Services API is enabled.
func ServiceExports() Resource {
	return Resource{Group: "multicluster.x-k8s.io", Version: "v1alpha1", Name: "serviceexports", Kind: "ServiceExport", Namespaced: true, Custom: true, Status: true}
}

func (r *Resource) GVK() runtimeschema.GroupVersionKind {
	return runtimeschema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
}

func (r *Resource) GR() runtimeschema.GroupResource {
	return runtimeschema.GroupResource{Group: r.Group, Resource: r.Name}
}

// APIVersion is the value of the objects' field of that name.
func (r *Resource) APIVersion() string { return r.GVK().GroupVersion().String() }

// Key names an object of the resource: "namespace/name", or "name" for a
// resource without namespaces. Keys sort like the keys of the real etcd.
func (r *Resource) Key(namespace, name string) string {
	if r.Namespaced {
		return namespace + "/" + name
	}
	return name
}

// countsGeneration says whether metadata.generation is kept.
func (r *Resource) countsGeneration() bool { return r.Custom || r.Generation }

// mustNameVersion says whether an update without a resourceVersion is refused.
func (r *Resource) mustNameVersion() bool { return r.Custom || r.UpdateNeedsVersion }

// selectable says whether a field selector may name the field.
func (r *Resource) selectable(field string) bool {
	return field == "metadata.name" || field == "metadata.namespace" && r.Namespaced || slices.Contains(r.Fields, field)
}
