package kube

import (
	"context"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/internalversion"

	"github.com/meshcheck/meshcheck/sim/kube/cacher"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// Times of a watch, as in a real kube-apiserver: --min-request-timeout, but
// without the random stretch to up to twice that, and the cacher's bookmarks.
const (
	defaultWatchTimeout = 30 * time.Minute
	bookmarkInterval    = time.Minute
	bookmarkBeforeEnd   = 2 * time.Second
)

// watch serves the events of a collection until the client, the timeout or a
// fault ends it. Once the parameters are accepted, what goes wrong is told in an
// event of type ERROR.
func (s *Server) watch(a *answer, r *http.Request, q *Request) error {
	options, sel, err := q.listOptions()
	if err != nil {
		return err
	}
	rv, err := storage.ParseVersion(options.ResourceVersion)
	if err != nil {
		return err
	}
	timeout := defaultWatchTimeout
	if options.TimeoutSeconds != nil && *options.TimeoutSeconds > 0 {
		timeout = time.Duration(*options.TimeoutSeconds) * time.Second
	}
	st := &stream{
		answer:    a,
		resource:  q.resource,
		sel:       sel,
		bookmarks: options.AllowWatchBookmarks,
		deadline:  time.Now().Add(timeout),
	}
	w, err := s.openWatch(r.Context(), q, options, rv)
	if err != nil && r.Context().Err() != nil {
		return err // nobody waits for it any more
	}
	st.begin()
	a.Header().Set("Content-Type", "application/json")
	a.WriteHeader(http.StatusOK)
	if err != nil {
		st.error(err)
		st.flush()
		st.end(endOf(err))
		return nil
	}
	defer s.cache.Forget(w)
	streaming := options.SendInitialEvents != nil && *options.SendInitialEvents
	st.initial(w, streaming)
	end := st.left()
	if st.flush() {
		end = st.follow(r.Context(), s.cache, w)
	}
	st.end(end)
	return nil
}

// openWatch starts a watch at the place that its options name.
func (s *Server) openWatch(ctx context.Context, q *Request, o internalversion.ListOptions, rv int64) (*cacher.Watch, error) {
	if o.SendInitialEvents == nil {
		return s.cache.Open(q.resource, rv == 0, q.Namespace, rv)
	}
	if o.ResourceVersion == "" {
		rv = s.store.Revision()
	}
	if *o.SendInitialEvents {
		if err := s.cache.Await(ctx, q.resource, rv); err != nil {
			return nil, err
		}
		return s.cache.Open(q.resource, true, q.Namespace, rv)
	}
	if rv == 0 {
		rv = s.cache.Version(q.resource)
	}
	return s.cache.Open(q.resource, false, q.Namespace, rv)
}
