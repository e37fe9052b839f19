package agent

import (
	"maps"
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// Datapath is the BPF ipcache map of a host, as the packets of its pods see it.
// It outlives the agent. An agent that starts makes a new, empty map and fills
// it, while the endpoints' programs keep the old one, frozen, until they are
// regenerated, which waits for the initial synchronization of the ClusterMesh,
// but at most for clustermesh-sync-timeout
// (Cilium: pkg/ipcache/cell/cell.go, pkg/endpoint/regenerator.go).
type Datapath struct {
	mu     sync.Mutex
	inUse  map[string]programmed // by IP: what packets see
	next   map[string]programmed // the map that the running agent fills, until it is in use; nil then
	gone   map[string]Learned    // what left that map before it was in use
	record recordFunc
}

type programmed struct {
	content string
	from    Learned
}

func newDatapath(record recordFunc) *Datapath {
	return &Datapath{inUse: map[string]programmed{}, record: record}
}

// recreate is the start of an agent.
func (d *Datapath) recreate() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next, d.gone = map[string]programmed{}, map[string]Learned{}
}

// regenerate puts the new map in use. What it lacks was in the old one and not in the
// list with which the agent began, or has gone since.
func (d *Datapath) regenerate(list Learned) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, now, gone := d.inUse, d.next, d.gone
	d.inUse, d.next, d.gone = now, nil, nil
	for _, ip := range slices.Sorted(maps.Keys(now)) {
		if was, ok := old[ip]; !ok || was.content != now[ip].content {
			d.record(now[ip].from, history.Program, history.Endpoint, ip, now[ip].content)
		}
	}
	for _, ip := range slices.Sorted(maps.Keys(old)) {
		if _, ok := now[ip]; !ok {
			from, ok := gone[ip]
			if !ok {
				from = list
			}
			d.record(from, history.Unprogram, history.Endpoint, ip, "")
		}
	}
}

func (d *Datapath) set(from Learned, e truth.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next != nil {
		d.next[e.Key] = programmed{e.Value, from}
		delete(d.gone, e.Key)
		return
	}
	if was, ok := d.inUse[e.Key]; !ok || was.content != e.Value {
		d.inUse[e.Key] = programmed{e.Value, from}
		d.record(from, history.Program, e.Kind, e.Key, e.Value)
	}
}

func (d *Datapath) delete(from Learned, ip string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next != nil {
		delete(d.next, ip)
		d.gone[ip] = from
		return
	}
	if _, ok := d.inUse[ip]; ok {
		delete(d.inUse, ip)
		d.record(from, history.Unprogram, history.Endpoint, ip, "")
	}
}
