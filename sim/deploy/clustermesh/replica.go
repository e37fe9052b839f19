package clustermesh

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/mesh"
)

// replica is a replica of the ClusterMesh API server on its host: its pod, the
// writer's and the etcd's containers. Each runs when nothing holds it down;
// faults that overlap add up.
type replica struct {
	*mesh.Replica
	m    *Mesh
	name string
	pod  *pod // its last one, where agents dial replicas by their addresses; else nil

	age  int  // when it was created, among the replicas; zero if it never was
	gone bool // for good

	successor *replica // that an upgrade puts in its place, or nil

	podDown, writerDown, etcdDown int   // faults that hold them down
	clusterIDs                    []int // that faults give its writer
	emptied                       bool
	noSpace                       int           // faults for which the etcd is out of space
	alarmed                       bool          // an alarm was raised in this replica
	stopped                       chan struct{} // closed when the graceful stop has ended; nil if there was none
	up                            []func()      // what brings the node back

	endedProcesses, lostKeys int64        // by its removal
	keys                     int64        // that its etcd had when it was last ended
	refused                  atomic.Int64 // requests for which the etcd had no space

	ready atomic.Bool // it is among the endpoints of the Service
}

// exists reports whether the replica is one of those that there should be, though
// it may be down.
func (r *replica) exists() bool { return r.age > 0 && !r.gone }

// create starts a replica that never was.
func (r *replica) create() {
	r.m.created++
	r.age = r.m.created
	r.startPod()
}

// latest is the replica that upgrades have put in this one's place, or itself.
func (r *replica) latest() *replica {
	for r.successor != nil {
		r = r.successor
	}
	return r
}

// remove ends a replica for good, gracefully.
func (r *replica) remove() {
	if r.gone {
		return
	}
	r.gone = true
	r.endedProcesses, r.lostKeys = r.lose(fault.Graceful)
}

// lose ends the pod, in one of the ways of fault.Fault.How. It returns how many processes
// end and how many keys are lost with them.
func (r *replica) lose(how string) (processes, keys int64) {
	if how == fault.Silent {
		r.up = append(r.up, r.m.Net.Down(r.name))
	}
	if r.podDown++; r.podDown > 1 {
		return 0, 0
	}
	if r.writerDown == 0 {
		processes++
	}
	if r.etcdDown == 0 {
		processes++
		r.countKeys()
	}
	if !r.emptied {
		keys = r.keys
	}
	switch how {
	case fault.Silent:
		notice := r.LoseNode()
		go func() {
			time.Sleep(mesh.NoticeAfter)
			r.m.Step(notice)
		}()
	case fault.Graceful:
		r.stopGracefully()
	default:
		r.KillPod()
		r.m.removed(r.pod)
	}
	return processes, keys
}

func (r *replica) stopGracefully() {
	stopped, ended := make(chan struct{}), r.pod
	r.stopped = stopped
	if ended != nil {
		r.m.pods.end(ended)
	}
	go func() {
		defer close(stopped)
		r.StopPod(mesh.DefaultGrace)
	}()
	if ended != nil {
		go func() {
			<-stopped
			r.m.Step(func() { r.m.removed(ended) })
		}()
	}
}

// replace ends what lose has begun; a new pod starts when nothing else holds it
// down.
func (r *replica) replace(how string) {
	if how == fault.Silent {
		r.up[len(r.up)-1]()
		r.up = r.up[:len(r.up)-1]
	}
	if r.podDown--; r.podDown > 0 || r.gone {
		return
	}
	r.startPod()
}

func (r *replica) startPod() {
	if r.stopped != nil { // it may still be stopping
		r.KillPod()
		<-r.stopped
		r.stopped = nil
	}
	if r.m.pods != nil && !r.placePod() {
		return
	}
	r.keys = 0
	deploy.Must(r.StartPod(r.writerDown == 0))
	if r.etcdDown > 0 {
		r.Etcd.Kill()
	}
	r.updateAlarm()
}

// placePod gives a new pod an address, in place of the last one, or notes that it waits for one.
func (r *replica) placePod() bool {
	if r.pod != nil {
		r.m.pods.remove(r.pod) // the next pod is as good a use of its node as any
	}
	if r.pod = r.m.pods.place(r.name); r.pod == nil {
		r.m.awaitRoom(r)
	}
	return r.pod != nil
}

func (r *replica) stopWriter() (processes int64) {
	if r.writerDown++; r.writerDown > 1 || r.podDown > 0 {
		return 0
	}
	r.KillWriter()
	return 1
}

// restartWriter ends the writer and starts it again with another configuration, now or when
// nothing else holds it down. It returns how many processes end.
func (r *replica) restartWriter(configure func()) (processes int64) {
	processes = r.stopWriter()
	configure()
	id := r.m.Plan.Options.ClusterID
	if n := len(r.clusterIDs); n > 0 {
		id = r.clusterIDs[n-1]
	}
	r.SetClusterID(id)
	r.startWriter()
	return processes
}

func (r *replica) startWriter() {
	if r.writerDown--; r.writerDown == 0 && r.podDown == 0 {
		deploy.Must(r.StartWriter())
	}
}

// stopEtcd ends the etcd, whose data is gone with empty. It returns how many processes
// end, and how many keys are lost then.
func (r *replica) stopEtcd(empty bool) (processes, keys int64) {
	emptied := r.emptied
	r.emptied = r.emptied || empty
	r.etcdDown++
	if r.podDown > 0 {
		return 0, 0
	}
	if r.etcdDown == 1 {
		r.countKeys()
		r.Etcd.Kill()
		processes = 1
	}
	if !emptied {
		keys = r.keys
	}
	return processes, keys
}

func (r *replica) startEtcd() {
	if r.etcdDown--; r.etcdDown > 0 {
		return
	}
	if r.podDown == 0 {
		found := etcd.Kept
		if r.emptied {
			found = etcd.Lost
		}
		deploy.Must(r.Etcd.Start(found))
		r.updateAlarm()
	}
	r.emptied = false
}

// countKeys notes how many keys the etcd has that is about to end.
func (r *replica) countKeys() {
	if server := r.Etcd.Server(); server != nil {
		r.keys = server.Keys()
	}
}

// updateAlarm raises or disarms the alarm of the running etcd. The change goes
// through the etcd's log, which may be stalled, so that nobody waits for it; it
// fails if the etcd ends before it is applied, and is made again when the next one
// starts.
func (r *replica) updateAlarm() {
	server := r.Etcd.Server()
	switch {
	case server == nil:
	case r.noSpace > 0:
		r.alarmed = true
		go server.RaiseNoSpace(context.Background()) //nolint:errcheck
	case r.alarmed:
		go server.DisarmNoSpace(context.Background()) //nolint:errcheck
	}
}

// setReady makes the replica enter or leave the endpoints of the Service.
func (r *replica) setReady(ready bool) {
	r.ready.Store(ready)
	if r.m.publisher == nil {
		r.m.recordReady(r.name, ready)
	}
	r.m.service.SetReady(r.name, ready)
}
