package operator

import (
	"context"
	"fmt"

	"github.com/cilium/hive/cell"
	"github.com/cilium/hive/job"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"

	authidentity "github.com/cilium/cilium/operator/auth/identity"
	"github.com/cilium/cilium/operator/endpointgc"
	"github.com/cilium/cilium/operator/identitygc"
	"github.com/cilium/cilium/operator/k8s"
	"github.com/cilium/cilium/operator/pkg/ciliumendpointslice"
	"github.com/cilium/cilium/operator/pkg/ciliumidentity"
	"github.com/cilium/cilium/operator/pkg/ciliumpod"
	"github.com/cilium/cilium/operator/pkg/kvstore/locksweeper"
	"github.com/cilium/cilium/operator/pkg/kvstore/nodesgc"
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/datapath/linux/ipsec"
	"github.com/cilium/cilium/pkg/hive"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	"github.com/cilium/cilium/pkg/kvstore"
	"github.com/cilium/cilium/pkg/kvstore/heartbeat"
	"github.com/cilium/cilium/pkg/kvstore/store"
	"github.com/cilium/cilium/pkg/option"
	wireguard "github.com/cilium/cilium/pkg/wireguard/agent"

	"github.com/meshcheck/meshcheck/sim/proc"
)

// newHive puts the operator's cells together as operator/cmd/root.go does.
func newHive(p *process) (*hive.Hive, error) {
	cfg := p.cfg
	h := hive.New(
		cell.Config(cmtypes.DefaultClusterInfo),
		kvstoreCell(cfg),
		cell.Provide(
			func() k8sclient.Clientset { return p.clients },
			func() k8sclient.ClientBuilderFunc { return p.newClient },
			func() authidentity.Provider { return noMutualAuthentication{} },
		),
		shared(p),
		cell.Module("leader-lifecycle", "Operator Leader Lifecycle",
			cell.Decorate(
				func(r job.Registry) (cell.Lifecycle, job.Registry) {
					return p.controls, r.WithLifecycle(p.controls)
				},
				append([]cell.Cell{k8s.ResourcesCell, identitygc.Cell}, controllers(cfg)...)...,
			),
		),
	)
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	h.RegisterFlags(flags)
	for _, f := range cfg.flags() {
		if err := flags.Set(f.name, f.value); err != nil {
			return nil, fmt.Errorf("flag %s: %w", f.name, err)
		}
	}
	return h, nil
}

// kvstoreCell is the operator's client of the etcd that agents share, if there is one.
func kvstoreCell(cfg Config) cell.Cell {
	if cfg.DialEtcd == nil {
		return kvstore.Cell(kvstore.DisabledBackendName)
	}
	return kvstore.Cell(kvstore.EtcdBackendName, kvstore.OptAsyncWaitForEstablished)
}

// shared are the settings of the cells, and what they need of others.
func shared(p *process) cell.Cell {
	cfg := p.cfg
	if cfg.DialEtcd != nil {
		return cell.Group(
			ciliumpod.Cell,
			cell.Invoke(func(c kvstore.Client) { p.etcd = c }),
			cell.Provide(
				func() kvstore.ExtraOptions {
					return kvstore.ExtraOptions{DialOption: []grpc.DialOption{grpc.WithContextDialer(proc.EtcdSocket.Dialer(p.net.Dial(cfg.DialEtcd)))}}
				},
				func() identitygc.SharedConfig {
					return identitygc.SharedConfig{IdentityAllocationMode: option.IdentityAllocationModeKVstore}
				},
			),
		)
	}
	return cell.Group(
		ipsec.OperatorCell,
		wireguard.OperatorCell,
		cell.Provide(
			func() kvstore.ExtraOptions { return kvstore.ExtraOptions{} },
			func() identitygc.SharedConfig {
				return identitygc.SharedConfig{IdentityAllocationMode: option.IdentityAllocationModeCRD}
			},
			func() endpointgc.SharedConfig { return endpointgc.SharedConfig{} },
			func() ciliumidentity.SharedConfig {
				return ciliumidentity.SharedConfig{EnableCiliumEndpointSlice: cfg.EndpointSlices}
			},
			func() ciliumendpointslice.SharedConfig {
				return ciliumendpointslice.SharedConfig{EnableCiliumEndpointSlice: cfg.EndpointSlices}
			},
		),
	)
}

// controllers are the cells of the leader besides the collection of identities. Where
// agents share an etcd, nobody has CiliumIdentities or slices.
func controllers(cfg Config) []cell.Cell {
	if cfg.DialEtcd != nil {
		return []cell.Cell{heartbeat.Enabled, heartbeat.Cell, store.Cell, locksweeper.Cell, nodesgc.Cell}
	}
	return []cell.Cell{ciliumidentity.Cell, ciliumendpointslice.Cell, endpointgc.Cell}
}

// noMutualAuthentication is what the operator is given where mutual
// authentication is off, as it is by default.
type noMutualAuthentication struct{}

func (noMutualAuthentication) Upsert(context.Context, string) error   { return nil }
func (noMutualAuthentication) Delete(context.Context, string) error   { return nil }
func (noMutualAuthentication) List(context.Context) ([]string, error) { return nil, nil }
