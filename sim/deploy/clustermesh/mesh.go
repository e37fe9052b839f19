// Package clustermesh is the deployment of the mode in which each agent reads the etcd
// of a replica of the ClusterMesh API server, as if it was that of a remote cluster:
// the replicas (package mesh), the Service that agents find them by, and the faults of
// both.
package clustermesh

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/clustermesh"
	"github.com/meshcheck/meshcheck/sim/agent/services"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/mesh"
	"github.com/meshcheck/meshcheck/sim/proc"
	"github.com/meshcheck/meshcheck/sim/service"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/truth"
	"github.com/meshcheck/meshcheck/sim/workload"
)

const (
	configDir = "clustermesh"

	// serviceAddress is what agents are configured with: the Service that the chart
	// makes.
	serviceAddress = "clustermesh-apiserver.kube-system.svc:2379"
)

// noSpace is what an etcd says to those for whom it has no space.
var noSpace = rpctypes.ErrNoSpace.Error()

// Mesh is the deployment.
type Mesh struct {
	*deploy.Fabric
	service    *service.Service
	links      *deploy.Connections
	configPath string // what agents find the ClusterMesh API server by

	replicas  []*replica
	created   int  // replicas so far
	upgrading bool // a rolling upgrade is under way

	// Where agents dial replicas by their addresses; else nil, and nothing waits.
	pods      *pods
	publisher *publisher
	waiting   []*replica // for a node

	sharesID map[string]int // for each agent, faults that give it the cluster ID of the cluster that it reads
}

// New returns the deployment, of which nothing runs.
func New(f *deploy.Fabric) (deploy.Deployment, error) { return NewMesh(f) }

// NewMesh is New for a deployment that has more.
func NewMesh(f *deploy.Fabric) (*Mesh, error) {
	clustermesh.Setup()
	m := &Mesh{
		Fabric:     f,
		service:    service.New("clustermesh-apiserver", f.Plan.Seed, deploy.EtcdPort, true),
		configPath: filepath.Join(configDir, f.Plan.Options.ClusterName),
		sharesID:   map[string]int{},
	}
	m.links = deploy.NewConnections(f.Record, m.store, false)
	if err := m.publish(); err != nil {
		return nil, err
	}
	for i := range f.Plan.Hosts(mode.Replica) {
		m.replicas = append(m.replicas, m.newReplica(mode.Replica.Host(i)))
	}
	if err := os.MkdirAll(configDir, 0o777); err != nil {
		return nil, err
	}
	return m, os.WriteFile(m.configPath, []byte("endpoints:\n- http://"+serviceAddress+"\n"), 0o666)
}

// publish makes what tells agents of replicas' pods, where they go by that.
func (m *Mesh) publish() (err error) {
	in := m.Plan.InMode()
	if !in.Chooses() {
		return nil
	}
	if m.publisher, err = newPublisher(m); err != nil {
		return err
	}
	m.service.OnChange(m.publisher.changed)
	nodes := cmp.Or(m.Plan.Options.ReplicaNodes, m.Plan.Hosts(mode.Replica)+1) // a new pod finds room while the old one ends
	m.pods = newPods(m.Plan.Seed, in, nodes, m.service.Published, m.publisher.changed)
	return nil
}

func (m *Mesh) newReplica(name string) *replica {
	h := m.Net.Host(name)
	r := &replica{m: m, name: name}
	cfg := mesh.Config{
		Etcd: m.EtcdOf(name),
		Writer: mesh.WriterConfig{
			ClusterName:    m.Plan.Options.ClusterName,
			ClusterID:      m.Plan.Options.ClusterID,
			EndpointSlices: m.Plan.Options.EndpointSlices,
			QPS:            m.Plan.Options.WriterQPS,
			BootstrapQPS:   m.Plan.Options.WriterBootstrapQPS,
			LeaseTTL:       m.Plan.Options.LeaseTTL.Std(),
			UserAgent:      "clustermesh-apiserver",
			DialKube:       m.DialKube(name),
			DialEtcd: func(ctx context.Context, _ string) (net.Conn, error) {
				return h.Dial(ctx, fmt.Sprintf("%s:%d", name, deploy.EtcdPort))
			},
			Log: m.LogOf(name),
		},
		OnReady: r.setReady,
	}
	cfg.Etcd.Record = m.recordOfReplica
	r.Replica = mesh.New(cfg)
	return r
}

