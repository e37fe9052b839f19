package storage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/meshcheck/meshcheck/sim/kube/managed"
)

// manage notes in the draft who has written what of it: it is to be written over an object,
// or is new.
func (d *Draft) manage(r *Resource, over *Object, subresource string, by Origin) {
	var w managed.Write
	before, old, meta := r.empty, content(nil), &metav1.ObjectMeta{}
	if over != nil {
		before, old, meta = nil, over.fields, &over.Meta
		d.managed = over.managed
	}
	if !sameManagedMeta(&d.Meta, meta) {
		w.Part("metadata", managed.TypeOf(r.Kind, "metadata"), managedMeta(meta), managedMeta(&d.Meta))
	}
	for name, now := range d.fields {
		is := old[name]
		if is != nil && bytes.Equal(is, now) {
			continue
		}
		was, there := before[name]
		switch {
		case is != nil:
			was = decodeJSON(is)
		case !there:
			was = managed.Missing
		}
		w.Part(name, r.managedType(name), was, decodeJSON(now))
	}
	for name, was := range old {
		if _, there := d.fields[name]; !there {
			w.Part(name, r.managedType(name), decodeJSON(was), managed.Missing)
		}
	}
	writer := managed.Writer{Name: by.Manager, APIVersion: r.APIVersion(), Subresource: subresource}
	d.managed = d.managed.After(writer, time.Now().UTC().Format(time.RFC3339), w)
}

func (r *Resource) managedType(part string) *managed.Type {
	if r.Custom {
		return nil
	}
	return managed.TypeOf(r.Kind, part)
}

func sameManagedMeta(a, b *metav1.ObjectMeta) bool {
	return a.GenerateName == b.GenerateName && reflect.DeepEqual(a.Labels, b.Labels) && reflect.DeepEqual(a.Annotations, b.Annotations) &&
		reflect.DeepEqual(a.Finalizers, b.Finalizers) && reflect.DeepEqual(a.OwnerReferences, b.OwnerReferences)
}

// managedMeta is what writers have of the metadata: the rest is the kube-apiserver's.
func managedMeta(m *metav1.ObjectMeta) any {
	return decodeJSON(EncodeJSON(map[string]any{"metadata": metav1.ObjectMeta{
		GenerateName: m.GenerateName, Labels: m.Labels, Annotations: m.Annotations, Finalizers: m.Finalizers, OwnerReferences: m.OwnerReferences,
	}})).(map[string]any)["metadata"]
}

// emptyObject is what a built-in kind has in an object of which nobody has written anything: the
// fields that its Go type always writes.
func emptyObject(r *Resource) map[string]any {
	if r.Custom {
		return nil
	}
	o, err := scheme.Scheme.New(r.GVK())
	if err != nil {
		return nil // a kind that Kubernetes does not have, in a test
	}
	raw, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("storage: an empty %s: %v", r.Kind, err))
	}
	return decodeJSON(raw).(map[string]any)
}
