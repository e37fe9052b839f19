package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/clustermesh"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/mesh"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// play is what a process does that the command has started, until it is killed.
func play(role string, args []string) error {
	switch role {
	case "etcd":
		return playEtcd(args[0], args[1], args[2])
	case "writer":
		return playWriter(args[0], args[1], args[2] == "slices")
	case "agent":
		return playAgent(args[0], args[1])
	}
	return fmt.Errorf("there is no role %q", role)
}

// quiet is a logger of what goes wrong.
var quiet = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))

// to dials an address, whatever address is asked for.
func to(address string) proc.Dialer {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
}

// playEtcd is etcd as a pod of the ClusterMesh API server has it, whose data is in memory.
func playEtcd(dir, clients, peers string) error {
	cfg := embed.NewConfig()
	cfg.Dir, cfg.UnsafeNoFsync, cfg.ZapLoggerBuilder = dir, true, embed.NewZapLoggerBuilder(zap.NewNop())
	cfg.AutoCompactionRetention = "1"
	client, peer := types.MustNewURLs([]string{"http://" + clients}), types.MustNewURLs([]string{"http://" + peers})
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = client, client
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = peer, peer
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	return <-e.Err()
}

// playWriter is Cilium's writer.
func playWriter(kube, store string, slices bool) error {
	kubeclient.Fit()
	begun := time.Now()
	r := mesh.New(mesh.Config{
		Etcd: etcd.Config{Host: mode.Replica.Host(0), Log: zap.NewNop(), Record: func(r history.Record) {
			if r.Err != "" {
				fmt.Fprintln(os.Stderr, "cost: the writer:", r)
			}
		}, Now: func() time.Duration { return time.Since(begun) }},
		Writer: mesh.WriterConfig{
			ClusterName: "c1", ClusterID: 1, EndpointSlices: slices, QPS: 100000, BootstrapQPS: 100000, UserAgent: "clustermesh-apiserver",
			DialKube: to(kube), DialEtcd: to(store), Log: quiet,
		},
		OnReady: func(bool) {},
	})
	if err := r.StartWriter(); err != nil {
		return err
	}
	select {}
}

// playAgent is Cilium's reader with identity cache and ipcache. It answers each line that it reads with
// how many changes have reached its view.
func playAgent(store, dir string) error {
	config := filepath.Join(dir, "c1")
	if err := os.WriteFile(config, []byte("endpoints:\n- http://"+store+"\n"), 0o600); err != nil {
		return err
	}
	clustermesh.Setup()
	var changes atomic.Int64
	host := agent.NewHost(agent.Config{
		Host: mode.Agent.Host(0),
		NewSource: func() agent.Source {
			return clustermesh.New(clustermesh.Config{Cluster: "c1", ClusterID: 1, ConfigPath: config, Nodes: 1, QPS: 1000, Dial: to(store), Store: func(string) string { return "store" }, Log: quiet})
		},
		Record: func(r history.Record) {
			if r.Verb == history.See || r.Verb == history.Drop {
				changes.Add(1)
			}
		},
	})
	if err := host.Start(); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(strconv.FormatInt(changes.Load(), 10))
	}
	return nil
}
