package fault

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Faults of kube-apiservers.
const (
	KubeRestart      Kind = "kube-restart"
	KubeLoss         Kind = "kube-loss"
	KubeLag          Kind = "kube-lag"
	KubeFreeze       Kind = "kube-freeze"
	KubeEtcdLoss     Kind = "kube-etcd-loss"
	KubeExpire       Kind = "kube-expire"
	KubeCloseWatches Kind = "kube-close-watches"
	KubeThrottle     Kind = "kube-throttle"
	KubeErrors       Kind = "kube-errors"
	KubeSlowLists    Kind = "kube-slow-lists"
	KubeListErrors   Kind = "kube-list-errors"
	KubeConflicts    Kind = "kube-conflicts"
)

// Faults of Cilium's operator.
const (
	OperatorRestart Kind = "operator-restart"
	OperatorCrash   Kind = "operator-crash"
	LeaderChange    Kind = "leader-change"
)

// cachedKinds are those that what is under test reads from watch caches.
var cachedKinds = []string{"Namespace", "CiliumNode", "CiliumIdentity", "CiliumEndpoint", "CiliumEndpointSlice"}

// ofResource names the objects of the fault's kind behind a word, if it is about one.
func (f *Fault) ofResource(word string) string {
	switch {
	case f.Resource == "":
		return ""
	case strings.HasSuffix(f.Resource, "y"):
		return word + strings.TrimSuffix(f.Resource, "y") + "ies"
	}
	return word + f.Resource + "s"
}

