// Package fault holds the plan of a run: its topology, workload, faults and
// times, all explicit; what there is of faults; and the plan's file form. Package draw
// draws plans.
package fault

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Version is the version of the file form of a Plan.
const Version = 2

// Plan is everything that one run depends on besides the code: running the same
// plan again gives the same history, bit for bit. Its file form is JSON.
type Plan struct {
	Version int    `json:"version"` // of the file form: 2
	Seed    uint64 `json:"seed"`    // of everything the world draws: scheduling, latencies, the code's own randomness
	Mode    string `json:"mode"`    // how agents read: one of mode.Simulated

	Topology Topology  `json:"topology"`
	Network  Network   `json:"network"`
	Options  Options   `json:"options"`
	Capacity *Capacity `json:"capacity,omitempty"` // of servers; nil: computing takes no virtual time

	Churn  Duration `json:"churn"`  // length of the chaos phase, during which ops and faults happen
	Settle Duration `json:"settle"` // virtual time after the heal within which all views must have converged

	// Promise names the properties that somebody promises for this plan, as the
	// proposal does for its scenarios. The verdict says which were kept.
	Promise []string `json:"promise,omitempty"`

	Nodes    []Node    `json:"nodes,omitempty"`    // what nodes at the start have, of those that have more than two addresses
	Pods     []Pod     `json:"pods,omitempty"`     // pods present at the start; their namespaces too
	Services []Service `json:"services,omitempty"` // present at the start; their namespaces and EndpointSlices too
	Policies []Policy  `json:"policies,omitempty"` // present at the start; their namespaces too
	Ops      []Op      `json:"ops,omitempty"`      // workload, in order of time
	Faults   []Fault   `json:"faults,omitempty"`   // in order of time
	Stalls   []Stall   `json:"stalls,omitempty"`   // in place of those that options.stall draws

	// Objects are Kubernetes objects present at the start, as given by
	// -objects: CiliumIdentities, CiliumEndpoints, CiliumEndpointSlices,
	// CiliumNodes, Namespaces and Pods, each with apiVersion and kind.
	Objects []json.RawMessage `json:"objects,omitempty"`
}

// Topology counts the hosts. They are named by their role (mode.Role) and a number
// from 0, such as k0. Those of a role that the plan's mode does not have are not there.
// The workload's clients are on w0.
type Topology struct {
	APIServers int `json:"apiservers"`          // 1 to 5
	Replicas   int `json:"replicas"`            // 1 to 16, and faults may add more; or 0, if the mode has none
	Agents     int `json:"agents"`              // 1 to 1,000
	Nodes      int `json:"nodes"`               // CiliumNodes at the start, named n0, n1, ...; agent a<i> runs on node n<i>
	Etcds      int `json:"etcds,omitempty"`     // members of the etcd that agents share: 1 or 3, if the mode has one
	Operators  int `json:"operators,omitempty"` // 0 to 2; 0: the workload writes identities and slices itself
}

// Network gives the one-way latency of a message between two hosts, drawn
// uniformly per message from a stream keyed by seed, link and message number.
type Network struct {
	LatencyMin Duration `json:"latencyMin"`
	LatencyMax Duration `json:"latencyMax"`
}

