package truth

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Shared is what is true where agents write what they know into an etcd that they share,
// and read it there. No object of the kube-apiserver says it then; what is true begins at
// the Pod and at the Node all the same, and only what agents choose themselves, the number
// of an identity, is true by their choice:
//
//   - an endpoint is true from when the agent of its host has given it an identity, until
//     that agent was asked to end it and its key is deleted, or the Pod is, whichever comes
//     first. A key that expires with its lease while the pod lives takes nothing from
//     what is true, and one that is left behind adds nothing to it.
//   - an identity is true while its key is there, and as long as an endpoint has it.
//   - a node is true from when there is a CiliumNode of it until that is deleted. Where
//     nobody collects the keys of nodes, what its key says is true from then until that is
//     gone as well: its agent, which may not have put its last change, is no more.
//
// A resourceVersion of such a truth counts its changes. It may be used by several
// goroutines.
type Shared struct {
	Ledger *Ledger

	cluster   Cluster
	collected bool // somebody deletes the keys of nodes that are gone
	record    func(history.Record)

	mu    sync.Mutex
	rv    int64
	pods  map[string]*sharedPod // by "namespace/name"
	nodes map[string]*sharedNode
}

type sharedPod struct {
	ips      []string
	identity Entry
	claims   []Entry // of its addresses
	claimed  bool    // it has had one
	ending   bool    // its agent was asked to end it
	former   bool    // the claims are of an endpoint that it had before, which is ending
}

type sharedNode struct {
	exists bool
	key    string // what its key says; "" if there is none
}

// NewShared returns what is true of a cluster without pods and nodes. record is told of
// each change, without At.
func NewShared(cluster Cluster, collected bool, record func(history.Record)) *Shared {
	return &Shared{Ledger: NewLedger(), cluster: cluster, collected: collected, record: record, pods: map[string]*sharedPod{}, nodes: map[string]*sharedNode{}}
}

// set makes what an owner claims true; the lock is held.
func (s *Shared) set(actor, owner string, entries ...Entry) {
	changes := s.Ledger.Set(owner, entries)
	if len(changes) == 0 {
		return
	}
	s.rv++
	for _, r := range changes {
		r.Actor, r.RV = actor, s.rv
		s.record(r)
	}
}

// Demand notes that a host is to have an endpoint for a pod. One that the pod has had
// until now, perhaps on another host, is true until its key is deleted or the new one is
// true, and there is a break between the two: its key may go before the new one's is put.
func (s *Shared) Demand(pod string, ips []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &sharedPod{ips: ips}
	if before := s.pods[pod]; before != nil {
		p.identity, p.claims, p.former = before.identity, before.claims, true
	}
	s.pods[pod] = p
}

// Assign makes a pod's endpoint true with the identity, by its labels, that the agent of
// its host has given it.
func (s *Shared) Assign(actor string, c EndpointContent, labels []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pod := c.Namespace + "/" + c.Pod
	p := s.pods[pod]
	if p == nil || p.ending {
		return
	}
	if p.former {
		s.set(actor, "Pod/"+pod)
	}
	p.claimed, p.former = true, false
	p.identity, p.claims = Identity(fmt.Sprint(c.ID), labels), nil
	for _, ip := range p.ips {
		p.claims = append(p.claims, Endpoint(canonical(ip), c))
	}
	s.claim(actor, pod)
}

// claim makes true what a pod claims: its addresses, and as long as it has one the
// identity; the lock is held.
func (s *Shared) claim(actor, pod string) {
	p := s.pods[pod]
	var all []Entry
	if len(p.claims) > 0 {
		all = append(all, p.claims...)
		all = append(all, p.identity)
	}
	s.set(actor, "Pod/"+pod, all...)
}

// End notes that the agent of a pod's host is asked to end its endpoint.
func (s *Shared) End(pod string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pods[pod]; p != nil {
		p.ending = true
	}
}

// Apply takes a new version of a Kubernetes object into account, or its deletion if
// content is nil.
func (s *Shared) Apply(actor, kind, key string, content []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case "Pod":
		if content == nil {
			delete(s.pods, key)
			s.set(actor, "Pod/"+key)
		}
	case "Service", "EndpointSlice": // which agents read where they are
		var entries []Entry
		if content != nil {
			var err error
			if _, entries, err = FromObject(kind, content, false, s.cluster); err != nil {
				return err
			}
		}
		s.set(actor, kind+"/"+key, entries...)
	case "CiliumNode":
		var entries []Entry
		if content != nil {
			var err error
			if _, entries, err = FromObject(kind, content, false, s.cluster); err != nil {
				return err
			}
		}
		n := s.node(key)
		if n.exists = content != nil; !n.exists && !s.collected && n.key != "" {
			entries = []Entry{{history.Node, key, n.key}}
		}
		s.set(actor, "CiliumNode/"+key, entries...)
	}
	return nil
}

func (s *Shared) node(name string) *sharedNode {
	n := s.nodes[name]
	if n == nil {
		n = &sharedNode{}
		s.nodes[name] = n
	}
	return n
}

// Observe takes a change of the etcd into account, a Put or Del as it is recorded.
func (s *Shared) Observe(r *history.Record) {
	kind, name := schema.EntryOf(r.Key)
	if kind == nil || r.Verb != history.Put && r.Verb != history.Del {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	there := r.Verb == history.Put
	switch kind.Name {
	case schema.Identity:
		owner := "key/" + name
		if there {
			s.set(r.Actor, owner, Entry{history.Identity, name, r.Value})
		} else {
			s.set(r.Actor, owner)
		}
	case schema.Endpoint:
		if !there {
			s.ended(r.Actor, name)
		}
	case schema.Node:
		n := s.node(name)
		if n.key = ""; there {
			n.key = r.Value
		}
		switch {
		case n.exists || s.collected:
		case there:
			s.set(r.Actor, "CiliumNode/"+name, Entry{history.Node, name, r.Value})
		default:
			s.set(r.Actor, "CiliumNode/"+name)
		}
	}
}

// ended ends what the pods claim of which the agents were asked to end the endpoint with
// an address; the lock is held.
func (s *Shared) ended(actor, ip string) {
	for _, key := range sortedKeys(s.pods) {
		p := s.pods[key]
		left := slices.DeleteFunc(slices.Clone(p.claims), func(e Entry) bool { return e.Key == ip })
		if (p.ending || p.former) && len(left) < len(p.claims) {
			p.claims = left
			s.claim(actor, key)
		}
	}
}

// Pending returns how many pods and nodes there are that no agent has made known yet.
func (s *Shared) Pending() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pods {
		if !p.claimed && !p.ending {
			n++
		}
	}
	for _, node := range s.nodes {
		if node.exists && node.key == "" {
			n++
		}
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
