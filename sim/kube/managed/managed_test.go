package managed_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	library "k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// custom converts, defaults and makes custom resources, as far as the library wants it.
type custom struct{}

func (custom) Convert(in, _, _ any) error { return fmt.Errorf("nothing converts a %T", in) }
func (custom) ConvertToVersion(in runtime.Object, _ runtime.GroupVersioner) (runtime.Object, error) {
	return in, nil
}
func (custom) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}
func (custom) Default(runtime.Object) {}
func (custom) New(k schema.GroupVersionKind) (runtime.Object, error) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(k)
	return u, nil
}

// customTypes is how a kube-apiserver knows a custom resource: its metadata are ObjectMeta.
func customTypes(t *testing.T, k schema.GroupVersionKind) library.TypeConverter {
	t.Helper()
	var object spec.Schema
	require.NoError(t, json.Unmarshal(fmt.Appendf(nil, `{"type":"object","x-kubernetes-preserve-unknown-fields":true,
		"x-kubernetes-group-version-kind":[{"group":%q,"version":%q,"kind":%q}],"properties":{"metadata":{"type":"object","properties":{
		"labels":{"type":"object","additionalProperties":{"type":"string"}},"annotations":{"type":"object","additionalProperties":{"type":"string"}},
		"finalizers":{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"set"},
		"ownerReferences":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["uid"],"items":{"type":"object","x-kubernetes-map-type":"atomic",
			"properties":{"apiVersion":{"type":"string"},"kind":{"type":"string"},"name":{"type":"string"},"uid":{"type":"string"}}}}}}}}`, k.Group, k.Version, k.Kind), &object))
	types, err := library.NewTypeConverter(map[string]*spec.Schema{k.Kind: &object}, true)
	require.NoError(t, err)
	return types
}

// theirs is the library's field manager of a kind.
func theirs(t *testing.T, k schema.GroupVersionKind, subresource string) (*library.FieldManager, runtime.ObjectCreater) {
	t.Helper()
	if k.Group == "cilium.io" {
		m, err := library.NewDefaultCRDFieldManager(customTypes(t, k), custom{}, custom{}, custom{}, k, k.GroupVersion(), subresource, nil)
		require.NoError(t, err)
		return m, custom{}
	}
	m, err := library.NewDefaultFieldManager(applyconfigurations.NewTypeConverter(scheme.Scheme), scheme.Scheme, scheme.Scheme, scheme.Scheme, k, k.GroupVersion(), subresource, nil)
	require.NoError(t, err)
	return m, scheme.Scheme
}

// step is a write: the whole object, as the writer wants it.
type step struct{ writer, object string }

