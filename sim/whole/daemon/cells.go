//go:build detrt

package daemon

import (
	"context"

	"github.com/cilium/hive/cell"
	"github.com/cilium/hive/job"
	"github.com/cilium/statedb"
	statedbReconciler "github.com/cilium/statedb/reconciler"

	"github.com/cilium/cilium/api/v1/server"
	endpointapi "github.com/cilium/cilium/api/v1/server/restapi/endpoint"
	ipamapi "github.com/cilium/cilium/api/v1/server/restapi/ipam"
	"github.com/cilium/cilium/daemon/cmd"
	cnicell "github.com/cilium/cilium/daemon/cmd/cni"
	fakecni "github.com/cilium/cilium/daemon/cmd/cni/fake"
	"github.com/cilium/cilium/daemon/cmd/legacy"
	fakeDatapath "github.com/cilium/cilium/pkg/datapath/fake"
	"github.com/cilium/cilium/pkg/datapath/linux/route/reconciler"
	"github.com/cilium/cilium/pkg/datapath/neighbor"
	"github.com/cilium/cilium/pkg/datapath/prefilter"
	"github.com/cilium/cilium/pkg/dial"
	endpointcreator "github.com/cilium/cilium/pkg/endpoint/creator"
	"github.com/cilium/cilium/pkg/endpointmanager"
	"github.com/cilium/cilium/pkg/endpointstate"
	"github.com/cilium/cilium/pkg/identity"
	identitycell "github.com/cilium/cilium/pkg/identity/cache/cell"
	"github.com/cilium/cilium/pkg/ipcache"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	k8sSynced "github.com/cilium/cilium/pkg/k8s/synced"
	"github.com/cilium/cilium/pkg/kvstore"
	"github.com/cilium/cilium/pkg/kvstore/store"
	"github.com/cilium/cilium/pkg/loadbalancer"
	lbmaps "github.com/cilium/cilium/pkg/loadbalancer/maps"
	"github.com/cilium/cilium/pkg/loadbalancer/redirectpolicy"
	"github.com/cilium/cilium/pkg/maps/ctmap"
	"github.com/cilium/cilium/pkg/maps/policymap"
	"github.com/cilium/cilium/pkg/maps/subnet"
	"github.com/cilium/cilium/pkg/metrics"
	monitorAgent "github.com/cilium/cilium/pkg/monitor/agent"
	nodemanager "github.com/cilium/cilium/pkg/node/manager"
	"github.com/cilium/cilium/pkg/promise"

	"github.com/meshcheck/meshcheck/sim/agent/services"
)

// cells are the agent's, as test/controlplane/suite of Cilium puts them together, and what
// tells the sink.
func (d *daemon) cells() []cell.Cell {
	told := d.told
	return []cell.Cell{
		cell.Provide(
			func() (_ statedbReconciler.Reconciler[*reconciler.DesiredRoute]) { return nil },
			func() k8sclient.Clientset { return enabled{d.watched} },
			func() k8sclient.Config { return enabledConfig() },
			func() cnicell.CNIConfigManager { return &fakecni.FakeCNIConfigManager{} },
			func() ctmap.GCRunner { return ctmap.NewFakeGCRunner() },
			func() policymap.Factory { return opener{d} },
			func() *server.Server { return nil },
			func() *loadbalancer.TestConfig { return &loadbalancer.TestConfig{} },
			func() redirectpolicy.TestSkipLBMap { return noSkipLB{} },
			func() statedb.RWTable[subnet.SubnetTableEntry] { return nil },
			k8sSynced.RejectedCRDSyncPromise,
			func() identityHandler { return identityHandler{Handler: told.identities()} },
		),
		kvstore.Cell(kvstore.DisabledBackendName),
		fakeDatapath.Cell,
		neighbor.ForwardableIPCell,
		reconciler.TableCell,
		cell.Provide(neighbor.NewCommonTestConfig(true, false, 100)),
		prefilter.Cell,
		monitorAgent.Cell,
		metrics.Cell,
		store.Cell,
		dial.ServiceResolverCell,
		cell.Decorate(
			// As root Cilium's own constructor makes real BPF maps, even for tests.
			func() lbmaps.LBMaps { return lbmaps.NewFakeLBMaps() },
			cell.Decorate(
				func(c endpointcreator.EndpointCreator) endpointcreator.EndpointCreator { return noHostEndpoint{c} },
				cmd.ControlPlane,
			),
			cell.Invoke(finishRestore),
		),
		cell.Invoke(func(_ legacy.DaemonInitialization, endpoints endpointmanager.EndpointManager,
			allocate ipamapi.PostIpamHandler, release ipamapi.DeleteIpamIPHandler, create endpointapi.PutEndpointIDHandler, end endpointapi.DeleteEndpointIDHandler) {
			d.endpoints, d.api = endpoints, api{allocate, release, create, end}
			endpoints.Subscribe(d.pods)
		}),
		cell.Provide(services.NewTables),
		cell.Invoke(func(t *services.Tables, jobs job.Group) error {
			if err := t.Follow(); err != nil {
				return err
			}
			jobs.Add(job.OneShot("tell-services", func(ctx context.Context, _ cell.Health) error {
				t.Tell(ctx, told.into.Services(), d.reads)
				return nil
			}))
			return nil
		}),
		cell.Invoke(func(_ legacy.DaemonInitialization, ips *ipcache.IPCache, nodes nodemanager.NodeManager, ids identitycell.CachingIdentityAllocator, caches k8sSynced.CacheStatus, jobs job.Group) {
			ips.AddListener(told)
			nodes.Subscribe(told)
			jobs.Add(job.OneShot("tell-synced", func(ctx context.Context, _ cell.Health) error {
				select {
				case <-caches:
				case <-ctx.Done():
					return nil
				}
				if ids.WaitForInitialGlobalIdentities(ctx) == nil {
					close(d.synced)
				}
				return nil
			}))
		}),
	}
}

// identityHandler is told of identities, beside Cilium's own handlers.
type identityHandler struct {
	cell.Out

	Handler identity.UpdateIdentities `group:"identity-handlers"`
}

// finishRestore is a job that DryMode leaves out, without which endpoints are never restored,
// and whoever waits for that waits for good.
func finishRestore(jobs job.Group, restorer promise.Promise[endpointstate.Restorer], _ legacy.DaemonInitialization) {
	jobs.Add(job.OneShot("finish-endpoint-restore", func(ctx context.Context, health cell.Health) error {
		r, err := restorer.Await(ctx)
		if err != nil {
			return err
		}
		return r.(interface {
			InitRestore(context.Context, cell.Health) error
		}).InitRestore(ctx, health)
	}))
}
