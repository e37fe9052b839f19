package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The life of namespaces: k8s.io/kubernetes, pkg/registry/core/namespace, and the admission plugin
// NamespaceLifecycle. What is in a namespace is deleted by who stands for the namespace controller, by
// requests; the last is an update of the subresource finalize, which deletes the namespace.

func (r *Resource) isNamespace() bool { return r.Group == "" && r.Kind == "Namespace" }

// admit refuses an object whose namespace is not there or is being deleted.
func (s *Store) admit(r *Resource, d *Draft) error {
	if !r.Namespaced || s.anyNamespace {
		return nil
	}
	namespaces := s.OfKind("Namespace")
	if namespaces == nil {
		return nil
	}
	switch namespace := s.get(namespaces, "", d.Meta.Namespace); {
	case namespace == nil:
		return apierrors.NewNotFound(namespaces.GR(), d.Meta.Namespace)
	case namespace.Meta.DeletionTimestamp != nil:
		err := apierrors.NewForbidden(r.GR(), d.Meta.Name, errors.New("unable to create new content in namespace "+d.Meta.Namespace+" because it is being terminated"))
		err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
			Type: corev1.NamespaceTerminatingCause, Message: fmt.Sprintf("namespace %s is being terminated", d.Meta.Namespace), Field: "metadata.namespace",
		})
		return err
	}
	return nil
}

// namespace is what a namespace has besides its metadata.
type namespace struct {
	spec   corev1.NamespaceSpec
	status corev1.NamespaceStatus
}

func (d *Draft) namespace() (n namespace) {
	d.decode("spec", &n.spec)
	d.decode("status", &n.status)
	return n
}

// beNamespace completes a new namespace.
func (d *Draft) beNamespace() {
	n := d.namespace()
	if len(n.spec.Finalizers) == 0 {
		n.spec.Finalizers = []corev1.FinalizerName{corev1.FinalizerKubernetes}
	}
	n.status.Phase = corev1.NamespaceActive
	d.fields["spec"], d.fields["status"] = EncodeJSON(n.spec), EncodeJSON(n.status)
}

// labelNamespace sets the label that each namespace has.
func (d *Draft) labelNamespace() {
	labels := maps.Clone(d.Meta.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[corev1.LabelMetadataName] = d.Meta.Name
	d.Meta.Labels = labels
}

// terminate marks a namespace as deleted.
func (d *Draft) terminate() {
	n, stamp := d.namespace(), now()
	d.Meta.DeletionTimestamp = &stamp
	n.status.Phase = corev1.NamespaceTerminating
	d.fields["status"] = EncodeJSON(n.status)
}

// namespaceIsHeld says whether somebody still has to empty the namespace.
func (d *Draft) namespaceIsHeld() bool { return len(d.namespace().spec.Finalizers) > 0 }

// decode decodes a field of the draft. What it cannot read says nothing.
func (d *Draft) decode(field string, into any) {
	if raw, there := d.fields[field]; there {
		_ = json.Unmarshal(raw, into) // a client has sent it, and nobody validates it here
	}
}
