// Package mesh runs replicas of the ClusterMesh API server: each a pod with an
// etcd of its own (package etcd) and Cilium's writer, unmodified, as a hive per
// replica (clustermesh-apiserver/clustermesh.Synchronization with its resources,
// cluster configuration, canaries and heartbeat).
//
// What the kubelet does is here too: it restarts a writer's container that ended,
// after a back-off, probes readiness, and stops a pod gracefully. The pod as a
// whole is in replica.go, its containers in etcd.go, container.go and writer.go,
// its readiness in ready.go.
package mesh

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/etcd"
)

// Config says which replica to run.
type Config struct {
	Host    string // the actor of its records
	DataDir string // for the etcd's data, made if missing
	Writer  WriterConfig
	Listen  func() (net.Listener, error) // the etcd's port
	OnReady func(ready bool)             // the pod becomes ready or unready, which the Service learns of; called with a lock held

	// BeforeRequest and AfterRequest, if non-nil, are called with the requests
	// to the etcd: see etcd.Request.
	BeforeRequest func(context.Context, etcd.Request) error
	AfterRequest  func(etcd.Request)

	Record    func(history.Record) // fills in At, if it is zero
	Now       func() time.Duration
	Client    func(net.Addr) string // the host behind a connection's address
	NextWatch func() int64          // the number of the next watch of the run
	EtcdLog   *zap.Logger
}

// Replica is a pod of the ClusterMesh API server, over its replacements. Its
// methods are called by one goroutine; while StopPod runs, others may call
// KillPod, Store and Etcd.
type Replica struct {
	cfg   Config
	store atomic.Pointer[string] // of the running etcd, for who may ask while the lock is held

	pods     int   // pods started so far
	etcds    int   // etcd containers started so far
	stores   int   // stores of the present pod so far
	recorded int64 // of the stopped etcd's store

	mu      sync.Mutex // guards what follows: the kubelet's goroutines use it too
	etcd    *etcd.Server
	writers int        // writer containers started so far
	writer  *container // nil while there is none
	stop    *stop      // of the pod, under way
	synced  bool       // the writer's readiness probe succeeded last time
	lost    bool       // nobody has noticed yet that the node is gone
	ready   bool
}

// stop is a graceful stop of a pod.
type stop struct {
	cancel context.CancelFunc // ends the grace
	done   chan struct{}
}

// New returns a replica that has no pod yet.
func New(cfg Config) *Replica { return &Replica{cfg: cfg} }

// StartPod starts a new pod with an empty etcd and a new etcd cluster ID, and the
// writer's container in it, if asked to.
func (r *Replica) StartPod(withWriter bool) error {
	r.nodeNoticed()
	r.pods++
	r.stores, r.recorded = 0, 0
	if err := r.StartEtcd(true); err != nil {
		return err
	}
	if !withWriter {
		return nil
	}
	return r.StartWriter()
}

func (r *Replica) dir() string {
	return filepath.Join(r.cfg.DataDir, fmt.Sprintf("%s-%d", r.cfg.Host, r.pods))
}

// KillPod ends the pod at once; its etcd's data is gone with it. A graceful stop
// that is under way is cut short.
func (r *Replica) KillPod() {
	r.mu.Lock()
	stop := r.stop
	r.mu.Unlock()
	if stop != nil {
		stop.cancel()
		<-stop.done
		return
	}
	r.KillWriter()
	r.KillEtcd()
	os.RemoveAll(r.dir())
}

// LoseNode ends the pod at once as the loss of its node does: the pod stays in
// the Service until notice is called, for which Kubernetes' node controller takes
// NoticeAfter, or until another pod starts. The node's network is the caller's:
// see simnet.Network.Down.
func (r *Replica) LoseNode() (notice func()) {
	r.mu.Lock()
	r.lost = true
	pod := r.pods
	r.mu.Unlock()
	r.KillPod()
	return func() {
		if r.pods == pod {
			r.nodeNoticed()
		}
	}
}

// NoticeAfter is the default of kube-controller-manager's
// node-monitor-grace-period.
const NoticeAfter = 50 * time.Second

func (r *Replica) nodeNoticed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = false
	r.updateReady()
}

// StopPod ends the pod as the kubelet does when it is deleted, and returns when
// it is gone. It leaves the Service at once. Then both containers get SIGTERM:
// the writer's hive is stopped while its connections live, etcd drains (see
// etcd.Server.Shutdown). What has not ended when the grace is over is killed; the
// chart's grace (clustermesh.apiserver.terminationGracePeriodSeconds) is
// DefaultGrace.
func (r *Replica) StopPod(grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	done := make(chan struct{})
	r.mu.Lock()
	r.stop = &stop{cancel, done}
	r.updateReady()
	writer, server := r.writer, r.etcd
	r.mu.Unlock()

	var containers sync.WaitGroup
	if writer != nil {
		containers.Go(func() { r.terminateWriter(ctx, writer) })
	}
	if server != nil {
		containers.Go(func() {
			server.Shutdown(ctx)
			r.etcdEnded(server)
		})
	}
	containers.Wait()
	os.RemoveAll(r.dir())
	r.mu.Lock()
	r.stop = nil
	r.mu.Unlock()
	close(done)
}

// DefaultGrace is the termination grace period of the chart.
const DefaultGrace = 30 * time.Second
