package index

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Outage is a time in which an agent that is up has no source: what is written meanwhile
// cannot reach it.
type Outage struct {
	From, To time.Duration // Forever if it lasts to the end of the run or of the agent
	Record   int32         // with which it began
	Why      Lack          // what was missing first
	Server   string        // that the agent was connected with when it began; "" if with none
}

// Lack is what an agent without a source is missing.
type Lack string

const (
	NoConnection  Lack = "no connection"       // it is connected with no server
	ServerGone    Lack = "server gone"         // the server's process, or the store that it had, is gone
	CutOff        Lack = "cut off"             // nothing that the server sends arrives
	WriterGone    Lack = "writer gone"         // the process that fills the server's store is down
	WriterFrozen  Lack = "writer frozen"       // it lives and does nothing
	WriterCutOff  Lack = "writer cut off"      // no kube-apiserver can reach it
	HasSource     Lack = ""                    // nothing
	NotUp         Lack = "the agent is not up" // of an agent that has no outage
	processWriter      = "writer"              // as history.Up has it
	processEtcd        = "etcd"                // likewise
	processKube        = "kube"                // likewise
	processAgent       = "agent"               // likewise
)

// World is which processes are up, who is connected and what faults are in force at a
// record, as far as it decides who can hear of what.
type World struct {
	up      map[[2]string]bool // by process and host
	ever    map[[2]string]bool
	stores  map[string]string   // of the etcd that is up, by host
	hosts   map[string][]string // by process, in order of their first start
	readers map[string]*Reader  // by agent
	counts  map[string][]string // by agent with several sources: those that count
	kube    kubeReaders
	served  kubeReaders     // of Services, which agents read from kube-apiservers in every mode
	ready   map[string]bool // replicas in the endpoints of the Service
	inForce []force
	next    int // in the index's faults
	faults  []*Fault
}

// force is a fault that has begun, and may have been lifted since: what it did to the
// connections of then lasts.
type force struct {
	*Fault
	lifted bool
}

// Reader is the connection of an agent: what an agent is connected with.
type Reader struct {
	Server, Store string
	Since         time.Duration
}

// NewWorld is the world before the first record.
func (x *Index) NewWorld() *World {
	return &World{up: map[[2]string]bool{}, ever: map[[2]string]bool{}, stores: map[string]string{}, hosts: map[string][]string{},
		readers: map[string]*Reader{}, counts: map[string][]string{}, kube: newKubeReaders(false), served: newKubeReaders(true), ready: map[string]bool{}, faults: x.Faults}
}

// Apply takes the next record into account, and reports whether it changes what World says.
func (w *World) Apply(r *history.Record) bool {
	_, _, kube := w.kube.apply(r)
	_, _, served := w.served.apply(r)
	switch r.Verb {
	case history.Up, history.Down:
		w.process(r)
	case history.Connect:
		w.readers[r.Actor] = &Reader{r.Peer, r.Store, r.At}
	case history.Disconnect:
		delete(w.readers, r.Actor)
	case history.Reading:
		w.counts[r.Actor] = strings.Split(r.Value, ",")
	case history.Ready, history.Unready:
		if r.Kind == "" {
			w.ready[r.Actor] = r.Verb == history.Ready
		}
	case history.Fault:
		w.inForce = append(w.inForce, force{Fault: w.faults[w.next]})
		w.next++
	case history.Heal:
		w.lift(r.Rev)
	default:
		return kube || served
	}
	return true
}

func (w *World) lift(number int64) {
	for i := range w.inForce {
		if w.inForce[i].Number == number {
			w.inForce[i].lifted = true
		}
	}
	w.inForce = slices.DeleteFunc(w.inForce, func(f force) bool { return f.lifted && !f.Is(disturb.ConnectionsDead) })
}

