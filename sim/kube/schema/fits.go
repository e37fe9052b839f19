package schema

import (
	"slices"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
)

// Fits says whether the fields surely are as the schema wants them: then Prune changes
// and Validate forbids nothing. It is there because nearly all that is written fits, and
// the libraries need twenty times as long to find that out.
func (s *Schema) Fits(fields Fields) bool {
	object, err := decode(fields)
	return err == nil && fits(object, s.structural)
}

// fits says no whenever it does not know.
func fits(value any, s *structural.Structural) bool {
	if s == nil || s.XPreserveUnknownFields || s.XEmbeddedResource || s.XIntOrString {
		return false
	}
	v := s.ValueValidation
	if v == nil {
		v = &structural.ValueValidation{}
	}
	if v.Maximum != nil || v.ExclusiveMinimum || v.MaxLength != nil || v.Pattern != "" || v.MaxItems != nil || v.MinItems != nil || v.UniqueItems ||
		v.MultipleOf != nil || v.MaxProperties != nil || v.MinProperties != nil || v.AllOf != nil || v.OneOf != nil || v.AnyOf != nil || v.Not != nil {
		return false
	}
	switch value := value.(type) {
	case map[string]any:
		return s.Type == "object" && fitsObject(value, s, v.Required)
	case []any:
		return s.Type == "array" && !slices.ContainsFunc(value, func(item any) bool { return !fits(item, s.Items) })
	case string:
		return s.Type == "string" && fitsString(value, v)
	case int64:
		return (s.Type == "integer" || s.Type == "number") && v.Enum == nil && (v.Minimum == nil || float64(value) >= *v.Minimum)
	case bool:
		return s.Type == "boolean" && v.Enum == nil
	}
	return false
}

func fitsObject(value map[string]any, s *structural.Structural, required []string) bool {
	for _, name := range required {
		if _, ok := value[name]; !ok {
			return false
		}
	}
	for name, child := range value {
		prop, known := s.Properties[name]
		if !known {
			if s.AdditionalProperties == nil || s.AdditionalProperties.Structural == nil {
				return false
			}
			prop = *s.AdditionalProperties.Structural
		}
		if !fits(child, &prop) {
			return false
		}
	}
	return true
}

func fitsString(value string, v *structural.ValueValidation) bool {
	if v.Enum != nil && !slices.ContainsFunc(v.Enum, func(allowed structural.JSON) bool { return allowed.Object == value }) {
		return false
	}
	return (v.MinLength == nil || int64(len(value)) >= *v.MinLength && *v.MinLength <= 1) &&
		(v.Format == "" || !strfmt.Default.ContainsName(v.Format) || strfmt.Default.Validates(v.Format, value))
}
