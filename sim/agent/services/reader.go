// Package services is what an agent reads from the kube-apiservers in every mode: Services
// and their EndpointSlices.
//
// Cilium's are the reflector (pkg/loadbalancer/reflectors), which lists and watches them and
// gathers their events for half a second, and the tables that it writes
// (pkg/loadbalancer/writer). What would make the datapath of the tables, the reconciler of
// BPF maps, is not here, nor is what else writes them: node ports, host ports, local
// redirect policies and other clusters.
package services

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/cilium/hive/cell"
	"github.com/cilium/statedb"
	"github.com/spf13/pflag"

	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/datapath/tables"
	"github.com/cilium/cilium/pkg/dial"
	"github.com/cilium/cilium/pkg/hive"
	"github.com/cilium/cilium/pkg/k8s"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	k8sTables "github.com/cilium/cilium/pkg/k8s/tables"
	"github.com/cilium/cilium/pkg/kpr"
	"github.com/cilium/cilium/pkg/loadbalancer"
	"github.com/cilium/cilium/pkg/loadbalancer/reflectors"
	"github.com/cilium/cilium/pkg/loadbalancer/writer"
	"github.com/cilium/cilium/pkg/metrics"
	"github.com/cilium/cilium/pkg/node"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/source"

	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/informer"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Config says what to read.
type Config struct {
	Cluster   string
	ClusterID int

	// Dial connects with the kube-apiserver that the Service gives this agent.
	Dial proc.Dialer
	Log  *slog.Logger

	Resolves bool         // for the agent's dialer, too: see Resolvers
	Lag      informer.Lag // of EndpointSlices; nil: none ever
}

// Reader is the source.
type Reader struct {
	cfg       Config
	hive      *hive.Hive
	closeIdle func() // connections of the client
	running   bool
	cancel    context.CancelFunc
	followed  chan struct{} // closed when the tables are followed no more

	db        *statedb.DB
	services  statedb.Table[*loadbalancer.Service]
	frontends statedb.Table[*loadbalancer.Frontend]
	backends  statedb.Table[*loadbalancer.Backend]
	changes   changes
	resolvers []dial.Resolver
}

// changes are what has changed in the tables.
type changes struct {
	services  statedb.ChangeIterator[*loadbalancer.Service]
	frontends statedb.ChangeIterator[*loadbalancer.Frontend]
	backends  statedb.ChangeIterator[*loadbalancer.Backend]
}

// New returns a source of one incarnation of an agent.
func New(cfg Config) *Reader {
	return &Reader{cfg: cfg, closeIdle: func() {}, followed: make(chan struct{})}
}

// Start begins to read over the process's connections, and to tell the sink.
func (r *Reader) Start(ctx context.Context, process *proc.Process, into agent.Sink) error {
	connections := agent.NewConnections(mode.CRD, nil)
	clients, closeIdle, err := kubeclient.New("cilium-agent", connections.Dial(process.Dial(r.cfg.Dial)))
	if err != nil {
		return err
	}
	r.closeIdle = closeIdle
	return r.StartWith(ctx, clients, connections, into)
}

// StartWith is Start with clients that the agent has already, on connections of theirs.
func (r *Reader) StartWith(ctx context.Context, clients k8sclient.Clientset, connections *agent.Connections, into agent.Sink) error {
	reads := newReads()
	r.hive = hive.New(append(r.cells(observed{clients, reads.observe(connections, r.cfg.Lag)}),
		cell.Invoke(func(db *statedb.DB, s statedb.Table[*loadbalancer.Service], f statedb.Table[*loadbalancer.Frontend], b statedb.Table[*loadbalancer.Backend]) {
			r.db, r.services, r.frontends, r.backends = db, s, f, b
		}))...)
	r.hive.RegisterFlags(pflag.NewFlagSet("", pflag.ContinueOnError))
	if err := r.hive.Populate(r.cfg.Log); err != nil {
		return fmt.Errorf("the agent's services: %w", err)
	}
	if err := r.follow(); err != nil {
		return err
	}
	ctx, r.cancel = context.WithCancel(ctx)
	if err := r.hive.Start(r.cfg.Log, ctx); err != nil {
		return fmt.Errorf("the agent's services: %w", err)
	}
	r.running = true
	go r.tell(ctx, into.Services(), reads)
	return nil
}

