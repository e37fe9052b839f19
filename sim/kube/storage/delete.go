package storage

import (
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// defaultGrace is how many seconds a Pod has to end that does not say it.
const defaultGrace = 30

// Delete deletes an object, or marks it as deleted: while it has finalizers; a Pod on a node, until its
// kubelet deletes it with a grace period of 0; a namespace, until it is empty (namespace.go). gone says
// which. The object is the last version.
func (s *Store) Delete(r *Resource, namespace, name string, options metav1.DeleteOptions, by Origin) (o *Object, gone bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.get(r, namespace, name)
	if current == nil {
		return nil, false, apierrors.NewNotFound(r.GR(), name)
	}
	if p := options.Preconditions; p != nil {
		if p.UID != nil && *p.UID != current.Meta.UID {
			return nil, false, errUIDPrecondition(r, name, *p.UID, current.Meta.UID)
		}
		if p.ResourceVersion != nil && *p.ResourceVersion != current.Meta.ResourceVersion {
			return nil, false, errConflict(r, name, fmt.Sprintf("Precondition failed: ResourceVersion in precondition: %v, ResourceVersion in object meta: %v", *p.ResourceVersion, current.Meta.ResourceVersion))
		}
	}
	next := current.draft()
	if r.isNamespace() {
		if current.Meta.DeletionTimestamp == nil {
			next.terminate()
			return s.commit(r, current, next, false, by), false, nil
		}
		if next.namespaceIsHeld() {
			return current, false, nil
		}
	}
	if r.Graceful {
		switch marked, waits := next.grace(options.GracePeriodSeconds); {
		case waits:
			return current, false, nil
		case marked:
			current = s.commit(r, current, next, false, by)
			if len(current.Meta.Finalizers) > 0 || *current.Meta.DeletionGracePeriodSeconds > 0 {
				return current, false, nil
			}
			return s.commit(r, current, current.draft(), true, by), true, nil
		}
	}
	if len(current.Meta.Finalizers) == 0 {
		return s.commit(r, current, next, true, by), true, nil
	}
	if current.Meta.DeletionTimestamp != nil {
		return current, false, nil
	}
	stamp := now()
	next.Meta.DeletionTimestamp = &stamp
	next.Meta.DeletionGracePeriodSeconds = new(int64)
	if r.countsGeneration() {
		next.Meta.Generation++
	}
	return s.commit(r, current, next, false, by), false, nil
}

// grace marks a Pod as deleted, or shortens the time that it has to end; waits says that neither is to
// be done (rest.BeforeDelete, podStrategy.CheckGracefulDelete).
func (d *Draft) grace(asked *int64) (marked, waits bool) {
	meta := &d.Meta
	if meta.DeletionTimestamp == nil {
		seconds := d.gracePeriod(asked)
		until := metav1.NewTime(now().Add(time.Duration(seconds) * time.Second))
		meta.DeletionTimestamp, meta.DeletionGracePeriodSeconds = &until, &seconds
		meta.Generation++
		return true, false
	}
	if ending(meta) {
		return false, false
	}
	had := *meta.DeletionGracePeriodSeconds
	if asked == nil || *asked >= had {
		return false, true
	}
	seconds := max(*asked, 0)
	until := metav1.NewTime(meta.DeletionTimestamp.Add(time.Duration(seconds-had) * time.Second))
	if present := now(); until.Before(&present) {
		until = present
		seconds = min(seconds, 1)
	}
	meta.DeletionTimestamp, meta.DeletionGracePeriodSeconds = &until, &seconds
	return true, false
}

// gracePeriod is for how many seconds a Pod that is deleted is left to its kubelet.
func (d *Draft) gracePeriod(asked *int64) int64 {
	var pod struct {
		Spec struct {
			NodeName                      string
			TerminationGracePeriodSeconds *int64
		}
		Status struct{ Phase string }
	}
	d.decode("spec", &pod.Spec)
	d.decode("status", &pod.Status)
	switch {
	case pod.Spec.NodeName == "", pod.Status.Phase == "Failed", pod.Status.Phase == "Succeeded":
		return 0
	case asked != nil && *asked < 0:
		return 1
	case asked != nil:
		return *asked
	case pod.Spec.TerminationGracePeriodSeconds != nil:
		return *pod.Spec.TerminationGracePeriodSeconds
	}
	return defaultGrace
}

// ending says whether an object waits for nothing but its finalizers: then the update that takes the
// last one deletes it, and so does another delete.
func ending(m *metav1.ObjectMeta) bool {
	return m.DeletionTimestamp != nil && (m.DeletionGracePeriodSeconds == nil || *m.DeletionGracePeriodSeconds == 0)
}
