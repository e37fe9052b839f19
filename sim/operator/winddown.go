package operator

import (
	"context"
	"time"

	"github.com/cilium/hive/cell"

	"github.com/cilium/cilium/operator/pkg/ciliumendpointslice"
	"github.com/cilium/cilium/operator/pkg/ciliumidentity"

	"github.com/meshcheck/meshcheck/sim/cilium"
)

// windDown ends the goroutines of a process that is dead, which it cannot harm
// any more. It stops the controllers, and where Cilium leaves it to the end of the
// process to end a goroutine, it ends the goroutine. What then still is there
// waits for good and costs nothing: a controller of identities that was killed
// before it was in sync.
func (p *process) windDown() {
	time.Sleep(time.Second) // what ends by itself has ended
	if !p.led.Load() {
		p.endStandby()
	}
	stopped := make(chan error, 1)
	go func() { stopped <- p.stopControls(time.Minute) }()
	time.Sleep(time.Second) // what a stop ends has ended
	if p.cfg.DialEtcd != nil {
		p.stopHive() // with it its client: the collector of identities unlocks without a time-out (pkg/kvstore/allocator, RunGC)
	}
	releaseSlices(p.controls)
	if <-stopped != nil {
		for range p.controls.hooks { // each turn passes one hook that hangs
			if p.stopControls(time.Second) == nil {
				break
			}
		}
	}
	releaseSlices(p.controls) // again: a start that was waiting has made its queues since
	releaseIdentities(p.controls)
	p.stopHive()
	for _, closeIdle := range p.closeIdle {
		closeIdle()
	}
}

// stopHive stops what runs whether the process leads or not, once.
func (p *process) stopHive() {
	stopping, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	p.hive.Stop(p.cfg.Log, stopping) //nolint:errcheck // it is dead
}

func (p *process) stopControls(timeout time.Duration) error {
	stopping, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return p.controls.Stop(p.cfg.Log, stopping)
}

// endStandby ends what the controllers of a standby keep running. The garbage
// collector of identities has a rate limiter, which only its stop ends, and it
// cannot be stopped unless it was started.
func (p *process) endStandby() {
	if p.etcd != nil && !p.started {
		// The collector's start has a job ask the client, which there is only if that was started.
		client := p.etcd.(cell.HookInterface)
		client.Start(context.Background())      //nolint:errcheck // it reaches nobody
		defer client.Stop(context.Background()) //nolint:errcheck // it is dead
	}
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	for _, hook := range p.controls.hooks {
		if p.cfg.DialEtcd != nil { // the collection of nodes has a queue, which only its jobs end
			hook.Start(dead) //nolint:errcheck // it is dead
			hook.Stop(dead)  //nolint:errcheck // it is dead
			continue
		}
		if h, ok := hook.(cell.Hook); ok {
			h.Start(dead) //nolint:errcheck // it is dead
			h.Stop(dead)  //nolint:errcheck // it is dead
		}
	}
}

func releaseIdentities(l *leaderLifecycle) {
	if c := hookOf[*ciliumidentity.Controller](l); c != nil {
		cilium.ReleaseIdentityController(c)
	}
}

func releaseSlices(l *leaderLifecycle) {
	if c := hookOf[*ciliumendpointslice.SlimController](l); c != nil {
		cilium.ReleaseSliceController(c.Controller)
	}
	if c := hookOf[*ciliumendpointslice.DefaultController](l); c != nil {
		cilium.ReleaseSliceController(c.Controller)
	}
}

// hookOf returns the hook of a type, or nil if there is none.
func hookOf[T cell.HookInterface](l *leaderLifecycle) (none T) {
	for _, hook := range l.hooks {
		if h, ok := hook.(T); ok {
			return h
		}
	}
	return none
}
