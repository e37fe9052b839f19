// Package kvstore is the deployment of the mode in which agents share an external,
// persistent etcd: its member, the agents of the nodes that have no host of their own in
// the plan, which are on the host of the workload, and the faults of the etcd.
package kvstore

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/cilium/cilium/pkg/identity"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/kvstore"
	"github.com/meshcheck/meshcheck/sim/agent/services"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/proc"
	"github.com/meshcheck/meshcheck/sim/service"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/truth"
	"github.com/meshcheck/meshcheck/sim/workload"
)

// Store is the deployment.
type Store struct {
	*deploy.Fabric
	service *service.Service
	links   *deploy.Connections
	member  *member
	truth   *truth.Shared
	numbers agent.Numbers

	mu      sync.Mutex
	started bool // the servers are
	nodes   map[string]*node
	pods    map[string]*pod // by "namespace/name"
}

// member is the etcd on its host, over its restarts.
type member struct {
	*etcd.Member
	host    string
	down    int          // faults that hold it down
	noSpace int          // faults for which it is out of space
	alarmed bool         // an alarm was raised
	refused atomic.Int64 // requests for which it had no space
}

// New returns the deployment, of which nothing runs.
func New(f *deploy.Fabric) (deploy.Deployment, error) {
	kvstore.Setup(f.Plan.Options.ClusterName, f.Plan.Options.ClusterID)
	s := &Store{
		Fabric:  f,
		service: service.New("etcd", f.Plan.Seed, deploy.EtcdPort, false),
		truth:   truth.NewShared(truth.Cluster{Name: f.Plan.Options.ClusterName, ID: f.Plan.Options.ClusterID}, f.Plan.Topology.Operators > 0, f.Record),
		numbers: numbers(f.Plan),
		nodes:   map[string]*node{},
		pods:    map[string]*pod{},
	}
	s.links = deploy.NewConnections(f.Record, s.store, true)
	s.member = &member{host: mode.Etcd.Host(0)}
	cfg := f.EtcdOf(s.member.host)
	cfg.Record = s.recordOfEtcd
	s.member.Member = etcd.New(cfg)
	s.service.SetReady(s.member.host, true) // clients have its address
	return s, nil
}

// spareNumbers is how many identities there can be beyond one for each pod that ever is.
const spareNumbers = 255

// numbers is a part of the range of Cilium's (pkg/identity/cache, InitIdentityAllocator).
func numbers(p *fault.Plan) agent.Numbers {
	first := uint32(identity.GetMinimalAllocationIdentity(uint32(p.Options.ClusterID)))
	return agent.Numbers{Min: first, Max: first + uint32(len(p.Pods)+len(p.Ops)+spareNumbers)}
}

// noSpace is what an etcd says to those for whom it has no space.
var noSpace = rpctypes.ErrNoSpace.Error()

func (s *Store) recordOfEtcd(r history.Record) {
	s.Record(r)
	s.truth.Observe(&r)
	switch {
	case r.Verb == history.Up:
		s.links.EtcdUp(r.Actor, r.Store)
	case r.Err != "" && strings.Contains(r.Err, noSpace):
		s.member.refused.Add(1)
	}
}

func (s *Store) store(string) string { return s.member.Store() }

// Start starts the etcd, and the agents on the host of the workload.
func (s *Store) Start() {
	deploy.Must(s.member.Start(etcd.Kept))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = true
	for _, n := range s.sorted() {
		n.startWriter()
	}
}

// Stop stops the agents on the host of the workload, and the etcd after everybody.
func (s *Store) Stop(stops *sync.WaitGroup) {
	s.mu.Lock()
	for _, n := range s.sorted() {
		if n.writer != nil && n.writer.Running() {
			stops.Go(func() { n.writer.Stop(agent.DefaultGrace) })
		}
	}
	s.mu.Unlock()
	stops.Go(func() {
		time.Sleep(2 * agent.DefaultGrace)
		ctx, cancel := context.WithTimeout(context.Background(), etcdGrace)
		defer cancel()
		s.member.Stop(ctx)
	})
}

// etcdGrace is how long the etcd may take to stop.
const etcdGrace = 30 * time.Second

// Exports says that agents know more than what a ClusterMesh API server exports.
func (*Store) Exports() bool { return false }

// Alive reports whether the client on one of the deployment's hosts is up: there is none.
func (*Store) Alive(string) bool { return true }

// Truth is what agents make true.
func (s *Store) Truth() *truth.Shared { return s.truth }

// Service returns how agents find the etcd.
func (s *Store) Service() *service.Service { return s.service }

// OnEvent follows the connections of agents with the etcd.
func (s *Store) OnEvent(e simnet.Event) { s.links.OnEvent(e) }

// Source returns what the agent of a host reads and writes.
func (s *Store) Source(name string, services *services.Reader) agent.Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return agent.Beside(services, s.source(name, s.nodes[fault.NodeName(mode.Number(name))], name))
}

// source returns an agent of a node on a host, by its name among the agents.
func (s *Store) source(host string, n *node, name string) *kvstore.Daemon {
	return kvstore.New(kvstore.Config{
		Name:      name,
		On:        host,
		Cluster:   s.Plan.Options.ClusterName,
		ClusterID: s.Plan.Options.ClusterID,
		Numbers:   s.numbers,
		Nodes:     s.Plan.Topology.Nodes,
		QPS:       s.Plan.Options.AgentQPS,
		LeaseTTL:  s.Plan.Options.LeaseTTL.Std(),
		Host:      n.Host,
		Dial:      s.EtcdDialer(host),
		Store:     s.store,
		Log:       s.LogOf(host),
	})
}

// Agents are those of all nodes.
func (s *Store) Agents() workload.Agents { return s }

// EtcdDialer connects clients on a host with the etcd.
func (s *Store) EtcdDialer(host string) proc.Dialer {
	return s.service.Dialer(host, "", func(ctx context.Context, _ string) (net.Conn, error) {
		return s.Net.Host(host).Dial(ctx, fmt.Sprintf("%s:%d", s.member.host, deploy.EtcdPort))
	})
}
