package mesh

// What one replica and one agent do, whatever else is in the mesh and however long
// the log is. The actions of the model are made of these steps, and so is the
// behaviour that package checker/tracevalidation looks for in a history: what the model
// says cannot differ from what a run of Cilium's code is held against.
//
// A step that is not enabled leaves everything as it was and says why not.

// Log is what the kube-apiserver has acknowledged, in order: the write at
// resourceVersion rv is the entry rv-1.
type Log []Write

// Refusal is why a step is not enabled, as a clause without its subject. It is
// empty if the step was taken.
type Refusal string

// The refusals.
const (
	noPod       Refusal = "has no pod"
	hasPod      Refusal = "has a pod already"
	noWriter    Refusal = "has no writer that has listed"
	hasWriter   Refusal = "has a writer that has listed"
	cutOff      Refusal = "is cut off from the kube-apiserver"
	upToDate    Refusal = "has delivered every write already"
	hasSource   Refusal = "reads a replica already"
	noSource    Refusal = "reads no replica"
	unreachable Refusal = "finds no canary there"
	fenced      Refusal = "has seen a later write than the replica has"
	hearsNobody Refusal = "waits for a revision that this etcd has yet to reach"
	hasWatch    Refusal = "watches already"
	noWatch     Refusal = "has not listed"
	sawAll      Refusal = "has seen every write already"
)

// truth returns what was true at a resourceVersion.
func (l Log) truth(rv uint8) (e entries) {
	for i := uint8(1); i <= rv; i++ {
		if w := l[i-1]; w.Delete {
			e[w.Address] = 0
		} else {
			e[w.Address] = i
		}
	}
	return e
}

// Start is a new pod, with an empty etcd, whose writer lists.
func (p *Replica) Start(l Log) Refusal {
	if p.Phase != Lost {
		return hasPod
	}
	p.list(l, false)
	return ""
}

// WriterLists is the list of a writer that starts beside an etcd with content.
// With sweep it deletes what is not in the list.
func (p *Replica) WriterLists(l Log, sweep bool) Refusal {
	switch {
	case p.Phase == Lost:
		return noPod
	case p.Phase == Serving:
		return hasWriter
	case p.Cut:
		return cutOff
	}
	p.list(l, sweep)
	return ""
}

// list makes a replica's etcd what a list of the kube-apiserver says. Without a
// sweep, keys stay that an earlier writer left there and that are not in the list.
func (p *Replica) list(l Log, sweep bool) {
	before := p.Etcd
	p.Phase, p.RV = Serving, uint8(len(l))
	p.Etcd = l.truth(p.RV)
	for address, created := range before {
		if p.Etcd[address] == 0 && !sweep {
			p.Etcd[address] = created
		}
	}
}

// Deliver is the replica's watch: it delivers the next write.
func (p *Replica) Deliver(l Log) Refusal {
	switch {
	case p.Phase == Lost:
		return noPod
	case p.Phase != Serving:
		return noWriter
	case p.Cut:
		return cutOff
	case int(p.RV) >= len(l): // beyond it: of what a history says happened after its end
		return upToDate
	}
	p.RV++
	w := l[p.RV-1]
	p.Etcd[w.Address] = 0
	if !w.Delete {
		p.Etcd[w.Address] = p.RV
	}
	return ""
}

// RestartWriter is the loss of the writer, and not of the etcd beside it.
func (p *Replica) RestartWriter() Refusal {
	switch p.Phase {
	case Lost:
		return noPod
	case Writerless:
		return noWriter
	}
	p.Phase = Writerless
	return ""
}

// Crash is the loss of the pod and its etcd, or of the etcd's content in the same
// pod.
func (p *Replica) Crash() Refusal {
	if p.Phase == Lost {
		return noPod
	}
	*p = Replica{}
	return ""
}

// Connect is the agent's connection with a replica that has the number at, beside
// whatever other source it has. The agent must be unconnected, that is have no etcd to
// read from.
func (g *Agent) Connect(at int, p *Replica, unconnected bool) Refusal {
	if !unconnected {
		return hasSource
	}
	if refused := g.accepts(p); refused != "" {
		return refused
	}
	g.At, g.Deaf = uint8(at+1), false
	return ""
}

// accepts reports whether the agent may read from the replica.
func (g *Agent) accepts(p *Replica) Refusal {
	switch {
	case !p.reachable():
		return unreachable
	case p.RV < g.Fence:
		return fenced
	}
	return ""
}

// Leave is the end of the agent's connection.
func (g *Agent) Leave() { g.At, g.Deaf = 0, false }

// Listens reports whether the agent's watch of a replica's etcd delivers.
func (g *Agent) Listens() Refusal {
	switch {
	case g.At == 0:
		return noSource
	case g.Deaf:
		return hearsNobody
	}
	return ""
}

// List is the agent's list of the persistent truth, of which l is what there is, and the
// beginning of its watch. The agent must be unconnected.
func (g *Agent) List(l Log, unconnected bool) Refusal {
	switch {
	case g.CRD != 0:
		return hasWatch
	case !unconnected:
		return hasSource
	}
	g.Leave()
	g.CRD = uint8(len(l))
	return ""
}

// Watch is the agent's watch of the persistent truth: it delivers the next write.
func (g *Agent) Watch(l Log) Refusal {
	switch {
	case g.CRD == 0:
		return noWatch
	case int(g.CRD) >= len(l):
		return sawAll
	}
	g.CRD++
	return ""
}

// StopWatch is the end of the agent's watch of the persistent truth.
func (g *Agent) StopWatch() { g.CRD = 0 }

// Sources is what the agent's sources say: CRDs, as far as its watch of them has
// come, and p, the replica that it reads, nil if none. With two sources an address
// belongs to whom the etcd says, and if it says nothing, to whom the CRDs say.
func (g *Agent) Sources(l Log, p *Replica) (view entries) {
	if g.CRD != 0 {
		view = l.truth(g.CRD)
	}
	if p != nil {
		view.overlay(p.Etcd)
	}
	return view
}

// SourcesCRDsFirst is what the agent's sources say if an address belongs to whom the CRDs say, and if
// they say nothing, to whom the etcd says.
func (g *Agent) SourcesCRDsFirst(l Log, p *Replica) (view entries) {
	if p != nil {
		view = p.Etcd
	}
	if g.CRD != 0 {
		view.overlay(l.truth(g.CRD))
	}
	return view
}

// overlay gives each address to whom others say, if they say anything.
func (e *entries) overlay(others entries) {
	for address, created := range others {
		if created != 0 {
			e[address] = created
		}
	}
}

// Orphaned is what becomes of the agent when the etcd that it reads is emptied in
// the same pod: it takes it for the same store and waits there, or goes back to
// CRDs.
func (g *Agent) Orphaned() {
	g.Deaf = g.CRD == 0
	if !g.Deaf {
		g.At = 0
	}
}
