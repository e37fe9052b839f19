//go:build detrt

// Package daemon is a cilium-agent that is whole, as the source of what an agent of the world
// sees: daemon/cmd.ControlPlane, all that cilium-agent is but for its datapath and what
// reaches into the machine, which Cilium's own tests leave out too (test/controlplane).
//
// It lists and watches what it wants, writes its CiliumNode, and keeps its state directory
// over restarts. What it believes is recorded where its datapath would be told: by its
// ipcache, its node manager, those who want to know of identities, and its tables of
// Services.
//
// Its endpoints are those that a CNI plugin asks its API for (plugin.go). It writes their
// CiliumEndpoints, and CiliumIdentities if that is the agents' to do, and has them again
// when it starts on a node where it had them.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/cilium/cilium/pkg/endpointmanager"
	"github.com/cilium/cilium/pkg/hive"
	"github.com/cilium/cilium/pkg/k8s/version"
	"github.com/cilium/cilium/pkg/logging"
	"github.com/cilium/cilium/pkg/option"

	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/crd"
	"github.com/meshcheck/meshcheck/sim/agent/services"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/hosts"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/proc"
	"github.com/meshcheck/meshcheck/sim/whole/globals"
)

// kubeVersion is that of the kube-apiserver, which Cilium's own clientset would ask for.
const kubeVersion = "1.36.0"

// silent is a level that nothing is logged at: Cilium's default logger writes to standard
// error beside the one that it is given.
const silent = 100

// Setup prepares the process's global state. Call it once, before anything runs on a host.
func Setup() error {
	logging.SetLogLevel(silent)
	if err := version.Force(kubeVersion); err != nil {
		return err
	}
	return globals.Begin()
}

// daemon is the source.
type daemon struct {
	*node
	exit      func(reason error)
	process   uint32 // in package hosts
	hive      *hive.Hive
	told      *listener
	pods      *pods
	api       api
	endpoints endpointmanager.EndpointManager
	reads     *services.Reads
	watched   *crd.Watched
	closeIdle func() // connections of the client

	alive    context.Context // done when the process is ended from without
	starting context.Context // done when the start is to be given up
	giveUp   context.CancelFunc
	started  chan struct{} // closed when the start has ended
	running  bool          // it went well; not before started is closed
	synced   chan struct{} // closed when the initial lists are there
	ended    chan struct{} // closed when the process ends itself, after which nobody may
	exited   sync.Once
	stop     sync.Once
}

func newDaemon(n *node, exit func(reason error)) *daemon {
	d := &daemon{
		node: n, exit: exit, process: hosts.NewProcess(n.cfg.Host), reads: services.NewReads(),
		alive: context.Background(), started: make(chan struct{}), synced: make(chan struct{}), ended: make(chan struct{}),
	}
	d.pods = &pods{maps: opener{d}, by: map[uint16]string{}}
	d.starting, d.giveUp = context.WithCancel(context.Background())
	return d
}

// Start implements agent.Source.
func (d *daemon) Start(ctx context.Context, process *proc.Process, into agent.Sink) error {
	d.alive = ctx
	if err := globals.Set(d.process, d.globals(func(code int) { d.exits(fmt.Errorf("status %d", code)) })); err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { globals.Bury(d.process) })
	return d.within(func() error { return d.start(ctx, process, into) })
}

// runs reports whether the agent's process is there.
func (d *daemon) runs() bool {
	select {
	case <-d.ended:
		return false
	default:
		return d.alive.Err() == nil
	}
}

// serves reports whether it serves its API, which it does when all of its parts have started.
func (d *daemon) serves() bool {
	select {
	case <-d.started:
		return d.running && d.starting.Err() == nil && d.runs()
	default:
		return false
	}
}

// within does something in the agent's process.
func (d *daemon) within(do func() error) error { return hosts.RunIn(d.process, d.cfg.Host, do) }

