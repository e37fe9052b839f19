package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/cores"
	"github.com/meshcheck/meshcheck/sim/kube/cacher"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// Config configures a Server. The zero value is a server without a name and
// without faults.
type Config struct {
	Name  string // of the host; storage.Origin.Server
	Cache cacher.Config
	// Starting says that the process has just been started, next to an etcd and clients
	// that have long been there: custom resources are not served at once, and their watch
	// caches are cold.
	Starting bool

	// Record, if non-nil, gets a record of every request that is answered or cut
	// and of what watches are sent; see Request and Watch in package history. Now
	// is the virtual time since the start of the run, NextWatch the number of the
	// run's next watch.
	Record    func(history.Record)
	Now       func() time.Duration
	NextWatch func() int64

	// Client, if non-nil, says who makes a request. If nil it is the User-Agent.
	// A function of r.RemoteAddr names hosts.
	Client func(r *http.Request) string
	// Cores do the work; nil: it takes no time.
	Cores *cores.Cores
	// Intercept, if non-nil, is asked about every request before it is served,
	// in the order of arrival; it returns nil to let it pass. It may be called
	// by several requests at once.
	Intercept func(ctx context.Context, q *Request) *Fail
	// OnUnmodeled, if non-nil, is told of every request that is answered with
	// 501 because it is not modelled, with what it is in words.
	OnUnmodeled func(q *Request, what string)
}

// Server is one replica of the kube-apiserver.
type Server struct {
	store  *storage.Store
	config Config
	cache  *cacher.Cacher
	http   *http.Server
	// installed is from when on paths of custom resources are served.
	installed time.Time

	mu       sync.Mutex
	closed   bool
	handlers sync.WaitGroup
	ctx      context.Context // of every request
	cancel   context.CancelFunc
}

// NewServer starts a replica: its watch cache follows the store from now on,
// until Close. Serve lets clients in.
func NewServer(store *storage.Store, config Config) *Server {
	if config.Record == nil {
		config.Record = func(history.Record) {}
		config.Now = func() time.Duration { return 0 }
		config.NextWatch = func() int64 { return 0 }
	}
	s := &Server{store: store, config: config}
	if config.Starting {
		config.Cache.Cold = true
		s.installed = time.Now().Add(installTime)
	}
	s.cache = cacher.New(store, config.Cache)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:     s,
		Protocols:   protocols,
		BaseContext: func(net.Listener) context.Context { return s.ctx },
		// What net/http logs are broken connections, which are this world's daily bread.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return s
}

// Serve serves the connections of a listener until Close, and closes it. It
// returns nil after Close, else why the listener failed.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("kube-apiserver %s: %w", s.config.Name, err)
	}
	return nil
}

// Shutdown lets nobody in any more: listeners are closed, and clients with HTTP/2 are told to
// make new connections for new requests. Requests and watches that are open go on until
// Close, as after a SIGTERM to a real kube-apiserver, which gives them ShutdownTimeout.
func (s *Server) Shutdown() {
	go s.http.Shutdown(s.ctx) //nolint:errcheck // it waits for the watches, or for Close
}

// ShutdownTimeout is how long a kube-apiserver that was asked to stop waits for its open
// watches: the time-out of a request (k8s.io/apiserver/pkg/server/genericapiserver.go).
const ShutdownTimeout = time.Minute

// Close stops the replica: listeners and connections are closed, requests are
// cut off, and the watch cache is gone. It waits for the requests' goroutines.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if !first {
		return nil
	}
	err := s.http.Close() // first, so that nobody is told of what follows
	s.cancel()
	s.cache.Close()
	s.handlers.Wait()
	return err
}

// SetLag changes Config.Cache.Lag or, with a kind, how much longer its events take than
// those of others. Events of one kind never overtake each other.
func (s *Server) SetLag(kind string, lag time.Duration) { s.cache.SetLag(s.store.OfKind(kind), lag) }

