package mesh

// State is everything that the model knows at one instant. Parts beyond the
// bounds, and parts that a mode does not use, stay zero.
type State struct {
	RV       uint8            // of the kube-apiserver: the number of acknowledged writes
	Log      [maxWrites]Write // of which the first RV are used
	Faults   uint8            // that have happened
	Replicas [maxReplicas]Replica
	Agents   [maxAgents]Agent
}

// entries are what a view or an etcd says of each address: the resourceVersion of
// the write that created the pod to which it belongs, or zero for nothing.
type entries [maxObjects]uint8

// phase is what becomes of a replica's pod.
type phase uint8

const (
	Lost       phase = iota // no pod; its etcd is gone
	Serving                 // writer and etcd at work
	Writerless              // the etcd serves what it has; the writer is starting
)

// Replica is one replica of the ClusterMesh API server.
type Replica struct {
	Phase phase
	RV    uint8 // the write that its watch delivered last; in the canary, with a fence
	Etcd  entries

	Identities uint8  // central: as RV, for the watch of identities, where RV is that of endpoints
	Held       uint16 // direct: the writes that its etcd has, as bits
	Cut        bool   // heartbeat: its connection with the kube-apiserver is dead
	Quiet      bool   // heartbeat: it sends none, so that agents keep away
}

// reachable reports whether an agent can read the replica's etcd, its canary
// included.
func (r *Replica) reachable() bool { return r.Phase != Lost && !r.Quiet }

// Agent is an agent and the datapath of its host.
type Agent struct {
	At    uint8   // the replica that it reads from, plus one; zero: none
	Deaf  bool    // its watch waits for a revision that this etcd has yet to reach
	CRD   uint8   // the write that its watch of CRDs delivered last; zero: no such watch
	Fence uint8   // it refuses a replica that has not reached this write
	View  entries // in the datapath, too: survives a restart of the agent

	// Seen is, by address, the latest write of which the view has ever shown the
	// effect. It is there for the property monotonic; no action depends on it.
	Seen entries
}

// Write is a write that the kube-apiserver has acknowledged, or in mode direct a
// replica: a pod is created with an address, or is deleted, which frees it.
type Write struct {
	Pod, Address uint8
	Delete       bool
}

// at returns the write with a resourceVersion from 1 to s.RV.
func (s *State) at(rv uint8) Write { return s.Log[rv-1] }

// truth returns what was true at a resourceVersion.
func (s *State) truth(rv uint8) entries { return s.log().truth(rv) }

// log is what has been acknowledged by now.
func (s *State) log() Log { return s.Log[:s.RV] }

// deleted returns the resourceVersion at which the pod that the write created was
// deleted, or zero if it lives.
func (s *State) deleted(created uint8) uint8 {
	pod := s.at(created).Pod
	for i := created + 1; i <= s.RV; i++ {
		if w := s.at(i); w.Pod == pod {
			return i
		}
	}
	return 0
}

// genuine reports whether the kube-apiserver ever said that the address belongs to
// the pod that the write created.
func (s *State) genuine(address int, created uint8) bool {
	return created <= s.RV && s.at(created) == Write{Pod: s.at(created).Pod, Address: uint8(address)}
}
