package storage

import (
	"maps"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// This file holds the rules of writes: k8s.io/apiserver, pkg/registry/rest and
// pkg/registry/generic/registry. Insert and
// Update lock the store; it is locked in the others.

// Insert adds an object that a client sent.
func (s *Store) Insert(r *Resource, d Draft, by Origin) (*Object, error) {
	if rv, err := ParseVersion(d.Meta.ResourceVersion); err == nil && rv != 0 {
		return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
			Status:  metav1.StatusFailure,
			Message: "resourceVersion should not be set on objects to be created",
			Code:    http.StatusInternalServerError,
		}}
	}
	d.Meta.UID = ""
	d.Meta.CreationTimestamp = metav1.Time{}
	d.Meta.DeletionTimestamp = nil
	d.Meta.DeletionGracePeriodSeconds = nil
	d.Meta.Generation = 0
	if r.Status && !r.StatusOnCreate {
		delete(d.fields, "status")
	}
	if !d.fits(r) {
		if err := r.Schema.Prune(d.fields); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		if errs := r.Schema.Validate(d.fields); len(errs) > 0 {
			return nil, Invalid(r, d.Meta.Name, errs)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admit(r, &d); err != nil {
		return nil, err
	}
	return s.insert(r, d, by)
}

// fits says whether the schema of the resource, if any, has nothing to do.
func (d Draft) fits(r *Resource) bool { return r.Schema == nil || r.Schema.Fits(d.fields) }

func (s *Store) insert(r *Resource, d Draft, by Origin) (*Object, error) {
	if d.Meta.Name == "" && d.Meta.GenerateName != "" {
		for ok := true; ok; ok = s.get(r, d.Meta.Namespace, d.Meta.Name) != nil {
			d.Meta.Name = s.newName(d.Meta.GenerateName)
		}
	}
	if d.Meta.CreationTimestamp.IsZero() {
		d.Meta.CreationTimestamp = now()
	}
	if d.Meta.Generation == 0 && r.countsGeneration() {
		d.Meta.Generation = 1
	}
	if r.isNamespace() {
		d.labelNamespace()
	}
	if errs := validation.ValidateObjectMeta(&d.Meta, r.Namespaced, validation.NameIsDNSSubdomain, field.NewPath("metadata")); len(errs) > 0 {
		return nil, Invalid(r, d.Meta.Name, errs)
	}
	if s.get(r, d.Meta.Namespace, d.Meta.Name) != nil {
		return nil, apierrors.NewAlreadyExists(r.GR(), d.Meta.Name)
	}
	if d.Meta.UID == "" {
		d.Meta.UID = s.newUID()
	}
	d.manage(r, nil, "", by)
	if r.isNamespace() {
		d.beNamespace() // which is nobody's doing
	}
	return s.commit(r, nil, d, false, by), nil
}

// Change turns an object into what a client wants it to be.
type Change func(current *Object) (Draft, error)

// Update replaces an object, or only what a subresource is, and returns what it has become and
// the version of the store's write. Nothing is committed, and the present version
// returned, if it stays the same.
func (s *Store) Update(r *Resource, namespace, name, subresource string, change Change, by Origin) (o *Object, rv int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.get(r, namespace, name)
	if current == nil {
		return nil, 0, apierrors.NewNotFound(r.GR(), name)
	}
	wanted, err := change(current)
	if err != nil {
		return nil, 0, err
	}
	if wanted.Meta.UID != "" && wanted.Meta.UID != current.Meta.UID {
		return nil, 0, errUIDPrecondition(r, name, wanted.Meta.UID, current.Meta.UID)
	}
	switch rv, err := ParseVersion(wanted.Meta.ResourceVersion); {
	case err != nil:
		return nil, 0, err
	case rv == 0 && r.mustNameVersion():
		return nil, 0, apierrors.NewInvalid(schema.GroupKind{Group: r.Group, Kind: r.Name}, name, field.ErrorList{
			field.Invalid(field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update")})
	case rv != 0 && rv != current.RV:
		return nil, 0, errConflict(r, name, MessageModified)
	}
	fits := wanted.fits(r)
	if !fits {
		if err := r.Schema.Prune(wanted.fields); err != nil {
			return nil, 0, apierrors.NewBadRequest(err.Error())
		}
	}
	next := merge(r, current, wanted, subresource)
	if r.isNamespace() {
		next.labelNamespace()
	}
	var errs field.ErrorList
	if !fits {
		errs = r.Schema.Validate(next.fields)
	}
	path := field.NewPath("metadata")
	errs = append(errs, validation.ValidateObjectMeta(&next.Meta, r.Namespaced, validation.NameIsDNSSubdomain, path)...)
	errs = append(errs, validation.ValidateObjectMetaUpdate(&next.Meta, &current.Meta, path)...)
	if current.Meta.DeletionTimestamp != nil {
		errs = append(errs, validation.ValidateNoNewFinalizers(next.Meta.Finalizers, current.Meta.Finalizers, path.Child("finalizers"))...)
	}
	if len(errs) > 0 {
		return nil, 0, Invalid(r, name, errs)
	}
	next.manage(r, current, subresource, by)
	if ending(&current.Meta) && len(next.Meta.Finalizers) == 0 && !(r.isNamespace() && next.namespaceIsHeld()) {
		// What is deleted, and what watches are told, is the object before the
		// update; who made it is told of an object that never was.
		deleted := s.commit(r, current, current.draft(), true, by)
		return next.object(r, current.RV), deleted.RV, nil
	}
	if next.says(current) {
		return current, current.RV, nil
	}
	o = s.commit(r, current, next, false, by)
	return o, o.RV, nil
}

// merge returns what an update makes of the present version.
func merge(r *Resource, current *Object, wanted Draft, subresource string) Draft {
	next := wanted
	status := subresource == "status"
	switch {
	case status:
		next.fields = maps.Clone(current.fields)
		take(next.fields, wanted.fields, "status")
		if r.Custom {
			next.Meta = current.Meta
		}
	case r.Status:
		take(next.fields, current.fields, "status")
		if r.isNamespace() && subresource != "finalize" {
			take(next.fields, current.fields, "spec") // which is the finalizers
		}
	}
	next.Meta.UID = current.Meta.UID
	next.Meta.ResourceVersion = current.Meta.ResourceVersion
	next.Meta.CreationTimestamp = current.Meta.CreationTimestamp
	if next.Meta.DeletionTimestamp == nil {
		next.Meta.DeletionTimestamp = current.Meta.DeletionTimestamp
	}
	if next.Meta.DeletionGracePeriodSeconds == nil {
		next.Meta.DeletionGracePeriodSeconds = current.Meta.DeletionGracePeriodSeconds
	}
	next.Meta.Generation = current.Meta.Generation
	if r.countsGeneration() && !status && !sameFields(next.fields, current.fields) {
		next.Meta.Generation++
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
