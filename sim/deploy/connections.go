package deploy

import (
	"maps"
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

// Connections follows which agent is connected with which host's etcd.
type Connections struct {
	record func(history.Record)
	store  func(host string) string // of its etcd; "" while there is none
	probes bool                     // clients open further connections, to see whether the etcd is there

	mu    sync.Mutex
	links map[string]link // by agent
}

// link is what an agent is connected with: with several hosts at once if it knows the members
// of one cluster, of which the one counts with which it has been longest.
type link struct {
	host, store string
	open        []string // the host of each connection, in the order in which they were made
}

// NewConnections returns what follows connections. store returns the store that the etcd
// of a host has at this instant, or "". If clients open further connections to probe an
// etcd, as Cilium's do by its address (pkg/kvstore/etcd.go, determineEndpointStatus), or to
// each member of a cluster, one is connected while it has any.
func NewConnections(record func(history.Record), store func(host string) string, probes bool) *Connections {
	return &Connections{record: record, store: store, probes: probes, links: map[string]link{}}
}

// OnEvent is told what happens in the network.
func (c *Connections) OnEvent(e simnet.Event) {
	if e.Server.Port != EtcdPort {
		return
	}
	switch {
	case e.Kind == simnet.Accept && mode.Agent.Is(e.Peer):
		c.connected(e.Peer, e.Host)
	case mode.Agent.Is(e.Host) && (e.Kind == simnet.Close || e.Kind == simnet.Reset || e.Kind == simnet.Timeout):
		c.disconnected(e.Host, e.Peer, string(e.Kind))
	}
}

// connected notes a connection. While the etcd is starting its port takes
// connections already, and which store it has is not known yet: EtcdUp records
// those.
func (c *Connections) connected(agent, host string) {
	c.mu.Lock()
	store := c.store(host)
	s := c.links[agent]
	if further := c.probes && len(s.open) > 0 && (s.host != host || s.store == store); further {
		s.open = append(s.open, host)
		c.links[agent] = s
		c.mu.Unlock()
		return
	}
	if s.host != host || s.store != store {
		s = link{host: host, store: store}
	}
	s.open = append(s.open, host)
	c.links[agent] = s
	c.mu.Unlock()
	if store != "" {
		c.record(history.Record{Actor: agent, Verb: history.Connect, Peer: host, Store: store})
	}
}

// EtcdUp records the connections that were made while the etcd was starting.
func (c *Connections) EtcdUp(host, store string) {
	var waiting []string
	c.mu.Lock()
	for _, agent := range slices.Sorted(maps.Keys(c.links)) {
		if s := c.links[agent]; s.host == host && s.store == "" {
			s.store = store
			c.links[agent] = s
			waiting = append(waiting, agent)
		}
	}
	c.mu.Unlock()
	for _, agent := range waiting {
		c.record(history.Record{Actor: agent, Verb: history.Connect, Peer: host, Store: store})
	}
}

// disconnected notes the end of a connection. An agent that has others is then connected
// with the host of the first of those.
func (c *Connections) disconnected(agent, host, why string) {
	c.mu.Lock()
	s := c.links[agent]
	i := slices.Index(s.open, host)
	if i < 0 {
		c.mu.Unlock()
		return
	}
	before := s
	if s.open = slices.Delete(slices.Clone(s.open), i, i+1); len(s.open) == 0 {
		s = link{}
	} else if !slices.Contains(s.open, s.host) {
		s.host = s.open[0]
		s.store = c.store(s.host)
	}
	c.links[agent] = s
	c.mu.Unlock()
	if before.host == host && before.store != "" && (!c.probes || s.host != host) {
		c.record(history.Record{Actor: agent, Verb: history.Disconnect, Peer: host, Store: before.store, Value: why})
	}
	if s.host != before.host && s.store != "" {
		c.record(history.Record{Actor: agent, Verb: history.Connect, Peer: s.host, Store: s.store})
	}
}
