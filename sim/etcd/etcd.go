// Package etcd runs a real etcd server inside the world: the etcdserver and gRPC
// services of go.etcd.io/etcd/server/v3, on a listener of the simulated network,
// with the settings of the etcd container of Cilium's ClusterMesh API server
// (install/kubernetes/cilium/templates/clustermesh-apiserver/deployment.yaml).
//
// What it applies and answers goes into the history: see Put, Del and Call in
// package history.
package etcd

import (
	"fmt"
	"net"
	"path/filepath"
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
)

// Config says which server to start.
type Config struct {
	Host   string               // the replica's name, the actor of the records
	Token  string               // initial cluster token, the pod's UID in the chart: it makes the cluster ID
	Dir    string               // data directory; made if missing, its content is used
	Record func(history.Record) // gets what the server applies and answers; At and From are filled in by Now
	Now    func() time.Duration // virtual time since the start of the run
	Client func(net.Addr) string
	Log    *zap.Logger
}

// Server is a running etcd.
type Server struct {
	cfg    Config
	server *etcdserver.EtcdServer
	grpc   *grpc.Server
	tap    *tap
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

// Start starts a server that serves lis, and returns when it is the leader of
// its one-member cluster. It owns lis from then on.
func Start(cfg Config, lis net.Listener) (*Server, error) {
	sc, err := serverConfig(cfg)
	if err != nil {
		return nil, err
	}
	srv, err := etcdserver.NewServer(sc)
	if err != nil {
		return nil, fmt.Errorf("etcd of %s: %w", cfg.Host, err)
	}
	s := &Server{cfg: cfg, server: srv}
	srv.Start()
	<-srv.ReadyNotify()
	if s.tap, err = startTap(s); err != nil {
		srv.HardStop()
		return nil, fmt.Errorf("etcd of %s: %w", cfg.Host, err)
	}
	s.grpc = v3rpc.Server(srv, nil, s.recordCall,
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveMinTime}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveInterval, Timeout: keepaliveTimeout}),
	)
	go s.grpc.Serve(lis)
	return s, nil
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
func (s *Server) ClusterID() string {
	return fmt.Sprintf("%016x", uint64(s.server.Cluster().ID()))
}

// Stop ends the process at once: connections are closed, nothing is flushed that
// was not already. The data directory stays.
func (s *Server) Stop() {
	s.grpc.Stop()
	s.server.HardStop()
	s.tap.wait()
}