// Options are settings of the code under test, with the defaults of Cilium's
// Helm chart (install/kubernetes/cilium/values.yaml) where it has one.
type Options struct {
	WriterQPS          int      `json:"writerQPS"`          // clustermesh.apiserver.etcdQPS: 50
	WriterBootstrapQPS int      `json:"writerBootstrapQPS"` // 10000
	AgentQPS           int      `json:"agentQPS"`           // 20, kvstore's default
	EndpointSlices     bool     `json:"endpointSlices"`     // ciliumEndpointSlice.enabled: endpoints as CiliumEndpointSlices, else CiliumEndpoints
	ClusterID          int      `json:"clusterID"`          // 1 to 511; above 255 Cilium runs with maxConnectedClusters: 511
	ClusterName        string   `json:"clusterName"`        // as in the identities' label io.cilium.k8s.policy.cluster; "" means "c1"
	LeaseTTL           Duration `json:"leaseTTL,omitempty"` // of leases in the etcds, writers' or agents'; 25 s or more; zero: 15 minutes, Cilium's default
	// Of operators, zero values being the defaults: slim, workload.MaxPerSlice, 15 and 30 minutes,
	// and 5 minutes. Where agents share an etcd, identities are collected every minute by default.
	SliceController    string   `json:"sliceController,omitempty"`    // ciliumEndpointSlice.controllerMode: SlimSlices or DefaultSlices
	SliceSize          int      `json:"sliceSize,omitempty"`          // ces-max-ciliumendpoints-per-ces: 1 to 1000
	IdentityGCInterval Duration `json:"identityGCInterval,omitempty"` // operator.identityGCInterval
	IdentityTimeout    Duration `json:"identityTimeout,omitempty"`    // operator.identityHeartbeatTimeout
	EndpointGCInterval Duration `json:"endpointGCInterval,omitempty"` // operator.endpointGCInterval
	// Discovery is how agents find replicas: "service", "dialer" or "hostnetwork"; "" means
	// "service". With the last, ReplicaNodes is how many nodes there are for replicas, one on
	// each at a time; 0: enough.
	Discovery    mode.Discovery `json:"discovery,omitempty"`
	ReplicaNodes int            `json:"replicaNodes,omitempty"`
	// Handover is how, in a handover, an agent's two sources make one view: "cutover", "merge" or
	// "precedence"; "" means "cutover". HandoverAfter is for how long its etcd must have been out
	// of reach before it reads CRDs again; zero: 30 s.
	Handover      mode.Policy `json:"handover,omitempty"`
	HandoverAfter Duration    `json:"handoverAfter,omitempty"`
	// Who makes CiliumIdentities (identity-management-mode): "" the operator, else agents or both.
	IdentityManagement string   `json:"identityManagement,omitempty"`
	IdentityJitter     Duration `json:"identityJitter,omitempty"` // identity-max-jitter: up to so long an agent waits when a pod is relabelled; zero: not at all
	// How often agents that share an etcd make the identities known again that they use
	// (identity-allocation-sync-interval); zero: 5 minutes.
	IdentitySyncInterval Duration `json:"identitySyncInterval,omitempty"`
	// Agents is what agents are: see Agents.
	Agents  Agents `json:"agents,omitempty"`
	Preempt int    `json:"preempt"` // yield with probability 1/N at locks and wake-ups; 0: never
	// Stall makes one in so many places in the code one at which goroutines lose their
	// CPU for 50 µs to 51 ms, until the heal; 0: none, or those of Plan.Stalls.
	Stall int `json:"stall,omitempty"`
}

// What the operator makes CiliumEndpointSlices of.
const (
	SlimSlices    = "slim"    // Pods
	DefaultSlices = "default" // CiliumEndpoints
)

// Who makes CiliumIdentities, besides the operator alone.
const (
	AgentIdentities = "agent"
	BothIdentities  = "both" // agents and operators
)

// Pod is a workload pod. Its identity is that of its namespace and app. The index of its
// encryption key is that of its node.
type Pod struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	App       string   `json:"app,omitempty"`     // the label that makes its identity
	Node      string   `json:"node,omitempty"`    // n0, n1, ...
	IP        string   `json:"ip,omitempty"`      // of either family
	MoreIPs   []string `json:"moreIPs,omitempty"` // besides that one
	Ports     []Port   `json:"ports,omitempty"`   // named ports
}

// Port is a named port, such as "http:8080/TCP".
type Port string

