package history

import (
	"time"

	"github.com/meshcheck/meshcheck/model/schema"
)

// Verb says what happened. The set is closed: a reader refuses others.
type Verb string

// The verbs, with the fields of Record that each one uses besides At, Actor
// and Verb. Fields that a verb does not name are empty.
const (
	// Phase: the world (actor "world") enters the phase Key, in this order:
	// "start" (the processes boot), "churn" (workload and faults), "heal" (no more
	// workload; every fault is lifted and every process starts again), "end".
	// Value of heal is the virtual time, as of time.Duration.String, within which
	// all views must have converged; of end it is why the run ended: "settled"
	// (nothing changed for a while) or "bound".
	Phase Verb = "phase"

	// Fault and Heal: the fault number Rev (counted from 1 in the plan's order)
	// of the kind Kind takes effect on, or is lifted from, the hosts Key (joined
	// by commas, empty if it strikes none). Peer is the other host, or hosts, if the fault
	// has one. Value is its sentence. Op is what it disturbs, as in package disturb, joined
	// by commas. A fault for good is never lifted.
	Fault Verb = "fault"
	Heal  Verb = "heal"

	// Effect: the fault number Rev has done what Value says, as "what:count" separated by
	// spaces, for each thing that it disturbs; all zeros if nothing came of it. Other
	// fields as in Fault. It is recorded when the fault is lifted or, of a fault for good,
	// at the end of the churn.
	Effect Verb = "effect"

	// Unfired: the fault number Rev did not happen; fields as in Fault, but Value
	// is why: its trigger did not fire, or there was nothing to happen to.
	Unfired Verb = "unfired"

	// Up and Down: the process Kind ("kube", "etcd", "writer", "agent", "operator") on the
	// host Actor starts or stops. Inc is the incarnation of this process on this
	// host, from 1. Store is set for etcd: an etcd that starts again with its data
	// has the same store, one that starts without has another.
	Up   Verb = "up"
	Down Verb = "down"

	// Ready and Unready: the replica Actor enters or leaves the endpoints of the
	// ClusterMesh API server's Service; or, with Kind "operator" and Inc, the
	// operator Actor begins or ceases to lead, as far as it knows: two may believe
	// so at once; or, with Kind "etcd" and Inc, the member Actor of an etcd of several lets
	// clients in (Ready alone).
	Ready   Verb = "ready"
	Unready Verb = "unready"

	// Write: the kube-apiserver Actor acknowledged a write by the client Peer of
	// the object Key ("namespace/name" or "name") of the Kubernetes kind Kind. Op
	// is create, update or delete, RV the resourceVersion of the write. Value is what the
	// object then says, as in package object, of the kinds that have a form there; earlier
	// histories of this version do not have it.
	Write Verb = "write"

	// Truth: the write at RV made an entry of a view true (Op put) or no longer
	// true (Op del). Kind is the view kind (Identity, Endpoint, Node, Service, Backend), Key the
	// entry's key, Value its canonical content, Owner the object that claims it
	// ("Kind/namespace/name"). The truths of a write follow it at once, with the
	// same At and RV. An owner has at most one claim per key; a put replaces it.
	// One key may be claimed by several owners at once, and by one object as
	// several owners, "Kind/name", "Kind/name#2" and so on: a slice that holds two
	// pods with one address.
	Truth Verb = "truth"

	// Put and Del: the etcd of the replica Actor applied a change of the key Key
	// at revision Rev in the store Store. Kind is the view kind of the key, or
	// Meta. Value (Put only) is the canonical content where Kind is a view kind,
	// else the raw value, quoted. Owner (Put only) is the key's lease, if it has one,
	// as in Lease. Deletions by lease expiry are among them. They are in order of Rev;
	// a Call or Event that tells of a change may precede it at the same instant.
	Put Verb = "put"
	Del Verb = "del"

	// Call: the etcd of the replica Actor (store Store) answered one request of
	// the client Peer. From is the instant the server took it up, At the instant
	// it answered. Op is put, delete or range; Key the key, End the range's end
	// (as in etcd: empty for one key). Rev is the store's revision in the answer.
	// Put: Value is the hash of the value (ValueHash). Delete: Value is the
	// number of deleted keys. Range: RV is the pinned revision or zero for a
	// linearizable read of the present, Value the answer as "key:modrev:hash"
	// separated by spaces; More is set if the answer was cut by a limit.
	// A Put or Delete with an unknown outcome has Err. Op is other for all else:
	// calls that are no such operation, ranges that promise nothing of the present
	// (serializable, or without values), and ranges that failed and whatever was refused
	// for certain, which have Err; Key is then the method, such as Status or Put. Bytes
	// is the size of the answer. A transaction is a Call for each operation of the
	// branch that was taken, the size on the first, or one with Op other if there is none.
	Call Verb = "call"

	// Connect and Disconnect: the agent Actor has established a connection with
	// the replica Peer, whose etcd has the store Store, or has given it up.
	// Value of Disconnect is the reason: close, reset or timeout.
	Connect    Verb = "connect"
	Disconnect Verb = "disconnect"

	// Reading: what the agent Actor reads has changed, or which of its sources count, where it
	// has several. Key is the sources that it reads, Value those that count, the first taking
	// precedence, as in Origin, each joined by commas; Op is why, as below.
	Reading Verb = "reading"

	// Synced: the endpoints of the agent's host are regenerated, so that its
	// datapath is from now on what incarnation Inc knows. Value is "synced" if the
	// agent had its complete initial lists, or "timeout" if it stopped waiting for
	// them. Its origin is that of the first complete list of the kind Kind, if there was one.
	Synced Verb = "synced"

	// See and Drop: an entry enters (or changes in) or leaves the view of the
	// agent Actor, incarnation Inc. Kind, Key and Value are as in Truth. Source, Peer,
	// Store and Session are the change's origin, as in [Origin], and Op says how the agent learned of it:
	// ByWatch, ByList or GivenUp. A view
	// begins empty at each Up of the agent and ends at its Down, without Drops.
	//
	// In versions 1 and 2 of the form Peer and Store name the replica and the etcd that
	// the agent was connected with at that instant, if any, whoever sent the change.
	See  Verb = "see"
	Drop Verb = "drop"

	// Program and Unprogram: an entry enters (or changes in) or leaves the
	// datapath of the agent's host, which outlives the agent. Only endpoints are
	// programmed. The origin is that of the change in the view that is programmed, or of
	// the list that lacked what was in the datapath of the agent before.
	Program   Verb = "program"
	Unprogram Verb = "unprogram"

	// Request: the kube-apiserver Actor answered one request of the client Peer that
	// is not a watch. From is the instant it took the request up, At the instant it
	// answered. Op is get, list, create, update, patch, delete, deletecollection or
	// discovery, or watch if none was opened; Kind the Kubernetes kind; Key the object
	// ("namespace/name" or "name"), or of a list the namespace ("" for all), or without a
	// Kind the path; End the selectors, if any, as "labels=...;fields=...". Ask is the
	// resourceVersion that a get or list asks for: "" (the most recent), "0" (any), "N" (not older), "=N" (exactly), or
	// "continue" for a further page. RV is the resourceVersion in the answer: of the
	// object (of a delete that of the deletion), or of the list. Value of a list, and of
	// a deletecollection, is its objects as "namespace/name:rv" separated by spaces, of a
	// get that found nothing "none" (with an Err of code 404); More is set if a list was
	// cut by its limit. Bytes is the size of the answer's body. Err is "code reason" of a request that failed, such as
	// "409 Conflict", or "cut" if no answer was sent: the outcome of a write is then
	// unknown.
	Request Verb = "request"

	// Watch, Event, Unwatch: a watch was opened at the server Actor by the client
	// Peer, sent something to it, and has ended. ID numbers the watches of the whole
	// run, from 1. Event and Unwatch repeat Kind, Key, Peer and Store of their Watch.
	// Bytes of an Event is the size of what was sent, which need not arrive. A Watch or
	// Event is recorded before its client can know of it.
	//
	// Of a kube-apiserver Kind, Key, End and Ask are as in the Request of a list;
	// Ask has the prefix "initial:" if the client asked for the state first and a
	// bookmark after it (sendInitialEvents). Value of an Event is what was sent in
	// one piece, as "TYPE:namespace/name:rv" separated by spaces; TYPE is ADDED,
	// MODIFIED, DELETED; "BOOKMARK:rv", or "INITIAL:rv" for the bookmark that ends the
	// initial state; "ERROR:code". Value of Unwatch is client, timeout, expired or
	// closed (by the server).
	//
	// Of an etcd (which has a Store) Kind is the view kind of the watched prefix or
	// Meta, Key and End are the watched range, Ask the revision to start from ("0" for
	// the present), Rev the store's revision when it was opened, Value the options
	// among prev, progress, noput, nodelete, separated by commas. An Event is one
	// answer: Rev the revision in its header, Value its events as
	// "put:key:modrev:createrev:version:hash" or "del:key:modrev", each followed by
	// ":prev=modrev" if the answer had the previous value, separated by spaces; none for
	// a progress notification; one for all watches of a stream is an Event of each, the
	// size on the first. More is set if the answer is a fragment that another one
	// continues. Value of Unwatch is client, closed (the server stops), compacted (Rev is
	// the revision up to which the store was), or the reason that the server gave.
	Watch   Verb = "watch"
	Event   Verb = "event"
	Unwatch Verb = "unwatch"

	// Lease: the etcd of the replica Actor answered the client Peer about the lease
	// Key (16 hexadecimal digits), or (Op expire, no Peer) ended it itself. Op is
	// grant, keepalive, revoke or expire; Value the time to live in seconds that a grant
	// or keepalive gave, "0" if the lease is unknown. From and Err as in Call. A revoke
	// without a Peer is one that an etcd which started again found in its log.
	Lease Verb = "lease"

	// Enforce: the policy map of an endpoint of the whole agent Actor has changed, which outlives the
	// agent. Key is the endpoint's pod, Owner its number on that host. Op is Begins, when there is
	// the map, which is empty; Ends, when there is no map any more; or what an entry does from now
	// on: Allowed, Denied, or Removed. Of an entry Kind is Ingress or Egress, Value whom it is
	// about, by the number of an identity ("0" for everybody, 11 to 14 for those of the cluster,
	// of other clusters, of the world and of other nodes) or by a network ("cidr:10.0.0.0/8"), and
	// after a space the port, as "8080/TCP", "8080-8095/TCP" or "TCP", if it is not about all; Rev is its
	// precedence. It is recorded where the plan has policies.
	Enforce Verb = "enforce"

	// Operation: the operation number Rev (counted from 1 in the plan's order) of the
	// workload (actor "w0") is over. Op is its kind, such as pod-create, Kind and Key its
	// object (a Pod, CiliumNode or Namespace). From is the instant at which the plan says
	// that it begins, whatever else is under way; Value is for how long it then waited for
	// earlier operations on the same objects, if for any. Err is "superseded" if a pod
	// was not brought up, since another operation on it came first, and "unfinished" if
	// the operation was not over when the run ended.
	Operation Verb = "op"

	// Stall: a goroutine on the host Actor (or "world") that lost its CPU at From has it again: at the
	// place Bytes bytes behind the start of the function Key, at its visit Rev, from 1.
	// Value is the line of the source, Owner the function that started the goroutine.
	Stall Verb = "stall"

	// Left: when the world had stopped every process, after its end, Rev goroutines that
	// the function Key had started were still there. The last one has no Key and counts
	// them all: of a run that leaks nothing it is the only one, with a Rev of zero.
	Left Verb = "left"

	// Net: an event of the simulated network that a reader of a run wants to
	// see: Key is dial, refuse, timeout, reset, accept or close; Actor and Peer the hosts.
	Net Verb = "net"
)

