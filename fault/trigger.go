package fault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Trigger is an event at which a fault begins. It counts the events that fit
// from the fault's At on, and fires once. What asks (a put, a list, a watch, a
// write) waits until the fault has begun, so that the fault is there before the
// event takes effect.
type Trigger struct {
	Event   Event  `json:"event"`
	Actor   string `json:"actor"`             // the host that does it
	Kind    string `json:"kind,omitempty"`    // of what; empty: any
	Nth     int    `json:"nth,omitempty"`     // which one, from 1; zero: the first
	Percent int    `json:"percent,omitempty"` // of EtcdSync
}

// Event is something that a trigger can wait for.
type Event string

// The events.
const (
	EtcdPut   Event = "etcd-put"
	EtcdSync  Event = "etcd-sync"
	EtcdLease Event = "etcd-lease"
	EtcdList  Event = "etcd-list"
	EtcdWatch Event = "etcd-watch"
	Connect   Event = "connect"
	Ready     Event = "ready"
	KubeList  Event = "kube-list"
	KubeWatch Event = "kube-watch"
	KubeWrite Event = "kube-write"
	See       Event = "see"
	Leads     Event = "leads"
)

// EventSpec says what an event is, who can cause it, and of which kinds it can be.
type EventSpec struct {
	Event   Event
	Summary string

	actors  roles
	servers roles // where it happens, one of them, if a client asks for it there; empty: at the actor
	Kinds   []string
	verb    string // of the sentence
}

// Kinds of what an etcd holds, and of what a kube-apiserver serves.
var (
	viewKinds   = schema.KindNames()
	storedKinds = schema.StoredNames()
	etcdKinds   = slices.Concat(storedKinds, canaries(storedKinds), []string{ClusterConfigKind, HeartbeatKind})
	kubeKinds   = []string{"Namespace", "Pod", "CiliumNode", "CiliumIdentity", "CiliumEndpoint", "CiliumEndpointSlice", "Lease", "Service", "EndpointSlice"}
)

// KubeKinds are the kinds that a kube-apiserver serves and a plan can name.
func KubeKinds() []string { return slices.Clone(kubeKinds) }

// Events are all events that a trigger can wait for.
var Events = []EventSpec{
	{EtcdPut, "the etcd of actor, a replica or one that agents share, is about to apply a put", stores, stores, etcdKinds, "is about to put"},
	{EtcdSync, "the writer of replica actor is about to put what makes percent of all identities, endpoints and nodes, since it started last", roles{mode.Replica}, roles{mode.Replica}, nil, ""},
	{EtcdLease, "the etcd of replica actor has granted its writer a lease, and is about to answer", roles{mode.Replica}, roles{mode.Replica}, nil, "is granted a lease"},
	{EtcdList, "an etcd has read a complete list for agent actor, and is about to answer", roles{mode.Agent}, stores, storedKinds, "has listed"},
	{EtcdWatch, "an etcd is about to open a watch for agent actor: between its list and its watch", roles{mode.Agent}, stores, storedKinds, "is about to watch"},
	{Connect, "an etcd has accepted a connection of agent actor", roles{mode.Agent}, stores, nil, "connects"},
	{Ready, "replica actor becomes ready", roles{mode.Replica}, nil, nil, "becomes ready"},
	{KubeList, "a kube-apiserver is about to serve a list, or a watch that begins with one, to actor", roles{mode.Agent, mode.Replica, mode.Client, mode.Operator}, roles{mode.APIServer}, kubeKinds, "is about to list"},
	{KubeWatch, "a kube-apiserver is about to open a watch for actor", roles{mode.Agent, mode.Replica, mode.Client, mode.Operator}, roles{mode.APIServer}, kubeKinds, "is about to watch"},
	{KubeWrite, "a kube-apiserver is about to serve a write of actor: from the second on, between two writes", roles{mode.Client, mode.Operator}, roles{mode.APIServer}, kubeKinds, "is about to write"},
	{See, "an entry has entered the view of agent actor, or changed in it", roles{mode.Agent}, nil, viewKinds, "has seen"},
	{Leads, "operator actor becomes the leader", roles{mode.Operator}, nil, nil, "becomes the leader"},
}

// Kinds of keys of an etcd that are no entries: of canaries, one for each kind of
// entry, and of what a cluster has one of.
const (
	ClusterConfigKind = "cluster-config"
	HeartbeatKind     = "heartbeat"
)

// CanaryKind is the kind of the canary of a kind of entry.
func CanaryKind(kind string) string { return kind + "-canary" }

func canaries(kinds []string) (all []string) {
	for _, kind := range kinds {
		all = append(all, CanaryKind(kind))
	}
	return all
}

// actorsIn returns the roles that can cause the event in a mode: those that exist there
// and reach the server where it happens.
func (s *EventSpec) ActorsIn(m mode.Mode) roles {
	return slices.DeleteFunc(slices.Clone(s.actors), func(r mode.Role) bool {
		reached := func(server mode.Role) bool { return m.Runs(server) && (server == r || m.Talk(r, server)) }
		return !m.Runs(r) || len(s.servers) > 0 && !slices.ContainsFunc(s.servers, reached)
	})
}

// CanFire reports whether the plan can cause what a trigger waits for.
func CanFire(p *Plan, t *Trigger) bool { return checkTrigger(p, "", t) == nil }

