package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cilium/cilium/pkg/defaults"
	"github.com/cilium/cilium/pkg/hive"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	"github.com/cilium/cilium/pkg/kvstore"

	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// process is one process of the operator.
type process struct {
	cfg        Config
	identity   string // in the lease
	net        *proc.Process
	clients    k8sclient.Clientset
	hive       *hive.Hive
	etcd       kvstore.Client   // of the etcd that agents share, if there is one
	started    bool             // the hive was
	controls   *leaderLifecycle // what runs in the leader only
	onLead     func()
	led        atomic.Bool   // the controls were started
	terminated chan struct{} // closed when the process is asked to stop

	closeIdle []func() // connections of its clients
}

// The limits of the chart's operator on its clients, each of which has its own.
const (
	clientQPS   = 100
	clientBurst = 200
)

func newProcess(cfg Config, identity string) (*process, error) {
	p := &process{cfg: cfg, identity: identity, net: new(proc.Process), controls: newLeaderLifecycle(), terminated: make(chan struct{})}
	var err error
	if p.clients, err = p.newClient("cilium-operator"); err != nil {
		return nil, err
	}
	p.hive, err = newHive(p)
	return p, err
}

// newClient is Cilium's k8sclient.ClientBuilderFunc.
func (p *process) newClient(name string) (k8sclient.Clientset, error) {
	clients, closeIdle, err := kubeclient.NewLimited(name, p.net.Dial(p.cfg.DialKube), clientQPS, clientBurst)
	if err != nil {
		return nil, err
	}
	p.closeIdle = append(p.closeIdle, closeIdle)
	return clients, nil
}

// kill ends the process from outside: its connections are closed.
func (p *process) kill() { p.net.Kill() }

// Why a process ends by itself.
var (
	errLeaseLost  = errors.New("leader election lost")
	errTerminated = errors.New("terminated")
	errShutDown   = errors.New("the operator shut itself down")
)

// run starts the process and returns when it has ended, with the reason. Its
// goroutines are wound down in the background, as there is no way to end them at
// once.
func (p *process) run(ctx context.Context) error {
	electing, resign := context.WithCancel(ctx)
	err := p.live(electing, resign)
	p.net.Kill()
	resign()
	go p.windDown()
	return err
}

// live is the main function (operator/cmd/root.go and Hive.Run).
func (p *process) live(ctx context.Context, resign func()) error {
	if err := p.hive.Start(p.cfg.Log, ctx); err != nil {
		return err
	}
	p.started = true
	elected := make(chan error, 1)
	go func() { elected <- p.elect(ctx) }()
	var reason error
	select {
	case err := <-elected:
		return err // at once: what else runs believes that it leads
	case err := <-cilium.Shutdown(p.hive):
		reason = cmp.Or(err, errShutDown)
	case <-p.terminated:
		reason = errTerminated
	}
	stopped := make(chan error, 1)
	go func() {
		stopping, cancel := context.WithTimeout(context.Background(), defaults.HiveStopTimeout)
		defer cancel()
		stopped <- p.controls.Stop(p.cfg.Log, stopping)
	}()
	select {
	case err := <-elected:
		return err
	case err := <-stopped:
		if err != nil {
			return fmt.Errorf("%w; the lease stays, as the controllers did not stop: %w", reason, err)
		}
	}
	resign()
	<-elected
	return reason
}
