package kube

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// write serves the requests that change something.
func (s *Server) write(a *answer, r *http.Request, q *Request) error {
	by := origin{client: q.Client, server: s.config.Name}
	switch q.Verb {
	case "create":
		return s.serveCreate(a, r, q, by)
	case "update", "patch":
		return s.serveUpdate(a, r, q, by)
	case "delete":
		return s.serveDelete(a, r, q, by)
	case "deletecollection":
		return s.serveDeleteCollection(a, r, q, by)
	}
	return unmodeled("the verb %s", q.Verb)
}

func (s *Server) serveCreate(a *answer, r *http.Request, q *Request, by origin) error {
	d, err := readObject(r)
	if err != nil {
		return err
	}
	if err := checkBody(s.store.catalog.resources[q.index], &d, q.Namespace, ""); err != nil {
		return err
	}
	a.request.Key = s.store.catalog.resources[q.index].key(d.meta.Namespace, d.meta.Name)
	o, err := s.store.create(q.index, d, by)
	if err != nil {
		return err
	}
	a.sendObject(http.StatusCreated, o)
	return nil
}

func (s *Server) serveUpdate(a *answer, r *http.Request, q *Request, by origin) error {
	resource := s.store.catalog.resources[q.index]
	change, err := s.readChange(r, q, resource)
	if err != nil {
		return err
	}
	o, err := s.store.update(q.index, q.Namespace, q.Name, q.Subresource == "status", change, by)
	if err != nil {
		return err
	}
	a.sendObject(http.StatusOK, o)
	return nil
}

// readChange reads what an update or a patch wants.
func (s *Server) readChange(r *http.Request, q *Request, resource *Resource) (change, error) {
	if q.Verb == "patch" {
		body, mediaType, err := readBody(r)
		if err != nil {
			return nil, err
		}
		return patcher(resource, mediaType, body)
	}
	d, err := readObject(r)
	if err != nil {
		return nil, err
	}
	if err := checkBody(resource, &d, q.Namespace, q.Name); err != nil {
		return nil, err
	}
	return func(*Object) (draft, error) {
		if d.meta.ResourceVersion == "" && resource.mustNameVersion() {
			return draft{}, errInvalid(resource, q.Name, field.ErrorList{
				field.Invalid(field.NewPath("metadata", "resourceVersion"), "", "must be specified for an update")})
		}
		return d, nil
	}, nil
}

func (s *Server) serveDelete(a *answer, r *http.Request, q *Request, by origin) error {
	options, err := readDeleteOptions(r)
	if err != nil {
		return err
	}
	o, gone, err := s.store.remove(q.index, q.Namespace, q.Name, options, by)
	if err != nil {
		return err
	}
	if !gone {
		a.sendObject(http.StatusOK, o)
		return nil
	}
	a.request.RV = o.RV
	a.sendJSON(http.StatusOK, encodeJSON(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusSuccess,
		Details:  &metav1.StatusDetails{Name: q.Name, Group: q.Group, Kind: q.Resource, UID: o.Meta.UID},
	}))
	return nil
}

// serveDeleteCollection deletes what the selectors choose, one object after the
// other, each with a version of its own, and answers with what was deleted.
func (s *Server) serveDeleteCollection(a *answer, r *http.Request, q *Request, by origin) error {
	options, err := readDeleteOptions(r)
	if err != nil {
		return err
	}
	resource := s.store.catalog.resources[q.index]
	sel, err := parseSelector(resource, q.Namespace, q.query.Get("labelSelector"), q.query.Get("fieldSelector"))
	if err != nil {
		return err
	}
	objects, rv := s.store.present(q.index, q.Namespace, "")
	chosen, meta := paginate(objects, sel, 0, rv)
	for _, o := range chosen {
		_, _, err := s.store.remove(q.index, o.Meta.Namespace, o.Meta.Name, options, by)
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	a.request.Value, a.request.RV = listing(chosen), rv
	a.sendJSON(http.StatusOK, encodeList(resource, chosen, meta))
	return nil
}
