package kube

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// write serves the requests that change something.
func (s *Server) write(a *answer, r *http.Request, q *Request) error {
	if q.resource.Unwritten {
		return storage.Unmodeled("writing a %s", q.resource.Kind)
	}
	by := storage.Origin{Client: q.Client, Server: s.config.Name, Manager: q.manager(r)}
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
	return storage.Unmodeled("the verb %s", q.Verb)
}

func (s *Server) serveCreate(a *answer, r *http.Request, q *Request, by storage.Origin) error {
	d, err := readObject(r)
	if err != nil {
		return err
	}
	if err := checkBody(q.resource, &d, q.Namespace, ""); err != nil {
		return err
	}
	a.request.Key = q.resource.Key(d.Meta.Namespace, d.Meta.Name)
	o, err := s.store.Insert(q.resource, d, by)
	if err != nil {
		return err
	}
	a.sendObject(http.StatusCreated, o)
	return nil
}

func (s *Server) serveUpdate(a *answer, r *http.Request, q *Request, by storage.Origin) error {
	change, err := s.readChange(r, q)
	if err != nil {
		return err
	}
	o, rv, err := s.store.Update(q.resource, q.Namespace, q.Name, q.Subresource, change, by)
	if err != nil {
		return err
	}
	a.request.Key, a.request.RV = o.Key(), rv
	a.sendJSON(http.StatusOK, o.JSON)
	return nil
}

// readChange reads what an update or a patch wants.
func (s *Server) readChange(r *http.Request, q *Request) (storage.Change, error) {
	if q.Verb == "patch" {
		body, mediaType, err := readBody(r)
		if err != nil {
			return nil, err
		}
		return patcher(q.resource, mediaType, body)
	}
	d, err := readObject(r)
	if err != nil {
		return nil, err
	}
	if err := checkBody(q.resource, &d, q.Namespace, q.Name); err != nil {
		return nil, err
	}
	return func(*storage.Object) (storage.Draft, error) { return d, nil }, nil
}

func (s *Server) serveDelete(a *answer, r *http.Request, q *Request, by storage.Origin) error {
	options, err := readDeleteOptions(r, q)
	if err != nil {
		return err
	}
	o, gone, err := s.store.Delete(q.resource, q.Namespace, q.Name, options, by)
	if err != nil {
		return err
	}
	if !gone || q.resource.ReturnsDeleted {
		a.sendObject(http.StatusOK, o)
		return nil
	}
	a.request.RV = o.RV
	a.sendJSON(http.StatusOK, storage.EncodeJSON(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusSuccess,
		Details:  &metav1.StatusDetails{Name: q.Name, Group: q.Group, Kind: q.Resource, UID: o.Meta.UID},
	}))
	return nil
}

// serveDeleteCollection deletes what the selectors choose, one object after the
// other, each with a version of its own, and answers with what was deleted.
func (s *Server) serveDeleteCollection(a *answer, r *http.Request, q *Request, by storage.Origin) error {
	if q.resource.Kind == "Namespace" {
		return errNoDeleteCollection()
	}
	options, err := readDeleteOptions(r, q)
	if err != nil {
		return err
	}
	_, sel, err := q.listOptions()
	if err != nil {
		return err
	}
	objects, rv := s.store.Present(q.resource, q.Namespace, "")
	chosen, meta := paginate(objects, sel, 0, rv)
	for _, o := range chosen {
		_, _, err := s.store.Delete(q.resource, o.Meta.Namespace, o.Meta.Name, options, by)
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	a.request.Value, a.request.RV = listing(chosen), rv
	a.sendJSON(http.StatusOK, encodeList(q.resource, chosen, meta))
	return nil
}
