package fault

import (
	"fmt"

	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Faults of replicas of the ClusterMesh API server.
const (
	ReplicaLoss        Kind = "replica-loss"
	ReplicaGone        Kind = "replica-gone"
	AllReplicasLoss    Kind = "all-replicas-loss"
	RollingUpgrade     Kind = "rolling-upgrade"
	ScaleUp            Kind = "scale-up"
	ScaleDown          Kind = "scale-down"
	WriterRestart      Kind = "writer-restart"
	WriterPause        Kind = "writer-pause"
	WriterClusterID    Kind = "writer-cluster-id"
	EtcdRestart        Kind = "etcd-restart"
	EtcdMemberLoss     Kind = "etcd-member-loss"
	EtcdLeaderCut      Kind = "etcd-leader-cut"
	EtcdSlow           Kind = "etcd-slow"
	EtcdStall          Kind = "etcd-stall"
	EtcdQuota          Kind = "etcd-quota"
	EtcdDeletesRefused Kind = "etcd-deletes-refused"
	EtcdDeletesTimeOut Kind = "etcd-deletes-time-out"
	EtcdCompaction     Kind = "etcd-compaction"
	EtcdClock          Kind = "etcd-clock"
)

var replicaSpecs = []Spec{
	{
		Kind:     ReplicaLoss,
		Needs:    mode.Replica,
		Summary:  "the replica's pod is gone; after for a new one starts with an empty etcd and a new etcd cluster ID",
		Disturbs: []disturb.Kind{disturb.ProcessEnded, disturb.DataLost},
		Targets:  roles{mode.Replica}, Lasts: Needed, Repeats: true, Longest: 120 * second, Hows: []string{Killed, Silent, Graceful},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("replica %s is lost%s; %s later a new one starts with an empty etcd", f.Target, f.manner(), f.For)
		},
	},
	{
		Kind:     ReplicaGone,
		Needs:    mode.Replica,
		Summary:  "the replica's pod is gone and no other takes its place; the last one goes only where agents have another source",
		Disturbs: []disturb.Kind{disturb.ProcessEnded, disturb.DataLost},
		Targets:  roles{mode.Replica}, Hows: []string{Killed, Silent, Graceful},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("replica %s is lost%s for good", f.Target, f.manner())
		},
	},
	{
		Kind:     AllReplicasLoss,
		Needs:    mode.Replica,
		Summary:  "the pods of all replicas are gone at once; after for new ones start, with empty etcds",
		Disturbs: []disturb.Kind{disturb.ProcessEnded, disturb.DataLost},
		Lasts:    Needed, Longest: 120 * second, Hows: []string{Killed, Silent, Graceful},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("all replicas are lost%s; %s later new ones start with empty etcds", f.manner(), f.For)
		},
	},
	{
		Kind:     RollingUpgrade,
		Needs:    mode.Replica,
		Summary:  "replica by replica, a new pod starts on a new host (the next free r), and once it is ready the old one is stopped gracefully; maxSurge 1 and maxUnavailable 0, as in Cilium's chart",
		Disturbs: []disturb.Kind{disturb.ReplicaAdded, disturb.ProcessEnded, disturb.DataLost},
		sentence: func(*Fault) string {
			return "a rolling upgrade replaces all replicas, one after the other, by new ones that are ready"
		},
	},
	{
		Kind:     ScaleUp,
		Needs:    mode.Replica,
		Summary:  "count more replicas start, on new hosts (the next free r); after for they are stopped gracefully",
		Disturbs: []disturb.Kind{disturb.ReplicaAdded},
		Lasts:    OrGood, Longest: 120 * second, Uses: []Use{replicas.between(1, 8, 1, 2)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s added %s", text.Count(f.Count, "replica"), f.span())
		},
	},
	{
		Kind:     ScaleDown,
		Needs:    mode.Replica,
		Summary:  "the count youngest replicas are stopped gracefully; after for they start again, with empty etcds",
		Disturbs: []disturb.Kind{disturb.ProcessEnded, disturb.DataLost},
		Lasts:    OrGood, Longest: 120 * second, Uses: []Use{replicas.between(1, 16, 1, 2)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the youngest %s taken away %s", text.Count(f.Count, "replica"), f.span())
		},
	},
	{
		Kind:     WriterRestart,
		Needs:    mode.Replica,
		Summary:  "the container of Cilium's writer stops and starts again after for; the etcd beside it and its data stay",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.Replica}, Lasts: Needed, Repeats: true, Longest: 20 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the writer in replica %s stops for %s; its etcd stays", f.Target, f.For)
		},
	},
	{
		Kind:     WriterPause,
		Needs:    mode.Replica,
		Summary:  "the writer's process is frozen: nothing goes in or out of it; longer than its lease's TTL (options.leaseTTL), its keys expire while it lives",
		Disturbs: []disturb.Kind{disturb.WriterFrozen},
		Targets:  roles{mode.Replica}, Lasts: Needed, Longest: 180 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the writer in replica %s is frozen for %s", f.Target, f.For)
		},
	},
	{
		Kind:     WriterClusterID,
		Needs:    mode.Replica,
		Summary:  "the writer starts again with another cluster ID, as when cilium-config is changed; after for once more, with the right one",
		Disturbs: []disturb.Kind{disturb.ProcessEnded, disturb.ConfigWrong},
		Targets:  roles{mode.Replica}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{clusterID.between(1, MostClusters, 1, 255)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the writer in replica %s has the cluster ID %d for %s", f.Target, f.ClusterID, f.For)
		},
	},
	{
		Kind:     EtcdRestart,
		Etcd:     true,
		Summary:  "the process of an etcd stops and starts again after for, with its data or empty; the writer beside it in a replica goes on. Empty, it has the cluster ID it had before",
		Disturbs: []disturb.Kind{disturb.ProcessEnded, disturb.DataLost},
		Targets:  stores, Lasts: Needed, Repeats: true, Longest: 20 * second, Uses: []Use{empty.maybe()},
		sentence: func(f *Fault) string {
			if f.Empty {
				return fmt.Sprintf("%s stops for %s and comes back empty%s", f.etcd(), f.For, f.writerGoesOn())
			}
			return fmt.Sprintf("%s stops for %s and comes back with its data%s", f.etcd(), f.For, f.writerGoesOn())
		},
	},
	{
		Kind:     EtcdMemberLoss,
		Members:  true,
		Summary:  "a member of the etcd that agents share loses its machine, with its data; after for another one takes its place: the others are told to forget the old one (member remove, member add), and it joins them without data. Nothing happens while another one is lost: two of three cannot be replaced",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.Etcd}, Lasts: Needed, Longest: 60 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the member %s of the etcd is lost; %s later another one takes its place", f.Target, f.For)
		},
	},
	{
		Kind:     EtcdLeaderCut,
		Members:  true,
		Summary:  "the member that leads the etcd that agents share cannot reach the others, nor they it; clients can",
		Disturbs: []disturb.Kind{disturb.Cut},
		Lasts:    Needed, Longest: 60 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the leader of the etcd is cut off from the other members for %s", f.For)
		},
	},
	{
		Kind:     EtcdSlow,
		Etcd:     true,
		Summary:  "the etcd takes delay longer to apply each entry of its log",
		Disturbs: []disturb.Kind{disturb.EtcdLate},
		Targets:  stores, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{delay.between(int64(ms), int64(10*second), int64(10*ms), int64(510*ms))},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s takes %s longer for each change, for %s", f.etcd(), f.Delay, f.For)
		},
	},
	{
		Kind:     EtcdStall,
		Etcd:     true,
		Summary:  "the etcd applies nothing, as when its disk hangs; reads of what it has applied go on",
		Disturbs: []disturb.Kind{disturb.EtcdLate},
		Targets:  stores, Lasts: Needed, Longest: 60 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s applies nothing for %s", f.etcd(), f.For)
		},
	},
	{
		Kind:     EtcdQuota,
		Etcd:     true,
		Summary:  "the etcd raises the alarm NOSPACE and refuses puts until the alarm is disarmed",
		Disturbs: []disturb.Kind{disturb.EtcdFull},
		Targets:  stores, Lasts: Needed, Longest: 60 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s is out of its quota for %s", f.etcd(), f.For)
		},
	},
	{
		Kind:     EtcdDeletesRefused,
		Needs:    mode.Replica,
		Summary:  "the etcd refuses share percent of the deletions with \"too many requests\", as when its log is too far ahead of what it has applied",
		Disturbs: []disturb.Kind{disturb.DeletionsFailed},
		Targets:  roles{mode.Replica}, Lasts: Needed, Longest: 120 * second,
		Uses: []Use{share.between(1, 100, 10, 100)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the etcd in replica %s refuses %d %% of the deletions for %s", f.Target, f.Share, f.For)
		},
	},
	{
		Kind:     EtcdDeletesTimeOut,
		Needs:    mode.Replica,
		Summary:  "the etcd answers share percent of the deletions with \"request timed out\" and does not apply them, as when a proposal is lost; with applied it does, as when that takes too long. (An etcd that says yes and does nothing there is not: its answer follows from its log)",
		Disturbs: []disturb.Kind{disturb.DeletionsFailed},
		Targets:  roles{mode.Replica}, Lasts: Needed, Longest: 120 * second,
		Uses: []Use{share.between(1, 100, 10, 100), applied.maybe()},
		sentence: func(f *Fault) string {
			what := "and does not apply them"
			if f.Applied {
				what = "which it applies"
			}
			return fmt.Sprintf("the etcd in replica %s lets %d %% of the deletions time out, %s, for %s", f.Target, f.Share, what, f.For)
		},
	},
	{
		Kind:     EtcdCompaction,
		Etcd:     true,
		Summary:  "the etcd compacts its history up to the present revision: a watch from before is refused",
		Disturbs: []disturb.Kind{disturb.RevisionsLost},
		Targets:  stores,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s compacts its whole history", f.etcd())
		},
	},
	{
		Kind:     EtcdClock,
		Etcd:     true,
		Summary:  "the lease clock of the etcd is ahead of its clients' by ahead: every lease is that much nearer to its expiry until it is renewed",
		Disturbs: []disturb.Kind{disturb.LeasesAged},
		Targets:  stores, Uses: []Use{ahead.between(int64(second), int64(longestPhase), int64(60*second), int64(960*second))},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the lease clock of %s jumps ahead by %s", f.etcd(), f.Ahead)
		},
	},
}

