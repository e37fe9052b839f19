package kube_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	cilium "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

func TestMain(m *testing.M) { simtest.Main(m) }

// world is a store with one server, k0, behind a network without delays, and clients on w0.
type world struct {
	t      testing.TB
	store  *storage.Store
	server *kube.Server
	net    *simnet.Network
	done   []chan error

	begun   time.Time
	mu      sync.Mutex
	host    string   // of the server; k0 if empty
	records []string // lines of the history since the last call of recorded
	watches int64    // numbers given out
}

func newWorld(t testing.TB, config kube.Config) *world {
	return newWorldOn(t, simnet.Config{}, config)
}

func newWorldOn(t testing.TB, network simnet.Config, config kube.Config) *world {
	return newWorldWith(t, storage.Config{Seed: 1, AnyNamespace: true}, network, config)
}

// newWorldOf has a store of its own kind.
func newWorldOf(t testing.TB, config kube.Config, store storage.Config) *world {
	return newWorldWith(t, store, simnet.Config{}, config)
}

func newWorldWith(t testing.TB, store storage.Config, network simnet.Config, config kube.Config) *world {
	w := &world{t: t, store: storage.New(store), net: simnet.New(network), begun: time.Now()}
	require.NoError(t, w.store.CreateSystemNamespaces())
	w.start(config)
	t.Cleanup(w.stop)
	return w
}

// start lets the clients meet a new server.
func (w *world) start(config kube.Config) {
	config.Record = func(r history.Record) { w.note(r.String()) }
	config.Now = func() time.Duration { return time.Since(w.begun) }
	config.NextWatch = func() int64 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.watches++
		return w.watches
	}
	w.server = kube.NewServer(w.store, config)
	l := w.listen()
	done := make(chan error, 1)
	w.done = append(w.done, done)
	server := w.server
	go func() { done <- server.Serve(l) }()
}

// note adds a line to what recorded returns.
func (w *world) note(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records = append(w.records, line)
}

// recorded returns the records since the last call as lines of the history.
func (w *world) recorded() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	records := w.records
	w.records = nil
	return records
}

func (w *world) stop() {
	require.NoError(w.t, w.server.Close())
	require.NoError(w.t, <-w.done[len(w.done)-1])
	w.reset()
}

func (w *world) restart(config kube.Config) {
	w.stop()
	w.start(config)
}

func (w *world) restConfig() *rest.Config {
	return &rest.Config{Host: "http://kube", Dial: w.dial, QPS: -1, UserAgent: "meshcheck-test"}
}

func (w *world) clientset() *kubernetes.Clientset {
	c, err := kubernetes.NewForConfig(w.restConfig())
	require.NoError(w.t, err)
	return c
}

func (w *world) cilium() *cilium.Clientset {
	c, err := cilium.NewForConfig(w.restConfig())
	require.NoError(w.t, err)
	return c
}

const identities = "/apis/cilium.io/v2/ciliumidentities"

func identity(name, app string) string {
	return fmt.Sprintf(`{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":%q,"labels":{"app":%q}},"security-labels":{"k8s:app":%q}}`, name, app, app)
}

func pod(namespace, name, node string) string {
	return fmt.Sprintf(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":%q,"namespace":%q},"spec":{"nodeName":%q}}`, name, namespace, node)
}

// create adds an object to the store behind the servers' backs.
func (w *world) create(object string) *storage.Object {
	w.t.Helper()
	o, err := w.store.Create([]byte(object))
	require.NoError(w.t, err)
	return o
}

// do makes one request of the server without the network.
func (w *world) do(method, path, body string, headers ...string) response {
	w.t.Helper()
	r := httptest.NewRequest(method, path, bytes.NewReader([]byte(body)))
	r.Header.Set("User-Agent", "w0")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	return response{rec.Code, rec.Header(), rec.Body.Bytes(), w.t}
}

type response struct {
	code   int
	header http.Header
	body   []byte
	t      testing.TB
}

func (r response) status() metav1.Status {
	r.t.Helper()
	var s metav1.Status
	require.NoError(r.t, json.Unmarshal(r.body, &s), "%s", r.body)
	require.Equal(r.t, "Status", s.Kind, "%s", r.body)
	return s
}

func (r response) meta() metav1.ObjectMeta {
	r.t.Helper()
	var o struct{ Metadata metav1.ObjectMeta }
	require.NoError(r.t, json.Unmarshal(r.body, &o), "%s", r.body)
	return o.Metadata
}

// list is what a list of anything has.
type list struct {
	Kind     string
	Metadata metav1.ListMeta
	Items    []struct {
		Kind     string
		Metadata metav1.ObjectMeta
	}
}

func (r response) list() list {
	r.t.Helper()
	require.Equal(r.t, http.StatusOK, r.code, "%s", r.body)
	var l list
	require.NoError(r.t, json.Unmarshal(r.body, &l), "%s", r.body)
	return l
}

func (l list) names() []string {
	names := []string{}
	for _, o := range l.Items {
		names = append(names, o.Metadata.Name)
	}
	return names
}

// watcher reads a watch line by line.
type watcher struct {
	t      testing.TB
	events chan watched
	cancel context.CancelFunc
	code   int
}

type watched struct {
	Type   string
	Object struct {
		Reason, Message string            // of an error
		Metadata        metav1.ObjectMeta `json:"metadata"`
	}
}

// watch opens a watch over the network; its channel of events closes with the stream.
func (w *world) watch(path string) *watcher {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: w.dial}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://kube"+path, nil)
	require.NoError(w.t, err)
	resp, err := client.Do(r)
	require.NoError(w.t, err)
	out := &watcher{t: w.t, events: make(chan watched, 10000), cancel: cancel, code: resp.StatusCode}
	go func() {
		defer close(out.events)
		defer resp.Body.Close()
		dec := json.NewDecoder(resp.Body)
		for {
			var ev watched
			if err := dec.Decode(&ev); err != nil {
				return
			}
			out.events <- ev
		}
	}()
	w.t.Cleanup(cancel)
	return out
}

// got returns the events that have come, as "ADDED name rv"; and "end" if the
// stream has ended.
func (o *watcher) got() []string {
	synctest.Wait()
	got := []string{}
	for {
		select {
		case ev, ok := <-o.events:
			if !ok {
				return append(got, "end")
			}
			s := ev.Type + " " + ev.Object.Metadata.Name + " " + ev.Object.Metadata.ResourceVersion
			if ev.Type == "ERROR" {
				s = "ERROR " + ev.Object.Reason + " " + ev.Object.Message
			}
			if ev.Type == "BOOKMARK" {
				s = "BOOKMARK " + ev.Object.Metadata.ResourceVersion
				if ev.Object.Metadata.Annotations["k8s.io/initial-events-end"] == "true" {
					s += " initial-events-end"
				}
			}
			got = append(got, s)
		default:
			return got
		}
	}
}

func (w *world) listen() net.Listener {
	l, err := w.net.Host(w.serving()).Listen(6443)
	require.NoError(w.t, err)
	return l
}

func (w *world) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return w.net.Host("w0").Dial(ctx, w.serving()+":6443")
}

// serving is the host that clients are sent to.
func (w *world) serving() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return cmp.Or(w.host, "k0")
}

// move sends clients to another host from now on.
func (w *world) move(host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.host = host
}

// reset breaks all connections.
func (w *world) reset() {
	w.net.Host("w0")
	w.net.Reset("w0", w.serving())
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}
