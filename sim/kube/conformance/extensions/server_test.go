package extensions

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	extensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	generatedopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client"
)

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
current-context: none
users: [{name: none, user: {}}]
`

// server is a running k8s.io/apiextensions-apiserver.
type server struct {
	url, token string
	client     *http.Client
	etcd       *clientv3.Client
}

// start starts the server and an etcd of its own on loopback, and gives it Cilium's CRDs.
func start(t *testing.T) *server {
	t.Helper()
	s := &server{etcd: startEtcd(t), client: &http.Client{Transport: &http.Transport{
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, // it has made its certificate itself
	}}}
	// A body that it cannot read makes a handler panic; Cilium's logging would end the process for it.
	utilruntime.PanicHandlers, utilruntime.ReallyCrash = nil, false
	dir := t.TempDir()
	config := filepath.Join(dir, "kubeconfig")
	require.NoError(t, os.WriteFile(config, []byte(kubeconfig), 0o600))
	o := options.NewCustomResourceDefinitionsServerOptions(io.Discard, io.Discard)
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	o.AddFlags(flags)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o.RecommendedOptions.SecureServing.Listener = listener
	o.RecommendedOptions.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	o.RecommendedOptions.SecureServing.ExternalAddress = net.IPv4(127, 0, 0, 1)
	o.RecommendedOptions.SecureServing.ServerCert.CertDirectory = dir
	require.NoError(t, flags.Parse([]string{
		"--etcd-prefix=/extensions", "--etcd-servers=" + s.etcd.Endpoints()[0], "--authentication-skip-lookup",
		"--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config, "--kubeconfig=" + config,
		"--disable-admission-plugins=NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,MutatingAdmissionPolicy",
		"--enable-priority-and-fairness=false",
	}))
	require.NoError(t, o.Complete())
	require.NoError(t, o.Validate())
	c, err := o.Config()
	require.NoError(t, err)
	c.GenericConfig.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(generatedopenapi.GetOpenAPIDefinitions, openapinamer.NewDefinitionNamer(extensionsapiserver.Scheme))
	api, err := c.Complete().New(genericapiserver.NewEmptyDelegate())
	require.NoError(t, err)
	s.url, s.token = fmt.Sprintf("https://%s", listener.Addr()), api.GenericAPIServer.LoopbackClientConfig.BearerToken
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { stopped <- api.GenericAPIServer.PrepareRun().RunWithContext(ctx) }()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		cancel()
		<-stopped
	})
	s.await(t, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions") // it is never ready: there is no kube-apiserver whose informers it could fill
	for _, crd := range []struct{ name, path string }{
		{client.CEPCRDName, "v2/ciliumendpoints"}, {client.CIDCRDName, "v2/ciliumidentities"},
		{client.CNCRDName, "v2/ciliumnodes"}, {client.CESCRDName, "v2alpha1/ciliumendpointslices"},
	} {
		definition := client.GetPregeneratedCRD(slog.New(slog.DiscardHandler), crd.name)
		definition.APIVersion, definition.Kind = "apiextensions.k8s.io/v1", "CustomResourceDefinition"
		body, err := json.Marshal(definition)
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, s.ask(t, http.MethodPost, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body), crd.name)
		s.await(t, "/apis/cilium.io/"+crd.path)
	}
	return s
}

func startEtcd(t *testing.T) *clientv3.Client {
	t.Helper()
	cfg := embed.NewConfig()
	cfg.Dir, cfg.LogLevel, cfg.UnsafeNoFsync = t.TempDir(), "error", true
	any := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls, cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = any, any, any, any
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	etcd, err := embed.StartEtcd(cfg)
	require.NoError(t, err)
	t.Cleanup(etcd.Close)
	<-etcd.Server.ReadyNotify()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{"http://" + etcd.Clients[0].Addr().String()}, DialTimeout: 5 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// ask makes a request and returns the code of its answer.
func (s *server) ask(t *testing.T, method, path string, body []byte) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	return answer.StatusCode
}

// await waits until a path is served.
func (s *server) await(t *testing.T, path string) {
	t.Helper()
	require.Eventually(t, func() bool { return s.ask(t, http.MethodGet, path, nil) == http.StatusOK }, 2*time.Minute, 200*time.Millisecond, path)
}

// compact compacts the etcd as the compactor of an API server does, which notices by its key.
func (s *server) compact() error {
	ctx := context.Background()
	now, err := s.etcd.Get(ctx, "compact_rev_key")
	if err != nil {
		return err
	}
	if _, err := s.etcd.Put(ctx, "compact_rev_key", fmt.Sprint(now.Header.Revision)); err != nil {
		return err
	}
	_, err = s.etcd.Compact(ctx, now.Header.Revision)
	return err
}
