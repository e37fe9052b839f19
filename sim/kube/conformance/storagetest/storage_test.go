package storagetest

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/apis/example"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
	apistorage "k8s.io/apiserver/pkg/storage"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// This file makes an adapter an apistorage.Interface.

func (a *adapter) Versioner() apistorage.Versioner { return apistorage.APIObjectVersioner{} }

func (a *adapter) Create(_ context.Context, key string, obj, out runtime.Object, _ uint64) error {
	if rv, err := a.Versioner().ObjectResourceVersion(obj); err == nil && rv != 0 {
		return apistorage.ErrResourceVersionSetOnCreate
	}
	raw, err := runtime.Encode(codec, obj)
	if err != nil {
		return err
	}
	o, err := a.create(obj, raw)
	if err != nil {
		return storageError(err, key)
	}
	if out == nil {
		return nil
	}
	return a.into(o.JSON, out)
}

// create puts an object into the store, not by REST, since that keeps a UID. A watch may tell of
// the object at once: who strips it waits until its UID is known for one that the store gave.
func (a *adapter) create(obj runtime.Object, raw []byte) (*storage.Object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, err := a.store.Create(raw)
	if err != nil {
		return nil, err
	}
	if m, err := meta.Accessor(obj); err == nil && m.GetUID() == "" {
		a.made[o.Meta.UID] = true
	}
	return o, nil
}

func (a *adapter) Get(ctx context.Context, key string, o apistorage.GetOptions, out runtime.Object) error {
	u := a.url(a.place(key, true))
	if o.ResourceVersion != "" {
		u += "?resourceVersion=" + o.ResourceVersion
	}
	raw, err := a.call(ctx, http.MethodGet, u, nil)
	if apierrors.IsNotFound(err) && o.IgnoreNotFound {
		return runtime.SetZeroValue(out)
	}
	if err != nil {
		return storageError(err, key)
	}
	return a.into(raw, out)
}

func (a *adapter) GetList(ctx context.Context, key string, o apistorage.ListOptions, out runtime.Object) error {
	namespace, name := a.place(key, false)
	if name == "" && !o.Recursive {
		return errNoREST
	}
	raw, err := a.call(ctx, http.MethodGet, a.url(namespace, "")+"?"+query(o, name).Encode(), nil)
	if err != nil {
		return err
	}
	var list struct {
		Metadata metav1.ListMeta
		Items    []examplev1.Pod
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	l := &example.PodList{ListMeta: list.Metadata, Items: make([]example.Pod, len(list.Items))}
	for i := range list.Items {
		if err := scheme.Convert(&list.Items[i], &l.Items[i], nil); err != nil {
			return err
		}
		a.strip(&l.Items[i])
	}
	return set(out, l)
}

func (a *adapter) Delete(ctx context.Context, key string, out runtime.Object, p *apistorage.Preconditions, validate apistorage.ValidateObjectFunc, _ runtime.Object, _ apistorage.DeleteOptions) error {
	u := a.url(a.place(key, true))
	for {
		raw, err := a.call(ctx, http.MethodGet, u, nil)
		if err != nil {
			return storageError(err, key)
		}
		o, err := a.decode(raw)
		if err != nil {
			return err
		}
		if err := p.Check(key, o); err != nil {
			return err
		}
		if err := validate(ctx, o); err != nil {
			return err
		}
		m, err := meta.Accessor(o)
		if err != nil {
			return err
		}
		body := []byte(`{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"resourceVersion":"` + m.GetResourceVersion() + `"}}`)
		_, err = a.call(ctx, http.MethodDelete, u, body)
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return storageError(err, key)
		}
		m.SetResourceVersion(strconv.FormatInt(a.store.Revision(), 10))
		return set(out, o)
	}
}