func (d *daemon) start(ctx context.Context, process *proc.Process, into agent.Sink) error {
	connections := agent.NewConnections(mode.CRD, nil)
	clients, closeIdle, err := kubeclient.New("cilium-agent", connections.Dial(process.Dial(d.cfg.Dial)))
	if err != nil {
		return err
	}
	d.closeIdle = closeIdle
	d.told = newListener(d.cfg.Node, into)
	d.watched = crd.Watch(d.reads.Observe(clients, connections, nil), connections, d.cfg.EndpointSlices, d.told.ownNode)
	d.told.watched = d.watched
	d.hive = hive.New(d.cells()...)
	if err := d.configure(); err != nil {
		return err
	}
	go d.run()
	return nil
}

// globals are what Cilium has once in a process, for one of the node: the configuration begins
// as the process's. exit is what becomes of a process that ends itself.
func (n *node) globals(exit func(code int)) *globals.Globals {
	config := reflect.New(reflect.TypeFor[option.DaemonConfig]())
	config.Elem().Set(reflect.ValueOf(option.Config).Elem())
	return &globals.Globals{
		Node: n.cfg.Node, Cluster: n.cfg.Cluster, Config: config.Interface().(*option.DaemonConfig), Dir: filepath.Join("state", n.cfg.Host), Exit: exit,
	}
}

// run starts the agent, and waits for what asks for its end.
func (d *daemon) run() {
	err := d.hive.Start(d.cfg.Log, d.starting)
	d.running = err == nil
	close(d.started)
	if err != nil {
		if d.starting.Err() == nil {
			d.exits(err)
		}
		return
	}
	select {
	case err := <-cilium.Shutdown(d.hive):
		d.exits(err)
	case <-d.starting.Done():
	}
}

// exits is the end of a process that ends itself.
func (d *daemon) exits(reason error) {
	d.exited.Do(func() {
		close(d.ended)
		go d.exit(fmt.Errorf("%w: %w", agent.ErrExit, reason))
	})
}

// Synced implements agent.Source.
func (d *daemon) Synced(ctx context.Context) (agent.Lists, error) {
	select {
	case <-d.synced:
		return agent.Lists{Complete: true, Endpoints: d.watched.Lists()}, nil
	case <-d.ended:
		return agent.Lists{}, context.Canceled // who is told of exits knows
	case <-ctx.Done():
		return agent.Lists{}, ctx.Err()
	case <-d.starting.Done():
		return agent.Lists{}, context.Canceled
	}
}

// windDownBound is how long the parts of a process that is gone may take to end.
const windDownBound = time.Minute

// Stop implements agent.Source. A process that was ended before all of its parts had ended
// leaves goroutines, which are no leak: see package hosts.
func (d *daemon) Stop() {
	d.stop.Do(func() {
		if !d.windDown() || d.alive.Err() != nil {
			hosts.End(d.process)
		}
	})
}

// windDown ends the agent's parts, and reports whether all of them have ended.
func (d *daemon) windDown() bool {
	if d.endedInItsStart() {
		return false
	}
	d.giveUp()
	select {
	case <-d.started:
	case <-d.ended:
		return false // whoever has ended the process does nothing more, and may be what the start waits for
	}
	if !d.running {
		return false
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), windDownBound, errors.New("the process is gone"))
	defer cancel()
	return d.within(func() error { return d.hive.Stop(d.cfg.Log, ctx) }) == nil
}

// endedInItsStart reports whether the process has ended itself before it had started. Its start then may wait for who
// has ended it, for good; to give it up would have hive panic after five seconds more (hive.go, fatalOnTimeout).
func (d *daemon) endedInItsStart() bool {
	select {
	case <-d.started:
		return false
	default:
	}
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// Close implements agent.Source. What an endpoint does for as long as there is one would go on
// without end, for it is the end of the process that ends it.
func (d *daemon) Close() {
	d.closeIdle()
	if d.endpoints == nil {
		return
	}
	d.within(func() error { //nolint:errcheck // it returns none
		for _, ep := range d.endpoints.GetEndpoints() {
			ep.Stop()
			cilium.EndControllers(ep)
		}
		return nil
	})
}
