package conformance

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// alone is an etcd of one member on the simulated network.
func alone(w *simtest.World) (*etcd.Member, Servers) {
	member := etcd.New(etcd.Config{
		Host: "r0", DataDir: w.Dir, Log: zap.NewNop(),
		Record: func(history.Record) {}, Now: w.Now, NextWatch: w.NextWatch, Client: simtest.ClientOf,
		Listen: func() (net.Listener, error) { return w.Net.Host("r0").Listen(2379) },
	})
	require.NoError(w.T, member.Start(etcd.NewCluster))
	w.T.Cleanup(member.Kill)
	return member, Servers{Members: 1, Connect: func(int) *clientv3.Client { return w.EtcdClient("a0", "r0") }}
}

// three is an etcd of three members on loopback.
func three(t *testing.T) Servers {
	begun, dir := time.Now(), t.TempDir()
	cluster := &etcd.Cluster{Peers: map[string]netip.AddrPort{}}
	cluster.Listen = func(host string) (net.Listener, error) { return net.Listen("tcp", cluster.Peers[host].String()) }
	clients := map[string]string{}
	members := []*etcd.Member{}
	for i := range 3 {
		host := fmt.Sprintf("e%d", i)
		cluster.Hosts = append(cluster.Hosts, host)
		cluster.Peers[host], clients[host] = netip.MustParseAddrPort(unused(t)), unused(t)
		members = append(members, etcd.New(etcd.Config{
			Host: host, Cluster: cluster, DataDir: dir, Log: zap.NewNop(),
			Record: func(history.Record) {}, Client: func(net.Addr) string { return "a0" },
			Now: func() time.Duration { return time.Since(begun) }, NextWatch: func() int64 { return 1 },
			Listen: func() (net.Listener, error) { return net.Listen("tcp", clients[host]) },
		}))
	}
	for _, member := range members {
		require.NoError(t, member.Start(etcd.NewCluster))
		t.Cleanup(member.Kill)
	}
	for _, member := range members {
		member.Server().WaitReady()
	}
	return Servers{
		Members: 3,
		Connect: func(member int) *clientv3.Client {
			c, err := clientv3.New(clientv3.Config{Endpoints: []string{"http://" + clients[cluster.Hosts[member]]}, Logger: zap.NewNop()})
			require.NoError(t, err)
			t.Cleanup(func() { c.Close() })
			return c
		},
		Stop:    func(member int) { members[member].Kill() },
		Restart: func(member int) { require.NoError(t, members[member].Start(etcd.Kept)) },
		Unused:  "http://" + unused(t),
	}
}
