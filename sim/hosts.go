package sim

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/cores"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/hosts"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/cacher"
	"github.com/meshcheck/meshcheck/sim/operator"
)

// host is an agent's host.
type host struct {
	*agent.Host
	name    string
	down    int           // faults that hold the agent down
	stopped chan struct{} // closed when the graceful stop has ended; nil if there was none
	slow    []*slowness   // in force
}

// slowness makes an agent read slowly, over its restarts.
type slowness struct {
	bytesPerSecond int
	lift           func() int64 // for the running process
	did            int64        // reads of earlier processes that it held up
}

// stop returns how many processes it ends, as those of other hosts do.
func (h *host) stop(graceful bool) int64 {
	if h.down++; h.down > 1 {
		return 0
	}
	if !graceful {
		h.Kill()
		return 1
	}
	h.stopped = make(chan struct{})
	go func() {
		defer close(h.stopped)
		h.Stop(agent.DefaultGrace)
	}()
	return 1
}

func (h *host) start() {
	if h.down--; h.down > 0 {
		return
	}
	if h.stopped != nil {
		<-h.stopped
		h.stopped = nil
	}
	deploy.Must(h.Start())
	for _, s := range h.slow {
		s.did += s.lift()
		s.lift = h.SlowReads(s.bytesPerSecond)
	}
}

// restart kills the agent and starts it again, unless a fault holds it down. It returns how
// many processes it ends, and whether one runs.
func (h *host) restart() (ended int64, running bool) {
	ended = h.stop(false)
	h.start()
	return ended, h.Running()
}

// restartBackOff is the kubelet's first.
const restartBackOff = 10 * time.Second

// agentExits is the end of an agent that ends itself: the kubelet starts it again.
func (w *world) agentExits(h *host, incarnation int, reason error) {
	w.do(func() {
		if w.ctx.Err() != nil || h.down > 0 || h.Incarnation() != incarnation {
			return
		}
		h.down++
		h.Exit(reason)
		go func() {
			select {
			case <-time.After(restartBackOff):
			case <-w.ctx.Done():
				return
			}
			w.do(func() {
				if w.ctx.Err() == nil {
					h.start()
				}
			})
		}()
	})
}

// slowDown makes the agent read slowly. lift returns how many reads had to wait.
func (h *host) slowDown(bytesPerSecond int) (lift func() int64) {
	s := &slowness{bytesPerSecond: bytesPerSecond, lift: func() int64 { return 0 }}
	if h.down == 0 {
		s.lift = h.SlowReads(bytesPerSecond)
	}
	h.slow = append(h.slow, s)
	return func() int64 {
		h.slow = slices.DeleteFunc(h.slow, func(other *slowness) bool { return other == s })
		return s.did + s.lift()
	}
}

// operatorHost is an operator's host.
type operatorHost struct {
	*operator.Operator
	name string
	down int // faults that hold the operator down
}

func (o *operatorHost) stop(graceful bool) int64 {
	if o.down++; o.down > 1 {
		return 0
	}
	if graceful {
		o.Stop()
	} else {
		o.Kill()
	}
	return 1
}

func (o *operatorHost) start() {
	if o.down--; o.down == 0 {
		deploy.Must(o.Start())
	}
}

// apiserver is a kube-apiserver's process, over its restarts.
type apiserver struct {
	w           *world
	name        string
	server      *kube.Server
	incarnation int
	down        int              // faults that hold it down
	leaving     bool             // it lets nobody in any more, and serves the watches that it has
	lags        []lag            // of its watch cache, in force
	lateBefore  map[string]int64 // by kind, and of all for "": writes that came late to the watch caches of ended processes

	mu    sync.Mutex
	rules []*rule // in force, the eldest first
}

func newAPIServer(w *world, name string) *apiserver {
	k := &apiserver{w: w, name: name, down: 1, lateBefore: map[string]int64{"": 0}}
	for _, kind := range fault.KubeKinds() {
		k.lateBefore[kind] = 0
	}
	return k
}

func (k *apiserver) up() bool { return k.down == 0 }

func (k *apiserver) stop() int64 {
	if k.down++; k.down > 1 {
		return k.leave()
	}
	k.w.kubeSvc.SetReady(k.name, false)
	k.w.net.Kill(k.name)
	return k.close()
}

