package fault

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// checkFaults returns the first fault that cannot happen. Faults may overlap: a
// process that two faults hold down starts when both have ended, and a link that
// two faults cut is whole again when both have ended.
func checkFaults(p *Plan, _ Given) *flaw {
	previous := Duration(0)
	for i := range p.Faults {
		f, path := &p.Faults[i], "faults["+strconv.Itoa(i)+"]"
		if problem := checkTime(p, path+".at", f.At, previous); problem != nil {
			return problem
		}
		previous = f.At
		if problem := checkFault(p, path, f); problem != nil {
			return problem
		}
	}
	return checkScale(p)
}

func checkFault(p *Plan, path string, f *Fault) *flaw {
	spec, known := specs[f.Kind]
	if !known {
		return flawf(path+".kind", "the kind %s does not exist; the kinds are %s", strictjson.Quote(string(f.Kind)), kindNames())
	}
	if f.When != nil {
		if problem := checkTrigger(p, path+".when", f.When); problem != nil {
			return problem
		}
	}
	for _, check := range []func(*Plan, string, *Fault, *Spec) *flaw{checkTargets, checkNeeds, checkPeer, checkFields} {
		if problem := check(p, path, f, spec); problem != nil {
			return problem
		}
	}
	return nil
}

func checkTargets(p *Plan, path string, f *Fault, spec *Spec) *flaw {
	if len(spec.Targets) == 0 {
		if f.Target != "" {
			return flawf(path+".target", "a %s has no target", f.Kind)
		}
		if len(f.Targets) > 0 {
			return flawf(path+".targets", "a %s has no targets", f.Kind)
		}
		return nil
	}
	switch {
	case f.Target != "" && len(f.Targets) > 0:
		return flawf(path+".targets", "target and targets exclude each other")
	case spec.Group == One && len(f.Targets) > 0:
		return flawf(path+".targets", "a %s happens to one host, named in target", f.Kind)
	case spec.Group == Many && len(f.Targets) == 0:
		return flawf(path+".targets", "a %s needs targets, a list of hosts", f.Kind)
	}
	if spec.Group == One || f.Target != "" {
		return checkTarget(p, path+".target", f.Target, f.Kind, spec)
	}
	if len(f.Targets) == 0 {
		return flawf(path+".target", "the host is missing; %s", hostNaming)
	}
	for i, host := range f.Targets {
		if problem := checkTarget(p, fmt.Sprintf("%s.targets[%d]", path, i), host, f.Kind, spec); problem != nil {
			return problem
		}
		if slices.Contains(f.Targets[:i], host) {
			return flawf(fmt.Sprintf("%s.targets[%d]", path, i), "the host %s is named twice", host)
		}
	}
	if fewest := spec.fewest(); len(f.Targets) < fewest {
		return flawf(path+".targets", "a ring of %d hosts cuts nothing; want at least %d", len(f.Targets), fewest)
	}
	return nil
}

func checkNeeds(p *Plan, path string, f *Fault, spec *Spec) *flaw {
	if spec.Etcd && p.Topology.Replicas+p.Topology.Etcds == 0 {
		return flawf(path+".kind", "%s needs replicas or a shared etcd; the plan has none", f.Kind.withArticle())
	}
	if spec.Needs != "" && p.Topology.count(spec.Needs) == 0 {
		return flawf(path+".kind", "%s needs %s; the plan has none", f.Kind.withArticle(), spec.Needs.Plural())
	}
	return nil
}

func checkTarget(p *Plan, path, host string, kind Kind, spec *Spec) *flaw {
	if problem := checkHost(p, path, host); problem != nil {
		return problem
	}
	if !spec.Targets.has(host) {
		return flawf(path, "a %s does not happen to %s, only to %s", kind, host, spec.Targets.enumerate())
	}
	return nil
}

func checkPeer(p *Plan, path string, f *Fault, spec *Spec) *flaw {
	switch {
	case !spec.Link && len(spec.Peers) == 0 && f.Peer != "":
		return flawf(path+".peer", "a %s has no peer", f.Kind)
	case !spec.Link && f.Peer == "":
		return nil
	}
	if problem := checkHost(p, path+".peer", f.Peer); problem != nil {
		return problem
	}
	if len(spec.Peers) > 0 {
		if !spec.Peers.has(f.Peer) {
			return flawf(path+".peer", "the peer of a %s is one of %s, not %s", f.Kind, spec.Peers.enumerate(), f.Peer)
		}
		return nil
	}
	inSome := func(m mode.Mode) bool { return m.Talk(mode.RoleOf(f.Target), mode.RoleOf(f.Peer)) }
	if f.Target == f.Peer || !p.Talk(mode.RoleOf(f.Target), mode.RoleOf(f.Peer)) && !slices.ContainsFunc(mode.Simulated(), inSome) {
		return flawf(path+".peer", "%s and %s never talk; %s", f.Target, f.Peer, p.InMode().DescribeLinks())
	}
	return nil
}

// mostTimes is how often a fault can come.
const mostTimes = 100

