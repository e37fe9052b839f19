package mesh

import (
	"context"
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/hosts"
)

// restartBackOff is the kubelet's first.
const restartBackOff = 10 * time.Second

// container is the writer's, over the restarts of its process.
type container struct {
	ctx       context.Context // done when it is killed
	kill      context.CancelFunc
	terminate context.CancelFunc // SIGTERM
	signal    <-chan struct{}    // closed by terminate
	ended     chan struct{}      // closed when its process has ended for good

	writer *writer // nil in the back-off; guarded by Replica.mu
}

// SetClusterID gives the writers that start from now on another cluster ID.
func (r *Replica) SetClusterID(id int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.Writer.ClusterID = id
}

// StartWriter starts the writer's container in the running pod, and keeps
// restarting it when it ends by itself, until KillWriter.
func (r *Replica) StartWriter() error { return hosts.Run(r.cfg.Etcd.Host, r.startWriter) }

func (r *Replica) startWriter() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, err := r.newWriter()
	if err != nil {
		return err
	}
	c := &container{writer: w, ended: make(chan struct{})}
	c.ctx, c.kill = context.WithCancel(context.Background())
	term, terminate := context.WithCancel(c.ctx)
	c.terminate, c.signal = terminate, term.Done()
	r.writer = c
	go r.keepRunning(c, w)
	return nil
}

// newWriter makes the process of a container; the lock is held.
func (r *Replica) newWriter() (*writer, error) {
	r.writers++
	r.record(history.Record{Actor: r.cfg.Etcd.Host, Verb: history.Up, Kind: "writer", Inc: r.writers})
	return newWriter(r.cfg.Writer)
}

func (r *Replica) keepRunning(c *container, w *writer) {
	defer close(c.ended)
	for {
		probing, stopProbing := context.WithCancel(c.ctx)
		go r.probe(probing, w)
		err := w.run(c.ctx, c.signal)
		stopProbing()
		if !r.writerEnded(c, err) {
			return
		}
		select {
		case <-time.After(restartBackOff):
		case <-c.signal:
			return
		}
		if w = r.restartWriter(c); w == nil {
			return
		}
	}
}

// writerEnded takes note that the process has ended, and returns whether the
// container is to be restarted: not if it was killed, which KillWriter has
// recorded, nor if it was told to end.
func (r *Replica) writerEnded(c *container, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.ctx.Err() != nil {
		return false
	}
	c.writer = nil
	down := history.Record{Actor: r.cfg.Etcd.Host, Verb: history.Down, Kind: "writer", Inc: r.writers}
	if err != nil {
		down.Err = err.Error()
	}
	r.record(down)
	r.synced = false
	r.updateReady()
	select {
	case <-c.signal:
		r.writer = nil
		return false
	default:
		return true
	}
}

// restartWriter returns the new process of a container, or nil if the container
// is to end.
func (r *Replica) restartWriter(c *container) *writer {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-c.signal:
		return nil
	default:
	}
	w, err := r.newWriter()
	if err != nil {
		panic(fmt.Sprintf("writer of %s: %v", r.cfg.Etcd.Host, err)) // it could be made before
	}
	c.writer = w
	return w
}

// KillWriter ends the writer's container, if there is one, at once; the etcd goes
// on.
func (r *Replica) KillWriter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.writer
	if c == nil {
		return
	}
	w := c.writer
	if w != nil {
		w.process.Kill()
	}
	c.kill()
	r.writer = nil
	if w == nil {
		return // it had ended, which is recorded
	}
	r.record(history.Record{Actor: r.cfg.Etcd.Host, Verb: history.Down, Kind: "writer", Inc: r.writers})
	r.synced = false
	r.updateReady()
}

// terminateWriter sends SIGTERM to the writer's container and returns when it has
// ended, or has been killed because ctx was done.
func (r *Replica) terminateWriter(ctx context.Context, c *container) {
	c.terminate()
	select {
	case <-c.ended:
	case <-ctx.Done():
		r.KillWriter()
	}
}

// PauseWriter freezes the process that runs in the writer's container as the
// cgroup freezer does, seen from outside (see proc.Process.Pause): its etcd and
// the kube-apiserver hear nothing of it, so its leases expire while it lives, and
// its readiness probe fails. It ends with that process, or when resume is called.
// Without a process nothing happens. resume returns what was held up.
func (r *Replica) PauseWriter() (resume func() int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writer == nil || r.writer.writer == nil {
		return func() int64 { return 0 }
	}
	return r.writer.writer.process.Pause()
}
