package operator

import (
	"context"
	"log/slog"

	"github.com/cilium/hive/cell"
	"github.com/cilium/hive/job"

	"github.com/cilium/cilium/operator/pkg/ciliumidentity"

	"github.com/meshcheck/meshcheck/sim/cilium"
)

// leaderLifecycle is LeaderLifecycle of operator/cmd/lifecycle.go: what is
// appended to it runs in the leader only.
//
// A goroutine that waits for a mutex holds up virtual time, so that a wait which
// in reality ends with a timeout never ends here. Where Cilium waits for long
// under a mutex, those that come meanwhile wait on a channel before.
type leaderLifecycle struct {
	cell.DefaultLifecycle
	hooks []cell.HookInterface // as appended

	turn   chan struct{} // holds a value while the lifecycle starts or stops
	adding chan struct{} // holds a value while a job is added, or the lifecycle stops
}

func newLeaderLifecycle() *leaderLifecycle {
	return &leaderLifecycle{turn: make(chan struct{}, 1), adding: make(chan struct{}, 1)}
}

// Append adds a hook to those that run in the leader.
func (l *leaderLifecycle) Append(hook cell.HookInterface) {
	l.hooks = append(l.hooks, hook)
	if c, ok := hook.(*ciliumidentity.Controller); ok {
		group := cilium.JobsOfIdentityController(c)
		*group = patientGroup{*group, l}
	}
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
	for _, held := range []chan struct{}{l.turn, l.adding} {
		select {
		case held <- struct{}{}:
			defer func() { <-held }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return l.DefaultLifecycle.Stop(log, ctx)
}

// patientGroup is the group of the controller of identities, one of whose jobs
// adds jobs. If the controller is told to stop at that moment, the stop waits for
// the job, and the job for a mutex that the stop holds.
type patientGroup struct {
	job.Group
	lifecycle *leaderLifecycle
}

func (g patientGroup) Add(jobs ...job.Job) {
	g.lifecycle.adding <- struct{}{}
	defer func() { <-g.lifecycle.adding }()
	g.Group.Add(jobs...)
}
