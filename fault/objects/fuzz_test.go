package objects

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault/draw"
)

// Whatever is in a file, it is refused in one sentence or gives objects that a
// plan can be drawn from and that load again unchanged.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}]}`))
	f.Add([]byte(`--- {apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "1000"}, security-labels: {"k8s:io.cilium.k8s.policy.cluster": default}}`))
	f.Add([]byte(`--- {apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: e, namespace: d}, status: {identity: {id: 1000, labels: [a]}, networking: {addressing: [{ipv4: 10.0.0.1}]}}}`))
	f.Add([]byte(`--- {apiVersion: cilium.io/v2alpha1, kind: CiliumEndpointSlice, metadata: {name: s}, namespace: d, endpoints: [{name: e, id: 1000, networking: {addressing: [{ipv4: 10.0.0.1}]}}]}`))
	f.Add([]byte(`--- {apiVersion: cilium.io/v2, kind: CiliumNode, metadata: {name: n}, spec: {addresses: [{ip: 10.0.0.1}]}}`))
	cases, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, cases)
	for _, file := range cases {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := newLoader(Config{})
		l.file("f", data)
		for _, err := range l.refused {
			require.NotContains(t, err.Error(), "\n")
		}
		if len(l.refused) > 0 {
			require.Error(t, l.refusals())
			return
		}
		all := l.finish()
		require.Len(t, l.summary.Places, len(all))
		if len(all) == 0 {
			return
		}
		_, err := draw.Plan(1, draw.Config{Objects: all, ClusterID: l.summary.ClusterID})
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
		}
		again := newLoader(Config{ClusterID: l.summary.ClusterID})
		for _, raw := range all {
			again.file("again", raw)
		}
		require.Empty(t, again.refused)
		require.Equal(t, texts(all), texts(again.finish()))
	})
}

func texts(all []json.RawMessage) (texts []string) {
	for _, raw := range all {
		texts = append(texts, string(raw))
	}
	return texts
}
