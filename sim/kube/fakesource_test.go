package kube_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	framework "k8s.io/client-go/tools/cache/testing"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// A step of a script that runs on this package's server and on client-go's fake
// source alike: the fake is faithful for adds, changes, deletes and for the loss
// of its history. It knows no selectors, pages, bookmarks and conflicts.
type step struct {
	op   string // add, modify, delete, reset
	name string
	app  string
}

func add(name, app string) step    { return step{"add", name, app} }
func modify(name, app string) step { return step{"modify", name, app} }
func remove(name string) step      { return step{"delete", name, ""} }
func reset() step                  { return step{op: "reset"} }

// source is where scripts run.
type source interface {
	cache.ListerWatcher
	do(step)
	stop()
}

// kinds of objects for which client-go has a fake source of its own.
var scriptKinds = map[string]struct {
	object   func(name, app string) runtime.Object
	fake     func() source
	resource storage.Resource
}{
	"Pod": {
		object: func(name, app string) runtime.Object {
			return &corev1.Pod{TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}, ObjectMeta: scriptMeta("ns1", name, app)}
		},
		fake: func() source {
			f := framework.NewFakeControllerSource()
			return fakeSource{f, f}
		},
		resource: storage.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true, Status: true},
	},
	"PersistentVolume": {
		object: func(name, app string) runtime.Object {
			return &corev1.PersistentVolume{TypeMeta: metav1.TypeMeta{Kind: "PersistentVolume", APIVersion: "v1"}, ObjectMeta: scriptMeta("", name, app)}
		},
		fake: func() source {
			f := framework.NewFakePVControllerSource()
			return fakeSource{f, &f.FakeControllerSource}
		},
		resource: storage.Resource{Version: "v1", Name: "persistentvolumes", Kind: "PersistentVolume", Status: true},
	},
}

func scriptMeta(namespace, name, app string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid-of-" + name), Labels: map[string]string{"app": app}}
}

// fakeSource runs scripts on client-go's fake source.
type fakeSource struct {
	lists interface {
		List(metav1.ListOptions) (runtime.Object, error)
		Watch(metav1.ListOptions) (watch.Interface, error)
	}
	*framework.FakeControllerSource
}

func (f fakeSource) List(o metav1.ListOptions) (runtime.Object, error)   { return f.lists.List(o) }
func (f fakeSource) Watch(o metav1.ListOptions) (watch.Interface, error) { return f.lists.Watch(o) }
func (f fakeSource) stop()                                               { f.Shutdown() }

func (f fakeSource) do(s step) {
	kind := "Pod"
	if _, ok := f.lists.(*framework.FakePVControllerSource); ok {
		kind = "PersistentVolume"
	}
	o := scriptKinds[kind].object(s.name, s.app)
	switch s.op {
	case "add":
		f.Add(o)
	case "modify":
		f.Modify(o)
	case "delete":
		f.Delete(o)
	case "reset":
		f.ResetWatch()
	}
}

// realSource runs them on this package's server, through REST.
type realSource struct {
	*cache.ListWatch
	w    *world
	kind string
}

func newRealSource(t testing.TB, kind string) source {
	w := &world{t: t, store: storage.New(storage.Config{AnyNamespace: true, Resources: []storage.Resource{scriptKinds[kind].resource}}), net: simnet.New(simnet.Config{})}
	w.start(kube.Config{})
	c := w.clientset().CoreV1()
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			if kind == "Pod" {
				return c.Pods("").List(ctx, o)
			}
			return c.PersistentVolumes().List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			if kind == "Pod" {
				return c.Pods("").Watch(ctx, o)
			}
			return c.PersistentVolumes().Watch(ctx, o)
		},
	}
	return realSource{lw, w, kind}
}

func (r realSource) stop() { r.w.stop() }

