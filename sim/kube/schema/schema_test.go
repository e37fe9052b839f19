package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/meshcheck/meshcheck/sim/kube/schema"
)

// crd is a CRD whose version v1 has a schema.
func crd(t *testing.T, text string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	var props apiextensionsv1.JSONSchemaProps
	require.NoError(t, json.Unmarshal([]byte(text), &props))
	c := &apiextensionsv1.CustomResourceDefinition{}
	c.Name = "things.example.org"
	c.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &props}}}
	return c
}

const things = `{"type":"object","required":["metadata","labels"],"properties":{
	"metadata":{"type":"object"},
	"labels":{"type":"object","additionalProperties":{"type":"string"}},
	"list":{"type":"array","items":{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string","nullable":true}}}}}}`

func fields(t *testing.T, text string) (f schema.Fields) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &f))
	return f
}

func TestPrune(t *testing.T) {
	s, err := schema.New(crd(t, things), "v1")
	require.NoError(t, err)
	for sent, stored := range map[string]string{
		`{"labels":{"x":"y"},"list":[{"a":1}]}`:                  `{"labels":{"x":"y"},"list":[{"a":1}]}`,
		`{"labels":{"x":"y"},"nope":1}`:                          `{"labels":{"x":"y"}}`,
		`{"labels":{"x":null,"y":"z"}}`:                          `{"labels":{"y":"z"}}`,
		`{"list":[{"a":null,"b":null,"c":1},{"a":2,"b":"<&>"}]}`: `{"list":[{"b":null},{"a":2,"b":"<&>"}]}`,
	} {
		f := fields(t, sent)
		fits := s.Fits(f) // with all that is required
		require.NoError(t, s.Prune(f), sent)
		got, err := json.Marshal(f)
		require.NoError(t, err)
		require.JSONEq(t, stored, string(got), sent)
		require.Equal(t, sent == stored, fits, sent)
	}
}

func TestValidate(t *testing.T) {
	s, err := schema.New(crd(t, things), "v1")
	require.NoError(t, err)
	for sent, want := range map[string]string{
		`{"labels":{"x":"y"}}`:                  "",
		`{}`:                                    "labels: Required value",
		`{"labels":{"x":1},"list":[{"a":"b"}]}`: "labels.x: Invalid value,list[0].a: Invalid value",
		`{"labels":{},"list":{}}`:               "list: Invalid value",
	} {
		var got []string
		for _, e := range s.Validate(fields(t, sent)) {
			got = append(got, e.Field+": "+e.Type.String())
		}
		require.Equal(t, want, strings.Join(got, ","), sent)
		require.Equal(t, want == "", s.Fits(fields(t, sent)), sent)
	}
}

func TestNewRefusesWhatIsNotModelled(t *testing.T) {
	_, err := schema.New(crd(t, things), "v2")
	require.ErrorContains(t, err, "things.example.org has no schema of version v2")
	_, err = schema.New(crd(t, `{"type":"object","properties":{"a":{"type":"integer","default":1}}}`), "v1")
	require.ErrorContains(t, err, `"default":`)
	_, err = schema.New(crd(t, `{"type":"object","x-kubernetes-validations":[{"rule":"true"}]}`), "v1")
	require.ErrorContains(t, err, `"x-kubernetes-validations":`)
}
