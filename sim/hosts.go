package sim

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/mesh"
)

// A process runs when nothing holds it down; faults that overlap add up.

// replica is a replica's pod and its writer's container.
type replica struct {
	*mesh.Replica
	podDown, writerDown int // faults that hold them down
}

func (r *replica) losePod() {
	if r.podDown++; r.podDown == 1 {
		r.KillPod()
	}
}

func (r *replica) replacePod() {
	if r.podDown--; r.podDown == 0 {
		must(r.StartPod(r.writerDown == 0))
	}
}

func (r *replica) stopWriter() {
	if r.writerDown++; r.writerDown == 1 && r.podDown == 0 {
		r.KillWriter()
	}
}

func (r *replica) startWriter() {
	if r.writerDown--; r.writerDown == 0 && r.podDown == 0 {
		must(r.StartWriter())
	}
}

// host is an agent's host.
type host struct {
	*agent.Host
	name string
	down int
}

func (h *host) stop() {
	if h.down++; h.down == 1 {
		h.Kill()
	}
}

func (h *host) start() {
	if h.down--; h.down == 0 {
		must(h.Start())
	}
}

// apiserver is a kube-apiserver's process, over its restarts.
type apiserver struct {
	w           *world
	name        string
	server      *kube.Server
	incarnation int
	down        int
}

func newAPIServer(w *world, name string) *apiserver { return &apiserver{w: w, name: name, down: 1} }

func (k *apiserver) stop() {
	if k.down++; k.down > 1 {
		return
	}
	k.w.kubeSvc.setReady(k.name, false)
	k.w.net.Kill(k.name)
	k.server.Close()
	k.w.rec.record(history.Record{Actor: k.name, Verb: history.Down, Kind: "kube", Inc: k.incarnation})
}

// start starts the process with a watch cache that begins lag behind the store.
func (k *apiserver) start(lag time.Duration) {
	if k.down--; k.down > 0 {
		return
	}
	lis, err := k.w.net.Host(k.name).Listen(kubePort)
	must(err)
	k.incarnation++
	k.w.rec.record(history.Record{Actor: k.name, Verb: history.Up, Kind: "kube", Inc: k.incarnation})
	k.server = kube.NewServer(k.w.store, kube.Config{
		Name:        k.name,
		StartBehind: lag,
		Client:      func(r *http.Request) string { host, _, _ := strings.Cut(r.RemoteAddr, ":"); return host },
		OnUnmodeled: func(q *kube.Request, what string) { panic("a request that the kube-apiserver does not model: " + what) },
	})
	go k.server.Serve(lis)
	k.w.kubeSvc.setReady(k.name, true)
}

func (w *world) replica(name string) *replica     { return w.replicas[index(name)] }
func (w *world) agent(name string) *host          { return w.agents[index(name)] }
func (w *world) apiserver(name string) *apiserver { return w.apis[index(name)] }

func index(name string) int {
	var i int
	if _, err := fmt.Sscan(name[1:], &i); err != nil {
		panic(fmt.Sprintf("host %q has no number", name)) // plans are validated
	}
	return i
}

// must ends the run: the harness itself has failed.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
