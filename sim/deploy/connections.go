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

type link struct {
	host, store string
	open        int // connections with that host
}

// NewConnections returns what follows connections. store returns the store that the etcd
// of a host has at this instant, or "". If clients open further connections to probe an
// etcd, as Cilium's do by its address (pkg/kvstore/etcd.go, determineEndpointStatus), one is
// connected while it has any.
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
	if s.host != host || s.store != store {
		s = link{host: host, store: store}
	}
	s.open++
	c.links[agent] = s
	c.mu.Unlock()
	if store != "" && (!c.probes || s.open == 1) {
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

func (c *Connections) disconnected(agent, host, why string) {
	c.mu.Lock()
	s := c.links[agent]
	known := s.host == host && s.open > 0
	store, last := s.store, s.open == 1
	if known {
		if s.open--; s.open == 0 {
			s = link{}
		}
		c.links[agent] = s
	}
	c.mu.Unlock()
	if known && store != "" && (!c.probes || last) {
		c.record(history.Record{Actor: agent, Verb: history.Disconnect, Peer: host, Store: store, Value: why})
	}
}
