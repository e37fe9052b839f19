package mesh

import (
	"fmt"
	"os"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/etcd"
)

// StartEtcd starts the etcd's container in a pod that has none: with the data
// that the last one in this pod left, as after a crash (the chart's volume lives
// as long as the pod), or empty, as if its volume was lost. Either way the etcd
// cluster ID is that of the pod; an empty one is another store in the history.
func (r *Replica) StartEtcd(empty bool) error {
	if empty {
		if err := os.RemoveAll(r.dir()); err != nil {
			return err
		}
		r.stores++
		r.recorded = 0
	}
	lis, err := r.cfg.Listen()
	if err != nil {
		return err
	}
	server, err := etcd.Start(etcd.Config{
		Host:        r.cfg.Host,
		Token:       fmt.Sprintf("%s-%d", r.cfg.Host, r.pods),
		Dir:         r.dir(),
		StoreNumber: r.stores,
		Recorded:    r.recorded,
		Record:      r.cfg.Record,
		NextWatch:   r.cfg.NextWatch,
		Now:         r.cfg.Now,
		Client:      r.cfg.Client,
		Before:      r.cfg.BeforeRequest,
		After:       r.cfg.AfterRequest,
		Log:         r.cfg.EtcdLog,
	})
	if err != nil {
		lis.Close()
		return err
	}
	store := server.Store()
	r.store.Store(&store)
	r.etcds++
	r.mu.Lock()
	defer r.mu.Unlock()
	r.etcd = server
	r.cfg.Record(history.Record{Actor: r.cfg.Host, Verb: history.Up, Kind: "etcd", Inc: r.etcds, Store: store})
	server.Serve(lis)
	r.updateReady()
	return nil
}

// KillEtcd ends the etcd's container, if there is one, at once; its data stays in
// the pod and the writer goes on.
func (r *Replica) KillEtcd() {
	server := r.Etcd()
	if server == nil {
		return
	}
	server.Stop()
	r.etcdEnded(server)
}

// etcdEnded takes note that the etcd's container has ended.
func (r *Replica) etcdEnded(server *etcd.Server) {
	r.recorded = server.Recorded()
	r.store.Store(nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.etcd = nil
	r.cfg.Record(history.Record{Actor: r.cfg.Host, Verb: history.Down, Kind: "etcd", Inc: r.etcds, Store: server.Store()})
	r.updateReady()
}

// Etcd returns the running etcd, or nil.
func (r *Replica) Etcd() *etcd.Server {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.etcd
}

// Store returns the store of the running etcd as the history names it, or "" while
// there is none.
func (r *Replica) Store() string {
	if store := r.store.Load(); store != nil {
		return *store
	}
	return ""
}
