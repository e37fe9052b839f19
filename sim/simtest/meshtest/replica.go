// Package meshtest adds a replica of the ClusterMesh API server to a world of tests.
package meshtest

import (
	"log/slog"
	"net"

	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/mesh"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

var replica = mode.Replica.Host(0)

// Config returns the configuration of a replica on the host r0, which copies from k0
// and is recorded.
func Config(w *simtest.World) mesh.Config {
	return mesh.Config{
		Etcd: etcd.Config{
			Host: replica, DataDir: w.Dir, Log: zap.NewNop(),
			Listen: func() (net.Listener, error) { return w.Net.Host(replica).Listen(2379) },
			Record: w.Record, Now: w.Now, NextWatch: w.NextWatch, Client: simtest.ClientOf,
		},
		Writer: mesh.WriterConfig{
			ClusterName: "c1", ClusterID: 1, QPS: 50, BootstrapQPS: 10000, UserAgent: "clustermesh-apiserver",
			DialKube: w.DialKube(replica), DialEtcd: w.Dial(replica, replica+":2379"), Log: slog.New(slog.DiscardHandler),
		},
		OnReady: func(bool) {},
	}
}
