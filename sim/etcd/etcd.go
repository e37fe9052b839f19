// Package etcd runs a real etcd server inside the world: the etcdserver and gRPC
// services of go.etcd.io/etcd/server/v3, on a listener of the simulated network,
// with the settings of the etcd container of Cilium's ClusterMesh API server
// (install/kubernetes/cilium/templates/clustermesh-apiserver/deployment.yaml). A
// Member (member.go) is such a server over its restarts, on a host of its own or in a
// pod with others. It is alone, or one of a Cluster (cluster.go), whose members reach each
// other over the same network (peers.go).
//
// What it applies, answers and sends goes into the history: see Put, Del, Call,
// Watch, Event, Unwatch and Lease in package history. What can go wrong with it is
// in faults.go and stall.go; what triggers of faults can wait for is in hooks.go.
package etcd

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/config"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"go.etcd.io/etcd/server/v3/features"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/cores"
	"github.com/meshcheck/meshcheck/sim/hosts"
	"github.com/meshcheck/meshcheck/sim/meter"
)

// Server is a running etcd.
type Server struct {
	cfg       Config
	data      data
	cores     *cores.Cores
	server    *etcdserver.EtcdServer
	grpc      *grpc.Server
	peers     *http.Server // of a cluster
	tap       *tap
	applier   *applier
	watches   watches
	deletions deletions
	store     string
	ready     atomic.Bool // what is applied from now on was not in the log at the start
}

// Settings that embed would derive from its defaults (server/v3/embed/config.go)
// and that the chart leaves alone.
const (
	tickMs             = 100
	electionTicks      = 10
	snapshotCount      = 10000
	catchUpEntries     = 5000
	maxTxnOps          = 128
	maxRequestBytes    = 1.5 * 1024 * 1024
	keepaliveMinTime   = 5 * time.Second
	keepaliveInterval  = 2 * time.Hour
	keepaliveTimeout   = 20 * time.Second
	compactionKeep     = time.Hour // --auto-compaction-retention=1
	progressInterval   = 10 * time.Minute
	compactionBatch    = 1000
	compactionSleep    = 10 * time.Millisecond
	tokenTTLSeconds    = 300
	backendBatchPeriod = 100 * time.Millisecond
)

func init() {
	// A segment is allocated in full when the log is made, 64 MB by default: in
	// a RAM-backed directory that costs more than the rest of the start.
	wal.SegmentSizeBytes = 1 << 20
}

// start starts a server and returns when it is the leader of its one-member cluster, or at
// once when it has peers: those may have to start first. serve lets clients in.
func start(cfg Config, data data) (*Server, error) {
	cfg.Log = paced(cfg.Log)
	srv, err := etcdserver.NewServer(serverConfig(cfg, data))
	if err != nil && data.joins {
		return nil, fmt.Errorf("etcd of %s: %w: %w", cfg.Host, ErrNotJoined, err)
	}
	if err != nil {
		return nil, fmt.Errorf("etcd of %s: %w", cfg.Host, err)
	}
	s := &Server{cfg: cfg, data: data, cores: cores.New(cfg.Capacity), server: srv, store: storeName(srv.Cluster().ID(), data.store)}
	s.watches.server = s
	s.applier = wrapApplier(s)
	// Before the server starts: it goes on with what a stopped server had
	// committed but not applied.
	if s.tap, err = startTap(s); err != nil {
		srv.Cleanup()
		return nil, fmt.Errorf("etcd of %s: %w", cfg.Host, err)
	}
	if cfg.Cluster != nil {
		if err := s.servePeers(); err != nil {
			srv.Cleanup()
			return nil, err
		}
	}
	srv.Start()
	meter.Serves(cfg.Host, s)
	if cfg.Cluster == nil {
		<-srv.ReadyNotify()
		s.ready.Store(true)
	}
	s.grpc = v3rpc.Server(srv, nil, s.recordCall,
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveMinTime}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveInterval, Timeout: keepaliveTimeout}),
		grpc.ChainStreamInterceptor(s.recordStream))
	return s, nil
}

// serve serves the clients of a listener in the background, from when the server is ready, of
// which it tells, until the listener fails or the server stops, and closes it then.
func (s *Server) serve(lis net.Listener, ready func()) {
	// What Serve returns is why the listener failed, as when the host is taken
	// away: nothing is to be done about it but to stop the server, sooner or later.
	go hosts.Run(s.cfg.Host, func() error { //nolint:errcheck
		select {
		case <-s.server.ReadyNotify():
			s.ready.Store(true)
			ready()
		case <-s.server.StoppingNotify():
		}
		return s.grpc.Serve(lis) // which closes the listener of a server that has stopped
	})
}