func checkFields(plan *Plan, path string, f *Fault, spec *Spec) *flaw {
	switch {
	case f.For < 0:
		return flawf(path+".for", "found %s; a fault cannot last less than no time", f.For)
	case spec.Lasts == Needed && f.For == 0:
		return flawf(path+".for", "a %s needs a length, such as \"30s\"", f.Kind)
	case spec.Lasts == Instant && f.For != 0:
		return flawf(path+".for", "a %s has no length", f.Kind)
	case (f.Times != 0 || f.Every != 0) && !spec.Repeats:
		return flawf(path+".times", "a %s cannot be repeated", f.Kind)
	case f.Times != 0 && (f.Times < 2 || f.Times > mostTimes):
		return flawf(path+".times", "found %d; want 2 to %d, or nothing for once", f.Times, mostTimes)
	case f.Times == 0 && f.Every != 0:
		return flawf(path+".times", "every is there, and how often is missing")
	case f.Times != 0 && f.Every <= f.For:
		return flawf(path+".every", "found %s; want more than the %s that each one lasts", f.Every, f.For)
	case f.How != "" && len(spec.Hows) == 0:
		return flawf(path+".how", "a %s has no how", f.Kind)
	case f.How != "" && !slices.Contains(spec.Hows, f.How):
		return flawf(path+".how", "found %s; want one of %s", strictjson.Quote(f.How), strings.Join(spec.Hows, ", "))
	}
	if f.Kind == WriterClusterID && plan.Options.ClusterID <= 255 && f.ClusterID > 255 {
		return flawf(path+".clusterID", "found %d; want 1 to 255, as the plan's cluster ID is not above that", f.ClusterID)
	}
	for _, p := range params {
		i := slices.IndexFunc(spec.Uses, func(u Use) bool { return u.name == p.name })
		if i < 0 {
			if p.Get(f) != 0 {
				return flawf(path+"."+p.name, "a %s has no %s", f.Kind, p.name)
			}
			continue
		}
		if problem := spec.Uses[i].check(path, f); problem != nil {
			return problem
		}
	}
	return nil
}

// checkScale counts the replicas over time, taking a fault with a trigger as if
// it began at its At.
func checkScale(p *Plan) *flaw {
	type step struct {
		at     Duration
		fault  int
		change int
	}
	var steps []step
	for i := range p.Faults {
		f := &p.Faults[i]
		change := map[Kind]int{ScaleUp: f.Count, ScaleDown: -f.Count, ReplicaGone: -1}[f.Kind]
		steps = append(steps, step{f.At, i, change})
		if f.For > 0 {
			steps = append(steps, step{min(f.At+f.For, p.Churn), i, -change})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	left := p.Topology.Replicas
	for _, s := range steps {
		if left += s.change; left < 0 {
			f := &p.Faults[s.fault]
			return flawf(fmt.Sprintf("faults[%d].at", s.fault), "at %s the world has only %s left, so a %s would leave %d", s.at, text.Count(left-s.change, "replica"), f.Kind, left)
		}
	}
	if m := p.InMode(); left == 0 && m.Runs(mode.Replica) && !m.HandsOver() {
		return flawf("faults", "after the heal no replica would be left, so that no view could converge; give a fault that takes replicas a length")
	}
	return nil
}

func kindNames() string {
	names := make([]string, len(Specs))
	for i := range Specs {
		names[i] = string(Specs[i].Kind)
	}
	return strings.Join(names, ", ")
}

const hostNaming = "hosts are named k0, r0, e0, a0, o0 and so on, and w0"

// checkHost checks that a host exists, perhaps only after a fault has added it.
func checkHost(p *Plan, path, host string) *flaw {
	if host == "" {
		return flawf(path, "the host is missing; %s", hostNaming)
	}
	role, number, err := mode.ParseHost(host)
	if err != nil {
		return flawf(path, "%s is not a host; %s", strictjson.Quote(host), hostNaming)
	}
	if count := p.Hosts(role); number >= count {
		return flawf(path, "the host %s does not exist; the plan has %s", host, hostRange(role, count))
	}
	return nil
}

// Hosts returns how many hosts there are of a role, those included that faults
// add: each upgrade replaces as many replicas as there can be.
func (p *Plan) Hosts(role mode.Role) int {
	n := p.Topology.count(role)
	if role != mode.Replica {
		return n
	}
	upgrades := 0
	for i := range p.Faults {
		switch f := &p.Faults[i]; f.Kind {
		case ScaleUp:
			n += max(0, f.Count)
		case RollingUpgrade:
			upgrades++
		}
	}
	return n * (1 + upgrades)
}

// count returns how many hosts of a role there are at the start.
func (t Topology) count(role mode.Role) int {
	if role == mode.Client {
		return 1
	}
	if n := t.Count(role); n != nil {
		return *n
	}
	return 0
}

// Count is where the topology says how many hosts of a role there are; nil for a role
// of which that is not for the plan to say.
func (t *Topology) Count(role mode.Role) *int {
	switch role {
	case mode.APIServer:
		return &t.APIServers
	case mode.Replica:
		return &t.Replicas
	case mode.Etcd:
		return &t.Etcds
	case mode.Agent:
		return &t.Agents
	case mode.Operator:
		return &t.Operators
	}
	return nil
}

func hostRange(role mode.Role, count int) string {
	switch count {
	case 0:
		return "none of its kind"
	case 1:
		return "only " + role.Host(0)
	}
	return role.Host(0) + " to " + role.Host(count-1)
}

// enumerate describes the roles' hosts for a sentence.
func (r roles) enumerate() string {
	var list []string
	for _, role := range r {
		name := fmt.Sprintf("%s (%s, ...)", role.Plural(), role.Host(0))
		if role == mode.Client {
			name = "the workload's client (" + role.Host(0) + ")"
		}
		list = append(list, name)
	}
	if len(list) == 1 {
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// Fits reports whether the plan's faults are possible side by side.
func Fits(p *Plan) bool { return checkFaults(p, Given{}) == nil }
