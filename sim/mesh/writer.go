package mesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cilium/hive/cell"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"

	"github.com/cilium/cilium/clustermesh-apiserver/clustermesh"
	cmk8s "github.com/cilium/cilium/clustermesh-apiserver/clustermesh/k8s"
	"github.com/cilium/cilium/clustermesh-apiserver/syncstate"
	clustercfgcell "github.com/cilium/cilium/pkg/clustermesh/clustercfg/cell"
	mcsapitypes "github.com/cilium/cilium/pkg/clustermesh/mcsapi/types"
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/defaults"
	"github.com/cilium/cilium/pkg/hive"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	"github.com/cilium/cilium/pkg/kvstore"
	"github.com/cilium/cilium/pkg/kvstore/heartbeat"
	"github.com/cilium/cilium/pkg/kvstore/store"
	"github.com/cilium/cilium/pkg/lock"
	"github.com/cilium/cilium/pkg/option"

	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/meter"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// WriterConfig says which writer to start. See deployment.yaml of the chart for
// the flags.
type WriterConfig struct {
	ClusterName    string
	ClusterID      int
	EndpointSlices bool // enable-cilium-endpoint-slice
	QPS            int  // etcd.qps
	BootstrapQPS   int  // etcd.bootstrapQps
	UserAgent      string

	// LeaseTTL is kvstore-lease-ttl, from 25 s (the TTL of locks) on. Zero: as the
	// chart leaves it, 15 minutes.
	LeaseTTL time.Duration

	DialKube proc.Dialer
	DialEtcd proc.Dialer
	Log      *slog.Logger
}

// writer is Cilium's ClusterMesh API server, the container that copies from the
// kube-apiserver to the etcd beside it: its hive without what a simulated world
// has no use for (pprof, gops, the users' file, the health endpoint's listener).
type writer struct {
	hive    *hive.Hive
	log     *slog.Logger
	sync    syncstate.SyncState
	process *proc.Process
	etcd    kvstore.Client
	close   func() // idle connections
}

func newWriter(cfg WriterConfig) (*writer, error) {
	process := new(proc.Process)
	clients, closeIdle, err := kubeclient.New(cfg.UserAgent, process.Dial(cfg.DialKube))
	if err != nil {
		return nil, err
	}
	w := &writer{log: cfg.Log, process: process, close: closeIdle, sync: syncstate.SyncState{StoppableWaitGroup: lock.NewStoppableWaitGroup()}}
	w.hive = hive.New(
		cell.Config(cmtypes.DefaultClusterInfo),
		cell.Config(cmtypes.DefaultServiceModeV2Config),
		cell.Config(mcsapitypes.DefaultMCSAPIConfig),
		cell.Provide(func() k8sclient.Clientset { return clients }),
		cmk8s.ResourcesCell,
		kvstore.Cell(kvstore.EtcdBackendName),
		cell.Provide(
			func() kvstore.ExtraOptions {
				return kvstore.ExtraOptions{
					DialOption:        []grpc.DialOption{grpc.WithContextDialer(proc.EtcdSocket.Dialer(process.Dial(cfg.DialEtcd)))},
					BootstrapComplete: w.sync.WaitChannel(),
				}
			},
			func() syncstate.SyncState { return w.sync },
			func() store.Factory {
				metrics := store.MetricsProvider()
				meter.Queues(metrics)
				return store.NewFactory(cfg.Log, metrics)
			},
		),
		heartbeat.Enabled,
		heartbeat.Cell,
		clustercfgcell.WithSyncedCanaries(true),
		clustercfgcell.Cell,
		clustermesh.Synchronization,
		cell.Invoke(func(c kvstore.Client) { w.etcd = c }),
	)
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	w.hive.RegisterFlags(flags)
	for _, f := range []struct{ name, value string }{
		{"cluster-name", cfg.ClusterName},
		{"cluster-id", fmt.Sprint(cfg.ClusterID)},
		{"enable-cilium-endpoint-slice", fmt.Sprint(cfg.EndpointSlices)},
		{"kvstore-opt", fmt.Sprintf("etcd.address=http://localhost:2379,etcd.qps=%d,etcd.bootstrapQps=%d", cfg.QPS, cfg.BootstrapQPS)},
		{option.KVstoreLeaseTTL, cfg.leaseTTL()},
	} {
		if f.value == "" {
			continue
		}
		if err := flags.Set(f.name, f.value); err != nil {
			return nil, fmt.Errorf("flag %s of the writer: %w", f.name, err)
		}
	}
	if cmtypes.ClusterIDMax != defaults.MaxConnectedClusters {
		return w, flags.Set(cmtypes.OptMaxConnectedClusters, fmt.Sprint(cmtypes.ClusterIDMax))
	}
	return w, nil
}

// leaseTTL returns the value of the flag, or "" for its default.
func (c WriterConfig) leaseTTL() string {
	if c.LeaseTTL == 0 {
		return ""
	}
	return c.LeaseTTL.String()
}

// run starts the writer and returns when it has ended by itself, with the reason,
// when it has stopped gracefully because of the signal, or when ctx is done and
// its goroutines are wound down.
func (w *writer) run(ctx context.Context, signal <-chan struct{}) error {
	err := w.hive.Start(w.log, ctx)
	if err == nil {
		select {
		case err = <-cilium.Shutdown(w.hive):
			if err == nil {
				err = errors.New("the writer shut itself down")
			}
		case <-signal: // closed if ctx is done, too
		}
		w.process.AwaitRunning() // a frozen process does not end by itself
	}
	var stopErr error
	stopped := make(chan struct{})
	stop := func() {
		defer close(stopped)
		// Without a limit: beyond one the hive panics.
		stopErr = w.hive.Stop(w.log, context.Background())
	}
	gracefully := err == nil && ctx.Err() == nil
	if gracefully {
		go stop()
		select {
		case <-stopped:
		case <-ctx.Done():
		}
	}
	w.process.Kill()
	cilium.AbandonEtcd(w.etcd)
	if !gracefully {
		stop()
	}
	<-stopped
	w.close()
	return cmp.Or(err, stopErr)
}
