// Package etcd runs a real etcd server inside the world: the etcdserver and gRPC
// services of go.etcd.io/etcd/server/v3, on a listener of the simulated network,
// with the settings of the etcd container of Cilium's ClusterMesh API server
// (install/kubernetes/cilium/templates/clustermesh-apiserver/deployment.yaml).
//
// What it applies, answers and sends goes into the history: see Put, Del, Call,
// Watch, Event, Unwatch and Lease in package history. What can go wrong with it is
// in faults.go and stall.go; what triggers of faults can wait for is in hooks.go.
package etcd

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/config"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"go.etcd.io/etcd/server/v3/features"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/hosts"
)

// Config says which server to start.
type Config struct {
	Host   string               // the replica's name, the actor of the records
	Token  string               // initial cluster token, the pod's UID in the chart: it makes the cluster ID
	Dir    string               // data directory; made if missing, and used if a server that stopped left data in it: see Recorded
	Record func(history.Record) // gets what the server applies and answers; At and From are filled in by Now
	Now    func() time.Duration // virtual time since the start of the run
	Client func(net.Addr) string
	Log    *zap.Logger

	NextWatch func() int64 // the number of the next watch of the run

	// StoreNumber tells stores apart that have a cluster ID in common, as those
	// of an etcd have that starts again without its data in the same pod. They
	// are counted from 1, which is what zero means too; see Store.
	StoreNumber int
	// Recorded is what Recorded of the stopped server returned whose data is in
	// Dir: what was applied since then is recorded first. Zero for no data.
	Recorded int64

	// Before and After, if non-nil, are called with the requests of clients; see
	// Request.
	Before func(context.Context, Request) error
	After  func(Request)
}

// Server is a running etcd.
type Server struct {
	cfg     Config
	server  *etcdserver.EtcdServer
	grpc    *grpc.Server
	tap     *tap
	applier *applier
	watches watches
	store   string
	ready   atomic.Bool // what is applied from now on was not in the log at the start
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

// Start starts a server and returns when it is the leader of its one-member
// cluster. Serve lets clients in.
func Start(cfg Config) (s *Server, err error) {
	err = hosts.Run(cfg.Host, func() error {
		s, err = start(cfg)
		return err
	})
	return s, err
}

func start(cfg Config) (*Server, error) {
	sc, err := serverConfig(cfg)
	if err != nil {
		return nil, err
	}
	srv, err := etcdserver.NewServer(sc)
	if err != nil {
		return nil, fmt.Errorf("etcd of %s: %w", cfg.Host, err)
	}
	s := &Server{cfg: cfg, server: srv, store: storeName(srv.Cluster().ID(), cfg.StoreNumber)}
	s.watches.server = s
	recordLeaseEnds(s)
	s.applier = wrapApplier(srv)
	// Before the server starts: it goes on with what a stopped server had
	// committed but not applied.
	if s.tap, err = startTap(s); err != nil {
		srv.Cleanup()
		return nil, fmt.Errorf("etcd of %s: %w", cfg.Host, err)
	}
	srv.Start()
	<-srv.ReadyNotify()
	s.ready.Store(true)
	s.grpc = v3rpc.Server(srv, nil, s.recordCall,
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveMinTime}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveInterval, Timeout: keepaliveTimeout}),
		grpc.ChainStreamInterceptor(s.recordStream))
	return s, nil
}

// Serve serves the clients of a listener in the background, until the listener
// fails or the server stops, and closes it then.
func (s *Server) Serve(lis net.Listener) {
	// What Serve returns is why the listener failed, as when the host is taken
	// away: nothing is to be done about it but to stop the server, sooner or later.
	go hosts.Run(s.cfg.Host, func() error { return s.grpc.Serve(lis) }) //nolint:errcheck
}

func serverConfig(cfg Config) (config.ServerConfig, error) {
	const name = "clustermesh-apiserver"
	clients, err := types.NewURLs([]string{"http://localhost:2379"})
	if err != nil {
		return config.ServerConfig{}, err
	}
	peers, err := types.NewURLs([]string{"http://localhost:2380"})
	if err != nil {
		return config.ServerConfig{}, err
	}
	return config.ServerConfig{
		Name:                name,
		DataDir:             filepath.Clean(cfg.Dir),
		ClientURLs:          clients,
		PeerURLs:            peers,
		InitialPeerURLsMap:  types.URLsMap{name: peers},
		InitialClusterToken: cfg.Token,
		NewCluster:          true,

		TickMs:                     tickMs,
		ElectionTicks:              electionTicks,
		InitialElectionTickAdvance: true,
		SnapshotCount:              snapshotCount,
		SnapshotCatchUpEntries:     catchUpEntries,
		MaxTxnOps:                  maxTxnOps,
		MaxRequestBytes:            maxRequestBytes,
		MaxConcurrentStreams:       1<<32 - 1,
		StrictReconfigCheck:        true,
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
	}, nil
}

// ClusterID returns the etcd cluster ID as 16 hexadecimal digits.
func (s *Server) ClusterID() string { return clusterID(s.server.Cluster().ID()) }

// Store returns what the history calls the server's store: the cluster ID, and
// from the second store with that ID on its number, as in "00000000000000ff/2".
func (s *Server) Store() string { return s.store }

func clusterID(id types.ID) string { return fmt.Sprintf("%016x", uint64(id)) }

func storeName(id types.ID, number int) string {
	if number <= 1 {
		return clusterID(id)
	}
	return fmt.Sprintf("%s/%d", clusterID(id), number)
}

// Stop ends the process at once: connections are closed. The data directory
// stays, for a server that starts again. In it is what was committed: what was
// committed but not yet applied is applied at this instant, or when the next
// server starts.
func (s *Server) Stop() {
	s.watches.shutDown()
	s.grpc.Stop()
	s.server.HardStop()
	s.tap.wait()
}

// Shutdown ends the process as SIGTERM does (server/v3/embed, Etcd.Close): no new
// connections and requests are taken, and those under way may end until etcd's
// request timeout, 7 s. Watches do not end by themselves: with one open, it takes
// that long. When ctx is done the process is killed.
func (s *Server) Shutdown(ctx context.Context) {
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
	s.Stop()
	<-drained
}

// Revision returns the store's present revision.
func (s *Server) Revision() int64 { return s.server.KV().Rev() }

// Recorded returns the revision up to which a stopped server's changes are in
// the history, for Config.Recorded.
func (s *Server) Recorded() int64 { return s.tap.last }