// cells are what the agent's hive has of services, and what that needs.
func (r *Reader) cells(clients k8sclient.Clientset) []cell.Cell {
	cells := []cell.Cell{
		metrics.Cell, node.LocalNodeStoreTestCell, writer.Cell, reflectors.K8sReflectorCell, cell.Config(k8s.DefaultConfig),
		cell.Provide(
			func() k8sclient.Clientset { return clients },
			func() cmtypes.ClusterInfo {
				return cmtypes.ClusterInfo{ID: uint32(r.cfg.ClusterID), Name: r.cfg.Cluster}
			},
			k8s.DefaultServiceWatchConfig,
			reflectors.NetnsCookieSupportFunc,
			func() *option.DaemonConfig { return &option.DaemonConfig{EnableIPv4: true, EnableIPv6: true} },
			tables.NewNodeAddressTable, statedb.RWTable[tables.NodeAddress].ToTable,
			k8sTables.NewPodTable, statedb.RWTable[k8sTables.LocalPod].ToTable,
			source.NewSources,
			func() kpr.KPRConfig { return kpr.KPRConfig{} },
			func() loadbalancer.Config { return loadbalancer.DefaultConfig },
			func() loadbalancer.ExternalConfig {
				return loadbalancer.ExternalConfig{EnableIPv4: true, EnableIPv6: true}
			},
		),
	}
	if r.cfg.Resolves {
		cells = append(cells, r.resolving())
	}
	return cells
}

// follow begins to follow the tables, which are empty.
func (r *Reader) follow() (err error) {
	txn := r.db.WriteTxn(r.services, r.frontends, r.backends)
	defer txn.Commit()
	if r.changes.services, err = r.services.Changes(txn); err != nil {
		return err
	}
	if r.changes.frontends, err = r.frontends.Changes(txn); err != nil {
		return err
	}
	r.changes.backends, err = r.backends.Changes(txn)
	return err
}

// tell tells what each commit to the tables has changed.
func (r *Reader) tell(ctx context.Context, into agent.Services, reads *reads) {
	defer close(r.followed)
	for {
		txn := r.db.ReadTxn()
		changed := map[loadbalancer.ServiceName]bool{}
		services, moreServices := r.changes.services.Next(txn)
		for c := range services {
			changed[c.Object.Name] = true
		}
		frontends, moreFrontends := r.changes.frontends.Next(txn)
		for c := range frontends {
			changed[c.Object.ServiceName] = true
		}
		backends, moreBackends := r.changes.backends.Next(txn)
		for c := range backends {
			changed[c.Object.ServiceName] = true
		}
		for _, name := range sorted(changed) {
			into.Update(name, r.at(txn, name), reads.learned)
			reads.settle(name.String())
		}
		if len(changed) > 0 {
			continue // there may be more
		}
		select {
		case <-moreServices:
		case <-moreFrontends:
		case <-moreBackends:
		case <-ctx.Done():
			return
		}
	}
}

func sorted(changed map[loadbalancer.ServiceName]bool) (names []loadbalancer.ServiceName) {
	for name := range changed {
		names = append(names, name)
	}
	slices.SortFunc(names, loadbalancer.ServiceName.Compare)
	return names
}

// at returns what the tables have of a Service.
func (r *Reader) at(txn statedb.ReadTxn, name loadbalancer.ServiceName) (t agent.Tables) {
	t.Service, _, _ = r.services.Get(txn, loadbalancer.ServiceByName(name))
	for f := range r.frontends.List(txn, loadbalancer.FrontendByServiceName(name)) {
		t.Frontends = append(t.Frontends, f)
	}
	backends, _ := loadbalancer.ListBackendsByServiceName(txn, r.backends, name)
	for b := range backends {
		t.Backends = append(t.Backends, b)
	}
	return t
}

// Stop does what the process does when it is asked to end. It withdraws nothing.
func (r *Reader) Stop() {
	if !r.running {
		return
	}
	r.running = false
	r.cancel()
	<-r.followed
	r.hive.Stop(r.cfg.Log, context.Background()) //nolint:errcheck // nobody is left to tell
}

// Close ends what is left.
func (r *Reader) Close() { r.closeIdle() }
