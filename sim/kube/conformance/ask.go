package conformance

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/cacher"
	"github.com/meshcheck/meshcheck/sim/kube/crds"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

var apiServer = mode.APIServer.Host(0)

// Ask runs the script, or only what is about custom resources, against the stand-in, for a test.
func Ask(t *testing.T, custom bool) (answers []Answer) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := simnet.New(simnet.Config{Seed: 1, LatencyMin: time.Millisecond, LatencyMax: 3 * time.Millisecond})
		store := storage.New(storage.Config{Seed: 1, Resources: crds.Resources(), AnyNamespace: custom})
		require.NoError(t, store.CreateSystemNamespaces())
		listener, err := network.Host(apiServer).Listen(6443)
		require.NoError(t, err)
		server := kube.NewServer(store, kube.Config{Name: apiServer, Cache: cacher.Config{ProgressInterval: 10 * time.Minute}}) // as the etcd of the golden
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		transport := &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return network.Host("client").Dial(ctx, apiServer+":6443")
		}}
		answers, err = Run(Target{Custom: custom, URL: "http://" + apiServer + ":6443", Client: &http.Client{Transport: transport}, Compact: func() error {
			store.Compact()
			return nil
		}})
		require.NoError(t, err)
		transport.CloseIdleConnections()
		require.NoError(t, server.Close())
		require.NoError(t, <-served)
		network.Close()
		time.Sleep(time.Hour)
	})
	return answers
}