func serverConfig(cfg Config, data data) config.ServerConfig {
	name, peers := "clustermesh-apiserver", types.MustNewURLs([]string{"http://localhost:2380"})
	clients, members, address := types.MustNewURLs([]string{"http://localhost:2379"}), types.URLsMap{name: peers}, ""
	if c := cfg.Cluster; c != nil {
		name, peers, members, address = cfg.Host, c.peerURLs(cfg.Host), c.members(), c.address(cfg.Host)
		clients = types.MustNewURLs([]string{"http://" + cfg.Host + ":2379"})
	}
	return config.ServerConfig{
		Name:                name,
		DataDir:             filepath.Clean(data.dir),
		ClientURLs:          clients,
		PeerURLs:            peers,
		InitialPeerURLsMap:  members,
		InitialClusterToken: data.token,
		NewCluster:          !data.joins,
		// From it, rafthttp dials the others: see simnet.TakeDials.
		PeerTLSInfo:  transport.TLSInfo{LocalAddr: address},
		LocalAddress: address,

		TickMs:                     tickMs,
		ElectionTicks:              electionTicks,
		InitialElectionTickAdvance: true,
		SnapshotCount:              snapshotCount,
		SnapshotCatchUpEntries:     catchUpEntries,
		MaxTxnOps:                  maxTxnOps,
		MaxRequestBytes:            maxRequestBytes,
		MaxConcurrentStreams:       1<<32 - 1,
		StrictReconfigCheck:        true,
		MaxLearners:                membership.DefaultMaxLearners,
		PreVote:                    true,

		AutoCompactionMode:      "periodic",
		AutoCompactionRetention: compactionKeep,
		CompactionBatchLimit:    compactionBatch,
		CompactionSleepInterval: compactionSleep,
		BackendFreelistType:     "map",
		BackendBatchInterval:    backendBatchPeriod,

		AuthToken:                   "simple",
		BcryptCost:                  4, // no passwords are used
		TokenTTL:                    tokenTTLSeconds,
		WatchProgressNotifyInterval: progressInterval,
		WarningApplyDuration:        100 * time.Millisecond,
		WarningUnaryRequestDuration: 300 * time.Millisecond,
		CompactHashCheckTime:        time.Minute,
		ServerFeatureGate:           features.NewDefaultServerFeatureGate(name, cfg.Log),

		// The machine never crashes in this world, only processes do.
		UnsafeNoFsync: true,
		Logger:        cfg.Log,
	}
}

// ClusterID returns the etcd cluster ID as 16 hexadecimal digits.
func (s *Server) ClusterID() string { return clusterID(s.server.Cluster().ID()) }

// Store returns what the history calls the server's store: the cluster ID, and
// from the second store with that ID on its number, as in "00000000000000ff/2".
func (s *Server) Store() string { return s.store }

func clusterID(id types.ID) string { return fmt.Sprintf("%016x", uint64(id)) }

func storeName(id types.ID, number int) string {
	if number == 1 {
		return clusterID(id)
	}
	return fmt.Sprintf("%s/%d", clusterID(id), number)
}

// stop ends the process at once: connections are closed. The data directory
// stays, for a server that starts again. In it is what was committed: what was
// committed but not yet applied is applied at this instant, or when the next
// server starts.
func (s *Server) stop() {
	meter.Serves(s.cfg.Host, nil)
	s.watches.shutDown()
	if s.peers != nil {
		s.peers.Close()
	}
	s.grpc.Stop()
	s.server.HardStop()
	s.tap.wait()
}

// shutdown ends the process gracefully; see Member.Stop.
func (s *Server) shutdown(ctx context.Context) {
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.grpc.GracefulStop()
	}()
	timeout := time.NewTimer(s.server.Cfg.ReqTimeout())
	defer timeout.Stop()
	select {
	case <-drained:
	case <-timeout.C:
	case <-ctx.Done():
	}
	s.stop()
	<-drained
}

// Backend returns the server's database, or nil while it cannot be had without waiting.
func (s *Server) Backend() backend.Backend { return cilium.Backend(s.server) }

// Revision returns the store's present revision.
func (s *Server) Revision() int64 { return s.server.KV().Rev() }
