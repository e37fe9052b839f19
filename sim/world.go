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
	"time"

	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/option"
	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/services"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/deploy/clustermesh"
	"github.com/meshcheck/meshcheck/sim/deploy/crd"
	"github.com/meshcheck/meshcheck/sim/deploy/handover"
	"github.com/meshcheck/meshcheck/sim/deploy/kvstore"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/meter"
	"github.com/meshcheck/meshcheck/sim/operator"
	"github.com/meshcheck/meshcheck/sim/proc"
	"github.com/meshcheck/meshcheck/sim/service"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/truth"
	"github.com/meshcheck/meshcheck/sim/workload"
)

// kubePort is that of the kube-apiservers.
const kubePort = 6443

// Config says where a world's output goes.
type Config struct {
	History io.Writer
	Log     *slog.Logger // of the code under test
	ZapLog  *zap.Logger  // of etcd
	// Whole makes the node of a whole agent; nil if the plan has none.
	Whole func(agent.Daemon) (agent.Whole, error)
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

	store     *storage.Store
	ledger    *truth.Ledger // what is true now
	scope     *truth.Scope  // that objects make so; nil where agents do
	apis      []*apiserver
	agents    []*host
	wholes    map[string]agent.Whole // nodes of whole agents, by name
	operators []*operatorHost
	kubeSvc   *service.Service
	mode      deploy.Deployment
	workload  *workload.Workload
	schedule  *schedule
	turn      chan struct{} // holds a value while a step of the schedule runs
	worked    chan struct{} // closed when the workload is done
	healed    chan struct{} // closed at the heal
	ctx       context.Context
	cancel    context.CancelFunc // of ctx, when the run has ended
}

// Run runs a plan, which is valid, and returns when it has ended and every process
// has stopped. It must be called in a bubble.
func Run(plan *fault.Plan, cfg Config) (Stats, error) {
	rec, err := newRecorder(cfg.History, plan.Line())
	if err != nil {
		return Stats{}, err
	}
	plan.Options.ClusterName = cmp.Or(plan.Options.ClusterName, "c1")
	w := &world{plan: plan, cfg: cfg, rec: rec, worked: make(chan struct{}), healed: make(chan struct{}), turn: make(chan struct{}, 1)}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.schedule = newSchedule(w)
	rec.onRecord = w.schedule.triggers.observed
	cilium.EnterBubble()
	meter.Begin(!plan.HasServices() && !plan.HasWhole())
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

// setClusters prepares the process's global state for a cluster ID above Cilium's default.
// Cilium takes from it, once in a process, what the number of an identity means; the flags
// of its processes repeat it.
func setClusters(o fault.Options) error {
	most := uint32(fault.MaxConnectedClusters(o.ClusterID))
	if most == cmtypes.ClusterIDMax {
		return nil
	}
	option.Config.MaxConnectedClusters = most
	if err := (cmtypes.ClusterInfo{MaxConnectedClusters: most}).InitClusterIDMax(); err != nil {
		return err
	}
	if is, want := identity.GetClusterIDShift(), fault.IdentityShift(o.ClusterID); int(is) != want {
		return fmt.Errorf("Cilium has identities with %d bits below the cluster ID, not %d: something of it has begun before the world", is, want)
	}
	return nil
}

// build makes the hosts and what runs on them, without starting anything.
func (w *world) build() error {
	if err := setClusters(w.plan.Options); err != nil {
		return err
	}
	seed := w.plan.Seed
	w.net = simnet.New(simnet.Config{
		Seed:       seed,
		LatencyMin: time.Duration(w.plan.Network.LatencyMin),
		LatencyMax: time.Duration(w.plan.Network.LatencyMax),
		OnEvent:    w.onNetEvent,
	})
	w.kubeSvc = service.New("kubernetes", seed, kubePort, false)
	w.store = storage.New(storage.Config{Seed: seed, Resources: w.resources()})
	w.store.OnCommit = w.onCommit
	for i := range w.plan.Topology.APIServers {
		w.apis = append(w.apis, newAPIServer(w, mode.APIServer.Host(i)))
	}
	var err error
	if w.mode, err = deployments[w.plan.InMode().Base](w.fabric()); err != nil {
		return err
	}
	if shared := w.mode.Truth(); shared != nil {
		w.ledger = shared.Ledger
	} else {
		w.scope = truth.NewScope(truth.Cluster{Name: w.plan.Options.ClusterName, ID: w.plan.Options.ClusterID}, w.plan.Options.EndpointSlices, w.mode.Exports())
		w.ledger = w.scope.Ledger
	}
	if err := w.buildWorkload(); err != nil {
		return err
	}
	if err := w.store.CreateSystemNamespaces(); err != nil {
		return err
	}
	if err := w.buildOperators(); err != nil {
		return err
	}
	if err := w.buildWhole(); err != nil {
		return err
	}
	w.buildAgents()
	return nil
}

// deployments are what the modes add to the world.
var deployments = map[mode.Base]func(*deploy.Fabric) (deploy.Deployment, error){
	mode.ClusterMesh: clustermesh.New,
	mode.CRD:         crd.New,
	mode.KVStore:     kvstore.New,
	mode.Handover:    handover.New,
}

func (w *world) fabric() *deploy.Fabric {
	return &deploy.Fabric{
		Plan:       w.plan,
		Net:        w.net,
		Log:        w.cfg.Log,
		Zap:        w.cfg.ZapLog,
		Record:     w.rec.record,
		Now:        w.rec.now,
		NextWatch:  w.rec.nextWatch,
		DialKube:   w.kubeDialer,
		Create:     w.create,
		BeforeEtcd: w.schedule.triggers.etcdRequest,
		AfterEtcd:  w.schedule.triggers.etcdAnswer,
		Step:       w.do,
		Ended:      func() bool { return w.ctx.Err() != nil },
		Restart:    func(agent string) (int64, bool) { return w.agent(agent).restart() },
	}
}

func (w *world) onNetEvent(e simnet.Event) {
	w.rec.record(history.Record{Actor: e.Host, Verb: history.Net, Key: string(e.Kind), Peer: e.Peer})
	w.mode.OnEvent(e)
}

// collectIdentities is how often an operator looks for identities in an etcd that nobody
// uses: every 15 minutes by default, which is longer than most runs.
const collectIdentities = time.Minute

func (w *world) buildOperators() error {
	for i := range w.plan.Topology.Operators {
		cfg := operator.Config{
			Host:           mode.Operator.Host(i),
			ClusterName:    w.plan.Options.ClusterName,
			ClusterID:      w.plan.Options.ClusterID,
			EndpointSlices: w.plan.Options.EndpointSlices,
			MaxEndpoints:   cmp.Or(w.plan.Options.SliceSize, workload.MaxPerSlice),
			Controller:     w.plan.Options.SliceController,
			Identities:     w.plan.Options.IdentityManagement,
			GC: operator.GC{
				Identities: w.plan.Options.IdentityGCInterval.Std(), Heartbeat: w.plan.Options.IdentityTimeout.Std(), Endpoints: w.plan.Options.EndpointGCInterval.Std(),
			},
			Record: w.rec.record,
		}
		cfg.DialKube = w.kubeDialer(cfg.Host)
		if etcd := w.mode.EtcdClient(cfg.Host); etcd != nil {
			cfg.DialEtcd, cfg.EtcdOpt = etcd.Dial, etcd.Option+"="+etcd.Value
			cfg.LeaseTTL, cfg.GC.Identities = w.plan.Options.LeaseTTL.Std(), cmp.Or(cfg.GC.Identities, collectIdentities)
		}
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
			return kubeclient.NewShort("workload", w.kubeSvc.Dialer(host.Name(), node, host.Dial))
		},
		Create: w.create,
		Event:  w.schedule.triggers.event,
		Healed: w.healed,
		Record: w.rec.record,
		Now:    w.rec.now,
		Agents: w.mode.Agents(),
	}
	if w.plan.HasWhole() {
		cfg.CNI = cni{w}
	}
	var err error
	if w.plan.Topology.Operators > 0 && cfg.Agents == nil {
		if cfg.Watch, _, err = kubeclient.New("workload", w.kubeDialer(host.Name())); err != nil {
			return err
		}
	}
	w.workload, err = workload.New(w.plan, cfg)
	return err
}