// recordOfReplica records what happens in a replica.
func (m *Mesh) recordOfReplica(r history.Record) {
	m.Record(r)
	switch {
	case r.Verb == history.Up && r.Kind == "etcd":
		m.links.EtcdUp(r.Actor, r.Store)
	case r.Err != "" && strings.Contains(r.Err, noSpace):
		m.replica(r.Actor).refused.Add(1)
	}
}

// recordReady records that a replica enters or leaves the endpoints of the Service, or what
// agents go by in its place.
func (m *Mesh) recordReady(replica string, ready bool) {
	verb := history.Unready
	if ready {
		verb = history.Ready
	}
	m.Record(history.Record{Actor: replica, Verb: verb})
}

func (m *Mesh) replica(name string) *replica { return m.replicas[mode.Number(name)] }

// store returns the store of a replica's etcd, or "" while it has none.
func (m *Mesh) store(replica string) string { return m.replica(replica).Etcd.Store() }

// existing are the replicas that exist, the eldest first.
func (m *Mesh) existing() []*replica {
	list := slices.DeleteFunc(slices.Clone(m.replicas), func(r *replica) bool { return !r.exists() })
	slices.SortStableFunc(list, func(a, b *replica) int { return a.age - b.age })
	return list
}

// addReplica starts a replica on the next host that never had one.
func (m *Mesh) addReplica() *replica {
	for _, r := range m.replicas {
		if r.age == 0 {
			r.create()
			return r
		}
	}
	panic(fmt.Sprintf("the plan adds more replicas than its %d hosts", len(m.replicas))) // Plan.Hosts counts them
}

// Start starts the replicas of the plan's topology.
func (m *Mesh) Start() {
	if m.publisher != nil {
		m.publisher.start()
	}
	for range m.Plan.Topology.Replicas {
		m.addReplica()
	}
}

// Stop stops the replicas.
func (m *Mesh) Stop(stops *sync.WaitGroup) {
	if m.publisher != nil {
		m.publisher.stop()
	}
	for _, r := range m.existing() {
		stops.Go(func() { r.StopPod(mesh.DefaultGrace) })
	}
}

// Exports says that agents know what replicas export.
func (m *Mesh) Exports() bool { return true }

// Truth is none: objects make true what agents know.
func (*Mesh) Truth() *truth.Shared { return nil }

// Agents are none that write.
func (*Mesh) Agents() workload.Agents { return nil }

// EtcdClient is nobody's: operators have nothing to do with the etcds of replicas.
func (*Mesh) EtcdClient(string) *etcd.ClientConfig { return nil }

// Alive reports whether the writer on a replica's host is up.
func (m *Mesh) Alive(host string) bool {
	r := m.replica(host)
	return r.podDown+r.writerDown == 0
}

// Service returns that of the ClusterMesh API server.
func (m *Mesh) Service() *service.Service { return m.service }

// OnEvent follows the connections of agents with replicas.
func (m *Mesh) OnEvent(e simnet.Event) { m.links.OnEvent(e) }

// Source returns what reads the replicas.
func (m *Mesh) Source(name string, services *services.Reader) agent.Source {
	dialer, with := m.discover(name, services)
	return agent.Beside(services, with(clustermesh.New(m.Reader(name, dialer))))
}

// Reader says how an incarnation of an agent reads the replicas that it dials.
func (m *Mesh) Reader(name string, dialer proc.Dialer) clustermesh.Config {
	return clustermesh.Config{
		Cluster:    m.Plan.Options.ClusterName,
		ClusterID:  m.Plan.Options.ClusterID,
		SharesID:   m.sharesID[name] > 0,
		ConfigPath: m.configPath,
		Nodes:      m.Plan.Topology.Nodes,
		QPS:        m.Plan.Options.AgentQPS,
		Dial:       dialer,
		Store:      m.store,
		Log:        m.LogOf(name),
	}
}