var kubeSpecs = []Spec{
	{
		Kind:     KubeRestart,
		Summary:  "a kube-apiserver stops and starts again after for; one that stops gracefully serves its open watches on until then, for a minute at most",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Repeats: true, Longest: 20 * second, Hows: []string{Killed, Graceful},
		sentence: func(f *Fault) string {
			how := "is killed"
			if f.How == Graceful {
				how = "stops gracefully"
			}
			return fmt.Sprintf("kube-apiserver %s %s and starts again after %s", f.Target, how, f.For)
		},
	},
	{
		Kind:     KubeLoss,
		Summary:  "a kube-apiserver is gone; after for it is back with a fresh watch cache",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 120 * second, Hows: []string{Killed, Silent},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("kube-apiserver %s is lost%s for %s", f.Target, f.manner(), f.For)
		},
	},
	{
		Kind:     KubeLag,
		Summary:  "the watch cache of a kube-apiserver sees each write lag later; with resource those of one kind, whose cache is then behind the others'",
		Disturbs: []disturb.Kind{disturb.CacheBehind},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 120 * second,
		Uses: []Use{lag.between(int64(ms), int64(longestPhase), int64(second), int64(60*second)), resource.ofKinds(cachedKinds...)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the watch cache of %s is %s behind%s for %s", f.Target, f.Lag, f.ofResource(" with "), f.For)
		},
	},
	{
		Kind:     KubeFreeze,
		Summary:  "the watch cache of a kube-apiserver sees no write; with resource none of one kind",
		Disturbs: []disturb.Kind{disturb.CacheBehind},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{resource.ofKinds(cachedKinds...)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the watch cache of %s%s is frozen for %s", f.Target, f.ofResource(" of "), f.For)
		},
	},
	{
		Kind:     KubeEtcdLoss,
		Summary:  "a kube-apiserver has no answers from its etcd: writes and consistent reads wait, for a minute at most, and its watch cache sees no write",
		Disturbs: []disturb.Kind{disturb.CacheBehind, disturb.RequestsFailed},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 90 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s has no answers from its etcd for %s", f.Target, f.For)
		},
	},
	{
		Kind:     KubeExpire,
		Summary:  "a kube-apiserver ends every open watch with 410: the clients must list again",
		Disturbs: []disturb.Kind{disturb.WatchesEnded},
		Targets:  roles{mode.APIServer},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s ends every watch with 410 (expired)", f.Target)
		},
	},
	{
		Kind:     KubeCloseWatches,
		Summary:  "a kube-apiserver closes every open watch early, as at a timeout: the clients go on from what they have seen",
		Disturbs: []disturb.Kind{disturb.WatchesEnded},
		Targets:  roles{mode.APIServer},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s closes every watch", f.Target)
		},
	},
	{
		Kind:     KubeThrottle,
		Summary:  "a kube-apiserver answers share percent of the requests with 429 and a Retry-After",
		Disturbs: []disturb.Kind{disturb.RequestsFailed},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{share.between(1, 100, 10, 100), retryAfter.between(int64(second), int64(3600*second), int64(second), int64(second)).orNone()},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s answers %d %% of the requests with 429, Retry-After %s, for %s", f.Target, f.Share, f.RetryAfter, f.For)
		},
	},
	{
		Kind:     KubeErrors,
		Summary:  "a kube-apiserver answers share percent of the requests with code",
		Disturbs: []disturb.Kind{disturb.RequestsFailed},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{share.between(1, 100, 10, 100), code.among(500, 502, 503, 504)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s answers %d %% of the requests with %d for %s", f.Target, f.Share, f.Code, f.For)
		},
	},
	{
		Kind:     KubeSlowLists,
		Summary:  "a kube-apiserver takes delay longer for each list, streaming lists included; with resource for those of one kind",
		Disturbs: []disturb.Kind{disturb.ListsSlow},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{delay.between(int64(ms), int64(300*second), int64(second), int64(30*second)), resource.ofKinds(cachedKinds...)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s takes %s longer for each list%s, for %s", f.Target, f.Delay, f.ofResource(" of "), f.For)
		},
	},
	{
		Kind:     KubeListErrors,
		Summary:  "a kube-apiserver answers share percent of the lists, streaming lists included, with code; with resource of those of one kind",
		Disturbs: []disturb.Kind{disturb.RequestsFailed},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{share.between(1, 100, 10, 100), code.among(500, 503, 504), resource.ofKinds(cachedKinds...)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s answers %d %% of the lists%s with %d for %s", f.Target, f.Share, f.ofResource(" of "), f.Code, f.For)
		},
	},
	{
		Kind:     KubeConflicts,
		Summary:  "a kube-apiserver answers share percent of the updates and patches with 409, as if somebody else had been faster",
		Disturbs: []disturb.Kind{disturb.RequestsFailed},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{share.between(1, 100, 10, 90)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s answers %d %% of the updates with 409 (conflict) for %s", f.Target, f.Share, f.For)
		},
	},
}

var operatorSpecs = []Spec{
	{
		Kind:     OperatorRestart,
		Needs:    mode.Operator,
		Summary:  "an operator is stopped gracefully and starts again after for; with a long for, it is absent for long",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.Operator}, Lasts: Needed, Repeats: true, Longest: 240 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("operator %s restarts after %s", f.Target, f.For)
		},
	},
	{
		Kind:     OperatorCrash,
		Needs:    mode.Operator,
		Summary:  "an operator is killed and starts again after for; with a trigger on its writes, between two of them",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.Operator}, Lasts: Needed, Repeats: true, Longest: 60 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("operator %s crashes and starts again after %s", f.Target, f.For)
		},
	},
	{
		Kind:     LeaderChange,
		Needs:    mode.Operator,
		Summary:  "the operator that leads is cut off from all kube-apiservers; when it cannot renew its lease another one, if there is one, leads",
		Disturbs: []disturb.Kind{disturb.Cut},
		Lasts:    Needed, Longest: 60 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the leading operator is cut off from the kube-apiservers for %s", f.For)
		},
	},
}

