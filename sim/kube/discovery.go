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
	case "/healthz", "/livez", "/readyz":
		a.sendText(http.StatusOK, "ok")
		return nil
	}
	v, err := s.discovered(path)
	if err == nil {
		a.sendJSON(http.StatusOK, storage.EncodeJSON(v))
	}
	return err
}

func (s *Server) discovered(path string) (any, error) {
	switch path {
	case "/version":
		return release, nil
	case "/api":
		return metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}, nil
	case "/apis":
		return metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: s.groups()}, nil
	case "/api/v1":
		return s.resources(schema.GroupVersion{Version: "v1"})
	}
	rest, ok := strings.CutPrefix(path, "/apis/")
	if !ok {
		return nil, storage.Unmodeled("GET %s", path)
	}
	group, version, versioned := strings.Cut(rest, "/")
	if versioned {
		return s.resources(schema.GroupVersion{Group: group, Version: version})
	}
	for _, g := range s.groups() {
		if g.Name == group {
			g.TypeMeta = metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}
			return g, nil
		}
	}
	return nil, errNoResource()
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

// resources lists those of a group and version.
func (s *Server) resources(gv schema.GroupVersion) (any, error) {
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
		return nil, errNoResource()
	}
	return list, nil
}
