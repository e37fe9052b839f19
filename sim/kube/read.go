package kube

import (
	"bytes"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// get serves one object: the present one, or with a resourceVersion that of the
// watch cache once it has reached that version.
func (s *Server) get(a *answer, r *http.Request, q *Request) error {
	resource := s.store.catalog.resources[q.index]
	key := resource.key(q.Namespace, q.Name)
	version := q.query.Get("resourceVersion")
	rv, err := parseRV(version)
	if err != nil {
		return err
	}
	var o *Object
	if version == "" {
		o = s.store.Get(resource.Kind, q.Namespace, q.Name)
	} else {
		if err := s.cache.await(r.Context(), rv); err != nil {
			return err
		}
		o, _ = s.cache.get(q.index, key)
	}
	if o == nil {
		a.request.Value = "none"
		return apierrors.NewNotFound(resource.gr(), q.Name)
	}
	a.sendObject(http.StatusOK, o)
	return nil
}

// list serves a collection, or a page of it.
func (s *Server) list(a *answer, r *http.Request, q *Request) error {
	options, err := q.listOptions()
	if err != nil {
		return err
	}
	resource := s.store.catalog.resources[q.index]
	sel, err := parseSelector(resource, q.Namespace, q.query.Get("labelSelector"), q.query.Get("fieldSelector"))
	if err != nil {
		return err
	}
	objects, rv, err := s.listed(r, q, options)
	if err != nil {
		return err
	}
	limit := int(options.Limit)
	if options.ResourceVersion == "0" {
		limit = 0 // as the real watch cache: it then serves everything
	}
	page, meta := paginate(objects, sel, limit, rv)
	a.request.Value, a.request.RV, a.request.More = listing(page), rv, meta.Continue != ""
	a.sendJSON(http.StatusOK, encodeList(resource, page, meta))
	return nil
}

// listed returns the objects that a list is about, from the first of its page
// on, and their version. Which state that is follows the table in Kubernetes'
// API concepts, "Semantics for get and list".
func (s *Server) listed(r *http.Request, q *Request, o internalversion.ListOptions) (table, int64, error) {
	rv, err := parseRV(o.ResourceVersion)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case o.Continue != "":
		return s.listedOn(q, o)
	case o.ResourceVersion == "":
		objects, rv := s.store.present(q.index, q.Namespace, "")
		return objects, rv, nil
	case rv != 0 && (o.ResourceVersionMatch == metav1.ResourceVersionMatchExact || o.ResourceVersionMatch == "" && o.Limit > 0):
		objects, problem := s.store.past(q.index, q.Namespace, "", rv)
		switch problem {
		case pastCompacted:
			return nil, 0, apierrors.NewResourceExpired(messageListExpired)
		case pastInFuture:
			return nil, 0, errTooLargeVersion(rv, s.store.Revision())
		}
		return objects, rv, nil
	}
	if err := s.cache.await(r.Context(), rv); err != nil {
		return nil, 0, err
	}
	objects, rv := s.cache.list(q.index, q.Namespace)
	return objects, rv, nil
}

// listedOn goes on with a paginated list.
func (s *Server) listedOn(q *Request, o internalversion.ListOptions) (table, int64, error) {
	if o.ResourceVersion != "" && o.ResourceVersion != "0" {
		return nil, 0, apierrors.NewBadRequest("specifying resource version is not allowed when using continue")
	}
	token, err := parseContinue(o.Continue)
	if err != nil {
		return nil, 0, err
	}
	if token.RV == -1 {
		objects, rv := s.store.present(q.index, q.Namespace, token.Start)
		return objects, rv, nil
	}
	objects, problem := s.store.past(q.index, q.Namespace, token.Start, token.RV)
	switch problem {
	case pastCompacted:
		return nil, 0, errContinueExpired(token.Start)
	case pastInFuture:
		return nil, 0, errTooLargeVersion(token.RV, s.store.Revision())
	}
	return objects, token.RV, nil
}

// paginate selects the objects of a page, all for limit 0, and says how to go on.
func paginate(objects table, sel selector, limit int, rv int64) (table, metav1.ListMeta) {
	meta := metav1.ListMeta{ResourceVersion: strconv.FormatInt(rv, 10)}
	page := make(table, 0, len(objects))
	for i, o := range objects {
		if !sel.matches(o) {
			continue
		}
		page = append(page, o)
		if remaining := int64(len(objects) - i - 1); len(page) == limit && remaining > 0 {
			meta.Continue = continueToken{RV: rv, Start: o.key + "\x00"}.encode()
			if !sel.narrow() {
				meta.RemainingItemCount = &remaining
			}
			break
		}
	}
	return page, meta
}

func encodeList(r *Resource, page table, meta metav1.ListMeta) []byte {
	size := 256
	for _, o := range page {
		size += len(o.JSON) + 1
	}
	var b bytes.Buffer
	b.Grow(size)
	b.WriteString(`{"kind":"` + r.Kind + `List","apiVersion":"` + r.apiVersion() + `","metadata":`)
	b.Write(encodeJSON(meta))
	b.WriteString(`,"items":[`)
	for i, o := range page {
		if i > 0 {
			b.WriteByte(',')
		}
		o.writeItem(&b)
	}
	b.WriteString("]}\n")
	return b.Bytes()
}
