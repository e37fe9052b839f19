package fault

import (
	"fmt"
	"strconv"
	"strings"
)

// checkFaults returns the first fault that cannot happen. Two faults that would
// undo each other may not overlap: a process that is down cannot stop again, and
// healing one of two cuts of a link would leave open whether the other holds.
func checkFaults(p *Plan, _ given) *flaw {
	previous := Duration(0)
	busy := map[string]int{} // what a fault occupies -> the last fault that did
	for i := range p.Faults {
		f, path := &p.Faults[i], "faults["+strconv.Itoa(i)+"]"
		if problem := checkTime(p, path+".at", f.At, previous); problem != nil {
			return problem
		}
		previous = f.At
		if problem := checkFault(p.Topology, path, f); problem != nil {
			return problem
		}
		occupied := f.occupies()
		if last, found := busy[occupied]; found {
			if end := p.Faults[last].At + p.Faults[last].For; f.At < end {
				return flawf(path+".at", "%s: faults[%d] lasts until %s, and the two would undo each other", occupied, last, end)
			}
		}
		busy[occupied] = i
	}
	return nil
}

func checkFault(t Topology, path string, f *Fault) *flaw {
	shape, known := shapes[f.Kind]
	if !known {
		return flawf(path+".kind", "the kind %s does not exist; the kinds are %s", quote(string(f.Kind)), kindNames())
	}
	if problem := checkHost(t, path+".target", f.Target); problem != nil {
		return problem
	}
	if !strings.Contains(shape.targets, f.Target[:1]) {
		return flawf(path+".target", "a %s does not happen to %s, only to %s", f.Kind, f.Target, hostKinds(shape.targets))
	}
	if problem := checkPeer(t, path, f, shape); problem != nil {
		return problem
	}
	switch {
	case f.For < 0:
		return flawf(path+".for", "found %s; a fault cannot last less than no time", f.For)
	case shape.lasts && f.For == 0:
		return flawf(path+".for", "a %s needs a length, such as \"30s\"", f.Kind)
	case !shape.lasts && f.For != 0:
		return flawf(path+".for", "a %s happens at one instant and has no length", f.Kind)
	case f.OneWay && f.Kind != Partition:
		return flawf(path+".oneWay", "only a %s can be one-way", Partition)
	case f.Lag < 0:
		return flawf(path+".lag", "found %s; a cache cannot be ahead of its store", f.Lag)
	case f.Lag != 0 && f.Kind != KubeRestart:
		return flawf(path+".lag", "only a %s has a lag", KubeRestart)
	}
	return nil
}

func checkPeer(t Topology, path string, f *Fault, shape shape) *flaw {
	if !shape.link {
		if f.Peer != "" {
			return flawf(path+".peer", "a %s concerns one host and has no peer", f.Kind)
		}
		return nil
	}
	if problem := checkHost(t, path+".peer", f.Peer); problem != nil {
		return problem
	}
	pair := f.Target[:1] + f.Peer[:1]
	if !strings.Contains("ar ra rk kr wk kw", pair) {
		return flawf(path+".peer", "%s and %s never talk; agents talk to replicas, and replicas and w0 to kube-apiservers", f.Target, f.Peer)
	}
	return nil
}

// A shape says which fields a kind of fault uses.
type shape struct {
	targets string // the letters of the hosts that it can happen to
	link    bool   // it concerns a link and has a peer
	lasts   bool   // it has a length
}

var shapes = map[Kind]shape{
	ReplicaLoss:   {targets: "r", lasts: true},
	WriterRestart: {targets: "r", lasts: true},
	Partition:     {targets: "kraw", link: true, lasts: true},
	BlackHole:     {targets: "kraw", link: true, lasts: true},
	Reset:         {targets: "kraw", link: true},
	Pause:         {targets: "kraw", lasts: true},
	AgentRestart:  {targets: "a", lasts: true},
	KubeRestart:   {targets: "k", lasts: true},
}

// Kinds are the kinds of faults, in the order of their declaration.
var Kinds = []Kind{ReplicaLoss, WriterRestart, Partition, BlackHole, Reset, Pause, AgentRestart, KubeRestart}

func kindNames() string {
	names := make([]string, len(Kinds))
	for i, kind := range Kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// occupies names what the fault holds while it lasts: a process or a link.
func (f *Fault) occupies() string {
	switch f.Kind {
	case ReplicaLoss, WriterRestart, AgentRestart, KubeRestart:
		return f.Target + " is already down"
	case Pause:
		return f.Target + " is already paused"
	}
	if f.Kind == Reset {
		return "reset" // lasts no time, so it never meets another
	}
	return fmt.Sprintf("the link between %s and %s is already cut", min(f.Target, f.Peer), max(f.Target, f.Peer))
}

func checkHost(t Topology, path, host string) *flaw {
	counts := map[string]int{"k": t.APIServers, "r": t.Replicas, "a": t.Agents, "w": 1}
	if host == "" {
		return flawf(path, "the host is missing; hosts are named k0, r0, a0 and so on, and w0")
	}
	count, known := counts[host[:1]]
	number, err := strconv.Atoi(host[1:])
	if !known || err != nil || host != host[:1]+strconv.Itoa(number) {
		return flawf(path, "%s is not a host; hosts are named k0, r0, a0 and so on, and w0", quote(host))
	}
	if number < 0 || number >= count {
		return flawf(path, "the host %s does not exist; the plan has %s", host, hostRange(host[:1], count))
	}
	return nil
}

func hostRange(letter string, count int) string {
	if count == 1 {
		return "only " + letter + "0"
	}
	return fmt.Sprintf("%s0 to %s%d", letter, letter, count-1)
}

func hostKinds(letters string) string {
	return map[string]string{"r": "replicas (r0, ...)", "a": "agents (a0, ...)", "k": "kube-apiservers (k0, ...)"}[letters]
}

func hostName(letter string, number int) string { return letter + strconv.Itoa(number) }
