package kube

import (
	"bytes"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// get serves one object: the present one, or with a resourceVersion that of the
// watch cache once it has reached that version.
func (s *Server) get(a *answer, r *http.Request, q *Request) error {
	version := q.query.Get("resourceVersion")
	rv, err := storage.ParseVersion(version)
	if err != nil {
		return err
	}
	var o *storage.Object
	if version == "" {
		o = s.store.Get(q.resource.Kind, q.Namespace, q.Name)
	} else {
		if err := s.cache.Await(r.Context(), q.resource, rv); err != nil {
			return err
		}
		o = s.cache.Get(q.resource, q.Namespace, q.Name)
	}
	if o == nil {
		a.request.Value = "none"
		return apierrors.NewNotFound(q.resource.GR(), q.Name)
	}
	a.sendObject(http.StatusOK, o)
	return nil
}

// list serves a collection, or a page of it.
func (s *Server) list(a *answer, r *http.Request, q *Request) error {
	options, sel, err := q.listOptions()
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
	a.sendJSON(http.StatusOK, encodeList(q.resource, page, meta))
	return nil
}

// listed returns the objects that a list is about, from the first of its page
// on, and their version. Which state that is follows the table in Kubernetes'
// API concepts, "Semantics for get and list".
func (s *Server) listed(r *http.Request, q *Request, o internalversion.ListOptions) (storage.Table, int64, error) {
	rv, err := storage.ParseVersion(o.ResourceVersion)
	if err != nil {
		return nil, 0, apierrors.NewBadRequest(err.Error())
	}
	switch {
	case o.Continue != "":
		return s.listedOn(r, q, o)
	case o.ResourceVersion == "":
		return s.consistent(r, q, o, "")
	case rv != 0 && (o.ResourceVersionMatch == metav1.ResourceVersionMatchExact || o.ResourceVersionMatch == "" && o.Limit > 0):
		objects, err := s.store.Past(q.resource, q.Namespace, "", rv)
		if err == storage.ErrCompacted {
			err = apierrors.NewResourceExpired(messageListExpired)
		}
		return objects, rv, err
	}
	if err := s.cache.Await(r.Context(), q.resource, rv); err != nil {
		return nil, 0, err
	}
	objects, rv := s.cache.List(q.resource, q.Namespace, "")
	return objects, rv, nil
}

// consistent returns what there is now, from a key on. A page comes from the etcd; all else
// from the watch cache, once it has come to the version that the etcd has now, but for one
// that lags too much (CacheDelegator.GetList).
func (s *Server) consistent(r *http.Request, q *Request, o internalversion.ListOptions, from string) (storage.Table, int64, error) {
	if o.Limit == 0 {
		err := s.cache.Await(r.Context(), q.resource, s.store.Revision())
		if err == nil {
			objects, rv := s.cache.List(q.resource, q.Namespace, from)
			return objects, rv, nil
		}
		if r.Context().Err() != nil {
			return nil, 0, err
		}
	}
	objects, rv := s.store.Present(q.resource, q.Namespace, from)
	return objects, rv, nil
}

// listedOn goes on with a paginated list.
func (s *Server) listedOn(r *http.Request, q *Request, o internalversion.ListOptions) (storage.Table, int64, error) {
	if o.ResourceVersion != "" && o.ResourceVersion != "0" {
		return nil, 0, apierrors.NewBadRequest("specifying resource version is not allowed when using continue")
	}
	token, err := parseContinue(o.Continue)
	if err != nil {
		return nil, 0, err
	}
	if token.RV == -1 {
		return s.consistent(r, q, o, token.Start)
	}
	objects, err := s.store.Past(q.resource, q.Namespace, token.Start, token.RV)
	if err == storage.ErrCompacted {
		err = errContinueExpired(token.Start)
	}
	return objects, token.RV, err
}

// paginate selects the objects of a page, all for limit 0, and says how to go on.
func paginate(objects storage.Table, sel storage.Selector, limit int, rv int64) (storage.Table, metav1.ListMeta) {
	meta := metav1.ListMeta{ResourceVersion: strconv.FormatInt(rv, 10)}
	page := make(storage.Table, 0, len(objects))
	for i, o := range objects {
		if !sel.Matches(o) {
			continue
		}
		page = append(page, o)
		if remaining := int64(len(objects) - i - 1); len(page) == limit && remaining > 0 {
			meta.Continue = continueToken{RV: rv, Start: o.Key() + "\x00"}.encode()
			if !sel.Narrow() {
				meta.RemainingItemCount = &remaining
			}
			break
		}
	}
	return page, meta
}

func encodeList(r *storage.Resource, page storage.Table, meta metav1.ListMeta) []byte {
	size := 256
	for _, o := range page {
		size += len(o.JSON) + 1
	}
	var b bytes.Buffer
	b.Grow(size)
	b.WriteString(`{"kind":"` + r.Kind + `List","apiVersion":"` + r.APIVersion() + `","metadata":`)
	b.Write(storage.EncodeJSON(meta))
	b.WriteString(`,"items":[`)
	for i, o := range page {
		if i > 0 {
			b.WriteByte(',')
		}
		o.WriteItem(&b)
	}
	b.WriteString("]}\n")
	return b.Bytes()
}
