package kube

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// Fail is what becomes of a request that Config.Intercept catches. Without Code
// and Abort it is served after the delay.
type Fail struct {
	Delay      time.Duration   // before anything else happens
	Storage    <-chan struct{} // the etcd does not answer until this is closed; then the request is served, if it has not timed out
	Code       int             // answer with this HTTP status, 400 and above, instead of serving
	RetryAfter time.Duration   // the Retry-After header, in whole seconds, rounded up; zero for none
	Abort      bool            // close the connection without an answer
}

// fail does to a request what Intercept said; it returns whether that was all.
func (s *Server) fail(a *answer, r *http.Request, q *Request, f *Fail) bool {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if f.Abort {
		panic(http.ErrAbortHandler)
	}
	if f.Storage != nil && !s.awaitStorage(a, r, q, f.Storage) {
		return true
	}
	if f.Code == 0 {
		return false
	}
	seconds := int((f.RetryAfter + time.Second - 1) / time.Second)
	if seconds > 0 {
		a.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	if f.Code == http.StatusTooManyRequests {
		// No Status, as it is given by the filters before the API (priority and
		// fairness, maxinflight.go).
		a.request.Err = errorName(f.Code, metav1.StatusReasonTooManyRequests)
		a.Header().Set("X-Content-Type-Options", "nosniff")
		a.sendText(f.Code, "Too many requests, please try again later.\n")
		return true
	}
	a.sendStatus(statusOf(failure(r, q, f.Code, seconds)))
	return true
}

// requestTimeout is that of a real kube-apiserver (--request-timeout).
const requestTimeout = time.Minute

// awaitStorage holds a request until the etcd answers again, and returns whether it does in
// time. If not, the request has been answered: by a filter, whose answer is no complete
// Status and is called a text. Watches have no time-out.
func (s *Server) awaitStorage(a *answer, r *http.Request, q *Request, back <-chan struct{}) bool {
	timer := time.NewTimer(requestTimeout)
	defer timer.Stop()
	if q.Verb == "watch" {
		timer.Stop()
	}
	select {
	case <-back:
		return true
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	case <-timer.C:
	}
	a.request.Err = errorName(http.StatusGatewayTimeout, metav1.StatusReasonTimeout)
	a.sendText(http.StatusGatewayTimeout, `{"metadata":{},"status":"Failure","message":"Timeout: request did not complete within the allotted timeout","reason":"Timeout","details":{},"code":504}`)
	return false
}

// failure is the error with which a real kube-apiserver gives a status code.
func failure(r *http.Request, q *Request, code, retryAfterSeconds int) error {
	gr := q.groupResource()
	switch {
	case code == http.StatusConflict && q.Verb == "create":
		object, _ := readObject(r) // one that cannot be read has no name
		return apierrors.NewAlreadyExists(gr, object.Meta.Name)
	case code == http.StatusConflict:
		return apierrors.NewConflict(gr, q.Name, errors.New(storage.MessageModified))
	case code == http.StatusInternalServerError:
		return apierrors.NewInternalError(errors.New("etcdserver: leader changed"))
	case code == http.StatusServiceUnavailable:
		return apierrors.NewServiceUnavailable("the server is currently unable to handle the request")
	case code == http.StatusGatewayTimeout:
		return apierrors.NewTimeoutError("request did not complete within the allotted timeout", retryAfterSeconds)
	}
	return apierrors.NewGenericServerResponse(code, q.Verb, gr, q.Name, http.StatusText(code), retryAfterSeconds, false)
}
