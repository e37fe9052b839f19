package etcd

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/server/v3/storage/mvcc"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// tap records every change that the store applies, in order, those by expired
// leases included, through a watch of the store itself.
type tap struct {
	stream mvcc.WatchStream
	done   chan struct{}
	last   int64 // revision recorded last; for others once done is closed
}

// firstRevision is that of a store without changes.
const firstRevision = 1

// waiting is more changes than an etcd applies at one instant.
const waiting = 1 << 14

// startTap records what is applied after the revision that the history has. The
// server has not started.
func startTap(s *Server) (*tap, error) {
	t := &tap{stream: cilium.NewWatchStream(s.server.KV(), waiting), done: make(chan struct{}), last: max(s.data.recorded, firstRevision)}
	if _, err := t.stream.Watch(context.Background(), 0, []byte{0}, []byte{}, t.last+1); err != nil {
		return nil, err
	}
	go func() {
		defer close(t.done)
		for resp := range t.stream.Chan() {
			s.applier.keep()
			for _, ev := range resp.Events {
				if s.cfg.Cluster.first(ev) {
					s.cfg.Record(changeRecord(s, ev))
				}
				t.last = ev.Kv.ModRevision
			}
		}
	}()
	return t, nil
}

func (t *tap) wait() {
	t.stream.Close()
	<-t.done
}

func changeRecord(s *Server, ev *mvccpb.Event) history.Record {
	key := string(ev.Kv.Key)
	r := s.newRecord(history.Del, "")
	r.Key, r.Rev = key, ev.Kv.ModRevision
	r.Kind, r.Value = truth.FromEtcd(key, ev.Kv.Value)
	if ev.Type != mvccpb.PUT {
		r.Value = ""
		return r
	}
	r.Verb = history.Put
	if ev.Kv.Lease != 0 {
		r.Owner = leaseName(ev.Kv.Lease)
	}
	return r
}

// newRecord returns a record of the server at the present instant.
func (s *Server) newRecord(verb history.Verb, client string) history.Record {
	return history.Record{At: s.cfg.Now(), Actor: s.cfg.Host, Verb: verb, Peer: client, Store: s.store}
}
