//go:build detrt

package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/hosts"
	"github.com/meshcheck/meshcheck/sim/whole/globals"
)

// node implements agent.Whole.
type node struct {
	cfg      agent.Daemon
	plugin   uint32 // the process that CNI plugins run in, in package hosts
	policies policyMaps

	mu    sync.Mutex
	agent *daemon // the last incarnation; nil before the first
}

// New returns a node without an agent.
func New(cfg agent.Daemon) (agent.Whole, error) {
	n := &node{cfg: cfg, plugin: hosts.NewProcess(cfg.Host), policies: policyMaps{all: map[uint16]*policyMap{}}}
	return n, globals.Set(n.plugin, n.globals(nil))
}

// NewSource implements agent.Whole.
func (n *node) NewSource(exit func(reason error)) agent.Source {
	d := newDaemon(n, exit)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.agent = d
	return d
}

func (n *node) last() *daemon {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.agent
}

// pollInterval is how often the plugin looks whether the agent serves its API
// (Cilium: pkg/client, NewDefaultClientWithTimeout).
const pollInterval = 500 * time.Millisecond

// serving returns the agent as soon as it serves its API, or nil if it does not within a bound.
func (n *node) serving(ctx context.Context, bound time.Duration) *daemon {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	for {
		if d := n.last(); d != nil && d.serves() {
			return d
		}
		poll := time.NewTimer(pollInterval)
		select {
		case <-poll.C:
		case <-ctx.Done():
			poll.Stop()
			return nil
		}
	}
}
