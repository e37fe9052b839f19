// Package sim is the world: it puts hosts, kube-apiservers, replicas of the
// ClusterMesh API server, agents and a workload together from a plan, lets faults
// happen, and writes what happened into a history.
//
// Only packages below this one import Cilium. A world lives in one
// testing/synctest bubble of a process of its own (package det says why); the
// program that does that is ./worker.
package sim

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/clustermesh"
	"github.com/meshcheck/meshcheck/sim/agent/crd"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/mesh"
	"github.com/meshcheck/meshcheck/sim/operator"
	"github.com/meshcheck/meshcheck/sim/proc"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/truth"
	"github.com/meshcheck/meshcheck/sim/workload"
)

// Ports of the world's servers.
const (
	kubePort = 6443
	etcdPort = 2379
)

// serviceAddress is what agents are configured with: the Service that the chart
// makes.
const serviceAddress = "clustermesh-apiserver.kube-system.svc:2379"

// Config says where a world's output goes.
type Config struct {
	History io.Writer
	Log     *slog.Logger // of the code under test
	ZapLog  *zap.Logger  // of etcd
	// OnProgress is called every ten virtual seconds.
	OnProgress func(virtual time.Duration, records int, phase string)
}

// Stats sums up a run.
type Stats struct {
	Virtual time.Duration
	Records int
}

// world is one run.
type world struct {
	plan *fault.Plan
	cfg  Config
	rec  *recorder
	net  *simnet.Network

	store     *kube.Store
	scope     *truth.Scope
	apis      []*apiserver
	replicas  []*replica
	agents    []*host
	operators []*operatorHost
	links     *connections
	kubeSvc   *service
	meshSvc   *service
	workload  *workload.Workload
	schedule  *schedule
	turn      chan struct{} // holds a value while a step of the schedule runs
	created   int           // replicas so far
	upgrading bool          // a rolling upgrade is under way
	worked    chan struct{} // closed when the workload is done
	ctx       context.Context
	cancel    context.CancelFunc // of ctx, when the run has ended
	configDir string
}

// Run runs a plan, which is valid, and returns when it has ended and every process
// has stopped. It must be called in a bubble.
func Run(plan *fault.Plan, cfg Config) (Stats, error) {
	rec, err := newRecorder(cfg.History, plan.Line())
	if err != nil {
		return Stats{}, err
	}
	plan.Options.ClusterName = cmp.Or(plan.Options.ClusterName, "c1")
	w := &world{plan: plan, cfg: cfg, rec: rec, scope: truth.NewScope(plan.Options.EndpointSlices, plan.InMode().Runs(mode.Replica)), worked: make(chan struct{}), turn: make(chan struct{}, 1), configDir: "clustermesh"}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.schedule = newSchedule(w)
	rec.onRecord = w.schedule.triggers.observed
	cilium.EnterBubble()
	if err := w.build(); err != nil {
		return Stats{}, err
	}
	go w.reportProgress()
	w.live()
	virtual, records, _ := w.rec.progress()
	w.stopAll()
	return Stats{Virtual: virtual, Records: records}, w.rec.close()
}

func (w *world) reportProgress() {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.cfg.OnProgress(w.rec.progress())
		case <-w.ctx.Done():
			return
		}
	}
}

// do runs a step that changes which processes run, when no other such step runs.
// Who waits for its turn does so on a channel: a goroutine that waits for a mutex
// would hold up virtual time.
func (w *world) do(step func()) {
	w.turn <- struct{}{}
	step()
	<-w.turn
}

// build makes the hosts and what runs on them, without starting anything.
func (w *world) build() error {
	seed := w.plan.Seed
	w.links = newConnections(w)
	w.net = simnet.New(simnet.Config{
		Seed:       seed,
		LatencyMin: time.Duration(w.plan.Network.LatencyMin),
		LatencyMax: time.Duration(w.plan.Network.LatencyMax),
		OnEvent:    w.links.onEvent,
	})
	w.kubeSvc = newService("kubernetes", seed, kubePort, false)
	w.meshSvc = newService("clustermesh-apiserver", seed, etcdPort, true)
	w.store = kube.NewStore(kube.StoreConfig{Seed: seed})
	w.store.OnCommit = w.onCommit
	if !w.plan.InMode().Runs(mode.Replica) {
		crd.Setup(w.plan.Options.ClusterName, w.plan.Options.ClusterID)
	} else {
		clustermesh.Setup()
	}

	for i := range w.plan.Topology.APIServers {
		w.apis = append(w.apis, newAPIServer(w, mode.APIServer.Host(i)))
	}
	if err := w.buildWorkload(); err != nil {
		return err
	}
	if err := w.store.CreateSystemNamespaces(); err != nil {
		return err
	}
	for i := range w.hostsOf(mode.Replica) {
		w.replicas = append(w.replicas, w.newReplica(mode.Replica.Host(i)))
	}
	if err := w.buildOperators(); err != nil {
		return err
	}
	return w.buildAgents()
}

func (w *world) buildOperators() error {
	for i := range w.plan.Topology.Operators {
		cfg := operator.Config{
			Host:           mode.Operator.Host(i),
			ClusterName:    w.plan.Options.ClusterName,
			ClusterID:      w.plan.Options.ClusterID,
			EndpointSlices: w.plan.Options.EndpointSlices,
			MaxEndpoints:   workload.MaxPerSlice,
			Record:         w.rec.record,
		}
		cfg.DialKube = w.kubeDialer(cfg.Host)
		cfg.Log = w.cfg.Log.With("host", cfg.Host)
		if i == 0 {
			if err := operator.Setup(cfg); err != nil {
				return err
			}
		}
		w.operators = append(w.operators, &operatorHost{name: cfg.Host, Operator: operator.New(cfg)})
	}
	return nil
}

