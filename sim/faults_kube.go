package sim

import (
	"slices"
	"strconv"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/stream"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/kube"
)

func kubeRestart(w *world, _ int, f *fault.Fault) deploy.Effect {
	k := w.apiserver(f.Target)
	if f.How == fault.Graceful {
		return deploy.HeldDown(k.stopGracefully(), k.start, k.up)
	}
	return deploy.HeldDown(k.stop(), k.start, k.up)
}

// kubeLoss takes a kube-apiserver away. In silence, its Service goes on naming it
// until its lease as an endpoint is over.
func kubeLoss(w *world, _ int, f *fault.Fault) deploy.Effect {
	k := w.apiserver(f.Target)
	if f.How != fault.Silent {
		return deploy.HeldDown(k.stop(), k.start, k.up)
	}
	up := w.net.Down(f.Target)
	return deploy.HeldDown(k.stopUnnoticed(), func() {
		up()
		k.start()
	}, k.up)
}

// frozen is a lag that no run reaches.
const frozen = 1000 * time.Hour

func kubeLag(w *world, _ int, f *fault.Fault) deploy.Effect {
	l := lag{f.Resource, f.Lag.Std()}
	if f.Kind == fault.KubeFreeze {
		l.by = frozen
	}
	k := w.apiserver(f.Target)
	return deploy.Effect{Lift: k.addLag(l), Did: deploy.Since(func() int64 { return k.late(l.kind) })}
}

// kubeEtcdLoss keeps the etcd's answers from a kube-apiserver, over its restarts.
func kubeEtcdLoss(w *world, n int, f *fault.Fault) deploy.Effect {
	k, back := w.apiserver(f.Target), make(chan struct{})
	thaw := k.addLag(lag{by: frozen})
	held := k.addRule(&rule{
		seed: w.plan.Seed, name: "fault " + strconv.Itoa(n), share: 100,
		only: (*kube.Request).NeedsStorage, fail: kube.Fail{Storage: back},
	})
	late, hit := deploy.Since(func() int64 { return k.late("") }), int64(0)
	return deploy.Effect{
		Lift: func() {
			hit = held()
			thaw()
			close(back)
		},
		Did: func() []int64 { return append(late(), hit) },
	}
}

func kubeWatches(w *world, _ int, f *fault.Fault) deploy.Effect {
	k := w.apiserver(f.Target)
	if k.down > 0 {
		return deploy.Void(f.Target + " was down")
	}
	if f.Kind == fault.KubeExpire {
		return deploy.Effect{Did: deploy.Did(k.server.ExpireWatches())}
	}
	return deploy.Effect{Did: deploy.Did(k.server.CloseWatches())}
}

// kubeRule makes a kube-apiserver treat some requests badly, over its restarts.
func kubeRule(w *world, n int, f *fault.Fault) deploy.Effect {
	r := &rule{seed: w.plan.Seed, name: "fault " + strconv.Itoa(n), share: f.Share}
	switch f.Kind {
	case fault.KubeThrottle:
		r.fail = kube.Fail{Code: 429, RetryAfter: f.RetryAfter.Std()}
	case fault.KubeErrors:
		r.fail = kube.Fail{Code: f.Code}
	case fault.KubeSlowLists:
		r.share, r.only, r.fail = 100, listsOf(f.Resource), kube.Fail{Delay: f.Delay.Std()}
	case fault.KubeListErrors:
		r.only, r.fail = listsOf(f.Resource), kube.Fail{Code: f.Code}
	case fault.KubeConflicts:
		r.only, r.fail = updates, kube.Fail{Code: 409}
	}
	return deploy.Lasting(w.apiserver(f.Target).addRule(r))
}

// rule says what becomes of some requests. Which ones is drawn from a stream of
// the fault's own.
type rule struct {
	seed  uint64
	name  string
	share int                      // percent
	only  func(*kube.Request) bool // nil: all
	fail  kube.Fail
	asked int // so far
	hit   int64
}

func (r *rule) catches(q *kube.Request) bool {
	if r.only != nil && !r.only(q) {
		return false
	}
	r.asked++
	draw := stream.New().Number(r.seed).Number(uint64(r.asked)).Text("rule").Text("\x00").Text(r.name).Draw()
	if draw%100 >= uint64(r.share) {
		return false
	}
	r.hit++
	return true
}

// listsOf says of requests that they list a kind of objects, or any for "".
func listsOf(kind string) func(*kube.Request) bool {
	return func(q *kube.Request) bool { return q.Lists() && (kind == "" || kind == q.Kind()) }
}

func updates(q *kube.Request) bool { return q.Verb == "update" || q.Verb == "patch" }

// addRule puts a rule in force. remove returns how many requests it has caught.
func (k *apiserver) addRule(r *rule) (remove func() int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rules = append(k.rules, r)
	return func() int64 {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.rules = slices.DeleteFunc(k.rules, func(other *rule) bool { return other == r })
		return r.hit
	}
}

// caught returns what becomes of a request: the first rule that catches it counts.
func (k *apiserver) caught(q *kube.Request) *kube.Fail {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.rules {
		if r.catches(q) {
			return &r.fail
		}
	}
	return nil
}

// lag is how far a watch cache is behind: with all kinds, or with one more than with the
// others.
type lag struct {
	kind string // empty for all
	by   time.Duration
}

// addLag makes the watch cache lag; of several lags with the same kind the largest counts.
func (k *apiserver) addLag(l lag) (remove func()) {
	k.lags = append(k.lags, l)
	k.updateLag(l.kind)
	return func() {
		i := slices.Index(k.lags, l)
		k.lags = slices.Delete(k.lags, i, i+1)
		k.updateLag(l.kind)
	}
}

func (k *apiserver) updateLag(kind string) {
	if k.down == 0 {
		k.server.SetLag(kind, k.lag(kind))
	}
}

// late returns how many writes, of a kind or of all for "", came late to the watch caches
// that it had so far.
func (k *apiserver) late(kind string) int64 {
	if k.down > 0 {
		return k.lateBefore[kind]
	}
	return k.lateBefore[kind] + k.server.Late(kind)
}

func (k *apiserver) lag(kind string) (most time.Duration) {
	for _, l := range k.lags {
		if l.kind == kind {
			most = max(most, l.by)
		}
	}
	return most
}
