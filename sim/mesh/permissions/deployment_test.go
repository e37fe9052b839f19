package permissions

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cilium/hive/cell"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/types"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/cilium/cilium/clustermesh-apiserver/clustermesh"
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/hive"
	"github.com/cilium/cilium/pkg/kvstore"
	etcdinit "github.com/cilium/cilium/pkg/kvstore/etcdinit"

	"github.com/meshcheck/meshcheck/sim/cilium"
)

// own is the cluster whose etcds these are.
const own = "c1"

// deployment is one of the ClusterMesh API server: an etcd with users and roles, and what its writer says of them.
type deployment struct {
	authority *authority
	endpoint  string
	writer    kvstore.Client // of the writer, by its certificate
}

// deploy starts one as the chart does: what has the container etcd-init makes the first users and turns
// authentication on, before anybody can connect; etcd comes back and takes a client for the user whom its
// certificate names; and the writer makes a user for each cluster in the file of remote clusters.
func deploy(t *testing.T, a *authority, clusters ...string) *deployment {
	d := &deployment{authority: a}
	dir := t.TempDir()
	before, endpoint := serve(t, dir, nil)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
	require.NoError(t, err)
	require.NoError(t, etcdinit.ClusterMeshEtcdInit(t.Context(), slog.New(slog.DiscardHandler), client, own))
	require.NoError(t, client.Close())
	before.Close()

	etcd, endpoint := serve(t, dir, a)
	t.Cleanup(etcd.Close)
	d.endpoint = endpoint
	d.manageUsers(t, clusters)
	return d
}

// serve starts the etcd of a directory: in the open on loopback, or with certificates, with the chart's flags.
func serve(t *testing.T, dir string, a *authority) (e *embed.Etcd, endpoint string) {
	cfg := embed.NewConfig()
	cfg.Dir, cfg.UnsafeNoFsync, cfg.ZapLoggerBuilder = dir, true, embed.NewZapLoggerBuilder(zap.NewNop())
	cfg.Name, cfg.InitialClusterToken, cfg.EnableGRPCGateway = "clustermesh-apiserver", "token", false
	scheme := "http"
	if a != nil {
		scheme, cfg.ClientTLSInfo = "https", a.server(t)
	}
	anywhere := types.MustNewURLs([]string{"http://127.0.0.1:0"})
	cfg.ListenClientUrls = types.MustNewURLs([]string{scheme + "://127.0.0.1:0"})
	cfg.AdvertiseClientUrls, cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = cfg.ListenClientUrls, anywhere, anywhere
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	e, err := embed.StartEtcd(cfg)
	require.NoError(t, err)
	<-e.Server.ReadyNotify()
	return e, scheme + "://" + e.Clients[0].Addr().String()
}

// manageUsers runs Cilium's management of users, as its writer does, until there is one for each of the clusters.
func (d *deployment) manageUsers(t *testing.T, clusters []string) {
	file := filepath.Join(t.TempDir(), "users.yaml")
	text := "users:\n"
	for _, name := range clusters {
		text += fmt.Sprintf("- name: remote-%s\n  role: remote\n", name)
	}
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	h := hive.New(
		cell.Config(cmtypes.DefaultClusterInfo),
		kvstore.Cell(kvstore.EtcdBackendName),
		cell.Provide(func() clustermesh.UsersManagementConfig {
			return clustermesh.UsersManagementConfig{ClusterUsersEnabled: true, ClusterUsersConfigPath: file}
		}),
		cell.Invoke(cilium.ManageUsers, func(c kvstore.Client) { d.writer = c }),
	)
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	h.RegisterFlags(flags)
	require.NoError(t, flags.Set("cluster-name", own))
	require.NoError(t, flags.Set("kvstore-opt", "etcd.config="+d.authority.config(t, "admin-"+own, d.endpoint)))
	log := slog.New(slog.DiscardHandler)
	require.NoError(t, h.Start(log, t.Context()))
	t.Cleanup(func() { require.NoError(t, h.Stop(log, context.Background())) })

	root := d.connect(t, "root")
	require.Eventually(t, func() bool {
		r, err := root.UserList(t.Context())
		return err == nil && !slices.ContainsFunc(clusters, func(name string) bool { return !slices.Contains(r.Users, "remote-"+name) })
	}, time.Minute, 10*time.Millisecond, "a user for each of %v", clusters)
}

// connect returns a client with the certificate of a name.
func (d *deployment) connect(t *testing.T, name string) *clientv3.Client {
	info := d.authority.client(t, name)
	cfg, err := info.ClientConfig()
	require.NoError(t, err)
	return d.client(t, clientv3.Config{Endpoints: []string{d.endpoint}, TLS: cfg})
}

func (d *deployment) client(t *testing.T, cfg clientv3.Config) *clientv3.Client {
	cfg.Logger = zap.NewNop()
	c, err := clientv3.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() }) //nolint:errcheck // its requests have ended
	return c
}