// How an agent learned of a change in its view: the Op of See and Drop.
const (
	ByWatch = "watch" // an event of a watch said so
	ByList  = "list"  // a list has the entry, or has it no more
	GivenUp = "drop"  // no server said so: the reader gave up what it knew
)

// Why an agent's sources change: the Op of Reading.
const (
	Begins   = "begins"    // it has started
	FallBack = "fall-back" // the etcd cannot be reached: it begins to read CRDs
	Listed   = "listed"    // its lists of CRDs are complete
	Reaches  = "reaches"   // the etcd can be reached, and has not been read in full
	Loses    = "loses"     // that is over
	GoesOver = "goes-over" // it has read the etcd in full, and ceases to read CRDs
)

// What a policy map, or an entry of one, does: the Op of Enforce, besides Begins.
const (
	Ends    = "ends"
	Allowed = "allow"
	Denied  = "deny"
	Removed = "del"
)

// Directions: the Kind of Enforce.
const (
	Ingress = "ingress"
	Egress  = "egress"
)

// View kinds, and Meta for the keys of an etcd that belong to no view.
const (
	Identity = schema.Identity
	Endpoint = schema.Endpoint
	Node     = schema.Node
	Service  = schema.Service
	Backend  = schema.Backend
	Meta     = schema.Meta
)