func (w *world) create(object []byte) error {
	_, err := w.store.Create(object)
	return err
}

func (w *world) kubeDialer(host string) proc.Dialer {
	return w.kubeSvc.Dialer(host, "", w.net.Host(host).Dial)
}

func (w *world) buildAgents() {
	for i := range w.plan.Topology.Agents {
		h := &host{name: mode.Agent.Host(i)}
		h.Host = agent.NewHost(agent.Config{
			Host:      h.name,
			NewSource: func() agent.Source { return w.source(h) },
			Record:    w.rec.record,
			OnExit:    func(incarnation int, reason error) { w.agentExits(h, incarnation, reason) },
		})
		w.agents = append(w.agents, h)
	}
}

// source returns what an incarnation of an agent reads: that of the mode and, if there are
// any, Services.
func (w *world) source(h *host) agent.Source {
	name := h.name
	if whole := w.wholes[fault.NodeName(mode.Number(name))]; whole != nil {
		incarnation := h.Incarnation()
		return whole.NewSource(func(reason error) { w.agentExits(h, incarnation, reason) })
	}
	if !w.plan.HasServices() {
		return w.mode.Source(name, nil)
	}
	cfg := services.Config{
		Cluster: w.plan.Options.ClusterName, ClusterID: w.plan.Options.ClusterID,
		Dial: w.kubeDialer(name), Log: w.cfg.Log.With("host", name),
	}
	if w.plan.InMode().ReadsServices() {
		cfg.Resolves, cfg.Lag = true, func() time.Duration { return w.mode.Service().Lag(name) }
	}
	return w.mode.Source(name, services.New(cfg))
}

// onCommit records a write of the kube-apiserver and what it makes true. The
// state at the start is as if the first server had written it.
func (w *world) onCommit(c *storage.Commit) {
	kind, key := c.Object.Resource.Kind, c.Object.Key()
	server := cmp.Or(c.By.Server, mode.APIServer.Host(0))
	var content []byte
	value := ""
	if !c.Deleted {
		content = c.Object.JSON
		var err error
		value, err = truth.Said(kind, content)
		deploy.Must(err) // the kube-apiserver has checked it
	}
	w.rec.record(history.Record{Actor: server, Verb: history.Write, Kind: kind, Key: key, Value: value, Op: string(c.Op()), RV: c.RV, Peer: c.By.Client})
	if w.scope == nil {
		deploy.Must(w.mode.Truth().Apply(server, kind, key, content))
		return
	}
	changes, err := w.scope.Apply(kind, key, content)
	deploy.Must(err) // plans are validated
	for _, r := range changes {
		r.Actor, r.RV = server, c.RV
		w.rec.record(r)
	}
}
