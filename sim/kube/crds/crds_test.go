package crds_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/sim/kube/crds"
	"github.com/meshcheck/meshcheck/sim/kube/schema"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

func schemas() map[string]*schema.Schema {
	all := map[string]*schema.Schema{}
	for _, r := range crds.Resources() {
		if r.Schema != nil {
			all[r.Kind] = r.Schema
		}
	}
	return all
}

func TestEveryCustomResourceHasASchema(t *testing.T) {
	for _, r := range storage.DefaultResources() {
		_, has := schemas()[r.Kind]
		require.Equal(t, r.Custom, has, r.Kind)
	}
}

// objects are what agents and operators write, but for metadata.
var objects = map[string]string{
	"CiliumIdentity":      `{"security-labels":{"k8s:io.kubernetes.pod.namespace":"default","k8s:io.cilium.k8s.policy.cluster":"c1","k8s:app":"web"}}`,
	"CiliumNode":          `{"spec":{"bootid":"b","addresses":[{"type":"InternalIP","ip":"10.0.0.1"},{"type":"CiliumInternalIP","ip":"10.1.0.1"}],"health":{"ipv4":"10.1.0.2"},"ingress":{},"ipam":{"podCIDRs":["10.1.0.0/24"]},"encryption":{"key":1}},"status":{"ipam":{}}}`,
	"CiliumEndpoint":      `{"status":{"id":7,"state":"ready","external-identifiers":{"pod-name":"default/p","cni-attachment-id":"x"},"identity":{"id":1000,"labels":["k8s:app=web"]},"networking":{"addressing":[{"ipv4":"10.0.0.7"}],"node":"192.168.0.1"},"encryption":{},"named-ports":[{"name":"http","port":80,"protocol":"TCP"}]}}`,
	"CiliumEndpointSlice": `{"namespace":"default","endpoints":[{"name":"p","id":66001,"networking":{"addressing":[{"ipv4":"10.0.0.7"}],"node":"192.168.0.1"},"encryption":{},"service-account":"s"}]}`,
}

func TestWhatCiliumWritesPasses(t *testing.T) {
	for kind, s := range schemas() {
		fields := decode(t, objects[kind])
		require.True(t, s.Fits(fields), kind)
		require.NoError(t, s.Prune(fields), kind)
		stored, err := json.Marshal(fields)
		require.NoError(t, err)
		require.JSONEq(t, objects[kind], string(stored), kind)
		require.Empty(t, s.Validate(fields), kind)
	}
}

// A nil slice or map that is required is the mistake that a typed client can make.
func TestWhatIsRequired(t *testing.T) {
	for kind, required := range map[string]string{"CiliumIdentity": "security-labels", "CiliumNode": "spec", "CiliumEndpointSlice": "endpoints"} {
		errs := schemas()[kind].Validate(schema.Fields{})
		require.Len(t, errs, 1, kind)
		require.Equal(t, required, errs[0].Field, kind)
	}
}

func decode(t testing.TB, text string) (fields schema.Fields) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &fields))
	return fields
}

// BenchmarkSchema is what a schema costs a write.
func BenchmarkSchema(b *testing.B) {
	for kind, s := range schemas() {
		b.Run(kind, func(b *testing.B) {
			fields := decode(b, objects[kind])
			for b.Loop() {
				if !s.Fits(fields) {
					b.Fatal(kind, "does not fit")
				}
			}
		})
	}
}