// ExpireWatches ends every open watch with an error event of code 410: the
// client has to list again. It returns how many there were.
func (s *Server) ExpireWatches() int64 { return s.cache.EndWatches(cacher.EndExpired) }

// CloseWatches ends every open watch as a timeout does: the client goes on from
// the version it has seen. It returns how many there were.
func (s *Server) CloseWatches() int64 { return s.cache.EndWatches(cacher.EndClosed) }

// Late returns how many writes, of a kind or of all for "", the watch cache did not have
// at once.
func (s *Server) Late(kind string) int64 { return s.cache.Late(s.store.OfKind(kind)) }

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// enter counts a request in, unless the server is closed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.handlers.Add(1)
	return true
}

// ServeHTTP serves one request; it is what Serve does with each.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.handlers.Done()
	defer surfacePanics()

	q, err := parseRequest(s.store, r)
	if q.Client = r.UserAgent(); s.config.Client != nil {
		q.Client = s.config.Client(r)
	}
	a := s.newAnswer(w, r, q)
	defer a.finish()
	if s.config.Intercept != nil {
		if fail := s.config.Intercept(r.Context(), q); fail != nil && s.fail(a, r, q, fail) {
			return
		}
	}
	s.work(r, q)
	if err == nil {
		err = checkAccept(r)
	}
	if err == nil {
		err = s.route(a, r, q)
	}
	if err != nil {
		s.refuse(a, r, q, err)
	}
}

// work does what serving a request costs, besides what it sends.
func (s *Server) work(r *http.Request, q *Request) {
	switch q.Verb {
	case "discovery", "get", "list", "watch":
		s.config.Cores.Read(r.Context().Done())
	default:
		s.config.Cores.Write(r.Context().Done())
	}
}

// surfacePanics lets a panic end the run: net/http would end only the
// connection, and a bug of the harness would pass for a fault of the network.
func surfacePanics() {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	stack := debug.Stack()
	go func() { panic(fmt.Sprintf("kube: %v\n%s", p, stack)) }()
	select {}
}

// refuse answers with an error, if there still is somebody to answer.
func (s *Server) refuse(a *answer, r *http.Request, q *Request, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	if u, ok := err.(*storage.UnmodeledError); ok && s.config.OnUnmodeled != nil {
		s.config.OnUnmodeled(q, u.What)
	}
	status := statusOf(err)
	if d := status.Details; d != nil && d.RetryAfterSeconds > 0 {
		a.Header().Set("Retry-After", strconv.Itoa(int(d.RetryAfterSeconds)))
	}
	a.sendStatus(status)
}

// installTime is for how long after its start a real kube-apiserver 1.36.4 did not know the
// paths of custom resources: 0.35 s on two cores (docs/fidelity.md).
const installTime = 350 * time.Millisecond

// starting is the error of a request for a custom resource that comes before the server has
// its paths or, if the watch cache is to answer it, its cache.
func (s *Server) starting(q *Request) error {
	if q.resource == nil {
		return nil
	}
	if q.resource.Custom && time.Now().Before(s.installed) {
		err := apierrors.NewServiceUnavailable("the request has been made before all known HTTP paths have been installed, please try again")
		err.ErrStatus.Details = &metav1.StatusDetails{RetryAfterSeconds: 5}
		return err
	}
	if s.cache.Filling(q.resource) && q.needsCache() {
		return apierrors.NewTooManyRequests("storage is (re)initializing", 1)
	}
	return nil
}

func (s *Server) route(a *answer, r *http.Request, q *Request) error {
	if err := s.starting(q); err != nil {
		return err
	}
	switch q.Verb {
	case "discovery":
		return s.discover(a, q)
	case "get":
		return s.get(a, r, q)
	case "list":
		return s.list(a, r, q)
	case "watch":
		return s.watch(a, r, q)
	}
	return s.write(a, r, q)
}
