// Package storagetest runs the tests of a storage that k8s.io/apiserver has
// (pkg/storage/testing), which its etcd3 storage and its watch cache pass, against
// package kube: through its REST protocol, which is all that there is of one here.
package storagetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/apis/example"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
	apistorage "k8s.io/apiserver/pkg/storage"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

var (
	scheme = newScheme()
	codec  = serializer.NewCodecFactory(scheme).LegacyCodec(examplev1.SchemeGroupVersion)
)

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	metav1.AddToGroupVersion(s, metav1.SchemeGroupVersion)
	utilruntime.Must(example.AddToScheme(s))
	utilruntime.Must(examplev1.AddToScheme(s))
	return s
}

// adapter is the storage of the suite's pods, behind a server.
type adapter struct {
	t          *testing.T
	store      *storage.Store
	server     *kube.Server
	base       string // of URLs
	namespaced bool

	mu    sync.Mutex
	made  map[types.UID]bool // UIDs that the store has given: a storage gives none
	bumps int
}

func newAdapter(t *testing.T, namespaced bool) *adapter {
	a := &adapter{t: t, namespaced: namespaced, made: map[types.UID]bool{}}
	a.store = storage.New(storage.Config{Seed: 1, AnyNamespace: true, Resources: []storage.Resource{
		{Group: "example.apiserver.k8s.io", Version: "v1", Name: "pods", Kind: "Pod", Namespaced: namespaced, Fields: []string{"spec.nodeName", "spec.restartPolicy", "status.phase"}},
		{Version: "v1", Name: "namespaces", Kind: "Namespace", Status: true},
	}})
	a.start()
	t.Cleanup(func() { require.NoError(t, a.server.Close()) })
	a.bump() // versions begin above 1, as in a kube-apiserver
	return a
}

func (a *adapter) start() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(a.t, err)
	a.base = "http://" + l.Addr().String() + "/apis/example.apiserver.k8s.io/v1"
	a.server = kube.NewServer(a.store, kube.Config{Name: "k0"})
	go a.server.Serve(l) //nolint:errcheck // it ends with the server
}

// restart gives the store a new server, whose watch cache has no past.
func (a *adapter) restart() {
	require.NoError(a.t, a.server.Close())
	a.start()
}

// bump writes an object of another kind, and returns its version.
func (a *adapter) bump() int64 {
	a.mu.Lock()
	a.bumps++
	name := fmt.Sprintf("bump%d", a.bumps)
	a.mu.Unlock()
	o, err := a.store.Create([]byte(`{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"` + name + `"}}`))
	require.NoError(a.t, err)
	return o.RV
}

// place reads the key of an object, "/pods/namespace/name", or of a collection.
func (a *adapter) place(key string, object bool) (namespace, name string) {
	parts := strings.Split(strings.Trim(key, "/"), "/")
	if object && a.namespaced && len(parts) < 3 {
		return "none", parts[len(parts)-1]
	}
	switch parts = parts[1:]; {
	case len(parts) == 0:
		return "", ""
	case !a.namespaced:
		return "", parts[len(parts)-1]
	case len(parts) == 1:
		return parts[0], ""
	}
	return parts[0], parts[1]
}

func (a *adapter) url(namespace, name string) string {
	u := a.base
	if namespace != "" {
		u += "/namespaces/" + namespace
	}
	u += "/pods"
	if name != "" {
		u += "/" + name
	}
	return u
}

func (a *adapter) call(ctx context.Context, method, u string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode < 400 {
		return raw, err
	}
	return nil, statusError(raw)
}

func statusError(raw []byte) error {
	var s metav1.Status
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("no status: %s", raw)
	}
	return &apierrors.StatusError{ErrStatus: s}
}

// storageError is what a storage says where an API says err.
func storageError(err error, key string) error {
	switch {
	case apierrors.IsNotFound(err):
		return apistorage.NewKeyNotFoundError(key, 0)
	case apierrors.IsAlreadyExists(err):
		return apistorage.NewKeyExistsError(key, 0)
	case apierrors.IsConflict(err) && strings.Contains(err.Error(), "recondition"):
		return apistorage.NewInvalidObjError(key, err.Error())
	case apierrors.IsConflict(err):
		return apistorage.NewResourceVersionConflictsError(key, 0)
	}
	return err
}

// decode reads an object, without what an API adds to what is stored.
func (a *adapter) decode(raw []byte) (runtime.Object, error) {
	o, err := runtime.Decode(codec, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %.200s", err, raw)
	}
	if m, err := meta.Accessor(o); err == nil {
		a.strip(m)
	}
	return o, nil
}

func (a *adapter) strip(m metav1.Object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m.SetCreationTimestamp(metav1.Time{})
	m.SetManagedFields(nil)
	if a.made[m.GetUID()] {
		m.SetUID("")
	}
}

func (a *adapter) into(raw []byte, out runtime.Object) error {
	o, err := a.decode(raw)
	if err != nil {
		return err
	}
	return set(out, o)
}

func set(out, o runtime.Object) error {
	to, err := conversion.EnforcePtr(out)
	if err != nil {
		return err
	}
	from, err := conversion.EnforcePtr(o)
	if err == nil {
		to.Set(from)
	}
	return err
}

// query is the parameters of a list or a watch, of one object if it has a name.
func query(o apistorage.ListOptions, name string) url.Values {
	v := url.Values{}
	put := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	put("resourceVersion", o.ResourceVersion)
	put("resourceVersionMatch", string(o.ResourceVersionMatch))
	if o.SendInitialEvents != nil {
		put("sendInitialEvents", strconv.FormatBool(*o.SendInitialEvents))
	}
	p := o.Predicate
	if p.Label != nil {
		put("labelSelector", p.Label.String())
	}
	var fields []string
	if p.Field != nil && !p.Field.Empty() {
		fields = append(fields, p.Field.String())
	}
	if name != "" {
		fields = append(fields, "metadata.name="+name)
	}
	put("fieldSelector", strings.Join(fields, ","))
	if p.Limit > 0 {
		put("limit", strconv.FormatInt(p.Limit, 10))
	}
	put("continue", p.Continue)
	if p.AllowWatchBookmarks {
		put("allowWatchBookmarks", "true")
	}
	return v
}

var errNoREST = errors.New("a list of a key's prefix that is no namespace has no form in REST")
