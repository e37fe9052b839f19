// Package operator runs Cilium's operator, unmodified: its controllers for
// CiliumIdentities, CiliumEndpointSlices and garbage collection as one hive per
// process, behind the leader election of client-go. Of two operators one leads
// and the other waits.
//
// What the kubelet does is here too: it restarts a container that ended, after a
// back-off, and kills one that takes too long to stop.
//
// Of the operator's program (operator/cmd) only the controllers are here that
// have a part in the proposal, and its main function is not: that keeps leadership
// in package-level variables, of which a process of many operators has only one
// set, and ends the process by os.Exit. The file election.go follows it step by
// step. CustomResourceDefinitions are taken to be installed.
package operator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/hosts"
)

// The kubelet's defaults.
const (
	restartBackOff   = 10 * time.Second
	terminationGrace = 30 * time.Second
)

// Operator is the operator's container on a host, over its restarts.
type Operator struct {
	cfg Config

	mu        sync.Mutex // guards what follows: the kubelet's goroutines change it too
	processes int        // started so far
	container *container // nil while it is down
}

// container is the kubelet's care for the processes that follow each other
// between Start and the end of the container.
type container struct {
	ctx      context.Context
	end      context.CancelFunc
	process  *process // nil during the back-off
	leads    bool
	stopping bool
}

// New returns an operator that is down. The process must have been prepared by
// Setup.
func New(cfg Config) *Operator { return &Operator{cfg: cfg} }

// Start starts the operator, and keeps restarting it when it ends by itself, until
// Kill or Stop. What is left of one that is stopping is killed first. It fails
// only if the configuration is wrong.
func (o *Operator) Start() error {
	o.Kill()
	o.mu.Lock()
	defer o.mu.Unlock()
	ctx, end := context.WithCancel(context.Background())
	c := &container{ctx: ctx, end: end}
	o.container = c
	return o.startProcess(c)
}

// startProcess is called with the lock held.
func (o *Operator) startProcess(c *container) error {
	o.processes++
	o.record(history.Up, "")
	return hosts.Run(o.cfg.Host, func() error {
		p, err := newProcess(o.cfg, fmt.Sprintf("%s-%d", o.cfg.Host, o.processes))
		if err != nil {
			return fmt.Errorf("operator %s: %w", o.cfg.Host, err)
		}
		p.onLead = func() { o.takeLead(c, p) }
		c.process = p
		go func() { o.processEnded(c, p.run(c.ctx)) }()
		return nil
	})
}

// processEnded takes note that a process has ended, and starts the next one after
// a back-off unless its container was killed or is stopping.
func (o *Operator) processEnded(c *container, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.container != c {
		return // killed, which is recorded
	}
	o.dropLead(c)
	o.record(history.Down, fmt.Sprint(err))
	c.process = nil
	if c.stopping {
		o.remove(c)
		return
	}
	go o.restart(c)
}

func (o *Operator) restart(c *container) {
	select {
	case <-time.After(restartBackOff):
	case <-c.ctx.Done():
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.container != c {
		return
	}
	if err := o.startProcess(c); err != nil {
		panic(err) // it could be started before
	}
}

// Kill ends the operator as a crash of its host does: its connections are gone at
// once and nothing it does afterwards is seen. Its lease, if it leads, stays until
// it expires.
func (o *Operator) Kill() {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.container
	if c == nil {
		return
	}
	o.remove(c)
	if c.process == nil {
		return
	}
	c.process.kill()
	o.dropLead(c)
	o.record(history.Down, "")
}

// Stop asks the operator to stop, as the kubelet does, and returns at once. The
// process has 30 seconds to stop its controllers and to release its lease; then it
// is killed.
func (o *Operator) Stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.container
	if c == nil || c.stopping {
		return
	}
	c.stopping = true
	if c.process == nil {
		o.remove(c)
		return
	}
	close(c.process.terminated)
	go o.killLater(c)
}

func (o *Operator) killLater(c *container) {
	select {
	case <-time.After(terminationGrace):
	case <-c.ctx.Done():
		return
	}
	o.mu.Lock()
	mine := o.container == c
	o.mu.Unlock()
	if mine {
		o.Kill()
	}
}

// remove is called with the lock held.
func (o *Operator) remove(c *container) {
	o.container = nil
	c.end()
}

func (o *Operator) takeLead(c *container, p *process) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.container == c && c.process == p {
		c.leads = true
		o.record(history.Ready, "")
	}
}

// dropLead is called with the lock held.
func (o *Operator) dropLead(c *container) {
	if c.leads {
		c.leads = false
		o.record(history.Unready, "")
	}
}

// record is called with the lock held.
func (o *Operator) record(verb history.Verb, err string) {
	o.cfg.Record(history.Record{Actor: o.cfg.Host, Verb: verb, Kind: "operator", Inc: o.processes, Err: err})
}

// Running reports whether a process of the operator runs.
func (o *Operator) Running() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.container != nil && o.container.process != nil
}

// Leads reports whether the operator holds the lease, as far as it knows.
func (o *Operator) Leads() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.container != nil && o.container.leads
}
