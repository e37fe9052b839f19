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
	var behind int64
	e := deploy.HeldDown(k.stop(), func() { behind = k.start(f.Lag.Std()) }, k.up)
	if f.Lag > 0 {
		e = e.And(func() int64 { return behind })
	}
	return e
}

// kubeLoss takes a kube-apiserver away. In silence, its Service goes on naming it
// until its lease as an endpoint is over.
func kubeLoss(w *world, _ int, f *fault.Fault) deploy.Effect {
	k := w.apiserver(f.Target)
	if f.How != fault.Silent {
		return deploy.HeldDown(k.stop(), func() { k.start(0) }, k.up)
	}
	up := w.net.Down(f.Target)
	return deploy.HeldDown(k.stopUnnoticed(), func() {
		up()
		k.start(0)
	}, k.up)
}

// frozen is a lag that no run reaches.
const frozen = 1000 * time.Hour

func kubeLag(w *world, _ int, f *fault.Fault) deploy.Effect {
	lag := f.Lag.Std()
	if f.Kind == fault.KubeFreeze {
		lag = frozen
	}
	k := w.apiserver(f.Target)
	return deploy.Effect{Lift: k.addLag(lag), Did: deploy.Since(k.late)}
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
		r.share, r.only, r.fail = 100, (*kube.Request).Lists, kube.Fail{Delay: f.Delay.Std()}
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

// addLag makes the watch cache lag; with several lags the largest counts.
func (k *apiserver) addLag(lag time.Duration) (remove func()) {
	k.lags = append(k.lags, lag)
	k.updateLag()
	return func() {
		i := slices.Index(k.lags, lag)
		k.lags = slices.Delete(k.lags, i, i+1)
		k.updateLag()
	}
}

func (k *apiserver) updateLag() {
	if k.down == 0 {
		k.server.SetLag(k.lag())
	}
}

// late returns how many writes came late to the watch caches that it had so far.
func (k *apiserver) late() int64 {
	if k.down > 0 {
		return k.lateBefore
	}
	return k.lateBefore + k.server.Late()
}

func (k *apiserver) lag() time.Duration {
	if len(k.lags) == 0 {
		return 0
	}
	return slices.Max(k.lags)
}
