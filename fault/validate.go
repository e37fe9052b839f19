package fault

import (
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/mode"
)

// The largest lengths that a plan may ask for. They keep a slip of the pen from
// becoming a run of a week.
const (
	longestPhase   = Duration(24 * time.Hour)
	longestLatency = Duration(10 * time.Second)
)

// validate returns the first reason why the plan cannot be run, in the order of
// the file form, or nil.
func validate(p *Plan) *flaw {
	if problem := form.CheckVersion(&p.Version); problem != nil {
		return problem
	}
	if !slices.Contains(mode.SimulatedNames(), p.Mode) {
		return flawf("mode", "the mode %s does not exist; the modes are %s", strictjson.Quote(p.Mode), strings.Join(mode.SimulatedNames(), ", "))
	}
	objects, problem := survey(p.Objects, p.Options.ClusterID)
	if problem != nil {
		return problem
	}
	for _, check := range []func(*Plan, Given) *flaw{checkTopology, checkNetwork, checkOptions, checkCapacity, checkAgents, checkPolicies, checkDiscovery, checkHandover, checkPhases, checkWorkload, checkFaults, checkStalls} {
		if problem := check(p, objects); problem != nil {
			return problem
		}
	}
	return nil
}

func checkTopology(p *Plan, objects Given) *flaw {
	t := p.Topology
	replicas := 1
	if !p.InMode().Runs(mode.Replica) {
		replicas = 0
	}
	etcds := 0
	if p.InMode().Runs(mode.Etcd) {
		etcds = 1
	}
	for _, count := range []struct {
		path        string
		n, min, max int
	}{
		{"topology.apiservers", t.APIServers, 1, 5},
		{"topology.replicas", t.Replicas, replicas, 16},
		{"topology.etcds", t.Etcds, etcds, 3},
		{"topology.agents", t.Agents, 1, 1000},
		{"topology.nodes", t.Nodes, 0, 10_000},
		{"topology.operators", t.Operators, 0, 2},
	} {
		if count.n < count.min || count.n > count.max {
			return flawf(count.path, "found %d; want %d to %d", count.n, count.min, count.max)
		}
	}
	if t.Etcds == 2 {
		return flawf("topology.etcds", "found 2; want 1, or 3 that form a cluster: of two, neither may fail")
	}
	if p.InMode().AgentsWrite() && len(p.Objects) > 0 {
		return flawf("objects", "in the mode %s agents write what they know into an etcd and read no object of a kube-apiserver; give the pods in pods, or another mode", p.Mode)
	}
	if t.Operators > 0 && len(p.Objects) > 0 {
		return flawf("topology.operators", "operators and objects exclude each other: an operator would make the given slices anew from the Pods")
	}
	if len(objects.Nodes) > 0 && t.Nodes > 0 {
		return flawf("topology.nodes", "found %d; the nodes among the objects stand for those of the topology, so there must be none", t.Nodes)
	}
	if len(objects.Nodes) == 0 && t.Nodes < t.Agents {
		return flawf("topology.nodes", "there are %d agents and only %d nodes; agent a<i> runs on node n<i>, so there must be at least as many nodes", t.Agents, t.Nodes)
	}
	return nil
}

func checkNetwork(p *Plan, _ Given) *flaw {
	n := p.Network
	if n.LatencyMin <= 0 {
		return flawf("network.latencyMin", "found %s; a message takes some time, such as \"200us\"", n.LatencyMin)
	}
	if n.LatencyMax < n.LatencyMin || n.LatencyMax > longestLatency {
		return flawf("network.latencyMax", "found %s; want latencyMin (%s) to %s", n.LatencyMax, n.LatencyMin, longestLatency)
	}
	return nil
}

func checkOptions(p *Plan, objects Given) *flaw {
	o := p.Options
	for _, qps := range []struct {
		path string
		n    int
	}{
		{"options.writerQPS", o.WriterQPS},
		{"options.writerBootstrapQPS", o.WriterBootstrapQPS},
		{"options.agentQPS", o.AgentQPS},
	} {
		if qps.n < 1 {
			return flawf(qps.path, "found %d; want at least 1 request per second", qps.n)
		}
	}
	if o.ClusterID < 1 || o.ClusterID > MostClusters {
		return flawf("options.clusterID", "found %d; ClusterMesh takes 1 to %d", o.ClusterID, MostClusters)
	}
	if objects.ClusterID != 0 && objects.ClusterID != o.ClusterID {
		return flawf("options.clusterID", "found %d, but the identities among the objects belong to cluster %d", o.ClusterID, objects.ClusterID)
	}
	if o.ClusterName != "" {
		if problem := checkName("options.clusterName", o.ClusterName); problem != nil {
			return problem
		}
		if o.ClusterName == "default" {
			return flawf("options.clusterName", "ClusterMesh refuses the name %q; any other will do", o.ClusterName)
		}
		if len(o.ClusterName) > 32 {
			return flawf("options.clusterName", "the name has %d characters; Cilium takes at most 32", len(o.ClusterName))
		}
	}
	if o.LeaseTTL != 0 && (o.LeaseTTL < 25*second || o.LeaseTTL > longestPhase) {
		return flawf("options.leaseTTL", "found %s; want 25s (the TTL of locks) to %s, or nothing for 15 minutes", o.LeaseTTL, longestPhase)
	}
	if problem := checkOperators(&o); problem != nil {
		return problem
	}
	if o.Preempt < 0 {
		return flawf("options.preempt", "found %d; want 0 for never, or N for once in N chances", o.Preempt)
	}
	return nil
}

