package deploy

import (
	"context"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/etcd"
)

// OnEtcd is the effect of a fault on an etcd that runs, wherever it does.
func OnEtcd(server *etcd.Server, f *fault.Fault) Effect {
	switch f.Kind {
	case fault.EtcdSlow, fault.EtcdStall:
		return Lasting(server.StallApply(f.Delay.Std()))
	case fault.EtcdClock:
		return Effect{Did: Did(server.AdvanceLeases(f.Ahead.Std()))}
	case fault.EtcdCompaction:
		return compaction(server)
	}
	panic("deploy: " + string(f.Kind) + " is no fault of an etcd that runs")
}

// compaction is over when the change has gone through the etcd's log, which may be
// stalled. It fails if the etcd ends before it is applied.
func compaction(server *etcd.Server) Effect {
	over := make(chan struct{})
	var forgotten int64
	go func() {
		defer close(over)
		forgotten, _ = server.Compact(context.Background())
	}()
	return Effect{Over: over, Did: func() []int64 { return []int64{forgotten} }}
}
