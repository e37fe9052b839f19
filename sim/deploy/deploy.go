// Package deploy says what a mode adds to a world: the servers that agents read from
// and how agents find and read them. The world has the kube-apiservers, the operators,
// the agents' hosts, the workload, the network and the schedule of faults; a package
// below this one has what only its mode has, and the faults that strike that.
package deploy

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/services"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/proc"
	"github.com/meshcheck/meshcheck/sim/service"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/truth"
	"github.com/meshcheck/meshcheck/sim/workload"
)

// Fabric is what a deployment needs of the world that it stands in.
type Fabric struct {
	Plan *fault.Plan
	Net  *simnet.Network
	Log  *slog.Logger // of the code under test; see LogOf
	Zap  *zap.Logger  // of etcd

	Record    func(history.Record) // fills in At
	Now       func() time.Duration
	NextWatch func() int64 // the number of the next watch of the run

	DialKube func(host string) proc.Dialer // to a kube-apiserver, by the Service of all
	Create   func(object []byte) error     // makes an object that was there before the world began

	// BeforeEtcd and AfterEtcd are told of the requests to the etcd of a host: see
	// etcd.Request.
	BeforeEtcd func(ctx context.Context, host string, q etcd.Request) error
	AfterEtcd  func(etcd.Request)

	// Step runs what changes which processes run, when nothing else does so.
	Step  func(func())
	Ended func() bool // no process is to be started any more

	// Restart kills an agent and starts it again, unless a fault holds it down. It returns how
	// many processes it ends, and whether one runs.
	Restart func(agent string) (ended int64, running bool)
}

// EtcdOf returns the configuration of an etcd on a host, of which it keeps the data
// in the working directory.
func (f *Fabric) EtcdOf(host string) etcd.Config {
	return etcd.Config{
		Host:      host,
		DataDir:   "etcd",
		Capacity:  f.Plan.Capacity.Of(mode.RoleOf(host)),
		Listen:    func() (net.Listener, error) { return f.Net.Host(host).Listen(EtcdPort) },
		Before:    func(ctx context.Context, q etcd.Request) error { return f.BeforeEtcd(ctx, host, q) },
		After:     f.AfterEtcd,
		Record:    f.Record,
		Now:       f.Now,
		Client:    ClientOf,
		NextWatch: f.NextWatch,
		Log:       f.Zap,
	}
}

// EtcdPort is where clients reach an etcd.
const EtcdPort = 2379

// LogOf returns the log of a host.
func (f *Fabric) LogOf(host string) *slog.Logger { return f.Log.With("host", host) }

// ClientOf returns the host behind a connection's address.
func ClientOf(a net.Addr) string { return a.(simnet.Addr).Host }

// Deployment is what a mode adds to a world.
type Deployment interface {
	// Start starts the servers that the plan has at the start.
	Start()
	// Stop stops every server gracefully, in the group's goroutines.
	Stop(*sync.WaitGroup)
	// Exports reports whether agents know what a ClusterMesh API server exports, and no
	// more.
	Exports() bool
	// Truth returns what agents make true, where they write into an etcd that they share;
	// nil where objects of the kube-apiservers do.
	Truth() *truth.Shared
	// Agents are the agents of the nodes as the workload meets them, and EtcdClient is how an
	// operator reaches the etcd that it collects; nil where there is none of these.
	Agents() workload.Agents
	EtcdClient(host string) *etcd.ClientConfig
	// Alive reports whether the client on one of the deployment's hosts is up.
	Alive(host string) bool

	// Source returns what an incarnation of an agent reads, with Services, which agents of
	// every mode read from the kube-apiservers; nil if there are none.
	Source(agent string, services *services.Reader) agent.Source
	// Service returns the Service by which agents find their servers; nil if they use
	// that of the kube-apiservers.
	Service() *service.Service

	// Injection returns how a fault of a kind takes effect that strikes what the
	// deployment has; nil if none does.
	Injection(fault.Kind) func(n int, f *fault.Fault) Effect
	// OnEvent is told what happens in the network.
	OnEvent(simnet.Event)
}

// Effect is what has become of a fault that was to begin.
type Effect struct {
	Void  string          // why nothing happened, or empty
	Hosts []string        // that it strikes, if not those that it names
	Peers []string        // of these, if not the one that it names
	Lift  func()          // what ends it; nil if there is nothing to end
	Stays bool            // it is never lifted
	Over  <-chan struct{} // closed when it ends by itself

	// Did returns how much it did of each thing that it disturbs, in the order of
	// fault.Fault.Disturbs, when it has been lifted, is over, or stays.
	Did func() []int64
}

// HeldDown is the effect of a fault that holds processes down: it has ended so many, or,
// if they were down already, did something if they start only when it is lifted.
func HeldDown(ended int64, start func(), up func() bool) Effect {
	return Effect{
		Lift: func() {
			start()
			if ended == 0 && up() {
				ended++
			}
		},
		Did: func() []int64 { return []int64{ended} },
	}
}

// All is the effect of several that each have one count.
func All(effects []Effect) Effect {
	var lifts []func()
	for _, e := range effects {
		lifts = append(lifts, e.Lift)
	}
	return Effect{Lift: Together(lifts), Did: func() []int64 {
		sum := int64(0)
		for _, e := range effects {
			sum += e.Did()[0]
		}
		return []int64{sum}
	}}
}

// And adds what else the fault did, known at its beginning or later.
func (e Effect) And(more func() int64) Effect {
	did := e.Did
	e.Did = func() []int64 { return append(did(), more()) }
	return e
}

// Did is what a fault did whose effect is known at its beginning.
func Did(counts ...int64) func() []int64 { return func() []int64 { return counts } }

// Since returns how much a count that only grows has grown since this call.
func Since(count func() int64) func() []int64 {
	before := count()
	return func() []int64 { return []int64{count() - before} }
}

// Lasting is the effect of a fault whose end says what it did.
func Lasting(lift func() int64) Effect {
	var did int64
	return Effect{Lift: func() { did = lift() }, Did: func() []int64 { return []int64{did} }}
}

// Cut is the effect of a fault that keeps messages from arriving, on the links that it
// says: those are held that are sent until lift, or under way now.
func Cut(net *simnet.Network, lift func(), cuts func(from, to string) bool) Effect {
	all, underWay := net.Sent(cuts)
	return Effect{Lift: lift, Did: func() []int64 {
		now, _ := net.Sent(cuts)
		return []int64{now - all + underWay}
	}}
}

// Void is the effect of a fault to which nothing could happen.
func Void(why string) Effect { return Effect{Void: why} }

// Together ends several things.
func Together(lifts []func()) func() {
	return func() {
		for _, lift := range lifts {
			lift()
		}
	}
}

// Must ends the run: the harness itself has failed.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}
