package clustermesh

import (
	"maps"
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

// connections follows which agent is connected with which replica.
type connections struct {
	m *Mesh

	mu      sync.Mutex
	sources map[string]source // by agent
}

type source struct {
	replica, store string
	open           int // connections with that replica
}

func (c *connections) onEvent(e simnet.Event) {
	if e.Server.Port != deploy.EtcdPort {
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
// connections already, and which store it has is not known yet: etcdUp records
// those.
func (c *connections) connected(agent, replica string) {
	c.mu.Lock()
	store := c.m.replica(replica).Etcd.Store()
	s := c.sources[agent]
	if s.replica != replica || s.store != store {
		s = source{replica: replica, store: store}
	}
	s.open++
	c.sources[agent] = s
	c.mu.Unlock()
	if store != "" {
		c.m.Record(history.Record{Actor: agent, Verb: history.Connect, Peer: replica, Store: store})
	}
}

// etcdUp records the connections that were made while the etcd was starting.
func (c *connections) etcdUp(replica, store string) {
	var waiting []string
	c.mu.Lock()
	for _, agent := range slices.Sorted(maps.Keys(c.sources)) {
		if s := c.sources[agent]; s.replica == replica && s.store == "" {
			s.store = store
			c.sources[agent] = s
			waiting = append(waiting, agent)
		}
	}
	c.mu.Unlock()
	for _, agent := range waiting {
		c.m.Record(history.Record{Actor: agent, Verb: history.Connect, Peer: replica, Store: store})
	}
}

func (c *connections) disconnected(agent, replica, why string) {
	c.mu.Lock()
	s := c.sources[agent]
	known := s.replica == replica && s.open > 0
	store := s.store
	if known {
		if s.open--; s.open == 0 {
			s = source{}
		}
		c.sources[agent] = s
	}
	c.mu.Unlock()
	if known && store != "" {
		c.m.Record(history.Record{Actor: agent, Verb: history.Disconnect, Peer: replica, Store: store, Value: why})
	}
}