func (w *World) process(r *history.Record) {
	p := [2]string{r.Kind, r.Actor}
	if w.up[p] = r.Verb == history.Up; w.up[p] && !w.ever[p] {
		w.ever[p] = true
		w.hosts[r.Kind] = append(w.hosts[r.Kind], r.Actor)
	}
	switch {
	case r.Kind == processEtcd && r.Verb == history.Up:
		w.stores[r.Actor] = r.Store
	case r.Kind == processAgent:
		delete(w.readers, r.Actor)
		delete(w.counts, r.Actor)
	}
}

// Up reports whether a process is up.
func (w *World) Up(process, host string) bool { return w.up[[2]string{process, host}] }

// gone reports whether a process was up and is not: a history may not tell of its start.
func (w *World) gone(process, host string) bool {
	return w.ever[[2]string{process, host}] && !w.Up(process, host)
}

// Connection returns the replica that an agent is connected with; false if it is with none.
func (w *World) Connection(agent string) (Reader, bool) {
	if c := w.readers[agent]; c != nil {
		return *c, true
	}
	return Reader{}, false
}

// Ready returns the replicas in the endpoints of the Service, in order of name.
func (w *World) Ready() (all []string) {
	for _, replica := range slices.Sorted(maps.Keys(w.ready)) {
		if w.ready[replica] {
			all = append(all, replica)
		}
	}
	return all
}

// Disturbed reports whether a fault is in force that strikes a host, or has a host for its peer.
func (w *World) Disturbed(host string, at time.Duration) bool {
	return slices.ContainsFunc(w.inForce, func(f force) bool { return !f.lifted && at < f.To && f.Strikes(host) })
}

// Latest returns the fault that began last.
func (w *World) Latest() *Fault { return w.faults[w.next-1] }

// Strikes reports whether a fault strikes a host, has it for its peer, or strikes another
// member of its etcd.
func (f *Fault) Strikes(host string) bool {
	return slices.Contains(f.Hosts, host) || slices.Contains(f.Peers, host) || slices.Contains(f.Members, host)
}

// Lacks returns what keeps an agent from having a source now, and the server
// that it is connected with.
func (w *World) Lacks(agent string) (Lack, string) {
	if !w.Up(processAgent, agent) {
		return NotUp, ""
	}
	if w.counts[agent] == nil {
		if c := w.readers[agent]; c != nil {
			return w.ofReplica(agent, c), c.Server
		}
		return w.lacksIn(w.kube.open[agent], agent)
	}
	var lack Lack
	var server string
	for i, source := range w.counts[agent] { // one that has what it needs is enough
		why, of := w.LacksReplica(agent)
		if source == string(mode.FromAPIServer) {
			why, of = w.lacksIn(w.kube.open[agent], agent)
		}
		if i == 0 || why == HasSource {
			lack, server = why, of
		}
		if why == HasSource {
			break
		}
	}
	return lack, server
}

// LacksReplica is Lacks for the replica that an agent reads, whatever else it reads.
func (w *World) LacksReplica(agent string) (Lack, string) {
	if !w.Up(processAgent, agent) {
		return NotUp, ""
	}
	if c := w.readers[agent]; c != nil {
		return w.ofReplica(agent, c), c.Server
	}
	return NoConnection, ""
}

// LacksServices returns what keeps an agent from having a source of Services now, and the
// server where it watches them.
func (w *World) LacksServices(agent string) (Lack, string) {
	if !w.Up(processAgent, agent) {
		return NotUp, ""
	}
	return w.lacksIn(w.served.open[agent], agent)
}

// lacksIn returns what keeps an agent from being told by one of its watches.
func (w *World) lacksIn(watches map[int64]kubeWatch, agent string) (Lack, string) {
	lack, first := NoConnection, ""
	for _, id := range slices.Sorted(maps.Keys(watches)) {
		watch, why := watches[id], HasSource
		switch {
		case w.gone(processKube, watch.server):
			why = ServerGone
		case w.Cut(watch.server, agent, watch.since):
			why = CutOff
		}
		switch {
		case why == HasSource:
			return HasSource, watch.server
		case first == "":
			lack, first = why, watch.server
		}
	}
	return lack, first
}