// longestJitter is that of Cilium (identity-max-jitter).
const longestJitter = 30 * second

// checkOperators checks what options say of operators.
func checkOperators(o *Options) *flaw {
	if o.SliceController != "" && o.SliceController != SlimSlices && o.SliceController != DefaultSlices {
		return flawf("options.sliceController", "found %s; want %q, which makes slices of Pods, or %q, of CiliumEndpoints", strictjson.Quote(o.SliceController), SlimSlices, DefaultSlices)
	}
	if o.IdentityManagement != "" && o.IdentityManagement != AgentIdentities && o.IdentityManagement != BothIdentities {
		return flawf("options.identityManagement", "found %s; want %q or %q, or nothing for the operator", strictjson.Quote(o.IdentityManagement), AgentIdentities, BothIdentities)
	}
	if o.IdentityJitter < 0 || o.IdentityJitter > longestJitter {
		return flawf("options.identityJitter", "found %s; want up to %s", o.IdentityJitter, longestJitter)
	}
	if o.SliceSize < 0 || o.SliceSize > 1000 {
		return flawf("options.sliceSize", "found %d; want 1 to 1000 endpoints, or nothing for 10", o.SliceSize)
	}
	for _, pace := range []struct {
		path string
		d    Duration
	}{
		{"options.identityGCInterval", o.IdentityGCInterval},
		{"options.identityTimeout", o.IdentityTimeout},
		{"options.endpointGCInterval", o.EndpointGCInterval},
		{"options.identitySyncInterval", o.IdentitySyncInterval},
	} {
		if pace.d != 0 && (pace.d < second || pace.d > longestPhase) {
			return flawf(pace.path, "found %s; want 1s to %s, or nothing for Cilium's default", pace.d, longestPhase)
		}
	}
	return nil
}

func checkPhases(p *Plan, _ Given) *flaw {
	if p.Churn < Duration(time.Second) || p.Churn > longestPhase {
		return flawf("churn", "found %s; want 1s to %s", p.Churn, longestPhase)
	}
	if p.Settle < Duration(time.Second) || p.Settle > longestPhase {
		return flawf("settle", "found %s; want 1s to %s", p.Settle, longestPhase)
	}
	return nil
}

// checkTime checks an instant of the churn phase that follows another one.
func checkTime(p *Plan, path string, at, previous Duration) *flaw {
	if at < 0 || at > p.Churn {
		return flawf(path, "%s is outside the churn phase, which lasts from 0s to %s", at, p.Churn)
	}
	if at < previous {
		return flawf(path, "%s is before the %s of the entry before it; the list is in order of time", at, previous)
	}
	return nil
}

// checkName checks a name by the rules that pods, nodes and namespaces all follow.
func checkName(path, name string) *flaw {
	if !IsName(name) {
		return flawf(path, "%s is not a name that Kubernetes accepts: want lower-case letters, digits, '-' and '.'", strictjson.Quote(name))
	}
	return nil
}

// IsName reports whether Kubernetes takes the name for a pod or a node, and for most other
// objects: a DNS subdomain, as apimachinery's IsDNS1123Subdomain has it.
func IsName(name string) bool {
	return len(name) <= 253 && !slices.ContainsFunc(strings.Split(name, "."), func(part string) bool { return !isLabel(part) })
}

// IsNamespaceName reports whether Kubernetes takes the name for a namespace: a DNS label, as
// apimachinery's IsDNS1123Label has it.
func IsNamespaceName(name string) bool { return len(name) <= 63 && isLabel(name) }

// isLabel reports whether a text is a part of a DNS name, of any length.
func isLabel(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if inside := i > 0 && i < len(s)-1; !alphanumeric && (c != '-' || !inside) {
			return false
		}
	}
	return s != ""
}
