package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"

	"github.com/meshcheck/meshcheck/history"
)

// Cluster is what the members of one cluster have in common: who they are, and what the
// history has of the log that they agree on. A change is recorded once, by the member that
// applies it first, so that the store is one whatever its members are behind. A member that
// makes something else of a revision has it recorded too: then etcd-revisions fails.
type Cluster struct {
	Hosts []string // of the members, which are named after them
	// Listen returns the port of a host for its peers.
	Listen func(host string) (net.Listener, error)
	// Peers are where members reach each other that are on no simulated network.
	Peers map[string]netip.AddrPort

	mu    sync.Mutex
	made  map[change]string // what is recorded
	ended map[int64]bool    // leases of which the end is
	asked map[int64]bool    // leases that clients have asked to revoke, and may have been
}

// ErrNotJoined is why a server does not start that finds nobody of the cluster that it joins, or
// nobody who knows of it (etcd: server/etcdserver, bootstrapExistingClusterNoWAL).
var ErrNotJoined = errors.New("it has not joined its cluster")

type change struct {
	rev int64
	key string
}

// Addresses say which host has which address among its peers. They are addresses because
// a member that joins resolves names before it compares them
// (etcd's client/pkg, netutil.URLStringsEqual); nobody can here.
func (c *Cluster) Addresses() map[string]string {
	hosts := map[string]string{}
	for _, host := range c.Hosts {
		hosts[c.address(host)] = host
	}
	return hosts
}

// address is of those for documentation (RFC 5737), in the world.
func (c *Cluster) address(host string) string {
	if peer, ok := c.Peers[host]; ok {
		return peer.Addr().String()
	}
	return fmt.Sprintf("192.0.2.%d", 1+slices.Index(c.Hosts, host))
}

func (c *Cluster) peerURLs(host string) types.URLs {
	port := uint16(2380)
	if peer, ok := c.Peers[host]; ok {
		port = peer.Port()
	}
	return types.MustNewURLs([]string{fmt.Sprintf("http://%s:%d", c.address(host), port)})
}

func (c *Cluster) members() types.URLsMap {
	all := types.URLsMap{}
	for _, host := range c.Hosts {
		all[host] = c.peerURLs(host)
	}
	return all
}

// first reports whether no member has applied a change before, or none the same.
func (c *Cluster) first(ev *mvccpb.Event) bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	of := change{ev.Kv.ModRevision, string(ev.Kv.Key)}
	what := fmt.Sprintf("%s %d %s", ev.Type, ev.Kv.Lease, history.ValueHash(ev.Kv.Value))
	if c.made[of] == what {
		return false
	}
	if c.made == nil {
		c.made = map[change]string{}
	}
	c.made[of] = what
	return true
}

// revoking notes that a client asks to revoke a lease.
func (c *Cluster) revoking(id int64) { c.ask(id, true) }

// notRevoked notes that such a request was refused.
func (c *Cluster) notRevoked(id int64) { c.ask(id, false) }

func (c *Cluster) ask(id int64, asked bool) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil {
		c.asked = map[int64]bool{}
	}
	c.asked[id] = asked
}

// expires reports whether the revocation of a lease is one that no client has asked for,
// and no member has applied before.
func (c *Cluster) expires(id int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended[id] || c.asked[id] {
		return false
	}
	if c.ended == nil {
		c.ended = map[int64]bool{}
	}
	c.ended[id] = true
	return true
}

// WaitReady returns when the server serves clients, or stops.
func (s *Server) WaitReady() {
	select {
	case <-s.server.ReadyNotify():
	case <-s.server.StoppingNotify():
	}
}

// Leader returns the host of the member that this one takes for the leader, or "".
func (s *Server) Leader() string {
	lead := s.server.Leader()
	for _, m := range s.server.Cluster().Members() {
		if m.ID == lead {
			return m.Name
		}
	}
	return ""
}

// Replace makes the cluster forget the member on a host, and expect another one there
// without data, as an administrator does whose member has lost its own (etcdctl member
// remove, member add). The member does not run.
func (s *Server) Replace(ctx context.Context, host string) error {
	c := s.cfg.Cluster
	for _, m := range s.server.Cluster().Members() {
		if m.Name == host || slices.Equal(m.PeerURLs, c.peerURLs(host).StringSlice()) {
			if _, err := s.server.RemoveMember(ctx, uint64(m.ID)); err != nil {
				return fmt.Errorf("etcd of %s: removing the member on %s: %w", s.cfg.Host, host, err)
			}
		}
	}
	now := time.Now()
	if _, err := s.server.AddMember(ctx, *membership.NewMember("", c.peerURLs(host), "", &now)); err != nil {
		return fmt.Errorf("etcd of %s: adding a member on %s: %w", s.cfg.Host, host, err)
	}
	return nil
}
