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

	tables    *Tables
	resolvers []dial.Resolver
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
	reads := NewReads()
	r.hive = hive.New(append(r.cells(reads.Observe(clients, connections, r.cfg.Lag)),
		cell.Provide(NewTables), cell.Invoke(func(t *Tables) { r.tables = t }))...)
	r.hive.RegisterFlags(pflag.NewFlagSet("", pflag.ContinueOnError))
	if err := r.hive.Populate(r.cfg.Log); err != nil {
		return fmt.Errorf("the agent's services: %w", err)
	}
	if err := r.tables.Follow(); err != nil {
		return err
	}
	ctx, r.cancel = context.WithCancel(ctx)
	if err := r.hive.Start(r.cfg.Log, ctx); err != nil {
		return fmt.Errorf("the agent's services: %w", err)
	}
	r.running = true
	go func() {
		defer close(r.followed)
		r.tables.Tell(ctx, into.Services(), reads)
	}()
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