// Faults of the network.
const (
	Partition        Kind = "partition"
	PartitionGroup   Kind = "partition-group"
	PartitionRing    Kind = "partition-ring"
	BlackHole        Kind = "black-hole"
	Reset            Kind = "reset"
	SlowLink         Kind = "slow-link"
	Clog             Kind = "clog"
	Move             Kind = "move"
	DNSFailure       Kind = "dns-failure"
	ServiceFailure   Kind = "service-failure"
	EndpointsLate    Kind = "endpoints-late"
	EndpointsUnready Kind = "endpoints-unready"
)

var networkSpecs = []Spec{
	{
		Kind:     Partition,
		Summary:  "messages between target and peer are lost; connections stay open, as with TCP, and deliver after the heal what neither end has given up",
		Disturbs: []disturb.Kind{disturb.Cut},
		Targets:  roles{mode.Replica, mode.Etcd, mode.Agent, mode.APIServer, mode.Client, mode.Operator}, Link: true, Lasts: Needed, Longest: 120 * second, Uses: []Use{oneWay.maybe()},
		sentence: func(f *Fault) string {
			if f.OneWay {
				return fmt.Sprintf("messages from %s to %s are lost for %s", f.Target, f.Peer, f.For)
			}
			return fmt.Sprintf("%s and %s are cut off from each other for %s", f.Target, f.Peer, f.For)
		},
	},
	{
		Kind:     PartitionGroup,
		Summary:  "targets are cut off from all other hosts: one against the rest, or halves",
		Disturbs: []disturb.Kind{disturb.Cut},
		Targets:  roles{mode.Replica, mode.Etcd, mode.Agent, mode.APIServer, mode.Client, mode.Operator}, Group: Many, Lasts: Needed, Longest: 120 * second, Uses: []Use{oneWay.maybe()},
		sentence: func(f *Fault) string {
			if f.OneWay {
				return fmt.Sprintf("messages from %s to all other hosts are lost for %s", f.hosts(), f.For)
			}
			return fmt.Sprintf("%s cut off from all other hosts for %s", f.are(), f.For)
		},
	},
	{
		Kind:     PartitionRing,
		Summary:  "of targets, each reaches only the one before and the one after it, the last being before the first; links with other hosts stay",
		Disturbs: []disturb.Kind{disturb.CutRing},
		Targets:  roles{mode.Replica, mode.Etcd, mode.Agent, mode.APIServer, mode.Client, mode.Operator}, Group: Many, Lasts: Needed, Longest: 120 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("of the ring %s each reaches only its neighbours for %s", f.hosts(), f.For)
		},
	},
	{
		Kind:     BlackHole,
		Summary:  "the connections open between target and peer are dead for good without either end being told; after for new ones can be made",
		Disturbs: []disturb.Kind{disturb.ConnectionsDead, disturb.Cut},
		Targets:  roles{mode.Replica, mode.Etcd, mode.Agent, mode.APIServer, mode.Client, mode.Operator}, Link: true, Lasts: Needed, Longest: 120 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the connections between %s and %s die in silence; new ones can be made after %s", f.Target, f.Peer, f.For)
		},
	},
	{
		Kind:     Reset,
		Summary:  "the connections open between target and peer are reset",
		Disturbs: []disturb.Kind{disturb.ConnectionsReset},
		Targets:  roles{mode.Replica, mode.Etcd, mode.Agent, mode.APIServer, mode.Client, mode.Operator}, Link: true,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the connections between %s and %s are reset", f.Target, f.Peer)
		},
	},
	{
		Kind:     SlowLink,
		Summary:  "messages between target and peer take delay; with bandwidth, at most so many bytes a second get through each way",
		Disturbs: []disturb.Kind{disturb.MessagesSlow},
		Targets:  roles{mode.Replica, mode.Etcd, mode.Agent, mode.APIServer, mode.Client, mode.Operator}, Link: true, Lasts: Needed, Longest: 120 * second,
		Uses: []Use{
			delay.between(int64(Duration(100_000)), int64(longestLatency), int64(10*ms), int64(1010*ms)),
			bandwidth.between(64, 1<<30, 2_000, 102_000).orNone(),
		},
		sentence: func(f *Fault) string {
			text := fmt.Sprintf("messages between %s and %s take %s", f.Target, f.Peer, f.Delay)
			if f.Bandwidth > 0 {
				text += fmt.Sprintf(", at %d bytes/s,", f.Bandwidth)
			}
			return text + " for " + f.For.String()
		},
	},
	{
		Kind:     Clog,
		Summary:  "each message between target and peer takes its own time, up to delay: connections stutter and their messages arrive in bunches",
		Disturbs: []disturb.Kind{disturb.MessagesSlow},
		Targets:  roles{mode.Replica, mode.Etcd, mode.Agent, mode.APIServer, mode.Client, mode.Operator}, Link: true, Lasts: Needed, Longest: 120 * second,
		Uses: []Use{delay.between(int64(ms), int64(longestLatency), int64(second), int64(10*second))},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("messages between %s and %s take up to %s for %s", f.Target, f.Peer, f.Delay, f.For)
		},
	},
	{
		Kind:     Move,
		Needs:    mode.Replica,
		Summary:  "a load balancer moves an agent to another replica, peer or one it picks: its connections are reset, since the other replica knows nothing of them, and new ones go there",
		Disturbs: []disturb.Kind{disturb.ClientMoved},
		Targets:  roles{mode.Agent}, Peers: roles{mode.Replica},
		sentence: func(f *Fault) string {
			if f.Peer == "" {
				return fmt.Sprintf("the load balancer moves %s to another replica", f.Target)
			}
			return fmt.Sprintf("the load balancer moves %s to %s", f.Target, f.Peer)
		},
	},
	{
		Kind:     DNSFailure,
		Summary:  "target cannot resolve the name of the Service that it connects to; connections that it has stay",
		Disturbs: []disturb.Kind{disturb.ServerUnfound},
		Targets:  roles{mode.Agent, mode.Replica, mode.Client, mode.Operator}, Lasts: Needed, Longest: 120 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s cannot resolve names for %s", f.Target, f.For)
		},
	},
	{
		Kind:     ServiceFailure,
		Summary:  "the Service that target connects to has no endpoints on its node: new connections are refused",
		Disturbs: []disturb.Kind{disturb.ServerUnfound},
		Targets:  roles{mode.Agent, mode.Replica, mode.Client, mode.Operator}, Lasts: Needed, Longest: 120 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the Service gives %s no endpoint for %s", f.Target, f.For)
		},
	},
	{
		Kind:     EndpointsLate,
		Summary:  "the nodes of targets learn lag late which endpoints the Service has that they connect to: new servers are not found, and dead ones are dialled",
		Disturbs: []disturb.Kind{disturb.EndpointsLate},
		Targets:  roles{mode.Agent, mode.Replica, mode.Client, mode.Operator}, Group: OneOrMore, Lasts: Needed, Longest: 120 * second,
		Uses: []Use{lag.between(int64(ms), int64(longestPhase), int64(second), int64(60*second))},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s learn%s of the Service's endpoints %s late, for %s", f.hosts(), f.s(), f.Lag, f.For)
		},
	},
	{
		Kind:     EndpointsUnready,
		Needs:    mode.Replica,
		Summary:  "the Service names peer, or all replicas, on the nodes of targets, ready or not",
		Disturbs: []disturb.Kind{disturb.EndpointsUnready},
		Targets:  roles{mode.Agent}, Group: OneOrMore, Peers: roles{mode.Replica}, Lasts: Needed, Longest: 120 * second,
		sentence: func(f *Fault) string {
			named := "every replica"
			if f.Peer != "" {
				named = f.Peer
			}
			return fmt.Sprintf("the Service names %s to %s, ready or not, for %s", named, f.hosts(), f.For)
		},
	},
}

// are begins a sentence about the fault's hosts.
func (f *Fault) are() string {
	if len(f.Hosts()) == 1 {
		return f.hosts() + " is"
	}
	return f.hosts() + " are"
}