func (r realSource) do(s step) {
	resource := scriptKinds[r.kind].resource
	path := "/api/v1/" + resource.Name
	if resource.Namespaced {
		path = "/api/v1/namespaces/ns1/" + resource.Name
	}
	switch s.op {
	case "add":
		_, err := r.w.store.Create(scriptKinds[r.kind].object(s.name, s.app))
		require.NoError(r.w.t, err)
	case "modify":
		require.Equal(r.w.t, 200, r.w.do("PATCH", path+"/"+s.name, `{"metadata":{"labels":{"app":"`+s.app+`"}}}`, "Content-Type", "application/merge-patch+json").code)
	case "delete":
		require.Equal(r.w.t, 200, r.w.do("DELETE", path+"/"+s.name, "").code)
	case "reset":
		r.w.server.ExpireWatches()
	}
}

// run runs a script and returns what a reflector of the source knows after each
// step that is followed by a rest, and at the end.
func run(t testing.TB, src source, kind string, script []step, rest func(i int) bool, m mode) [][]string {
	ctx, cancel := context.WithCancel(context.Background())
	store := cache.NewStore(cache.MetaNamespaceKeyFunc)
	var lw cache.ListerWatcher = src
	if m != streaming {
		lw = plainListerWatcher{src}
	}
	r := cache.NewReflectorWithOptions(lw, scriptKinds[kind].object("", ""), store, cache.ReflectorOptions{Name: "script"})
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.RunWithContext(ctx)
	}()
	var seen [][]string
	for i, s := range script {
		src.do(s)
		if rest(i) {
			simtest.Pass(2 * time.Minute)
			seen = append(seen, contents(store))
		}
	}
	simtest.Pass(2 * time.Minute)
	seen = append(seen, contents(store))
	cancel()
	<-done
	src.stop()
	return seen
}

func TestScriptsAgainstClientGoFakes(t *testing.T) {
	for name, script := range map[string][]step{
		"nothing":                   {},
		"adds":                      {add("a", "1"), add("b", "1"), add("c", "1")},
		"changes":                   {add("a", "1"), modify("a", "2"), modify("a", "3"), add("b", "1")},
		"deletes":                   {add("a", "1"), add("b", "1"), remove("a"), remove("b")},
		"recreation":                {add("a", "1"), remove("a"), add("a", "2")},
		"reset":                     {add("a", "1"), reset(), add("b", "1"), modify("a", "2")},
		"delete around a reset":     {add("a", "1"), add("b", "1"), remove("a"), reset(), remove("b")},
		"reset after reset":         {add("a", "1"), reset(), reset(), remove("a"), reset(), add("a", "2")},
		"recreation across a reset": {add("a", "1"), remove("a"), reset(), add("a", "2"), reset(), modify("a", "3")},
	} {
		for kind := range scriptKinds {
			for _, rests := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/rests=%v", name, kind, rests), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						rest := func(int) bool { return rests }
						want := run(t, scriptKinds[kind].fake(), kind, script, rest, plain)
						require.Equal(t, want, run(t, newRealSource(t, kind), kind, script, rest, plain))
						require.Equal(t, want, run(t, newRealSource(t, kind), kind, script, rest, streaming))
					})
				})
			}
		}
	}
}

// drawScript draws steps that are valid one after the other.
func drawScript(t *rapid.T) []step {
	var script []step
	exists := map[string]bool{}
	for i := range rapid.IntRange(0, 25).Draw(t, "length") {
		name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")
		app := fmt.Sprint(i)
		switch op := rapid.SampledFrom([]string{"put", "put", "delete", "reset"}).Draw(t, "op"); {
		case op == "reset":
			script = append(script, reset())
		case op == "put" && exists[name]:
			script = append(script, modify(name, app))
		case op == "put":
			exists[name] = true
			script = append(script, add(name, app))
		case exists[name]:
			delete(exists, name)
			script = append(script, remove(name))
		}
	}
	return script
}

func TestDrawnScriptsAgainstClientGoFake(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		script := drawScript(rt)
		rests := rapid.SliceOfN(rapid.Bool(), len(script), len(script)).Draw(rt, "rests")
		m := rapid.SampledFrom([]mode{plain, streaming}).Draw(rt, "mode")
		rest := func(i int) bool { return rests[i] }
		synctest.Test(t, func(t *testing.T) {
			want := run(t, scriptKinds["Pod"].fake(), "Pod", script, rest, plain)
			require.Equal(t, want, run(t, newRealSource(t, "Pod"), "Pod", script, rest, m), "%v", script)
		})
	})
}
