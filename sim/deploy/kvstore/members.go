package kvstore

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

// member is a member of the etcd on its host, over its restarts.
type member struct {
	*etcd.Member
	host      string
	down      int          // faults that hold it down
	lost      bool         // its data is, and the others do not know yet
	replacing bool         // somebody sees to that
	noSpace   int          // faults for which it is out of space
	alarmed   bool         // an alarm was raised
	refused   atomic.Int64 // requests for which it had no space
}

// peerPort is where the members of a cluster reach each other.
const peerPort = 2380

// newCluster returns the cluster of so many members.
func newCluster(f *deploy.Fabric, members int) *etcd.Cluster {
	c := &etcd.Cluster{Listen: func(host string) (net.Listener, error) { return f.Net.Host(host).Listen(peerPort) }}
	for i := range members {
		c.Hosts = append(c.Hosts, mode.Etcd.Host(i))
	}
	f.Net.TakeDials(c.Addresses(), simnet.Socket{KeepAlive: 30 * time.Second}) // etcd's client/pkg, transport.NewTransport
	return c
}

// etcdConfig is the configuration of clients that know each member, as the chart makes it
// (templates/cilium-configmap.yaml, etcd-config), but for encryption.
func etcdConfig(c *etcd.Cluster) []byte {
	text := "insecure-transport: true\nendpoints:\n"
	for _, host := range c.Hosts {
		text += fmt.Sprintf("- http://%s:%d\n", host, deploy.EtcdPort)
	}
	return []byte(text)
}

func (s *Store) newMember(host string) *member {
	m := &member{host: host}
	cfg := s.EtcdOf(host)
	cfg.Cluster = s.cluster
	cfg.Record = func(r history.Record) { s.recordOfEtcd(m, r) }
	m.Member = etcd.New(cfg)
	return m
}

// noSpace is what an etcd says to those for whom it has no space.
var noSpace = rpctypes.ErrNoSpace.Error()

func (s *Store) recordOfEtcd(m *member, r history.Record) {
	s.Record(r)
	s.truth.Observe(&r)
	switch {
	case r.Verb == history.Up:
		s.links.EtcdUp(r.Actor, r.Store)
	case r.Err != "" && strings.Contains(r.Err, noSpace):
		m.refused.Add(1)
	}
}

// on returns the member on a host.
func (s *Store) on(host string) *member {
	for _, m := range s.members {
		if m.host == host {
			return m
		}
	}
	return nil
}

func (s *Store) store(host string) string {
	if m := s.on(host); m != nil {
		return m.Store()
	}
	return ""
}
