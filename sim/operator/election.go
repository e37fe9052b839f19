package operator

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// The operator's lease, and the defaults of its flags leader-election-*
// (operator/cmd/leader_election.go). The chart does not change them.
const (
	leaseNamespace = "kube-system"
	leaseName      = "cilium-operator-resource-lock"

	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// elect is runOperator of operator/cmd/root.go: it waits for the lease, then
// starts the controllers and keeps the lease. It returns when ctx is done, after
// releasing a lease that it holds, or when the lease is lost, or when the
// controllers cannot start.
func (p *process) elect(ctx context.Context) error {
	cfg := rest.AddUserAgent(p.clients.RestConfig(), "leader-election")
	cfg.Timeout = renewDeadline / 2
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, leaseNamespace, leaseName,
		client.CoreV1(), client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: p.identity})
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name:            leaseName,
		Lock:            lock,
		ReleaseOnCancel: true,
		LeaseDuration:   leaseDuration,
		RenewDeadline:   renewDeadline,
		RetryPeriod:     retryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				if ctx.Err() != nil {
					return // dead already
				}
				p.led.Store(true)
				p.onLead()
				if err := p.controls.Start(p.cfg.Log, ctx); err != nil {
					failed <- fmt.Errorf("the controllers did not start: %w", err)
					cancel()
				}
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	elector.Run(ctx)
	select {
	case err := <-failed:
		return err
	default:
		return errLeaseLost
	}
}
