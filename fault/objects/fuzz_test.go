package objects

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
)

// Whatever is in a file, it is refused in one sentence or gives objects that a
// plan can be drawn from and that load again unchanged.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}]}`))
	f.Add([]byte(`--- {apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "1000"}, security-labels: {"k8s:io.cilium.k8s.policy.cluster": default}}`))
	f.Add([]byte(`--- {apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: e, namespace: d}, status: {identity: {id: 1000, labels: [a]}, networking: {addressing: [{ipv4: 10.0.0.1}]}}}`))
	f.Add([]byte(`--- {apiVersion: cilium.io/v2alpha1, kind: CiliumEndpointSlice, metadata: {name: s}, namespace: d, endpoints: [{name: e, id: 1000, networking: {addressing: [{ipv4: 10.0.0.1}]}}]}`))
	f.Add([]byte(`--- {apiVersion: cilium.io/v2, kind: CiliumNode, metadata: {name: n}, spec: {addresses: [{ip: 10.0.0.1}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := newLoader()
		if err := l.file("f", data); err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		if len(l.objects) == 0 {
			return
		}
		all, _, err := l.finish()
		require.NoError(t, err)
		_, err = fault.Draw(1, fault.DrawConfig{Objects: all})
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
		}
		again := newLoader()
		for _, raw := range all {
			require.NoError(t, again.file("again", raw))
		}
		reloaded, _, err := again.finish()
		require.NoError(t, err)
		require.Equal(t, texts(all), texts(reloaded))
	})
}

func texts(all []json.RawMessage) (texts []string) {
	for _, raw := range all {
		texts = append(texts, string(raw))
	}
	return texts
}
