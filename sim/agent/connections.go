package agent

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Learned is how an agent learned of a change.
type Learned struct {
	history.Origin
	How string // as the Op of a record: history.ByWatch, history.ByList or history.GivenUp
}

// Connections numbers the connections of one incarnation of an agent. A reader that
// gets something asks by the connection that delivered it, so that what an old
// connection still had in its buffers is told apart from what a new one says.
type Connections struct {
	source mode.Base
	store  func(server string) string

	mu     sync.Mutex
	number int64
	open   int
	last   history.Origin // of an etcd's answer
}

// Answered returns the store of the etcd behind the connection that was made last, or "" if
// nothing has come over it.
func (c *Connections) Answered() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.Session != c.number {
		return ""
	}
	return c.last.Store
}

// Open returns how many of them are open, as far as their client knows.
func (c *Connections) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// NewConnections returns the connections of a reader. store, if there is one, returns
// the store that a server has at this instant, as the history names it, or "".
func NewConnections(source mode.Base, store func(server string) string) *Connections {
	return &Connections{source: source, store: store}
}

// local is the local address of a connection. Clients hand the address on with what
// they received, gRPC as the peer and net/http as the connection of a request.
type local struct {
	net.Addr
	origin  history.Origin
	cluster uint64 // of an etcd, for which the store is known
}

type connection struct {
	net.Conn
	local  *local
	closed func()
}

// Close implements net.Conn.
func (c connection) Close() error {
	c.closed()
	return c.Conn.Close()
}

func (c connection) LocalAddr() net.Addr { return c.local }

// Dial returns a dialer that numbers what it dials.
func (c *Connections) Dial(dial proc.Dialer) proc.Dialer {
	return func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		server, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err != nil {
			return nil, err
		}
		l := &local{Addr: conn.LocalAddr(), origin: history.Origin{Source: string(c.source), Server: server}}
		if c.store != nil {
			l.origin.Store = c.store(server)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.number++
		c.open++
		l.origin.Session = c.number
		return connection{conn, l, sync.OnceFunc(c.closed)}, nil
	}
}

func (c *Connections) closed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
}

// Origin returns the origin of what came over the connection with a local address.
func (c *Connections) Origin(address net.Addr) history.Origin {
	if l, ok := address.(*local); ok {
		return l.origin
	}
	return history.Origin{}
}

// OriginInEtcd is Origin for an answer in which the etcd names its cluster. While an
// etcd starts its port takes connections already: which store it has is known by its
// first answer.
func (c *Connections) OriginInEtcd(address net.Addr, cluster uint64) history.Origin {
	l, ok := address.(*local)
	if !ok {
		return history.Origin{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.cluster != cluster {
		l.cluster = cluster
		if l.origin.Store == "" && c.store != nil {
			l.origin.Store = c.store(l.origin.Server)
		}
		id := fmt.Sprintf("%016x", cluster)
		if known, _, _ := strings.Cut(l.origin.Store, "/"); known != id {
			l.origin.Store = id
		}
	}
	c.last = l.origin
	return l.origin
}
