package coverage

import (
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// apply brings the world to the state after a record.
func (w *world) apply(r *history.Record) {
	switch r.Verb {
	case history.Fault:
		if f := w.faults.begin(); f.Is(disturb.RevisionsLost) {
			for _, host := range f.Hosts {
				w.makeReplica(host).compacted = r.At
			}
		}
		w.updateReach()
	case history.Heal:
		w.faults.end(r.Rev)
		w.updateReach()
	case history.Up, history.Down:
		w.applyProcess(r)
	case history.Ready, history.Unready:
		if !mode.Etcd.Is(r.Actor) {
			w.applyReady(r)
		}
	case history.Put, history.Del:
		w.applyChange(r)
	case history.Call:
		w.applyCall(r)
	case history.Connect, history.Disconnect:
		w.applyConnection(r)
	case history.Synced:
		w.makeAgent(r.Actor).synced = true
	}
	for ; len(w.events) > 0 && w.events[0].Record <= w.record; w.events = w.events[1:] {
		w.views.Play(&w.events[0])
	}
}

func (w *world) applyProcess(r *history.Record) {
	up := r.Verb == history.Up
	switch r.Kind {
	case "kube":
		w.kubes[r.Actor] = &kube{up: up}
		w.updateReach()
	case "etcd":
		host := w.makeReplica(r.Actor)
		host.etcdUp = up
		host.store = w.makeStore(r.Store, host)
		if up {
			if host.etcds++; host.etcds == 1 {
				host.born = w.record
			}
		} else {
			host.store.left = r.At
		}
	case "writer":
		host := w.makeReplica(r.Actor)
		host.writer.up = up
		if up {
			host.writer.synced, host.writer.puts = 0, 0
		} else {
			host.writer.lost = w.record
		}
		w.updateReach()
	case "agent":
		w.applyAgent(r, up)
	}
}

func (w *world) applyAgent(r *history.Record, up bool) {
	a := w.makeAgent(r.Actor)
	a.begin(r.Inc)
	a.up = up
	if up {
		a.start = w.record
	} else {
		clear(a.open)
		a.lost = r.At
	}
}

func (w *world) applyReady(r *history.Record) {
	ready := r.Verb == history.Ready
	if mode.Operator.Is(r.Actor) {
		delete(w.leaders, r.Actor)
		if ready {
			w.leaders[r.Actor] = true
			w.led = r.Actor
		}
		return
	}
	w.makeReplica(r.Actor).ready = ready
}

// applyChange notes which canaries a store holds, and what its writer has come to.
func (w *world) applyChange(r *history.Record) {
	host := w.makeReplica(r.Actor)
	s := w.makeStore(r.Store, host)
	put := r.Verb == history.Put
	if n, canary := canaryOf(r.Key); canary {
		if put {
			s.canaries |= 1 << n
			host.writer.synced |= 1 << n
		} else {
			s.canaries &^= 1 << n
		}
	}
	if _, viewed := kindNumber(r.Kind); viewed {
		host.writer.puts++
	}
}

func (w *world) applyCall(r *history.Record) {
	if !lists(r) {
		return
	}
	a, key := w.makeAgent(r.Peer), listKey{r.Store, r.Key}
	a.lists[key] = list{times: a.lists[key].times + 1, last: r.At}
	if r.Store == a.store {
		n, _ := kindOf(r.Key)
		a.listed |= 1 << n
		a.lastList = r.At
	}
}

func (w *world) applyConnection(r *history.Record) {
	a := w.makeAgent(r.Actor)
	if r.Verb == history.Connect {
		a.open[r.Peer]++
		if r.Store != a.store {
			a.listed = 0
		}
		a.latest, a.store = r.Peer, r.Store
		a.visited[r.Store] = true
		return
	}
	if a.open[r.Peer]--; a.open[r.Peer] <= 0 {
		delete(a.open, r.Peer)
	}
	if !a.connected() {
		a.lost = r.At
	}
}

// updateReach finds out which replicas reach no kube-apiserver, and which writers
// are away.
func (w *world) updateReach() {
	for _, host := range w.replicas {
		host.cutOff = !w.reachesKube(host.name)
		away := !host.writer.up || host.cutOff || w.faults.frozen(host.name)
		if away && !host.writer.away {
			host.writer.since = w.history.Records[w.record].At
		}
		host.writer.away = away
	}
}

func (w *world) reachesKube(host string) bool {
	for name, k := range w.kubes {
		if k.up && !w.faults.cut(host, name) {
			return true
		}
	}
	return false
}
