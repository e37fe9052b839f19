// Package schema is what a kube-apiserver does with the schema of a custom resource:
// it drops fields that the schema does not know, and null where the schema does not
// allow it, and refuses what the schema forbids. The libraries are those of
// k8s.io/apiextensions-apiserver; its package for the second half,
// pkg/apiserver/validation, is left out: it would link a whole API server, for rules
// in CEL, which Cilium's CRDs of agents and operators do not have.
package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	openapierrors "k8s.io/kube-openapi/pkg/validation/errors"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
)

// Schema is the schema of one version of a custom resource.
type Schema struct {
	structural *structural.Structural
	validator  *validate.SchemaValidator
}

// New reads the schema of a version from a CustomResourceDefinition. It refuses one
// that sets defaults or has rules in CEL: they are not modelled.
func New(crd *apiextensionsv1.CustomResourceDefinition, version string) (*Schema, error) {
	i := slices.IndexFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == version })
	if i < 0 || crd.Spec.Versions[i].Schema == nil {
		return nil, fmt.Errorf("the CRD %s has no schema of version %s", crd.Name, version)
	}
	raw, err := json.Marshal(crd.Spec.Versions[i].Schema.OpenAPIV3Schema)
	if err != nil {
		return nil, fmt.Errorf("the CRD %s: %w", crd.Name, err)
	}
	for _, word := range []string{`"default":`, `"x-kubernetes-validations":`} {
		if strings.Contains(string(raw), word) {
			return nil, fmt.Errorf("the CRD %s has %s, which is not modelled", crd.Name, word)
		}
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[i].Schema.OpenAPIV3Schema, &props, nil); err != nil {
		return nil, fmt.Errorf("the CRD %s: %w", crd.Name, err)
	}
	s, err := structural.NewStructural(&props)
	if err != nil {
		return nil, fmt.Errorf("the schema of the CRD %s: %w", crd.Name, err)
	}
	return &Schema{structural: s, validator: validate.NewSchemaValidator(s.ToKubeOpenAPI(), nil, "", strfmt.Default)}, nil
}

// Fields are the fields of an object by name, but for kind, apiVersion and metadata.
type Fields = map[string]json.RawMessage

// Prune drops from the fields what the schema does not know.
func (s *Schema) Prune(fields Fields) error {
	object, err := decode(fields)
	if err != nil {
		return err
	}
	unknown := pruning.PruneWithOptions(object, s.structural, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	changed := dropNulls(object, s.structural)
	if len(unknown) == 0 && !changed {
		return nil
	}
	for name := range fields {
		value, ok := object[name]
		if !ok {
			delete(fields, name)
			continue
		}
		if fields[name], err = json.Marshal(value); err != nil {
			return err
		}
	}
	return nil
}

// decode returns the object that the fields are of.
func decode(fields Fields) (map[string]any, error) {
	object := make(map[string]any, len(fields)+1)
	for name, raw := range fields {
		var value any
		if err := utiljson.Unmarshal(raw, &value); err != nil {
			return nil, fmt.Errorf("the field %s cannot be read: %w", name, err)
		}
		object[name] = value
	}
	object["metadata"] = map[string]any{} // is not the schema's business, but may be required
	return object, nil
}

// dropNulls drops the fields that are null and may not be, and says whether there were any.
func dropNulls(value any, s *structural.Structural) (dropped bool) {
	if s == nil {
		return false
	}
	switch value := value.(type) {
	case map[string]any:
		for name, child := range value {
			prop, known := s.Properties[name]
			if !known {
				if s.AdditionalProperties == nil || s.AdditionalProperties.Structural == nil {
					continue
				}
				prop = *s.AdditionalProperties.Structural
			}
			if child == nil && !prop.Nullable {
				delete(value, name)
				dropped = true
				continue
			}
			dropped = dropNulls(child, &prop) || dropped
		}
	case []any:
		for _, child := range value {
			dropped = dropNulls(child, s.Items) || dropped
		}
	}
	return dropped
}

// Validate returns what the schema forbids, by field.
func (s *Schema) Validate(fields Fields) (errs field.ErrorList) {
	object, err := decode(fields)
	if err != nil {
		return field.ErrorList{field.Invalid(nil, "", err.Error())}
	}
	for _, err := range s.validator.Validate(object).Errors {
		var v *openapierrors.Validation
		if !errors.As(err, &v) {
			errs = append(errs, field.Invalid(nil, "", err.Error()))
			continue
		}
		var path *field.Path
		if name := strings.TrimPrefix(v.Name, "."); name != "" {
			path = field.NewPath(name)
		}
		switch v.Code() {
		case openapierrors.RequiredFailCode:
			errs = append(errs, field.Required(path, ""))
		case openapierrors.InvalidTypeCode:
			errs = append(errs, field.TypeInvalid(path, v.Value, v.Error()))
		default:
			errs = append(errs, field.Invalid(path, v.Value, v.Error()))
		}
	}
	// The validator goes through maps.
	slices.SortFunc(errs, func(a, b *field.Error) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Detail, b.Detail))
	})
	return errs
}
