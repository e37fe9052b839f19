package kube

import (
	"fmt"
	"maps"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// This file holds the rules of writes: k8s.io/apiserver, pkg/registry/rest and
// pkg/registry/generic/registry. The store is locked in all of them but create,
// update and remove, which lock it.

// create adds an object that a client sent.
func (s *Store) create(i int, d draft, by origin) (*Object, error) {
	if d.meta.ResourceVersion != "" {
		return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
			Status:  metav1.StatusFailure,
			Message: "resourceVersion should not be set on objects to be created",
			Code:    http.StatusInternalServerError,
		}}
	}
	r := s.catalog.resources[i]
	d.meta.UID = ""
	d.meta.CreationTimestamp = metav1.Time{}
	d.meta.DeletionTimestamp = nil
	d.meta.DeletionGracePeriodSeconds = nil
	d.meta.Generation = 0
	if r.Status && !r.StatusOnCreate {
		delete(d.fields, "status")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.insert(i, d, by)
}

func (s *Store) insert(i int, d draft, by origin) (*Object, error) {
	r := s.catalog.resources[i]
	if d.meta.Name == "" && d.meta.GenerateName != "" {
		for ok := true; ok; ok = s.tables[i].get(r.key(d.meta.Namespace, d.meta.Name)) != nil {
			d.meta.Name = s.newName(d.meta.GenerateName)
		}
	}
	if d.meta.CreationTimestamp.IsZero() {
		d.meta.CreationTimestamp = now()
	}
	if d.meta.Generation == 0 && r.countsGeneration() {
		d.meta.Generation = 1
	}
	if errs := validation.ValidateObjectMeta(&d.meta, r.Namespaced, validation.NameIsDNSSubdomain, field.NewPath("metadata")); len(errs) > 0 {
		return nil, errInvalid(r, d.meta.Name, errs)
	}
	if s.tables[i].get(r.key(d.meta.Namespace, d.meta.Name)) != nil {
		return nil, apierrors.NewAlreadyExists(r.gr(), d.meta.Name)
	}
	if d.meta.UID == "" {
		d.meta.UID = s.newUID()
	}
	return s.commit(i, nil, d, false, by), nil
}

// change turns an object into what a client wants it to be.
type change func(current *Object) (draft, error)

// update replaces an object, or only its status. Nothing is committed, and the
// present version returned, if it stays the same.
func (s *Store) update(i int, namespace, name string, status bool, change change, by origin) (*Object, error) {
	r := s.catalog.resources[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.tables[i].get(r.key(namespace, name))
	if current == nil {
		return nil, apierrors.NewNotFound(r.gr(), name)
	}
	wanted, err := change(current)
	if err != nil {
		return nil, err
	}
	if wanted.meta.UID != "" && wanted.meta.UID != current.Meta.UID {
		return nil, errUIDPrecondition(r, name, wanted.meta.UID, current.Meta.UID)
	}
	if rv := wanted.meta.ResourceVersion; rv != "" && rv != "0" && rv != current.Meta.ResourceVersion {
		if _, err := parseRV(rv); err != nil {
			return nil, err
		}
		return nil, errConflict(r, name, messageModified)
	}
	next := merge(r, current, wanted, status)
	path := field.NewPath("metadata")
	errs := validation.ValidateObjectMeta(&next.meta, r.Namespaced, validation.NameIsDNSSubdomain, path)
	errs = append(errs, validation.ValidateObjectMetaUpdate(&next.meta, &current.Meta, path)...)
	if current.Meta.DeletionTimestamp != nil {
		errs = append(errs, validation.ValidateNoNewFinalizers(next.meta.Finalizers, current.Meta.Finalizers, path.Child("finalizers"))...)
	}
	if len(errs) > 0 {
		return nil, errInvalid(r, name, errs)
	}
	if next.meta.DeletionTimestamp != nil && len(next.meta.Finalizers) == 0 {
		return s.commit(i, current, next, true, by), nil
	}
	if next.says(current) {
		return current, nil
	}
	return s.commit(i, current, next, false, by), nil
}

// merge returns what an update makes of the present version.
func merge(r *Resource, current *Object, wanted draft, status bool) draft {
	next := wanted
	if status {
		next.fields = maps.Clone(current.fields)
		take(next.fields, wanted.fields, "status")
		if r.Custom {
			next.meta = current.Meta
		}
	} else if r.Status {
		take(next.fields, current.fields, "status")
	}
	next.meta.UID = current.Meta.UID
	next.meta.ResourceVersion = current.Meta.ResourceVersion
	next.meta.CreationTimestamp = current.Meta.CreationTimestamp
	next.meta.DeletionTimestamp = current.Meta.DeletionTimestamp
	next.meta.DeletionGracePeriodSeconds = current.Meta.DeletionGracePeriodSeconds
	next.meta.GenerateName = current.Meta.GenerateName
	next.meta.Generation = current.Meta.Generation
	if r.countsGeneration() && !status && !sameFields(next.fields, current.fields) {
		next.meta.Generation++
	}
	return next
}

// take makes a field what it is elsewhere.
func take(into, from content, name string) {
	delete(into, name)
	if v, ok := from[name]; ok {
		into[name] = v
	}
}

// remove deletes an object, or marks it as deleted while it has finalizers; gone
// says which. The object is the last version.
func (s *Store) remove(i int, namespace, name string, options metav1.DeleteOptions, by origin) (o *Object, gone bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.catalog.resources[i]
	current := s.tables[i].get(r.key(namespace, name))
	if current == nil {
		return nil, false, apierrors.NewNotFound(r.gr(), name)
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
	if len(current.Meta.Finalizers) == 0 {
		return s.commit(i, current, next, true, by), true, nil
	}
	if current.Meta.DeletionTimestamp != nil {
		return current, false, nil
	}
	stamp := now()
	next.meta.DeletionTimestamp = &stamp
	next.meta.DeletionGracePeriodSeconds = new(int64)
	if r.countsGeneration() {
		next.meta.Generation++
	}
	return s.commit(i, current, next, false, by), false, nil
}

// checkBody says whether a body fits the URL it was sent to, and completes it
// from the URL.
func checkBody(r *Resource, d *draft, namespace, name string) error {
	if d.apiVersion != "" && d.apiVersion != r.apiVersion() || d.kind != "" && d.kind != r.Kind {
		return apierrors.NewBadRequest(fmt.Sprintf("the body is a %s of %q, but the URL is of a %s of %q", d.kind, d.apiVersion, r.Kind, r.apiVersion()))
	}
	if d.meta.Namespace != "" && d.meta.Namespace != namespace {
		return apierrors.NewBadRequest(fmt.Sprintf("the namespace of the provided object does not match the namespace sent on the request: %q, not %q", d.meta.Namespace, namespace))
	}
	d.meta.Namespace = namespace
	if name != "" && d.meta.Name != name {
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", d.meta.Name, name))
	}
	return nil
}

// checkDelete refuses the delete options that are not modelled.
func checkDelete(o metav1.DeleteOptions) error {
	switch {
	case len(o.DryRun) > 0:
		return unmodeled("dryRun")
	case o.PropagationPolicy != nil && *o.PropagationPolicy != metav1.DeletePropagationBackground:
		return unmodeled("propagationPolicy %s: there is no garbage collector", *o.PropagationPolicy)
	case o.OrphanDependents != nil:
		return unmodeled("orphanDependents: there is no garbage collector")
	}
	return nil
}
