package operator

import (
	"context"
	"fmt"

	"github.com/cilium/hive/cell"
	"github.com/cilium/hive/job"
	"github.com/spf13/pflag"

	authidentity "github.com/cilium/cilium/operator/auth/identity"
	"github.com/cilium/cilium/operator/endpointgc"
	"github.com/cilium/cilium/operator/identitygc"
	"github.com/cilium/cilium/operator/k8s"
	"github.com/cilium/cilium/operator/pkg/ciliumendpointslice"
	"github.com/cilium/cilium/operator/pkg/ciliumidentity"
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/datapath/linux/ipsec"
	"github.com/cilium/cilium/pkg/hive"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	"github.com/cilium/cilium/pkg/kvstore"
	"github.com/cilium/cilium/pkg/option"
	wireguard "github.com/cilium/cilium/pkg/wireguard/agent"
)

// newHive puts the operator's cells together as operator/cmd/root.go does.
func newHive(p *process) (*hive.Hive, error) {
	cfg := p.cfg
	h := hive.New(
		cell.Config(cmtypes.DefaultClusterInfo),
		kvstore.Cell(kvstore.DisabledBackendName),
		ipsec.OperatorCell,
		wireguard.OperatorCell,
		cell.Provide(
			func() k8sclient.Clientset { return p.clients },
			func() k8sclient.ClientBuilderFunc { return p.newClient },
			func() kvstore.ExtraOptions { return kvstore.ExtraOptions{} },
			func() authidentity.Provider { return noMutualAuthentication{} },
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
		cell.Module("leader-lifecycle", "Operator Leader Lifecycle",
			cell.Decorate(
				func(r job.Registry) (cell.Lifecycle, job.Registry) {
					return p.controls, r.WithLifecycle(p.controls)
				},
				k8s.ResourcesCell,
				identitygc.Cell,
				ciliumidentity.Cell,
				ciliumendpointslice.Cell,
				endpointgc.Cell,
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

// noMutualAuthentication is what the operator is given where mutual
// authentication is off, as it is by default.
type noMutualAuthentication struct{}

func (noMutualAuthentication) Upsert(context.Context, string) error   { return nil }
func (noMutualAuthentication) Delete(context.Context, string) error   { return nil }
func (noMutualAuthentication) List(context.Context) ([]string, error) { return nil, nil }