// ofReplica returns what is missing on the way from the kube-apiservers to an agent.
func (w *World) ofReplica(agent string, c *Reader) Lack {
	switch {
	case w.gone(processEtcd, c.Server), w.Up(processEtcd, c.Server) && w.stores[c.Server] != c.Store:
		return ServerGone
	case w.Cut(c.Server, agent, c.Since):
		return CutOff
	}
	return w.Filled(c.Server)
}

// Filled returns what keeps the store of a replica from being filled.
func (w *World) Filled(replica string) Lack {
	if w.gone(processWriter, replica) {
		return WriterGone
	}
	if w.Frozen(replica) {
		return WriterFrozen
	}
	for _, kube := range w.hosts[processKube] {
		if w.Up(processKube, kube) && !w.Cut(kube, replica, Forever) {
			return HasSource
		}
	}
	if len(w.hosts[processKube]) == 0 { // the history tells of none
		return HasSource
	}
	return WriterCutOff
}

// Frozen reports whether the writer of a replica lives and does nothing.
func (w *World) Frozen(replica string) bool {
	return slices.ContainsFunc(w.inForce, func(f force) bool {
		return f.Is(disturb.WriterFrozen) && !f.lifted && slices.Contains(f.Hosts, replica)
	})
}

// Cut reports whether what one host sends another now is lost, on a connection that they
// have since an instant.
func (w *World) Cut(from, to string, since time.Duration) bool {
	return slices.ContainsFunc(w.inForce, func(f force) bool { return f.cuts(from, to, since) })
}

func (f force) cuts(from, to string, since time.Duration) bool {
	of := func(host string) bool { return slices.Contains(f.Hosts, host) }
	peer := func(host string) bool { return slices.Contains(f.Peers, host) }
	between := of(from) && peer(to) || of(to) && peer(from)
	if len(f.Peers) == 0 {
		between = of(from) != of(to)
	}
	switch {
	case f.Is(disturb.ConnectionsDead) && between && since <= f.From:
		return true
	case f.lifted:
		return false
	case f.Is(disturb.Cut):
		return between
	case f.Is(disturb.CutOneWay):
		return of(from) && (peer(to) || len(f.Peers) == 0 && !of(to))
	case f.Is(disturb.CutRing):
		i, j := slices.Index(f.Hosts, from), slices.Index(f.Hosts, to)
		far := max(i, j) - min(i, j)
		return min(i, j) >= 0 && far > 1 && far < len(f.Hosts)-1
	}
	return false
}

// Outages returns those of each agent, by its number, in order: none if the history does not
// tell what agents are connected with. They are of all kinds of entries but Services and
// backends.
func (x *Index) Outages() [][]Outage { return x.outages((*World).Lacks) }

// ServiceOutages is Outages of Services and backends.
func (x *Index) ServiceOutages() [][]Outage { return x.outages((*World).LacksServices) }

func (x *Index) outages(lacks func(w *World, agent string) (Lack, string)) [][]Outage {
	all := make([][]Outage, len(x.Views.Agents))
	if !slices.ContainsFunc(x.Views.Marks, func(m Mark) bool { return m.What == Connected }) {
		return all
	}
	open := make([]bool, len(all))
	w := x.NewWorld()
	for i := range x.Records {
		r := &x.Records[i]
		if !w.Apply(r) {
			continue
		}
		for a, name := range x.Views.Agents {
			switch why, server := lacks(w, name); {
			case open[a] && (why == HasSource || why == NotUp):
				all[a][len(all[a])-1].To = r.At
				open[a] = false
			case !open[a] && why != HasSource && why != NotUp:
				open[a] = true
				starts := r.Verb == history.Up && r.Actor == name
				if last := len(all[a]) - 1; last >= 0 && all[a][last].To == r.At && !starts { // a source of no time is none
					all[a][last].To = Forever
					continue
				}
				all[a] = append(all[a], Outage{From: r.At, To: Forever, Record: int32(i), Why: why, Server: server})
			}
		}
	}
	return all
}
