package operator

import (
	"context"
	"fmt"
	"log/slog"

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

// leaderLifecycle is LeaderLifecycle of operator/cmd/lifecycle.go: what is
// appended to it runs in the leader only. It remembers what was appended, for the
// end.
type leaderLifecycle struct {
	cell.DefaultLifecycle
	hooks []cell.HookInterface

	// turn is held while the lifecycle starts or stops. DefaultLifecycle has a
	// mutex for that, and a goroutine that waits for a mutex stops virtual time.
	turn chan struct{}
}

func newLeaderLifecycle() *leaderLifecycle { return &leaderLifecycle{turn: make(chan struct{}, 1)} }

// Append adds a hook to those that run in the leader.
func (l *leaderLifecycle) Append(hook cell.HookInterface) {
	l.hooks = append(l.hooks, hook)
	l.DefaultLifecycle.Append(hook)
}

// Start starts the controllers.
func (l *leaderLifecycle) Start(log *slog.Logger, ctx context.Context) error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	return l.DefaultLifecycle.Start(log, ctx)
}

// Stop stops the controllers, after waiting for the end of a start or a stop.
func (l *leaderLifecycle) Stop(log *slog.Logger, ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.turn }()
	return l.DefaultLifecycle.Stop(log, ctx)
}

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
