package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
)

// When a storm's server is struck, and for how long it is away.
const (
	stormAt   = 10 * time.Second
	stormAway = 5 * time.Second
)

// StormOf is a load that agents' only server is struck in: a pod comes each second, for half a minute.
func StormOf(m string, kind fault.Kind, agents, pods, cores int) Shape {
	return Shape{
		Mode: m, Nodes: agents, Agents: agents, Replicas: 1, Slices: true, Deployments: 10, There: pods, Pods: 30, PerSecond: 1, WriterQPS: 50, Cores: cores, Fault: kind,
	}
}

// strike is what happens to the first server.
func (s Shape) strike() fault.Fault {
	f := fault.Fault{At: fault.Duration(stormAt), Kind: s.Fault, Target: mode.APIServer.Host(0)}
	if s.Fault == fault.ReplicaLoss {
		f.Target = mode.Replica.Host(0)
	}
	if s.Fault != fault.KubeExpire {
		f.For = fault.Duration(stormAway)
	}
	return f
}

// StormRuns are those of storms of so many agents, on servers with so many cores.
func StormRuns(agents, pods, cores int) (all []Run) {
	for _, of := range []struct {
		mode mode.Base
		kind fault.Kind
	}{{mode.ClusterMesh, fault.ReplicaLoss}, {mode.CRD, fault.KubeRestart}, {mode.CRD, fault.KubeExpire}} {
		all = append(all, Run{fmt.Sprintf("storm-%s-%d", of.kind, agents), StormOf(string(of.mode), of.kind, agents, pods, cores)})
	}
	return all
}

// Storm is what agents ask of servers from a fault on until they all have again what they watched before.
type Storm struct {
	Synced  report.Pool // of agents: from the fault on, until the last of their watches is there again, with what it begins with
	Asked   int         // requests and watches
	Lists   int         // of these, for all objects of a kind or all keys of a range
	Bytes   int64       // that agents were sent
	Missing int         // agents that never had all
}

// storms follows the watches of agents from the first fault on.
type storms struct {
	storm  *Storm
	asked  Storm                                // what has been asked since the fault
	open   map[int64]watched                    // by the number of the watch
	ended  map[watched]time.Duration            // when watches ended that are not open again
	begun  bool                                 // the fault has struck
	at     time.Duration                        // when
	agents map[string]map[watched]time.Duration // when each of what an agent watched is there again, or zero
	fills  map[int64]watched                    // watches whose initial state is being sent
}

// watched is what an agent watches.
type watched struct{ agent, kind, key string }

func newStorms() *storms {
	return &storms{
		storm: &Storm{Synced: report.Pool{Name: "fault, until an agent has again what it watches"}},
		open:  map[int64]watched{}, ended: map[watched]time.Duration{}, agents: map[string]map[watched]time.Duration{}, fills: map[int64]watched{},
	}
}

func (s *storms) add(r *history.Record) {
	if r.Verb == history.Fault && !s.begun {
		s.begin(r.At)
		return
	}
	if r.Peer == "" || mode.RoleOf(r.Peer) != mode.Agent {
		return
	}
	w := watched{r.Peer, r.Kind, r.Key}
	s.count(r)
	switch {
	case r.Verb == history.Watch:
		s.open[r.ID] = w
		if AsksInitial(r) {
			s.fills[r.ID] = w
		} else {
			s.has(w, r.At)
		}
	case r.Verb == history.Unwatch:
		delete(s.open, r.ID)
		delete(s.fills, r.ID)
		s.ended[w] = r.At
		if agent := s.agents[w.agent]; r.Value == expired && agent[w] != 0 {
			agent[w] = 0 // it has to list
		}
	case r.Verb == history.Event && EndsInitial(r):
		if filled, known := s.fills[r.ID]; known {
			delete(s.fills, r.ID)
			s.has(filled, r.At)
		}
	}
}

// expired is why a watch ends that asks for what a server does not know any more.
const expired = "expired"

// begin notes what agents watch when the fault begins, and what they watched until it ended that: a fault is recorded
// when it has taken effect.
func (s *storms) begin(at time.Duration) {
	s.begun, s.at = true, at
	for _, w := range s.open {
		s.want(w)
	}
	for w, end := range s.ended {
		if end >= at-faultTakes {
			s.want(w)
		}
	}
}

// faultTakes is longer than a fault takes to end processes.
const faultTakes = 100 * time.Millisecond

func (s *storms) want(w watched) {
	if s.agents[w.agent] == nil {
		s.agents[w.agent] = map[watched]time.Duration{}
	}
	s.agents[w.agent][w] = 0
}

// has notes that an agent watches something again.
func (s *storms) has(w watched, at time.Duration) {
	if since, wanted := s.agents[w.agent][w]; wanted && since == 0 {
		s.agents[w.agent][w] = at
		s.storm.Asked, s.storm.Lists, s.storm.Bytes = s.asked.Asked, s.asked.Lists, s.asked.Bytes
	}
}

// count counts what is asked since the fault.
func (s *storms) count(r *history.Record) {
	if !s.begun {
		return
	}
	switch r.Verb {
	case history.Request, history.Call:
		s.asked.Asked++
		if isList(r) {
			s.asked.Lists++
		}
	case history.Watch:
		s.asked.Asked++
		if AsksInitial(r) {
			s.asked.Lists++
		}
	}
	s.asked.Bytes += r.Bytes
}

// end is the storm, nil if there was none.
func (s *storms) end() *Storm {
	if !s.begun {
		return nil
	}
	for _, agent := range slices.Sorted(maps.Keys(s.agents)) {
		last, missing := time.Duration(0), false
		for _, at := range s.agents[agent] {
			last, missing = max(last, at), missing || at == 0
		}
		if missing {
			s.storm.Missing++
		} else {
			s.storm.Synced.AddDuration(last - s.at)
		}
	}
	return s.storm
}

// WriteStorm writes for each storm how long agents waited.
func WriteStorm(w io.Writer, results []*Result) error {
	t := &table{title: "From a fault of the only server, until agents have again what they watch",
		note: fmt.Sprintf("p50, p99 and max of agents, in seconds. A server that restarts is away for %s of it. Asked, lists and bytes: of agents, until the last has everything. "+
			"Work takes the time that was measured of real servers, without TLS (docs/plan.md, Capacity); agents compute in no time", text.Seconds(stormAway))}
	t.add("mode", "fault", "agents", "pods", "cores", "synced", "never", "asked", "lists", "MB", "pod known to all agents")
	for _, r := range results {
		cells := []string{r.Mode, string(r.Fault), text.Thousands(r.Agents), text.Thousands(r.There), coresOf(r.Cores)}
		if s := r.Storm; s == nil {
			cells = append(cells, "the fault did not strike")
		} else {
			cells = append(cells, quantiles(s.Synced), strconv.Itoa(s.Missing), text.Thousands(s.Asked), text.Thousands(s.Lists), text.Number(float64(s.Bytes)/1e6), quantiles(r.Reach))
		}
		t.add(cells...)
	}
	return writeTables(w, t)
}

func coresOf(n int) string {
	if n == 0 {
		return "computing takes no time"
	}
	return strconv.Itoa(n)
}
