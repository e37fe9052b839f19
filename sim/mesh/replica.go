// Package mesh runs replicas of the ClusterMesh API server: each a pod with an
// etcd of its own (package etcd) and Cilium's writer, unmodified, as a hive per
// replica (clustermesh-apiserver/clustermesh.Synchronization with its resources,
// cluster configuration, canaries and heartbeat).
//
// What the kubelet does is here too: it restarts a writer's container that ended,
// after a back-off, probes readiness, and stops a pod gracefully. The pod as a
// whole is in replica.go, the writer's container in container.go and writer.go,
// its readiness in ready.go.
package mesh

import (
	"context"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/etcd"
)

// Config says which replica to run.
type Config struct {
	Etcd    etcd.Config // its Host is that of the replica, and its Record gets the writer's records as well: it fills in At, if it is zero; OnChange is the replica's
	Writer  WriterConfig
	OnReady func(ready bool) // the pod becomes ready or unready, which the Service learns of; called with a lock held
}

// Replica is a pod of the ClusterMesh API server, over its replacements. Its
// methods are called by one goroutine; while StopPod runs, others may call
// KillPod, and Server and Store of Etcd.
type Replica struct {
	Etcd *etcd.Member // the etcd's container; a new pod's is a new cluster

	cfg  Config
	pods int // pods started so far

	mu      sync.Mutex // guards what follows: the kubelet's goroutines use it too
	etcdUp  bool
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
func New(cfg Config) *Replica {
	r := &Replica{cfg: cfg}
	cfg.Etcd.OnChange = r.etcdChanged
	r.Etcd = etcd.New(cfg.Etcd)
	return r
}

// etcdChanged takes note that the etcd's container has started or ended.
func (r *Replica) etcdChanged(change history.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.etcdUp = change.Verb == history.Up
	r.record(change)
	r.updateReady()
}

func (r *Replica) record(record history.Record) { r.cfg.Etcd.Record(record) }

// StartPod starts a new pod with an empty etcd and a new etcd cluster ID, and the
// writer's container in it, if asked to.
func (r *Replica) StartPod(withWriter bool) error {
	r.nodeNoticed()
	r.pods++
	if err := r.Etcd.Start(etcd.NewCluster); err != nil {
		return err
	}
	if !withWriter {
		return nil
	}
	return r.StartWriter()
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
	r.Etcd.Kill()
	r.Etcd.Wipe()
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
// etcd.Member.Stop). What has not ended when the grace is over is killed; the
// chart's grace (clustermesh.apiserver.terminationGracePeriodSeconds) is
// DefaultGrace.
func (r *Replica) StopPod(grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	done := make(chan struct{})
	r.mu.Lock()
	r.stop = &stop{cancel, done}
	r.updateReady()
	writer := r.writer
	r.mu.Unlock()

	var containers sync.WaitGroup
	if writer != nil {
		containers.Go(func() { r.terminateWriter(ctx, writer) })
	}
	containers.Go(func() { r.Etcd.Stop(ctx) })
	containers.Wait()
	r.Etcd.Wipe()
	r.mu.Lock()
	r.stop = nil
	r.mu.Unlock()
	close(done)
}

// DefaultGrace is the termination grace period of the chart.
const DefaultGrace = 30 * time.Second
