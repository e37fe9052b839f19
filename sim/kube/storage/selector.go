package storage

import (
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

// Selector chooses objects of one resource.
type Selector struct {
	namespace string // "" is all
	labels    labels.Selector
	fields    fields.Selector
}

// NewSelector returns a selector, unless a field cannot be selected by. The selectors
// may be nil.
func NewSelector(r *Resource, namespace string, label labels.Selector, field fields.Selector) (Selector, error) {
	s := Selector{namespace, labels.Everything(), fields.Everything()}
	if label != nil {
		s.labels = label
	}
	if field != nil {
		s.fields = field
	}
	for _, q := range s.fields.Requirements() {
		switch {
		case r.selectable(q.Field):
		case r.Custom || !strings.Contains(q.Field, "."):
			return s, apierrors.NewBadRequest(fmt.Sprintf("field label not supported: %s", q.Field))
		default:
			return s, Unmodeled("the field selector %s of %s", q.Field, r.Kind)
		}
	}
	return s, nil
}

// Narrow says whether the selector chooses within its namespace.
func (s Selector) Narrow() bool { return !s.labels.Empty() || !s.fields.Empty() }

// Matches says whether an object is chosen.
func (s Selector) Matches(o *Object) bool {
	if s.namespace != "" && o.Meta.Namespace != s.namespace {
		return false
	}
	return (s.labels.Empty() || s.labels.Matches(labels.Set(o.Meta.Labels))) &&
		(s.fields.Empty() || s.fields.Matches(selectedFields{o}))
}

// selectedFields shows an object's fields to a selector.
type selectedFields struct{ o *Object }

func (f selectedFields) Has(field string) bool { return f.o.Resource.selectable(field) }

func (f selectedFields) Get(field string) string {
	switch field {
	case "metadata.name":
		return f.o.Meta.Name
	case "metadata.namespace":
		return f.o.Meta.Namespace
	}
	return f.o.selectableFields()[field]
}

// selectableFields returns what the resource's Fields are in the object. Those
// that are missing or no strings are left out.
func (o *Object) selectableFields() map[string]string {
	o.selectableOnce.Do(func() {
		o.selectable = map[string]string{}
		for _, path := range o.Resource.Fields {
			parent, name, _ := strings.Cut(path, ".")
			var children map[string]json.RawMessage
			var value string
			if json.Unmarshal(o.fields[parent], &children) == nil && json.Unmarshal(children[name], &value) == nil {
				o.selectable[path] = value
			}
		}
	})
	return o.selectable
}
