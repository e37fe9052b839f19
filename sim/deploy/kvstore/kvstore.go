// Package kvstore is the deployment of the mode in which agents share an external,
// persistent etcd: its one member or three, the agents of the nodes that have no host of their own in
// the plan, which are on the host of the workload, and the faults of the etcd.
package kvstore

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/cilium/cilium/pkg/identity"
	ciliumkvstore "github.com/cilium/cilium/pkg/kvstore"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/kvstore"
	"github.com/meshcheck/meshcheck/sim/agent/services"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/service"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/truth"
	"github.com/meshcheck/meshcheck/sim/workload"
)

// Store is the deployment.
type Store struct {
	*deploy.Fabric
	service   *service.Service
	links     *deploy.Connections
	members   []*member
	cluster   *etcd.Cluster // nil if there is one member
	endpoints string        // file in which clients find the members, if there are several
	truth     *truth.Shared
	numbers   agent.Numbers

	mu      sync.Mutex
	started bool // the servers are
	nodes   map[string]*node
	pods    map[string]*pod // by "namespace/name"
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
	if n := f.Plan.Topology.Etcds; n > 1 {
		s.cluster = newCluster(f, n)
		s.endpoints = "etcd-endpoints.yaml"
		if err := os.WriteFile(s.endpoints, etcdConfig(s.cluster), 0o600); err != nil {
			return nil, err
		}
	}
	for i := range f.Plan.Topology.Etcds {
		s.members = append(s.members, s.newMember(mode.Etcd.Host(i)))
		s.service.SetReady(mode.Etcd.Host(i), true) // clients have its address
	}
	return s, nil
}

// spareNumbers is how many identities there can be beyond one for each pod that ever is.
const spareNumbers = 255

// numbers is a part of the range of Cilium's (pkg/identity/cache, InitIdentityAllocator).
func numbers(p *fault.Plan) agent.Numbers {
	first := uint32(identity.GetMinimalAllocationIdentity(uint32(p.Options.ClusterID)))
	return agent.Numbers{Min: first, Max: first + uint32(len(p.Pods)+len(p.Ops)+spareNumbers)}
}

// Start starts the etcd, and the agents on the host of the workload.
func (s *Store) Start() {
	for _, m := range s.members {
		deploy.Must(m.Start(etcd.Kept))
	}
	for _, m := range s.members {
		m.Server().WaitReady()
	}
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
	for _, m := range s.members {
		stops.Go(func() {
			time.Sleep(2 * agent.DefaultGrace)
			ctx, cancel := context.WithTimeout(context.Background(), etcdGrace)
			defer cancel()
			m.Stop(ctx)
		})
	}
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
		Name:           name,
		On:             host,
		Cluster:        s.Plan.Options.ClusterName,
		ClusterID:      s.Plan.Options.ClusterID,
		Numbers:        s.numbers,
		Nodes:          s.Plan.Topology.Nodes,
		QPS:            s.Plan.Options.AgentQPS,
		LeaseTTL:       s.Plan.Options.LeaseTTL.Std(),
		SyncIdentities: s.Plan.Options.IdentitySyncInterval.Std(),
		Host:           n.Host,
		Etcd:           *s.EtcdClient(host),
		Store:          s.store,
		Log:            s.LogOf(host),
	})
}

// Agents are those of all nodes.
func (s *Store) Agents() workload.Agents { return s }

// EtcdClient reaches the etcd's one member by a Service. Of several, clients know the names,
// as with the chart's etcd.endpoints, and the client of etcd chooses.
func (s *Store) EtcdClient(host string) *etcd.ClientConfig {
	dial := s.Net.Host(host).Dial
	if s.cluster == nil {
		return &etcd.ClientConfig{Dial: s.service.Dialer(host, "", dial), Option: ciliumkvstore.EtcdAddrOption, Value: "http://etcd:2379"}
	}
	return &etcd.ClientConfig{Dial: s.service.Resolver(host, dial), Option: ciliumkvstore.EtcdOptionConfig, Value: s.endpoints}
}
