package kube

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// release is the Kubernetes release that /version names.
var release = version.Info{
	Major: "1", Minor: "36", GitVersion: "v1.36.0", GitTreeState: "clean",
	GoVersion: "go1.26", Compiler: "gc", Platform: "linux/amd64",
}

// discover serves what is not about objects: the version, the health checks and
// the lists of groups and resources, in their unaggregated form.
func (s *Server) discover(a *answer, q *Request) error {
	path := strings.TrimSuffix(q.Path, "/")
	switch path {
	case "/version":
		a.sendJSON(http.StatusOK, storage.EncodeJSON(release))
		return nil
	case "/healthz", "/livez", "/readyz":
		a.sendText(http.StatusOK, "ok")
		return nil
	case "/api":
		a.sendJSON(http.StatusOK, storage.EncodeJSON(metav1.APIVersions{
			TypeMeta: metav1.TypeMeta{Kind: "APIVersions"},
			Versions: []string{"v1"},
		}))
		return nil
	case "/apis":
		a.sendJSON(http.StatusOK, storage.EncodeJSON(metav1.APIGroupList{
			TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"},
			Groups:   s.groups(),
		}))
		return nil
	}
	if path == "/api/v1" {
		return s.discoverVersion(a, schema.GroupVersion{Version: "v1"})
	}
	if rest, ok := strings.CutPrefix(path, "/apis/"); ok {
		group, v, versioned := strings.Cut(rest, "/")
		if versioned {
			return s.discoverVersion(a, schema.GroupVersion{Group: group, Version: v})
		}
		return s.discoverGroup(a, group)
	}
	return storage.Unmodeled("GET %s", q.Path)
}

// groups lists the named groups by name, with their versions.
func (s *Server) groups() []metav1.APIGroup {
	groups := []metav1.APIGroup{}
	for _, r := range s.byGroup() {
		if r.Group == "" {
			continue
		}
		if n := len(groups); n == 0 || groups[n-1].Name != r.Group {
			groups = append(groups, metav1.APIGroup{Name: r.Group})
		}
		g := &groups[len(groups)-1]
		gv := metav1.GroupVersionForDiscovery{GroupVersion: r.APIVersion(), Version: r.Version}
		if !slices.Contains(g.Versions, gv) {
			g.Versions = append(g.Versions, gv)
		}
		g.PreferredVersion = g.Versions[0]
	}
	return groups
}

func (s *Server) byGroup() []*storage.Resource {
	return slices.SortedStableFunc(slices.Values(s.store.Resources()), func(a, b *storage.Resource) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Name, b.Name))
	})
}

func (s *Server) discoverGroup(a *answer, name string) error {
	for _, g := range s.groups() {
		if g.Name == name {
			g.TypeMeta = metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}
			a.sendJSON(http.StatusOK, storage.EncodeJSON(g))
			return nil
		}
	}
	return errNoResource()
}

func (s *Server) discoverVersion(a *answer, gv schema.GroupVersion) error {
	list := metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: gv.String(),
	}
	for _, r := range s.byGroup() {
		if r.GVK().GroupVersion() != gv {
			continue
		}
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: r.Name, SingularName: strings.ToLower(r.Kind), Namespaced: r.Namespaced, Kind: r.Kind,
			Verbs: metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"},
		})
		if r.Status {
			list.APIResources = append(list.APIResources, metav1.APIResource{
				Name: r.Name + "/status", Namespaced: r.Namespaced, Kind: r.Kind,
				Verbs: metav1.Verbs{"get", "patch", "update"},
			})
		}
	}
	if list.APIResources == nil {
		return errNoResource()
	}
	a.sendJSON(http.StatusOK, storage.EncodeJSON(list))
	return nil
}