// stores are the roles whose hosts run an etcd that agents read.
var stores = roles(mode.Stores())

// etcd names the etcd of the fault's host.
func (f *Fault) etcd() string {
	if mode.Replica.Is(f.Target) {
		return "the etcd in replica " + f.Target
	}
	return "the etcd " + f.Target
}

func (f *Fault) writerGoesOn() string {
	if mode.Replica.Is(f.Target) {
		return "; its writer goes on"
	}
	return ""
}

// manner says how something ends, if not in the way that goes without saying.
func (f *Fault) manner() string {
	switch f.How {
	case Silent:
		return " without a word, with its node"
	case Graceful:
		return " gracefully"
	}
	return ""
}

// Faults of agents and of any process's host.
const (
	AgentRestart   Kind = "agent-restart"
	AgentCrash     Kind = "agent-crash"
	AgentClusterID Kind = "agent-cluster-id"
	AgentSlow      Kind = "agent-slow"
	Pause          Kind = "pause"
)

var agentSpecs = []Spec{
	{
		Kind:     AgentRestart,
		Summary:  "agents are stopped gracefully and start again after for, with empty views; their datapaths stay",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.Agent}, Group: OneOrMore, Lasts: Needed, Repeats: true, Longest: 20 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s restart%s with an empty view after %s; the datapath stays", f.hosts(), f.s(), f.For)
		},
	},
	{
		Kind:     AgentCrash,
		Summary:  "agents are killed and start again after for, with empty views; their datapaths stay",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.Agent}, Group: OneOrMore, Lasts: Needed, Repeats: true, Longest: 20 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s crash%s and start%s again with an empty view after %s; the datapath stays", f.hosts(), f.es(), f.s(), f.For)
		},
	},
	{
		Kind:     AgentClusterID,
		Needs:    mode.Replica,
		Summary:  "agents are killed and start again at once, with the cluster ID of the cluster that they read, as when cilium-config gives two clusters one ID: Cilium connects and refuses to read; after for they start once more, with one of their own. (Any other ID changes nothing for what they read)",
		Disturbs: []disturb.Kind{disturb.ProcessEnded, disturb.ConfigWrong},
		Targets:  roles{mode.Agent}, Group: OneOrMore, Lasts: Needed, Longest: 40 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s start%s again with the cluster ID of the cluster that is read, for %s", f.hosts(), f.s(), f.For)
		},
	},
	{
		Kind:     AgentSlow,
		Summary:  "an agent reads only bandwidth bytes a second from its connections: a slow consumer, for which its replica has to keep events",
		Disturbs: []disturb.Kind{disturb.ReadsSlow},
		Targets:  roles{mode.Agent}, Lasts: Needed, Longest: 120 * second,
		Uses: []Use{bandwidth.between(16, 1<<30, 64, 4064)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s reads only %d bytes/s for %s", f.Target, f.Bandwidth, f.For)
		},
	},
	{
		Kind:     Pause,
		Summary:  "a host sends and receives nothing",
		Disturbs: []disturb.Kind{disturb.Cut},
		Targets:  roles{mode.Replica, mode.Etcd, mode.Agent, mode.APIServer, mode.Operator}, Lasts: Needed, Longest: 120 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s is paused for %s", f.Target, f.For)
		},
	},
}

// s and es end the verb of a sentence about the fault's hosts.
func (f *Fault) s() string {
	if len(f.Hosts()) == 1 {
		return "s"
	}
	return ""
}

func (f *Fault) es() string {
	if len(f.Hosts()) == 1 {
		return "es"
	}
	return ""
}