// stopGracefully asks the process to stop: it goes on with its open watches until the next
// process needs its port, or for as long as it waits for them.
func (k *apiserver) stopGracefully() int64 {
	if k.down++; k.down > 1 {
		return 0
	}
	k.w.kubeSvc.SetReady(k.name, false)
	k.server.Shutdown()
	k.leaving = true
	incarnation := k.incarnation
	go func() {
		time.Sleep(kube.ShutdownTimeout)
		k.w.do(func() {
			if k.incarnation == incarnation {
				k.leave()
			}
		})
	}()
	return 1
}

// leave ends a process that is leaving.
func (k *apiserver) leave() int64 {
	if !k.leaving {
		return 0
	}
	k.leaving = false
	k.w.net.Kill(k.name)
	return k.close()
}

// leaseOfEndpoint is how long a kube-apiserver that is gone without a word stays
// an endpoint of the Service kubernetes (the reconciler's lease of 15 s).
const leaseOfEndpoint = 15 * time.Second

// stopUnnoticed ends the process of a host that is down.
func (k *apiserver) stopUnnoticed() int64 {
	if k.down++; k.down > 1 {
		return k.leave()
	}
	incarnation := k.incarnation
	go func() {
		time.Sleep(leaseOfEndpoint)
		k.w.do(func() {
			if k.down > 0 && k.incarnation == incarnation {
				k.w.kubeSvc.SetReady(k.name, false)
			}
		})
	}()
	return k.close()
}

func (k *apiserver) close() int64 {
	k.server.Close()
	for kind := range k.lateBefore {
		k.lateBefore[kind] += k.server.Late(kind)
	}
	k.w.rec.record(history.Record{Actor: k.name, Verb: history.Down, Kind: "kube", Inc: k.incarnation})
	return 1
}

// start starts the process, if nothing else holds it down.
func (k *apiserver) start() {
	if k.down--; k.down > 0 {
		return
	}
	k.leave()
	lis, err := k.w.net.Host(k.name).Listen(kubePort)
	deploy.Must(err)
	k.incarnation++
	k.w.rec.record(history.Record{Actor: k.name, Verb: history.Up, Kind: "kube", Inc: k.incarnation})
	hosts.Run(k.name, func() error { return k.run(lis, k.incarnation > 1) }) //nolint:errcheck // it returns none
	k.w.kubeSvc.SetReady(k.name, true)
}

// run starts the server. The first one was there before the world began.
func (k *apiserver) run(lis net.Listener, starting bool) error {
	k.server = kube.NewServer(k.w.store, kube.Config{
		Name:        k.name,
		Cache:       cacher.Config{Lag: k.lag("")},
		Cores:       cores.New(k.w.plan.Capacity.Of(mode.APIServer)),
		Starting:    starting,
		Record:      k.w.rec.record,
		Now:         k.w.rec.now,
		NextWatch:   k.w.rec.nextWatch,
		Intercept:   k.intercept,
		Client:      func(r *http.Request) string { client, _, _ := strings.Cut(r.RemoteAddr, ":"); return client },
		OnUnmodeled: func(q *kube.Request, what string) { panic("a request that the kube-apiserver does not model: " + what) },
	})
	for _, l := range k.lags {
		if l.kind != "" {
			k.server.SetLag(l.kind, k.lag(l.kind))
		}
	}
	go k.server.Serve(lis) //nolint:errcheck // it ends when the server or its host does
	return nil
}

// alive reports whether the process that is a client on a host is up.
func (w *world) alive(host string) bool {
	switch mode.RoleOf(host) {
	case mode.Replica:
		return w.mode.Alive(host)
	case mode.Agent:
		return w.agent(host).down == 0
	case mode.Operator:
		return w.operator(host).down == 0
	}
	return true
}

// intercept is the hook of the server before it serves a request.
func (k *apiserver) intercept(ctx context.Context, q *kube.Request) *kube.Fail {
	if k.w.schedule.triggers.kubeRequest(ctx, q) != nil {
		return &kube.Fail{Abort: true}
	}
	return k.caught(q)
}

func (w *world) agent(name string) *host            { return w.agents[mode.Number(name)] }
func (w *world) operator(name string) *operatorHost { return w.operators[mode.Number(name)] }
func (w *world) apiserver(name string) *apiserver   { return w.apis[mode.Number(name)] }
