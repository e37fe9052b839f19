// Package disturb names the ways in which a fault disturbs a world. A history says of
// each fault which of them it is (history.Fault) and how much of each there was in the end
// (history.Effect), so that who judges a run need not know the kinds of faults.
package disturb

// Kind is a way in which a fault disturbs the hosts that it strikes.
type Kind string

// What is disturbed. A fault of an instant is over at once, as what follows from it is
// not.
const (
	ProcessEnded     Kind = "process-ended"     // processes are ended, or held down
	DataLost         Kind = "data-lost"         // an etcd loses its keys
	ReplicaAdded     Kind = "replica-added"     // there are more replicas
	WriterFrozen     Kind = "writer-frozen"     // the writer's process lives and does nothing
	ConfigWrong      Kind = "config-wrong"      // a process runs with a configuration that is not the cluster's
	EtcdLate         Kind = "etcd-late"         // an etcd applies late what it is asked for, or not before the end
	EtcdFull         Kind = "etcd-full"         // an etcd refuses what needs space
	DeletionsFailed  Kind = "deletions-failed"  // an etcd answers deletions with errors
	RevisionsLost    Kind = "revisions-lost"    // an etcd forgets its past
	LeasesAged       Kind = "leases-aged"       // leases of an etcd are nearer to their expiry than who holds them can know
	ReadsSlow        Kind = "reads-slow"        // a process reads slowly
	CacheBehind      Kind = "cache-behind"      // a kube-apiserver's watch cache is behind its store
	WatchesEnded     Kind = "watches-ended"     // a kube-apiserver ends watches
	RequestsFailed   Kind = "requests-failed"   // a kube-apiserver answers with errors
	ListsSlow        Kind = "lists-slow"        // a kube-apiserver answers lists late
	Cut              Kind = "cut"               // messages between the hosts and the peer are lost for now; without a peer, between the hosts and all others
	CutOneWay        Kind = "cut-one-way"       // messages of the hosts to the peer, or to all others
	CutRing          Kind = "cut-ring"          // messages between the hosts, but for neighbours in their order and the first and the last
	ConnectionsDead  Kind = "connections-dead"  // connections between the hosts and the peer carry nothing any more
	ConnectionsReset Kind = "connections-reset" // connections between the hosts and the peer are reset
	MessagesSlow     Kind = "messages-slow"     // messages between the hosts and the peer take longer
	ServerUnfound    Kind = "server-unfound"    // a client finds no server to connect with
	EndpointsLate    Kind = "endpoints-late"    // a client learns late which servers there are
	EndpointsUnready Kind = "endpoints-unready" // a client is sent to servers that are not ready
	ClientMoved      Kind = "client-moved"      // a client's connections go to another server from now on
)

// counted is what is counted of each kind, in the plural.
var counted = map[Kind]string{
	ProcessEnded:     "processes ended or held down",
	DataLost:         "keys",
	ReplicaAdded:     "replicas",
	WriterFrozen:     "reads, writes and dials that waited",
	ConfigWrong:      "processes",
	EtcdLate:         "entries of the log",
	EtcdFull:         "requests refused",
	DeletionsFailed:  "deletions",
	RevisionsLost:    "revisions",
	LeasesAged:       "leases",
	ReadsSlow:        "reads that waited",
	CacheBehind:      "writes that came late",
	WatchesEnded:     "watches",
	RequestsFailed:   "requests",
	ListsSlow:        "lists",
	Cut:              "messages held",
	CutOneWay:        "messages held",
	CutRing:          "messages held",
	ConnectionsDead:  "connections",
	ConnectionsReset: "connections",
	MessagesSlow:     "messages",
	ServerUnfound:    "dials that failed",
	EndpointsLate:    "dials by endpoints that were not the present ones",
	EndpointsUnready: "dials of servers that were not ready",
	ClientMoved:      "clients",
}

// Counted says what is counted of a kind, in the plural; "" of one that there is not.
func (k Kind) Counted() string { return counted[k] }
