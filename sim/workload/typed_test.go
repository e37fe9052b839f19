package workload

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckObjects(t *testing.T) {
	objects := func(all ...string) (raw []json.RawMessage) {
		for _, o := range all {
			raw = append(raw, json.RawMessage(o))
		}
		return raw
	}
	require.NoError(t, CheckObjects(objects(
		`{"kind":"CiliumNode","metadata":{"name":"n"},"spec":{"encryption":{"key":3},"addresses":[{"ip":"192.0.2.1"}]}}`,
		`{"kind":"Pod","metadata":{"name":"p","labels":{"a":"b"}},"spec":{"containers":[{"image":"x","futureField":1}]}}`)))
	err := CheckObjects(objects(
		`{"kind":"Namespace","metadata":{"name":"ns"}}`,
		`{"kind":"CiliumNode","metadata":{"name":"n"},"spec":{"encryption":{"key":"three"}}}`,
		`{"kind":"Namespace","metadata":{"name":"x","annotations":[1]}}`))
	require.ErrorContains(t, err, "objects[1]: json: cannot unmarshal string into Go struct field")
	require.ErrorContains(t, err, "spec.encryption.key")
	require.ErrorContains(t, err, "\nobjects[2]: json: ", "all of them are said")
}