func eventSpec(e Event) (*EventSpec, bool) {
	i := slices.IndexFunc(Events, func(s EventSpec) bool { return s.Event == e })
	if i < 0 {
		return nil, false
	}
	return &Events[i], true
}

// Count is which of the events that fit fires the trigger, from 1.
func (t *Trigger) Count() int { return max(1, t.Nth) }

// String says when the trigger fires.
func (t *Trigger) String() string {
	if t.Event == EtcdSync {
		return fmt.Sprintf("when %s has put %d %% of its first sync", t.Actor, t.Percent)
	}
	spec, known := eventSpec(t.Event)
	if !known {
		return "when " + string(t.Event)
	}
	sentence := "when " + t.Actor + " " + spec.verb
	if len(spec.Kinds) > 0 {
		what := t.Kind
		if what == "" {
			what = "something"
		}
		sentence += " " + what
	}
	if t.Count() > 1 {
		sentence += fmt.Sprintf(" for the %s time", text.Ordinal(t.Count()))
	}
	return sentence
}

// checkTrigger returns why a trigger can never fire, or nil.
func checkTrigger(p *Plan, path string, t *Trigger) *flaw {
	spec, known := eventSpec(t.Event)
	if !known {
		return flawf(path+".event", "the event %s does not exist; the events are %s", strictjson.Quote(string(t.Event)), eventNames())
	}
	if problem := checkHost(p, path+".actor", t.Actor); problem != nil {
		return problem
	}
	if len(spec.servers) > 0 && !slices.ContainsFunc(spec.servers, func(r mode.Role) bool { return p.Hosts(r) > 0 }) {
		return flawf(path+".event", "the trigger can never fire: without %s nobody causes %s", spec.servers[0].Plural(), t.Event)
	}
	if !spec.actors.has(t.Actor) {
		return flawf(path+".actor", "the trigger can never fire: %s is never caused by %s, only by %s", t.Event, t.Actor, spec.actors.enumerate())
	}
	if t.Kind != "" && !slices.Contains(spec.Kinds, t.Kind) {
		if len(spec.Kinds) == 0 {
			return flawf(path+".kind", "the event %s has no kinds", t.Event)
		}
		return flawf(path+".kind", "the trigger can never fire: %s is never of the kind %s, only of %s", t.Event, strictjson.Quote(t.Kind), strings.Join(spec.Kinds, ", "))
	}
	switch {
	case t.Nth < 0:
		return flawf(path+".nth", "found %d; want 1 for the first, 2 for the second, ...", t.Nth)
	case t.Event == EtcdSync && (t.Percent < 1 || t.Percent > 100):
		return flawf(path+".percent", "found %d; want 1 to 100", t.Percent)
	case t.Event == EtcdSync && t.Nth != 0:
		return flawf(path+".nth", "the event %s takes a percent and no nth", t.Event)
	case t.Event != EtcdSync && t.Percent != 0:
		return flawf(path+".percent", "only the event %s has a percent", EtcdSync)
	}
	return checkServed(p, path, t)
}

// checkServed finds what nobody reads or writes with the plan's topology and
// options.
func checkServed(p *Plan, path string, t *Trigger) *flaw {
	never := func(why string) *flaw { return flawf(path, "the trigger can never fire: %s", why) }
	operators, slices := p.Topology.Operators > 0, p.Options.EndpointSlices
	reads := t.Event == KubeList || t.Event == KubeWatch
	ofServices := schema.OfServices(t.Kind) || schema.MakesServices(t.Kind)
	switch actor := mode.RoleOf(t.Actor); {
	case ofServices && !p.HasServices():
		return never("the plan has no services")
	case ofServices && t.Event == KubeWrite && actor == mode.Operator:
		return never("operators do not write objects of the kind " + t.Kind)
	case reads && actor == mode.Client && !operators:
		return never("w0 only writes, in a world without operators")
	case reads && actor == mode.Client && t.Kind != "" && t.Kind != "CiliumIdentity":
		return never("w0 reads nothing but CiliumIdentities")
	case t.Kind == "CiliumEndpointSlice" && !slices:
		return never("without options.endpointSlices there are no CiliumEndpointSlices")
	case reads && actor == mode.Agent && (t.Kind == "Pod" || t.Kind == "Namespace"):
		return never("agents do not read objects of the kind " + t.Kind)
	case reads && actor == mode.Agent && t.Kind == "CiliumEndpoint" && slices:
		return never("with options.endpointSlices agents read CiliumEndpointSlices")
	case t.Kind == "CiliumEndpoint" && slices && (actor == mode.Replica || !operators):
		return never("with options.endpointSlices the writer reads CiliumEndpointSlices, and without operators nobody has CiliumEndpoints")
	case t.Kind == "Lease" && actor != mode.Operator:
		return never("only operators have Leases")
	case t.Kind == "Pod" && actor == mode.Replica:
		return never("the writer does not read Pods")
	case t.Event == KubeWrite && actor == mode.Operator && (t.Kind == "Pod" || t.Kind == "Namespace" || t.Kind == "CiliumNode"):
		return never("operators do not write objects of the kind " + t.Kind)
	case t.Event == KubeWrite && actor == mode.Client && operators && (t.Kind == "CiliumIdentity" || t.Kind == "CiliumEndpointSlice"):
		return never("in a world with operators these objects are theirs to write")
	}
	return nil
}

func eventNames() string {
	names := make([]string, len(Events))
	for i := range Events {
		names[i] = string(Events[i].Event)
	}
	return strings.Join(names, ", ")
}