// Node is what a CiliumNode has.
type Node struct {
	Name          string            `json:"name,omitempty"`      // in an op, the op has it
	Addresses     []string          `json:"addresses,omitempty"` // "InternalIP=192.168.0.1", in this order; none: one InternalIP and one CiliumInternalIP
	PodCIDRs      []string          `json:"podCIDRs,omitempty"`  // the first of a family is its own, others are secondary
	Health        []string          `json:"health,omitempty"`    // addresses of the health endpoint, one of a family at most
	Ingress       []string          `json:"ingress,omitempty"`   // addresses of the ingress, likewise
	EncryptionKey int               `json:"encryptionKey,omitempty"`
	WireGuard     string            `json:"wireGuard,omitempty"` // public key
	BootID        string            `json:"bootID,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// Op is one step of the workload, performed through the kube-apiserver by a client on
// w0: that of the node's kubelet and agent, or the one of those who care for the cluster.
type Op struct {
	At   Duration `json:"at"`             // since the start of the churn phase; it begins then, whether or not earlier ones of other objects are done
	When *Trigger `json:"when,omitempty"` // if set, it begins when this happens, from At on, or when the churn is over; later ones of its object wait for it
	Op   OpKind   `json:"op"`

	// Pod is the pod that is created (all fields), deleted (namespace and name),
	// relabelled (namespace, name and the new app), updated (namespace, name and what
	// becomes different: address, further addresses, ports, node) or replaced (namespace, name,
	// and the node and addresses of the new one). The namespace of a
	// created pod is created if it is missing.
	Pod *Pod `json:"pod,omitempty"`
	// Late is how long after a pod was replaced its old node's agent ends the endpoint of the old one.
	Late Duration `json:"late,omitempty"`
	// Service is the Service that is created, or that is from then on what it says and nothing
	// else, with its backends, or that is deleted (namespace and name).
	Service *Service `json:"service,omitempty"`
	// Policy is the policy that is created, or that is from then on what it says and nothing
	// else, or that is deleted (kind, namespace and name).
	Policy *Policy `json:"policy,omitempty"`
	// Name is the node or namespace of the other kinds. Deleting a namespace
	// deletes its pods first.
	Name string `json:"name,omitempty"`
	// Node is what a node that is created or updated has from then on. An updated one
	// keeps its addresses if there are none here.
	Node *Node `json:"node,omitempty"`
	// Global is the annotation that a namespace gets: "false", and agents of other
	// clusters do not see what is in it; nil: none.
	Global *string `json:"global,omitempty"`
}

// OpKind is a kind of workload step.
type OpKind string

// The kinds of workload steps.
const (
	PodCreate         OpKind = "pod-create"
	PodDelete         OpKind = "pod-delete"
	PodRelabel        OpKind = "pod-relabel"
	PodUpdate         OpKind = "pod-update"
	PodReplace        OpKind = "pod-replace"
	NodeCreate        OpKind = "node-create"
	NodeDelete        OpKind = "node-delete"
	NodeUpdate        OpKind = "node-update"
	NamespaceDelete   OpKind = "namespace-delete"
	NamespaceAnnotate OpKind = "namespace-annotate"
)

// OpKinds are all kinds of workload steps.
var OpKinds = []OpKind{PodCreate, PodDelete, PodRelabel, PodUpdate, PodReplace, NodeCreate, NodeDelete, NodeUpdate, NamespaceDelete, NamespaceAnnotate, ServiceCreate, ServiceUpdate, ServiceDelete, PolicyCreate, PolicyUpdate, PolicyDelete}

// OfNode reports whether a step of the kind is about a node.
func (k OpKind) OfNode() bool { return k == NodeCreate || k == NodeDelete || k == NodeUpdate }

// Duration is a length of virtual time, or an instant as the time since the
// start of a phase. Its text form is seconds from one second on ("125.3s"), so
// that instants line up and sort, and the form of time.Duration below ("200us").
type Duration time.Duration

// ParseDuration reads the forms that time.ParseDuration reads ("1m30s", "250ms").
func ParseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s is not a duration: write a number and a unit, such as \"12.5s\" or \"250ms\"", strictjson.Quote(text))
	}
	return Duration(d), nil
}

// Std returns the duration as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns the text form, in ASCII.
func (d Duration) String() string {
	std := time.Duration(d)
	if std > -time.Second && std < time.Second {
		return strings.Replace(std.String(), "µ", "u", 1)
	}
	nanos := std % time.Second
	text := strconv.FormatInt(int64(std/time.Second), 10)
	if nanos != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", nanos.Abs()), "0")
	}
	return text + "s"
}

// MarshalText returns the text form; JSON shows it as a string.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes, and every form of ParseDuration.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// Stall is one time that a goroutine of the code under test loses its CPU: at a place
// in the code, at one of the visits there.
type Stall struct {
	// Function is as in a stack trace, such as
	// "github.com/cilium/cilium/pkg/kvstore.(*etcdClient).watch", and Offset the bytes
	// from its start to the place: both are the same in all builds of the same source.
	Function string   `json:"function"`
	Offset   int      `json:"offset"`
	Visit    int      `json:"visit"` // the first has number 1
	For      Duration `json:"for"`   // 1 ns to 1 minute
}

// longestStall is as long as a machine may well stop a thread: longer than that it is a
// fault of its own, pause.
const longestStall = 60 * second

func checkStalls(p *Plan, _ Given) *flaw {
	if p.Options.Stall < 0 {
		return flawf("options.stall", "found %d; want 0 for never, or N for one place in N", p.Options.Stall)
	}
	if p.Options.Stall > 0 && len(p.Stalls) > 0 {
		return flawf("stalls", "options.stall draws stalls, and here are some named; want one or the other")
	}
	for i, s := range p.Stalls {
		at := func(field string) string { return fmt.Sprintf("stalls[%d].%s", i, field) }
		switch {
		case s.Function == "":
			return flawf(at("function"), "it is missing; want the name of a function as in a stack trace")
		case s.Offset < 1:
			return flawf(at("offset"), "found %d; want the bytes from the function's start, 1 or more", s.Offset)
		case s.Visit < 1:
			return flawf(at("visit"), "found %d; want the visit's number, from 1", s.Visit)
		case s.For < 1 || s.For > longestStall:
			return flawf(at("for"), "found %s; want up to %s", s.For, longestStall)
		}
	}
	return nil
}

// Sentence says what the stall does.
func (s Stall) Sentence() string {
	return fmt.Sprintf("for %s at %s+%#x, visit %d", s.For, s.Function, s.Offset, s.Visit)
}

// Capacity says what computing costs servers. Without it computing takes no virtual time; with it, what a server
// does waits its turn for a core of its host. A server that is nil works in no time.
type Capacity struct {
	APIServers *Prices `json:"apiservers,omitempty"` // of each kube-apiserver
	Replicas   *Prices `json:"replicas,omitempty"`   // of each replica: its etcd and its writer together
	Etcds      *Prices `json:"etcds,omitempty"`      // of each member of the etcd that agents share
}

// Prices are what a server's host has, and what each thing that it does costs it of one core.
type Prices struct {
	Cores    int      `json:"cores"`            // 1 to 128
	Read     Duration `json:"read"`             // a request that changes nothing, or that opens a watch
	Write    Duration `json:"write"`            // a request that may change something
	Event    Duration `json:"event"`            // a change that a watch tells of, with its bytes, for each watch
	Kilobyte Duration `json:"kilobyte"`         // 1,024 bytes of a list, or of the state that a watch begins with
	Change   Duration `json:"change,omitempty"` // of replicas: what the writer does for a key that it puts or deletes
}

// The bounds of prices.
const (
	mostCores = 128
	mostPrice = 10 * second
)

// Of returns the prices of a role's servers, nil if their work takes no time.
func (c *Capacity) Of(r mode.Role) *Prices {
	if c == nil {
		return nil
	}
	switch r {
	case mode.APIServer:
		return c.APIServers
	case mode.Replica:
		return c.Replicas
	case mode.Etcd:
		return c.Etcds
	}
	return nil
}

func checkCapacity(p *Plan, _ Given) *flaw {
	if p.Capacity == nil {
		return nil
	}
	some := false
	for _, of := range []struct {
		name string
		role mode.Role
	}{{"apiservers", mode.APIServer}, {"replicas", mode.Replica}, {"etcds", mode.Etcd}} {
		prices := p.Capacity.Of(of.role)
		if prices == nil {
			continue
		}
		some = true
		if problem := prices.check("capacity."+of.name, of.role == mode.Replica); problem != nil {
			return problem
		}
	}
	if !some {
		return flawf("capacity", "it is empty; want apiservers, replicas or etcds with their cores and prices, or no capacity at all: then computing takes no time")
	}
	return nil
}

func (p *Prices) check(path string, writes bool) *flaw {
	if p.Cores < 1 || p.Cores > mostCores {
		return flawf(path+".cores", "found %d; want 1 to %d", p.Cores, mostCores)
	}
	for _, price := range []struct {
		name string
		d    Duration
	}{{"read", p.Read}, {"write", p.Write}, {"event", p.Event}, {"kilobyte", p.Kilobyte}, {"change", p.Change}} {
		if price.d < 0 || price.d > mostPrice {
			return flawf(path+"."+price.name, "found %s; want a time of one core from 0 to %s", price.d, mostPrice)
		}
	}
	if p.Change != 0 && !writes {
		return flawf(path+".change", "found %s; only replicas have a writer, whose work it is", p.Change)
	}
	return nil
}