// Record is one thing that happened. Which fields are used depends on Verb.
type Record struct {
	At    time.Duration // virtual time since the start of the run
	Actor string        // host: k0 (kube-apiserver), r0 (replica), a0 (agent), w0 (workload), or world
	Verb  Verb
	Kind  string
	Key   string
	Value string
	Op    string
	Owner string
	Peer  string
	Store string        // data of an etcd: its cluster ID, 16 hexadecimal digits; of the n-th one with that ID, n > 1, with "/n"
	End   string        // end of a range
	RV    int64         // kube resourceVersion
	Rev   int64         // etcd revision, or the number of a fault
	Inc   int           // incarnation of a process, from 1
	From  time.Duration // when a Call began
	More  bool          // an answer was cut by a limit
	Err   string
	Ask   string // the version that a read asks for
	ID    int64  // number of a watch
	Bytes int64  // size of what a server sent

	Source  string // what kind of server an agent reads, as in Origin
	Session int64  // number of a connection, as in Origin
}

// Origin is where a change of a view came from: the server, and the connection that
// delivered it. It is told by the reader, for each change, and never concluded from
// which connections are open.
type Origin struct {
	Source  string // what the agent reads: the name of a base of model/mode, such as clustermesh
	Server  string // host
	Store   string // the data of that etcd, as in Record.Store; "" of a kube-apiserver
	Session int64  // the connection, counted from 1 in each incarnation of the agent
}

// Origin returns the origin of a change in a view, of what it programmed, or of the
// complete lists. It is zero where none is known.
func (r *Record) Origin() Origin {
	return Origin{Source: r.Source, Server: r.Peer, Store: r.Store, Session: r.Session}
}

// SetOrigin sets what Origin returns.
func (r *Record) SetOrigin(o Origin) {
	r.Source, r.Peer, r.Store, r.Session = o.Source, o.Server, o.Store, o.Session
}

// Version is the version of the file form that is written.
const Version = 4

// History is a whole run.
type History struct {
	Version int    // of the file form that it was read from; 0 for Version
	Plan    string // the plan's file form, one line of JSON
	Records []Record
	Hash    string // the trace hash: SHA-256 of the file form, in hexadecimal
}
