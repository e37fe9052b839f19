// Package meshtest adds a replica of the ClusterMesh API server to a world of tests.
package meshtest

import (
	"log/slog"
	"net"

	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/mesh"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// Config returns the configuration of a replica on the host r0, which copies from k0
// and is recorded.
func Config(w *simtest.World) mesh.Config {
	return mesh.Config{
		Etcd: etcd.Config{
			Host: "r0", DataDir: w.Dir, Log: zap.NewNop(),
			Listen: func() (net.Listener, error) { return w.Net.Host("r0").Listen(2379) },
			Record: w.Record, Now: w.Now, NextWatch: w.NextWatch, Client: simtest.ClientOf,
		},
		Writer: mesh.WriterConfig{
			ClusterName: "c1", ClusterID: 1, QPS: 50, BootstrapQPS: 10000, UserAgent: "clustermesh-apiserver",
			DialKube: w.DialKube("r0"), DialEtcd: w.Dial("r0", "r0:2379"), Log: slog.New(slog.DiscardHandler),
		},
		OnReady: func(bool) {},
	}
}
