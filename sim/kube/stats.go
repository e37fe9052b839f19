package kube

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// Stats is what a Server has done since NewServer.
type Stats struct {
	Requests    []RequestStats // by verb, then resource
	OpenWatches int
}

// RequestStats counts the requests of one verb and resource.
type RequestStats struct {
	Verb     string // as in Request
	Resource string // with its group: "pods", "ciliumnodes.cilium.io"; empty for discovery
	Requests int64
	Errors   int64 // answered with a status of 400 and above, or cut off by Config.Intercept
	Events   int64 // sent by watches, bookmarks among them
	Bytes    int64 // of the bodies of answers
}

type requestKey struct{ verb, resource string }

// ledger counts what a Server does.
type ledger struct {
	mu   sync.Mutex
	rows map[requestKey]*RequestStats
}

func newLedger() *ledger { return &ledger{rows: map[requestKey]*RequestStats{}} }

// add counts; the row's Verb and Resource say where, its numbers what.
func (l *ledger) add(r RequestStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	row := l.rows[requestKey{r.Verb, r.Resource}]
	if row == nil {
		row = &RequestStats{Verb: r.Verb, Resource: r.Resource}
		l.rows[requestKey{r.Verb, r.Resource}] = row
	}
	row.Requests += r.Requests
	row.Errors += r.Errors
	row.Events += r.Events
	row.Bytes += r.Bytes
}

func (l *ledger) sorted() []RequestStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(l.rows), func(a, b requestKey) int {
		return cmp.Or(cmp.Compare(a.verb, b.verb), cmp.Compare(a.resource, b.resource))
	})
	rows := make([]RequestStats, len(keys))
	for i, k := range keys {
		rows[i] = *l.rows[k]
	}
	return rows
}

// answer is a response that counts itself.
type answer struct {
	http.ResponseWriter
	ledger  *ledger
	row     RequestStats // names the row
	flushed bool         // the header has been sent
}

func (a *answer) WriteHeader(code int) {
	if code >= http.StatusBadRequest {
		a.count(RequestStats{Errors: 1})
	}
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(b []byte) (int, error) {
	n, err := a.ResponseWriter.Write(b)
	a.count(RequestStats{Bytes: int64(n)})
	return n, err
}

// Unwrap lets an http.ResponseController flush.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) count(numbers RequestStats) {
	numbers.Verb, numbers.Resource = a.row.Verb, a.row.Resource
	a.ledger.add(numbers)
}