// TestFieldsAreTheLibrarys writes objects again and again through the storage, and tells the library
// of the same writes.
func TestFieldsAreTheLibrarys(t *testing.T) {
	for name, c := range map[string]struct {
		kind  schema.GroupVersionKind
		steps []step
	}{
		"endpoint": {schema.GroupVersionKind{Group: "cilium.io", Version: "v2", Kind: "CiliumEndpoint"}, []step{
			{"agent", `"labels":{"app":"web"},"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"}]},"status":{"id":1,"encryption":{},"identity":{"id":256,"labels":["a","b"]},"networking":{"addressing":[{"ipv4":"10.0.0.1"}],"node":"192.168.0.1"}}`},
			{"agent", `"labels":{"app":"web"},"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"}]},"status":{"id":2,"encryption":{},"identity":{"id":256,"labels":["a"]},"networking":{"addressing":[{"ipv4":"10.0.0.1"}],"node":"192.168.0.1"}}`},
			{"operator", `"labels":{"app":"web","more":"x"},"finalizers":["a/b","c/d"]},"status":{"id":2,"encryption":{"key":3},"identity":{"id":257,"labels":["a"]},"networking":{"addressing":[{"ipv4":"10.0.0.1"}],"node":"192.168.0.1"}}`},
			{"agent", `"finalizers":["c/d"]},"status":{"id":2,"networking":{"addressing":[{"ipv4":"10.0.0.2"}],"node":"192.168.0.1"}}`},
			{"operator", `"finalizers":["c/d"]},"status":{"id":2,"networking":{"addressing":[{"ipv4":"10.0.0.2"}],"node":"192.168.0.1"}}`},
		}},
		"identity": {schema.GroupVersionKind{Group: "cilium.io", Version: "v2", Kind: "CiliumIdentity"}, []step{
			{"agent", `"annotations":{"x":"y"}},"security-labels":{"k8s:app":"web","k8s:io.kubernetes.pod.namespace":"ns"}`},
			{"operator", `"annotations":{"io.cilium.heartbeat":"now"}},"security-labels":{"k8s:app":"web","k8s:io.kubernetes.pod.namespace":"ns"}`},
			{"operator", `},"security-labels":{"k8s:app":"web"}`},
		}},
		"pod": {corev1.SchemeGroupVersion.WithKind("Pod"), []step{
			{"kubectl", `"labels":{"app":"web"}},"spec":{"nodeName":"n","nodeSelector":{"a":"b"},"containers":[{"name":"c","image":"i","env":[{"name":"A","value":"1"}],"ports":[{"containerPort":80}],"resources":{}},{"name":"d","resources":{}}]},"status":{}`},
			{"kubelet", `"labels":{"app":"web"}},"spec":{"nodeName":"n","nodeSelector":{"a":"b"},"containers":[{"name":"c","image":"j","env":[{"name":"A","value":"1"}],"ports":[{"containerPort":80}],"resources":{}},{"name":"d","resources":{}}]},"status":{"phase":"Running"}`},
			{"kubectl", `"labels":{"app":"db"}},"spec":{"nodeName":"n","nodeSelector":{"a":"c"},"containers":[{"name":"c","image":"j","ports":[{"containerPort":81}],"resources":{}}]},"status":{}`},
		}},
		"service": {corev1.SchemeGroupVersion.WithKind("Service"), []step{
			{"kubectl", `"annotations":{"service.cilium.io/global":"true"}},"spec":{"selector":{"app":"web"},"clusterIP":"None","ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":80},{"name":"dns","port":53,"protocol":"UDP","targetPort":53}]},"status":{"loadBalancer":{}}`},
			{"other", `"annotations":{"service.cilium.io/global":"false"}},"spec":{"selector":{"app":"db"},"clusterIP":"None","ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":81}]},"status":{"loadBalancer":{}}`},
		}},
		"node": {corev1.SchemeGroupVersion.WithKind("Node"), []step{
			{"kubelet", `"labels":{"a":"b"}},"spec":{"podCIDRs":["10.0.0.0/24"],"taints":[{"key":"k","effect":"NoSchedule"}]}`},
			{"other", `"labels":{"a":"c"}},"spec":{"podCIDRs":["10.0.0.0/24"]}`},
		}},
		"lease": {schema.GroupVersionKind{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"}, []step{
			{"operator", `},"spec":{"holderIdentity":"a","leaseDurationSeconds":15}`},
			{"operator", `},"spec":{"holderIdentity":"b","leaseDurationSeconds":15,"leaseTransitions":1}`},
		}},
		"slice": {schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}, []step{
			{"controller", `"labels":{"kubernetes.io/service-name":"s"}},"addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"],"conditions":{}}],"ports":[{"port":80}]`},
			{"controller", `"labels":{"kubernetes.io/service-name":"s"}},"addressType":"IPv4","endpoints":[],"ports":[{"port":80}]`},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			store := storage.New(storage.Config{})
			r := store.OfKind(c.kind.Kind)
			manager, creater := theirs(t, c.kind, "")
			live, err := creater.New(c.kind)
			require.NoError(t, err)
			if r.Namespaced {
				_, err := store.Create([]byte(`{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"ns"}}`))
				require.NoError(t, err)
			}
			for i, s := range c.steps {
				separator := ","
				if s.object[0] == '}' {
					separator = ""
				}
				version := ""
				if o := store.Get(c.kind.Kind, namespaceOf(r), "x"); o != nil {
					version = `,"resourceVersion":"` + o.Meta.ResourceVersion + `"`
				}
				raw := fmt.Sprintf(`{"kind":%q,"apiVersion":%q,"metadata":{"name":"x","namespace":%q%s%s%s}`, c.kind.Kind, r.APIVersion(), namespaceOf(r), version, separator, s.object)
				sent, err := storage.ParseDraft([]byte(raw))
				require.NoError(t, err, raw)
				by := storage.Origin{Manager: s.writer}
				var ours *storage.Object
				if i == 0 {
					ours, err = store.Insert(r, sent, by)
				} else {
					ours, _, err = store.Update(r, namespaceOf(r), "x", "", func(*storage.Object) (storage.Draft, error) { return sent, nil }, by)
				}
				require.NoError(t, err)

				// The library is told of the object that is stored: dropping a status is not its business.
				now, err := creater.New(c.kind)
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(ours.JSON, now))
				accessor, err := meta.Accessor(now)
				require.NoError(t, err)
				accessor.SetManagedFields(nil)
				live, err = manager.Update(live, now, s.writer)
				require.NoError(t, err)
				require.Equal(t, fields(t, live), fields(t, json.RawMessage(ours.JSON)), "write %d", i+1)
			}
		})
	}
}

func namespaceOf(r *storage.Resource) string {
	if r.Namespaced {
		return "ns"
	}
	return ""
}

// fields are the managedFields of an object, without times, which the two take themselves.
func fields(t *testing.T, o any) []any {
	t.Helper()
	raw, err := json.Marshal(o)
	require.NoError(t, err)
	var has struct {
		Metadata struct{ ManagedFields []map[string]any }
	}
	require.NoError(t, json.Unmarshal(raw, &has))
	require.NotEmpty(t, has.Metadata.ManagedFields)
	var out []any
	for _, f := range has.Metadata.ManagedFields {
		_, err := time.Parse(time.RFC3339, f["time"].(string))
		require.NoError(t, err)
		delete(f, "time")
		out = append(out, f)
	}
	return out
}