func (w *world) buildWorkload() error {
	host := w.net.Host(mode.Client.Host(0))
	cfg := workload.Config{
		NewClient: func(node string) (workload.Client, error) {
			return kubeclient.NewShort("workload", w.kubeSvc.dialer(host.Name(), node, host.Dial))
		},
		Create: func(object []byte) error {
			_, err := w.store.Create(object)
			return err
		},
		Record: w.rec.record,
		Now:    w.rec.now,
	}
	var err error
	if w.plan.Topology.Operators > 0 {
		if cfg.Watch, _, err = kubeclient.New("workload", w.kubeDialer(host.Name())); err != nil {
			return err
		}
	}
	w.workload, err = workload.New(w.plan, cfg)
	return err
}

func (w *world) kubeDialer(host string) proc.Dialer {
	return w.kubeSvc.dialer(host, "", w.net.Host(host).Dial)
}

// recordOfReplica records what happens in a replica.
func (w *world) recordOfReplica(r history.Record) {
	w.rec.record(r)
	if r.Verb == history.Up && r.Kind == "etcd" {
		w.links.etcdUp(r.Actor, r.Store)
	}
}

func (w *world) newReplica(name string) *replica {
	h := w.net.Host(name)
	r := &replica{w: w, name: name}
	r.Replica = mesh.New(mesh.Config{
		Host:    name,
		DataDir: "etcd",
		Writer: mesh.WriterConfig{
			ClusterName:    w.plan.Options.ClusterName,
			ClusterID:      w.plan.Options.ClusterID,
			EndpointSlices: w.plan.Options.EndpointSlices,
			QPS:            w.plan.Options.WriterQPS,
			BootstrapQPS:   w.plan.Options.WriterBootstrapQPS,
			LeaseTTL:       w.plan.Options.LeaseTTL.Std(),
			UserAgent:      "clustermesh-apiserver",
			DialKube:       w.kubeDialer(name),
			DialEtcd: func(ctx context.Context, _ string) (net.Conn, error) {
				return h.Dial(ctx, fmt.Sprintf("%s:%d", name, etcdPort))
			},
			Log: w.cfg.Log.With("host", name),
		},
		Listen:        func() (net.Listener, error) { return h.Listen(etcdPort) },
		OnReady:       r.setReady,
		BeforeRequest: func(ctx context.Context, q etcd.Request) error { return w.schedule.triggers.etcdRequest(ctx, name, q) },
		AfterRequest:  w.schedule.triggers.etcdAnswer,
		Record:        w.recordOfReplica,
		Now:           w.rec.now,
		Client:        func(a net.Addr) string { return a.(simnet.Addr).Host },
		NextWatch:     w.rec.nextWatch,
		EtcdLog:       w.cfg.ZapLog,
	})
	return r
}

func (w *world) buildAgents() error {
	source := w.crdSource
	if w.plan.InMode().Runs(mode.Replica) {
		configPath, err := w.writeMeshConfig()
		if err != nil {
			return err
		}
		source = func(name string) agent.Source { return w.meshSource(name, configPath) }
	}
	for i := range w.plan.Topology.Agents {
		name := mode.Agent.Host(i)
		h := &host{name: name}
		h.Host = agent.NewHost(agent.Config{
			Host:      name,
			NewSource: func() agent.Source { return source(name) },
			Record:    w.rec.record,
			OnExit:    func(incarnation int, reason error) { w.agentExits(h, incarnation, reason) },
		})
		w.agents = append(w.agents, h)
	}
	return nil
}

func (w *world) crdSource(name string) agent.Source {
	return crd.New(crd.Config{
		Node:           fault.NodeName(mode.Number(name)),
		EndpointSlices: w.plan.Options.EndpointSlices,
		Dial:           w.kubeDialer(name),
		Log:            w.cfg.Log.With("host", name),
	})
}

// writeMeshConfig writes what agents find the ClusterMesh API server by.
func (w *world) writeMeshConfig() (path string, err error) {
	if err := os.MkdirAll(w.configDir, 0o777); err != nil {
		return "", err
	}
	path = filepath.Join(w.configDir, w.plan.Options.ClusterName)
	return path, os.WriteFile(path, []byte("endpoints:\n- http://"+serviceAddress+"\n"), 0o666)
}

func (w *world) meshSource(name, configPath string) agent.Source {
	return clustermesh.New(clustermesh.Config{
		Cluster:    w.plan.Options.ClusterName,
		ClusterID:  w.plan.Options.ClusterID,
		ConfigPath: configPath,
		Nodes:      w.plan.Topology.Nodes,
		QPS:        w.plan.Options.AgentQPS,
		Dial:       w.meshSvc.dialer(name, "", w.net.Host(name).Dial),
		Store:      func(replica string) string { return w.replica(replica).Store() },
		Log:        w.cfg.Log.With("host", name),
	})
}

// onCommit records a write of the kube-apiserver and what it makes true. The
// state at the start is as if the first server had written it.
func (w *world) onCommit(c kube.Commit) {
	object := cmp.Or(c.New, c.Old)
	server := cmp.Or(c.Server, mode.APIServer.Host(0))
	w.rec.record(history.Record{Actor: server, Verb: history.Write, Kind: c.Kind, Key: object.Key(), Op: string(c.Op), RV: c.RV, Peer: c.Client})
	var content []byte
	if c.New != nil {
		content = c.New.JSON
	}
	changes, err := w.scope.Apply(c.Kind, object.Key(), content)
	must(err) // plans are validated
	for _, r := range changes {
		r.Actor, r.RV = server, c.RV
		w.rec.record(r)
	}
}
