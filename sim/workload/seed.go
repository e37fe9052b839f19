package workload

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	v2alpha1 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"

	"github.com/meshcheck/meshcheck/fault"
)

// seed makes the cluster's state at the start: the plan's objects as they are,
// then what its topology and pods add to them, through create.
func (c *cluster) seed(p *fault.Plan, create func(object []byte) error) error {
	for i, raw := range p.Objects {
		if err := c.adopt(raw); err != nil {
			return fmt.Errorf("objects[%d]: %w", i, err)
		}
		if err := create(raw); err != nil {
			return fmt.Errorf("objects[%d]: %w", i, err)
		}
	}
	if len(p.Objects) > 0 {
		given, err := fault.Survey(p.Objects, p.Options.ClusterID)
		if err != nil {
			return err
		}
		c.taken = given.IPs
	}
	var made []runtime.Object
	if len(c.nodes) == 0 {
		described := map[string]*fault.Node{}
		for i := range p.Nodes {
			described[p.Nodes[i].Name] = &p.Nodes[i]
		}
		for i := range p.Topology.Nodes {
			n := c.newNode(fault.NodeName(i), described[fault.NodeName(i)])
			made = append(made, n.object())
			c.join(n)
		}
	}
	for _, fp := range p.Pods {
		if c.namespaces[fp.Namespace] == nil {
			c.namespaces[fp.Namespace] = existing()
			made = append(made, namespaceObject(fp.Namespace))
		}
		if c.agents != nil {
			q := &pod{podKey: podKey{fp.Namespace, fp.Name}, ips: addressesOf(&fp), ports: fp.Ports, running: true}
			q.settle(c.nodes[fp.Node])
			q.uid = types.UID("uid-of-" + fp.Namespace + "-" + fp.Name)
			q.identity = &identity{labels: c.labelsOf(fp.Namespace, fp.App)}
			c.pods[q.podKey] = q
			c.agents.Restore(q.asked())
			made = append(made, q.object())
			continue
		}
		id, isNew := c.identityOf(fp.Namespace, fp.App)
		id.pods++
		if isNew {
			close(id.made)
			made = append(made, id.object())
		}
		q := &pod{podKey: podKey{fp.Namespace, fp.Name}, ips: addressesOf(&fp), ports: fp.Ports, identity: id, wanted: id.labels, running: !c.whole(fp.Node)}
		q.planned = q.ips
		q.settle(c.nodes[fp.Node])
		q.uid = types.UID("uid-of-" + fp.Namespace + "-" + fp.Name)
		c.pods[q.podKey] = q
		if q.running {
			c.place(q)
		}
		made = append(made, q.object())
		if q.running && (c.operators || !c.slices) {
			made = append(made, q.endpoint())
		}
	}
	for _, s := range p.Services {
		if c.namespaces[s.Namespace] == nil {
			c.namespaces[s.Namespace] = existing()
			made = append(made, namespaceObject(s.Namespace))
		}
	}
	for _, name := range c.newNamespacesOf(p.Policies) {
		made = append(made, namespaceObject(name))
	}
	made = append(made, c.services.seed(p.Services)...)
	policies, err := c.seedPolicies(p.Policies)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.groups)) {
		if s := c.groups[name]; !s.adopted {
			made = append(made, s.object())
			s.version = unknown
		}
	}
	for _, o := range made {
		raw, err := json.Marshal(o)
		if err != nil {
			return err
		}
		if err := create(raw); err != nil {
			return err
		}
	}
	for _, raw := range policies {
		if err := create(raw); err != nil {
			return err
		}
	}
	return nil
}

// adopt takes a given object into account.
func (c *cluster) adopt(raw []byte) error {
	var head metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	switch head.Kind {
	case "Namespace":
		c.namespaces[head.Name] = existing()
	case "CiliumNode":
		var o v2.CiliumNode
		if err := json.Unmarshal(raw, &o); err != nil {
			return err
		}
		c.nodes[o.Name] = node{name: o.Name, addresses: o.Spec.Addresses, has: fault.Node{EncryptionKey: o.Spec.Encryption.Key}}
	case "CiliumIdentity":
		var o v2.CiliumIdentity
		if err := json.Unmarshal(raw, &o); err != nil {
			return err
		}
		id := &identity{labels: o.SecurityLabels, made: existing()}
		if _, err := fmt.Sscan(o.Name, &id.id); err != nil {
			return fmt.Errorf("CiliumIdentity %s: its name is not a number", o.Name)
		}
		c.identities[labelsKey(id.labels)], c.used[id.id] = id, true
	case "CiliumEndpointSlice":
		if c.slices {
			return c.adoptSlice(raw)
		}
	case "CiliumEndpoint":
		if !c.slices {
			return c.adoptEndpoint(raw)
		}
	}
	return nil
}

func (c *cluster) adoptSlice(raw []byte) error {
	var o v2alpha1.CiliumEndpointSlice
	if err := json.Unmarshal(raw, &o); err != nil {
		return err
	}
	s := newSlice(o.Name, o.Namespace)
	s.adopted = true
	c.groups[s.name] = s
	for _, core := range o.Endpoints {
		p := &pod{podKey: podKey{o.Namespace, core.Name}, identity: c.identityWithID(int(core.IdentityID)), slice: s, given: &core}
		p.identity.pods++
		c.pods[p.podKey] = p
		s.pods = append(s.pods, p)
	}
	return nil
}

func (c *cluster) adoptEndpoint(raw []byte) error {
	var o v2.CiliumEndpoint
	if err := json.Unmarshal(raw, &o); err != nil {
		return err
	}
	id := 0
	if o.Status.Identity != nil {
		id = int(o.Status.Identity.ID)
	}
	p := &pod{podKey: podKey{o.Namespace, o.Name}, identity: c.identityWithID(id), givenEndpoint: &o}
	p.identity.pods++
	c.pods[p.podKey] = p
	return nil
}

// identityWithID returns the identity with a number, which may be one that was
// not given: it is never collected then.
func (c *cluster) identityWithID(n int) *identity {
	for _, key := range slices.Sorted(maps.Keys(c.identities)) {
		if id := c.identities[key]; id.id == n {
			return id
		}
	}
	return &identity{id: n, labels: map[string]string{"k8s:app": strings.Join([]string{"identity", fmt.Sprint(n)}, "-")}, pods: 1, made: existing()}
}

// existing is the mark of what is made already.
func existing() chan struct{} {
	made := make(chan struct{})
	close(made)
	return made
}
