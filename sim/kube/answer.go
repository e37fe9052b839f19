package kube

import (
	"fmt"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// answer is the answer to a request, with what the history says of both.
type answer struct {
	http.ResponseWriter
	server  *Server
	gone    <-chan struct{} // closed when nobody waits for the answer any more
	request history.Record  // the Request, as far as it is known
	known   bool            // the history has the request, or the watch that it opened
}

func (s *Server) newAnswer(w http.ResponseWriter, r *http.Request, q *Request) *answer {
	request := history.Record{Verb: history.Request, Op: q.Verb, Kind: q.Kind(), Peer: q.Client, Key: q.key(), End: q.selectors(), Ask: q.ask(), From: s.config.Now()}
	return &answer{ResponseWriter: w, server: s, gone: r.Context().Done(), request: request}
}

// Unwrap lets an http.ResponseController flush.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// sendJSON answers. The history has it before the client.
func (a *answer) sendJSON(code int, body []byte) { a.send(code, "application/json", body) }

// sendText answers as net/http does where no API is involved.
func (a *answer) sendText(code int, text string) {
	a.send(code, "text/plain; charset=utf-8", []byte(text))
}

// sendObject answers with an object.
func (a *answer) sendObject(code int, o *storage.Object) {
	a.request.Key, a.request.RV = o.Key(), o.RV
	a.sendJSON(code, o.JSON)
}

// sendStatus answers with an error.
func (a *answer) sendStatus(status metav1.Status) {
	a.request.Err = errorName(int(status.Code), status.Reason)
	a.sendJSON(int(status.Code), storage.EncodeJSON(status))
}

func (a *answer) send(code int, contentType string, body []byte) {
	if a.request.Op == "list" {
		a.server.config.Cores.List(a.gone, int64(len(body)))
	}
	a.request.Bytes = int64(len(body))
	a.record()
	a.Header().Set("Content-Type", contentType)
	a.WriteHeader(code)
	a.Write(body) //nolint:errcheck // a client that is gone needs no answer
}

// finish is called when the request has been served: one without an answer was
// cut.
func (a *answer) finish() {
	if !a.known {
		a.request.Err = "cut"
		a.record()
	}
}

func (a *answer) record() {
	a.known = true
	a.server.record(a.request)
}

// record writes a record of the server at the present instant.
func (s *Server) record(r history.Record) {
	r.At, r.Actor = s.config.Now(), s.config.Name
	s.config.Record(r)
}

// errorName is what the history calls an error.
func errorName(code int, reason metav1.StatusReason) string {
	if reason == "" {
		reason = metav1.StatusReason(strings.ReplaceAll(http.StatusText(code), " ", ""))
	}
	return fmt.Sprintf("%d %s", code, reason)
}

// listing is the objects of a list as the history writes them.
func listing(objects storage.Table) string {
	var b strings.Builder
	for i, o := range objects {
		if i > 0 {
			b.WriteByte(' ')
		}
		writeVersion(&b, o)
	}
	return b.String()
}

func writeVersion(b *strings.Builder, o *storage.Object) {
	b.WriteString(o.Key())
	b.WriteByte(':')
	b.WriteString(o.Meta.ResourceVersion)
}
