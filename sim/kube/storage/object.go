package storage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/sim/kube/managed"
)

// Object is one version of an object. It is shared by the store, its past, the
// watch caches and whoever was told of it: nobody may change it.
type Object struct {
	Resource *Resource
	Meta     metav1.ObjectMeta
	RV       int64 // the resourceVersion, as in Meta

	// JSON is the object in the form in which it is served: kind, apiVersion
	// and metadata first, then the other fields by name, without white space.
	JSON []byte

	key    string
	head   int     // the length of `{"kind":...,"apiVersion":...,` in JSON
	meta   []byte  // the metadata in JSON, but for managedFields
	fields content // the others; the values are parts of JSON

	managed managed.Fields

	selectableOnce sync.Once
	selectable     map[string]string // what field selectors may ask for, besides metadata
}

// content is the fields of an object by name, but for kind, apiVersion and
// metadata: encoded without white space and never null.
type content map[string]json.RawMessage

// Decode unmarshals the object into a pointer to its type.
func (o *Object) Decode(into any) error {
	if err := json.Unmarshal(o.JSON, into); err != nil {
		return fmt.Errorf("decode %s %s at resourceVersion %d: %w", o.Resource.Kind, o.key, o.RV, err)
	}
	return nil
}

// Key is "namespace/name", or "name" for a kind without namespaces.
func (o *Object) Key() string { return o.key }

// WriteItem writes the object as an item of a list. The real kube-apiserver
// leaves kind and apiVersion out of the items of built-in kinds, and clients
// can tell.
func (o *Object) WriteItem(b *bytes.Buffer) {
	if o.Resource.Custom {
		b.Write(o.JSON)
		return
	}
	b.WriteByte('{')
	b.Write(o.JSON[o.head:])
}

// draft returns the object as a draft to change.
func (o *Object) draft() Draft {
	return Draft{Kind: o.Resource.Kind, APIVersion: o.Resource.APIVersion(), Meta: *o.Meta.DeepCopy(), fields: maps.Clone(o.fields), managed: o.managed}
}

// WithRV returns the same content under another resourceVersion.
func (o *Object) WithRV(rv int64) *Object { return o.draft().object(o.Resource, rv) }

// Draft is an object on its way in: what a client sent, or what becomes of it.
type Draft struct {
	Kind, APIVersion string
	Meta             metav1.ObjectMeta
	fields           content
	managed          managed.Fields // in place of those in Meta, which clients may send
}

// ParseDraft reads a JSON object.
func ParseDraft(raw []byte) (Draft, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return Draft{}, fmt.Errorf("the body is not a JSON object: %w", err)
	}
	d := Draft{fields: content{}}
	if err := json.Unmarshal(compact.Bytes(), &d.fields); err != nil {
		return Draft{}, fmt.Errorf("the body is not a JSON object: %w", err)
	}
	for _, head := range []struct {
		name string
		into any
	}{{"kind", &d.Kind}, {"apiVersion", &d.APIVersion}, {"metadata", &d.Meta}} {
		value, ok := d.fields[head.name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(value, head.into); err != nil {
			return Draft{}, fmt.Errorf("the field %s of the body cannot be read: %w", head.name, err)
		}
		delete(d.fields, head.name)
	}
	maps.DeleteFunc(d.fields, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	return d, nil
}

// encodeMeta returns the metadata as they are stored at a version.
func (d Draft) encodeMeta(rv int64) (metav1.ObjectMeta, []byte) {
	meta := d.Meta
	meta.ResourceVersion = strconv.FormatInt(rv, 10)
	meta.ManagedFields = nil
	meta.SelfLink = ""
	return meta, EncodeJSON(&meta)
}

// object encodes the draft as a version of an object of the resource.
func (d Draft) object(r *Resource, rv int64) *Object {
	meta, encoded := d.encodeMeta(rv)
	o := &Object{Resource: r, Meta: meta, RV: rv, key: r.Key(meta.Namespace, meta.Name), meta: encoded, fields: make(content, len(d.fields)), managed: d.managed}
	size := 96 + len(r.Kind) + len(r.Group) + len(r.Version) + len(encoded) + d.managed.Size()
	names := slices.Sorted(maps.Keys(d.fields))
	for _, name := range names {
		size += len(name) + len(d.fields[name]) + 8
	}
	b := make([]byte, 0, size)
	b = append(b, `{"kind":"`+r.Kind+`","apiVersion":"`+r.APIVersion()+`",`...)
	o.head = len(b)
	b = append(b, `"metadata":`...)
	b = append(b, encoded[:len(encoded)-1]...)
	if len(d.managed) > 0 {
		b = append(b, `,"managedFields":`...)
		b = d.managed.AppendJSON(b)
	}
	b = append(b, '}')
	for _, name := range names {
		b = append(b, ',')
		b = append(b, EncodeJSON(name)...)
		b = append(b, ':')
		b = append(b, d.fields[name]...)
		o.fields[name] = json.RawMessage(b[len(b)-len(d.fields[name]):])
	}
	o.JSON = append(b, '}')
	return o
}

// says whether the draft is what the object is already, whatever the order in
// which clients write the fields of fields.
func (d Draft) says(o *Object) bool {
	_, meta := d.encodeMeta(o.RV)
	return bytes.Equal(meta, o.meta) && sameFields(d.fields, o.fields)
}

func sameFields(a, b content) bool {
	return maps.EqualFunc(a, b, func(a, b json.RawMessage) bool {
		return bytes.Equal(a, b) || reflect.DeepEqual(decodeJSON(a), decodeJSON(b))
	})
}

// EncodeJSON encodes values that came from JSON or are plain structs: it cannot
// fail.
func EncodeJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("storage: encode %T: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decodeJSON decodes what was decoded before: it cannot fail.
func decodeJSON(raw json.RawMessage) any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		panic(fmt.Sprintf("storage: stored JSON %.80q is unreadable: %v", raw, err))
	}
	return v
}