func (a *adapter) GuaranteedUpdate(ctx context.Context, key string, out runtime.Object, ignoreNotFound bool, p *apistorage.Preconditions, try apistorage.UpdateFunc, _ runtime.Object) error {
	u := a.url(a.place(key, true))
	for {
		current := &example.Pod{}
		raw, err := a.call(ctx, http.MethodGet, u, nil)
		exists := err == nil
		if exists {
			err = a.into(raw, current)
		} else if apierrors.IsNotFound(err) && ignoreNotFound {
			err = nil
		}
		if err != nil {
			return storageError(err, key)
		}
		if err := p.Check(key, current); err != nil {
			return err
		}
		rv := current.ResourceVersion
		version, err := a.Versioner().ObjectResourceVersion(current)
		if err != nil {
			return err
		}
		wanted, _, err := try(current, apistorage.ResponseMeta{ResourceVersion: version})
		if err != nil {
			return err
		}
		if !exists {
			return a.Create(ctx, key, wanted, out, 0)
		}
		next := wanted.(*example.Pod).DeepCopy()
		next.ResourceVersion, next.UID = rv, "" // the server keeps the UID
		body, err := runtime.Encode(codec, next)
		if err != nil {
			return err
		}
		raw, err = a.call(ctx, http.MethodPut, u, body)
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return storageError(err, key)
		}
		return a.into(raw, out)
	}
}

// watcher is an open watch.
type watcher struct {
	events chan watch.Event
	cancel context.CancelFunc
}

func (w *watcher) Stop()                          { w.cancel() }
func (w *watcher) ResultChan() <-chan watch.Event { return w.events }

func (a *adapter) Watch(ctx context.Context, key string, o apistorage.ListOptions) (watch.Interface, error) {
	namespace, name := a.place(key, false)
	v := query(o, name)
	v.Set("watch", "true")
	if o.SendInitialEvents != nil && o.ResourceVersionMatch == "" {
		v.Set("resourceVersionMatch", "NotOlderThan") // REST asks for it
	}
	if deadline, ok := ctx.Deadline(); ok {
		v.Set("timeoutSeconds", strconv.Itoa(int((time.Until(deadline)+time.Second-1)/time.Second)))
	}
	watching, cancel := context.WithCancel(ctx)
	w := &watcher{events: make(chan watch.Event, 100), cancel: cancel}
	if ctx.Err() != nil {
		close(w.events)
		return w, nil
	}
	r, err := http.NewRequestWithContext(watching, http.MethodGet, a.url(namespace, "")+"?"+v.Encode(), nil)
	if err != nil {
		cancel()
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		cancel()
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer cancel()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		return nil, statusError(raw)
	}
	refused := make(chan error, 1)
	go a.follow(watching, resp.Body, w.events, refused)
	// What a storage refuses at once, an API tells in the first event.
	select {
	case err := <-refused:
		cancel()
		return nil, err
	case <-time.After(20 * time.Millisecond):
		return w, nil
	}
}

// follow passes on the events of a watch until it ends.
func (a *adapter) follow(ctx context.Context, body io.ReadCloser, events chan<- watch.Event, refused chan<- error) {
	defer close(events)
	defer body.Close()
	in := bufio.NewReader(body)
	for first := true; ; first = false {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		ev, err := a.event(line)
		if err != nil {
			a.t.Errorf("an event that cannot be read: %v", err)
			return
		}
		if s, ok := ev.Object.(*metav1.Status); ok && first && s.Code != http.StatusGone {
			refused <- &apierrors.StatusError{ErrStatus: *s}
		}
		select {
		case events <- ev:
		case <-ctx.Done():
			return
		}
	}
}

func (a *adapter) event(line []byte) (watch.Event, error) {
	var raw struct {
		Type   watch.EventType
		Object json.RawMessage
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return watch.Event{}, err
	}
	if raw.Type == watch.Error {
		s := &metav1.Status{}
		return watch.Event{Type: raw.Type, Object: s}, json.Unmarshal(raw.Object, s)
	}
	o, err := a.decode(raw.Object)
	return watch.Event{Type: raw.Type, Object: o}, err
}

func (a *adapter) Stats(context.Context) (apistorage.Stats, error) {
	return apistorage.Stats{ObjectCount: int64(len(a.store.List("Pod")))}, nil
}

func (a *adapter) GetCurrentResourceVersion(context.Context) (uint64, error) {
	return uint64(a.store.Revision()), nil
}

func (a *adapter) ReadinessCheck() error                                  { return nil }
func (a *adapter) RequestWatchProgress(context.Context) error             { return nil }
func (a *adapter) EnableResourceSizeEstimation(apistorage.KeysFunc) error { return nil }
func (a *adapter) CompactRevision() int64                                 { return 0 }
