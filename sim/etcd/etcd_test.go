package etcd

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// testWorld is a world with an etcd on the host r0.
type testWorld struct {
	*simtest.World
	etcd *Member
}

func TestMain(m *testing.M) { simtest.Main(m) }

// inBubble runs f in a bubble.
func inBubble(t *testing.T, f func(t *testing.T, w *testWorld)) {
	t.Helper()
	simtest.Run(t, func(w *simtest.World) { f(w.T, &testWorld{World: w}) })
}

// start starts the etcd; cfg says what is particular about it. Its starts and ends are
// not recorded.
func (w *testWorld) start(cfg Config) *Server {
	w.T.Helper()
	if cfg.OnChange == nil {
		cfg.OnChange = func(history.Record) {}
	}
	cfg.Host, cfg.DataDir, cfg.Log = "r0", w.Dir, zap.NewNop()
	cfg.Record, cfg.Now, cfg.NextWatch, cfg.Client = w.Record, w.Now, w.NextWatch, simtest.ClientOf
	cfg.Listen = func() (net.Listener, error) { return w.Net.Host("r0").Listen(2379) }
	w.etcd = New(cfg)
	w.T.Cleanup(w.etcd.Kill)
	return w.restart(NewCluster)
}

func (w *testWorld) restart(found Data) *Server {
	w.T.Helper()
	require.NoError(w.T, w.etcd.Start(found))
	return w.etcd.Server()
}

// What the chart leaves alone is as embed has it, which the etcd of a pod is started by.
func TestSettingsAreThoseOfEmbed(t *testing.T) {
	want := embed.NewConfig()
	got := serverConfig(Config{Host: "r0"}, data{})
	for _, c := range []struct {
		setting   string
		want, got any
	}{
		{"TickMs", want.TickMs, got.TickMs},
		{"ElectionTicks", want.ElectionTicks(), got.ElectionTicks},
		{"InitialElectionTickAdvance", want.InitialElectionTickAdvance, got.InitialElectionTickAdvance},
		{"SnapshotCount", want.SnapshotCount, got.SnapshotCount},
		{"SnapshotCatchUpEntries", want.SnapshotCatchUpEntries, got.SnapshotCatchUpEntries},
		{"QuotaBackendBytes", want.QuotaBackendBytes, got.QuotaBackendBytes},
		{"BackendBatchLimit", want.BackendBatchLimit, got.BackendBatchLimit},
		{"MaxTxnOps", want.MaxTxnOps, got.MaxTxnOps},
		{"MaxRequestBytes", want.MaxRequestBytes, got.MaxRequestBytes},
		{"MaxConcurrentStreams", want.MaxConcurrentStreams, got.MaxConcurrentStreams},
		{"MaxLearners", want.MaxLearners, got.MaxLearners},
		{"StrictReconfigCheck", want.StrictReconfigCheck, got.StrictReconfigCheck},
		{"PreVote", want.PreVote, got.PreVote},
		{"CompactHashCheckTime", want.CompactHashCheckTime, got.CompactHashCheckTime},
		{"CorruptCheckTime", want.CorruptCheckTime, got.CorruptCheckTime},
		{"WarningApplyDuration", want.WarningApplyDuration, got.WarningApplyDuration},
		{"WarningUnaryRequestDuration", want.WarningUnaryRequestDuration, got.WarningUnaryRequestDuration},
		{"AuthTokenTTL", want.AuthTokenTTL, got.TokenTTL},
		{"keep-alive, least", want.GRPCKeepAliveMinTime, keepaliveMinTime},
		{"keep-alive, interval", want.GRPCKeepAliveInterval, keepaliveInterval},
		{"keep-alive, timeout", want.GRPCKeepAliveTimeout, keepaliveTimeout},
	} {
		assert.Equal(t, c.want, c.got, c.setting)
	}
}

func TestClusterIDIsMadeFromTheToken(t *testing.T) {
	ids := map[string]bool{}
	for range 2 {
		inBubble(t, func(_ *testing.T, w *testWorld) { ids[w.start(Config{}).ClusterID()] = true })
	}
	require.Len(t, ids, 1, "the same token makes the same cluster ID")
}
