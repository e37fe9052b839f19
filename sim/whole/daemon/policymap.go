//go:build detrt

package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/cilium/cilium/pkg/endpoint"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/maps/policymap"
	fakepolicymap "github.com/cilium/cilium/pkg/maps/policymap/fake"
	"github.com/cilium/cilium/pkg/policy/trafficdirection"

	"github.com/meshcheck/meshcheck/history"
)

// mostPolicyEntries is how many entries a policy map has at most (bpf-policy-map-max).
const mostPolicyEntries = 16384

// policyMap is an endpoint's, pinned: it outlives the agent. What it lets in and out is recorded.
type policyMap struct {
	policymap.PolicyMap                                               // Cilium's fake
	entries             map[policymap.PolicyKey]policymap.PolicyEntry // which it has
	pod                 string                                        // for which it was opened last
}

// policyMaps are those of a node, by the number of the endpoint.
type policyMaps struct {
	mu  sync.Mutex
	all map[uint16]*policyMap
}

// opener implements policymap.Factory for an agent.
type opener struct{ d *daemon }

func (o opener) OpenEndpoint(id uint16) (policymap.PolicyMap, error) {
	maps := &o.d.policies
	maps.mu.Lock()
	defer maps.mu.Unlock()
	m := maps.all[id]
	if m == nil {
		fake := fakepolicymap.NewFakePolicyMap()
		m = &policyMap{PolicyMap: fake, entries: fake.Entries}
	}
	opened := openMap{m, o.d, id}
	if !o.d.runs() {
		return opened, nil
	}
	if pod := o.d.pods.of(id); maps.all[id] == nil || m.pod != pod {
		maps.all[id], m.pod = m, pod
		opened.record(history.Record{Op: history.Begins})
		opened.recordAll()
	}
	return opened, nil
}

func (o opener) RemoveEndpoint(id uint16) error {
	maps := &o.d.policies
	maps.mu.Lock()
	defer maps.mu.Unlock()
	if m := maps.all[id]; m != nil && o.d.runs() {
		delete(maps.all, id)
		openMap{m, o.d, id}.record(history.Record{Op: history.Ends})
	}
	return nil
}

func (opener) PolicyMaxEntries() int { return mostPolicyEntries }
func (opener) StatsMaxEntries() int  { return mostPolicyEntries }

// openMap is a policy map as an agent has opened it. What one does that is gone has no effect.
type openMap struct {
	*policyMap
	d  *daemon
	id uint16
}

func (m openMap) MaxEntries() uint32 { return mostPolicyEntries }

func (m openMap) Update(key *policymap.PolicyKey, entry *policymap.PolicyEntry) error {
	if !m.d.runs() {
		return nil
	}
	was, had := m.entries[*key]
	if !had || was.IsDeny() != entry.IsDeny() || was.Precedence != entry.Precedence {
		m.recordEntry(key, entry)
	}
	return m.PolicyMap.Update(key, entry)
}

func (m openMap) DeleteKey(key policymap.PolicyKey) error {
	if _, had := m.entries[key]; !had || !m.d.runs() {
		return nil
	}
	m.recordEntry(&key, nil)
	return m.PolicyMap.DeleteKey(key)
}

func (m openMap) DeleteEntry(entry *policymap.PolicyEntryDump) error { return m.DeleteKey(entry.Key) }

// recordAll records what is in a map when another endpoint takes it up.
func (m openMap) recordAll() {
	keys := slices.SortedFunc(maps.Keys(m.entries), func(a, b policymap.PolicyKey) int {
		return cmp.Or(cmp.Compare(a.TrafficDirection, b.TrafficDirection), cmp.Compare(a.Identity, b.Identity), cmp.Compare(a.Nexthdr, b.Nexthdr),
			cmp.Compare(a.GetDestPort(), b.GetDestPort()), cmp.Compare(a.Prefixlen, b.Prefixlen))
	})
	for _, key := range keys {
		entry := m.entries[key]
		m.recordEntry(&key, &entry)
	}
}

// recordEntry records that an entry is there, or is gone.
func (m openMap) recordEntry(key *policymap.PolicyKey, entry *policymap.PolicyEntry) {
	r := history.Record{Kind: history.Ingress, Op: history.Removed, Value: m.d.told.nameOf(identity.NumericIdentity(key.Identity))}
	if key.TrafficDirection == uint8(trafficdirection.Egress) {
		r.Kind = history.Egress
	}
	if key.GetPrefixLen() > 0 {
		r.Value += " " + key.PortProtoString()
	}
	if entry != nil {
		r.Op, r.Rev = history.Allowed, int64(entry.Precedence)
		if entry.IsDeny() {
			r.Op = history.Denied
		}
	}
	m.record(r)
}

func (m openMap) record(r history.Record) {
	r.Actor, r.Verb, r.Key, r.Owner = m.d.cfg.Host, history.Enforce, m.pod, strconv.Itoa(int(m.id))
	if m.d.cfg.Enforced != nil {
		m.d.cfg.Enforced(r)
	}
}

// pods are those of endpoints, by number. It implements endpointmanager.Subscriber: it is told before
// an endpoint is generated.
type pods struct {
	maps opener
	mu   sync.Mutex
	by   map[uint16]string
}

func (p *pods) of(id uint16) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pod, known := p.by[id]; known {
		return pod
	}
	return fmt.Sprintf("endpoint/%d", id)
}

func (p *pods) EndpointCreated(ep *endpoint.Endpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.by[ep.ID] = podOf(ep)
}

func podOf(ep *endpoint.Endpoint) string { return ep.K8sNamespace + "/" + ep.K8sPodName }

func (p *pods) EndpointRestored(ep *endpoint.Endpoint) { p.EndpointCreated(ep) }

// EndpointDeleted removes the map, which an endpoint without a link leaves to others (deleteMaps of
// pkg/endpoint), unless there is another endpoint of that number already.
func (p *pods) EndpointDeleted(ep *endpoint.Endpoint, _ endpoint.DeleteConfig) {
	if p.of(ep.ID) == podOf(ep) {
		p.maps.RemoveEndpoint(ep.ID) //nolint:errcheck // it returns none
	}
}
