// Package mesh runs replicas of the ClusterMesh API server: each a pod with an
// etcd of its own (package etcd) and Cilium's writer, unmodified, as a hive per
// replica (clustermesh-apiserver/clustermesh.Synchronization with its resources,
// cluster configuration, canaries and heartbeat).
//
// What the kubelet does is here too: it restarts a container that ended, after a
// back-off, and probes readiness.
package mesh

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
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
	OnReady func(ready bool)             // the pod enters or leaves the Service

	Record  func(history.Record) // fills in At, if it is zero
	Now     func() time.Duration
	Client  func(net.Addr) string // the host behind a connection's address
	EtcdLog *zap.Logger
}

// The kubelet's defaults.
const (
	probePeriod    = 10 * time.Second
	restartBackOff = 10 * time.Second
)

// Replica is a pod of the ClusterMesh API server, over its replacements.
type Replica struct {
	cfg  Config
	pods int // pods started so far
	etcd *etcd.Server

	mu         sync.Mutex         // guards what follows: the kubelet's goroutines change it too
	writers    int                // writer containers started so far
	stopWriter context.CancelFunc // nil while there is no writer's container
	writer     *writer            // the running one, or the last one
	ready      bool
}

// New returns a replica that has no pod yet.
func New(cfg Config) *Replica { return &Replica{cfg: cfg} }

// StartPod starts a new pod with an empty etcd and a new etcd cluster ID, and the
// writer's container in it, if asked to.
func (r *Replica) StartPod(withWriter bool) error {
	r.pods++
	lis, err := r.cfg.Listen()
	if err != nil {
		return err
	}
	r.etcd, err = etcd.Start(etcd.Config{
		Host:   r.cfg.Host,
		Token:  fmt.Sprintf("%s-%d", r.cfg.Host, r.pods),
		Dir:    r.dir(),
		Record: r.cfg.Record,
		Now:    r.cfg.Now,
		Client: r.cfg.Client,
		Log:    r.cfg.EtcdLog,
	}, lis)
	if err != nil {
		return err
	}
	r.cfg.Record(history.Record{Actor: r.cfg.Host, Verb: history.Up, Kind: "etcd", Inc: r.pods, Store: r.etcd.ClusterID()})
	if !withWriter {
		return nil
	}
	return r.StartWriter()
}

func (r *Replica) dir() string {
	return filepath.Join(r.cfg.DataDir, fmt.Sprintf("%s-%d", r.cfg.Host, r.pods))
}

// KillPod ends the pod at once; its etcd's data is gone with it.
func (r *Replica) KillPod() {
	r.KillWriter()
	store := r.etcd.ClusterID()
	r.etcd.Stop()
	r.etcd = nil
	os.RemoveAll(r.dir())
	r.cfg.Record(history.Record{Actor: r.cfg.Host, Verb: history.Down, Kind: "etcd", Inc: r.pods, Store: store})
}

// StartWriter starts the writer's container in the running pod, and keeps
// restarting it when it ends by itself, until KillWriter.
func (r *Replica) StartWriter() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, err := r.newWriter()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stopWriter = cancel
	go r.keepWriterRunning(ctx, w)
	return nil
}

func (r *Replica) newWriter() (w *writer, err error) {
	r.writers++
	r.cfg.Record(history.Record{Actor: r.cfg.Host, Verb: history.Up, Kind: "writer", Inc: r.writers})
	r.writer, err = newWriter(r.cfg.Writer)
	return r.writer, err
}

func (r *Replica) keepWriterRunning(ctx context.Context, w *writer) {
	for {
		probing, stopProbing := context.WithCancel(ctx)
		go r.probe(probing, w)
		err := w.run(ctx)
		stopProbing()
		if !r.writerEnded(ctx, err) {
			return
		}
		select {
		case <-time.After(restartBackOff):
		case <-ctx.Done():
			return
		}
		if w = r.restartWriter(ctx); w == nil {
			return
		}
	}
}

// writerEnded takes note that the writer has ended by itself. It returns false if
// it was killed.
func (r *Replica) writerEnded(ctx context.Context, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	r.setReady(false)
	r.cfg.Record(history.Record{Actor: r.cfg.Host, Verb: history.Down, Kind: "writer", Inc: r.writers, Err: fmt.Sprint(err)})
	return true
}

func (r *Replica) restartWriter(ctx context.Context) *writer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	w, err := r.newWriter()
	if err != nil {
		panic(fmt.Sprintf("writer of %s: %v", r.cfg.Host, err)) // it could be made before
	}
	return w
}

// KillWriter ends the writer's container; the etcd goes on.
func (r *Replica) KillWriter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopWriter == nil {
		return
	}
	r.writer.process.Kill()
	r.stopWriter()
	r.stopWriter = nil
	r.setReady(false)
	r.cfg.Record(history.Record{Actor: r.cfg.Host, Verb: history.Down, Kind: "writer", Inc: r.writers})
}

// probe is the kubelet's readiness probe: /readyz of the writer is
// SyncState.Complete, which never becomes false again
// (clustermesh-apiserver/clustermesh/health.go).
func (r *Replica) probe(ctx context.Context, w *writer) {
	for {
		select {
		case <-time.After(probePeriod):
		case <-ctx.Done():
			return
		}
		if w.sync.Complete() {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() == nil {
		r.setReady(true)
	}
}

// setReady is called with the lock held.
func (r *Replica) setReady(ready bool) {
	if r.ready == ready {
		return
	}
	r.ready = ready
	verb := history.Unready
	if ready {
		verb = history.Ready
	}
	r.cfg.Record(history.Record{Actor: r.cfg.Host, Verb: verb})
	r.cfg.OnReady(ready)
}

// Store returns the etcd cluster ID, or "" while there is no pod.
func (r *Replica) Store() string {
	e := r.etcd
	if e == nil {
		return ""
	}
	return e.ClusterID()
}
