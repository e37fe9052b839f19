package simnet

// EventKind says what happened to a connection.
type EventKind string

// The kinds of events.
const (
	Dial    EventKind = "dial"    // the host begins to connect to the peer
	Refuse  EventKind = "refuse"  // the host's dial met no listener
	Accept  EventKind = "accept"  // the host's listener has a connection from the peer
	Timeout EventKind = "timeout" // the host gives up a dial or a connection that the peer does not answer
	Reset   EventKind = "reset"   // the host's connection is reset
	Close   EventKind = "close"   // the host closes its end
)

// Event is something that happened to one end of a connection.
type Event struct {
	Kind   EventKind
	Host   string // where it happened
	Peer   string // the host at the other end
	Server Addr   // what was dialled
}

// tell queues an event for OnEvent; unlock delivers it. The caller holds the lock.
func (n *Network) tell(kind EventKind, c *conn) {
	if n.cfg.OnEvent == nil {
		return
	}
	server := c.local
	if c.client {
		server = c.remote
	}
	n.events = append(n.events, Event{Kind: kind, Host: c.local.Host, Peer: c.remote.Host, Server: server})
}

// unlock gives the lock back and tells OnEvent what happened meanwhile. If
// another goroutine is telling, or OnEvent itself called the network, that
// goroutine tells these events too, so that they stay in order.
func (n *Network) unlock() {
	if len(n.events) == 0 || n.telling {
		n.mu.Unlock()
		return
	}
	n.telling = true
	for len(n.events) > 0 {
		events := n.events
		n.events = nil
		n.mu.Unlock()
		for _, event := range events {
			n.cfg.OnEvent(event)
		}
		n.mu.Lock()
	}
	n.telling = false
	n.mu.Unlock()
}
