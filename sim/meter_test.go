package sim_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

// What Cilium says of its queues and limiters is told by host, and agrees with the history: a writer that may
// make two requests a second is behind 60 pods, of which five come in a second, as many as the client of their node may write.
func TestCiliumsOwnMetrics(t *testing.T) {
	p := quiet(t, 1)
	p.Options.WriterQPS, p.Options.EndpointSlices = 2, false
	for i := range 60 {
		p.Ops = append(p.Ops, podCreate(1, fmt.Sprint("q", i), fmt.Sprint("10.0.1.", 1+i)))
	}
	r := run(t, p)
	last, most := map[string]float64{}, map[string]float64{}
	for line := range strings.Lines(string(r.Said)) {
		f := strings.Split(strings.TrimSpace(line), ",")
		require.Len(t, f, 5, line)
		value, err := strconv.ParseFloat(f[4], 64)
		require.NoError(t, err, line)
		last[f[1]+" "+f[2]], most[f[1]+" "+f[2]] = value, max(value, most[f[1]+" "+f[2]])
	}
	requests := map[string]int{} // of clients, to the kube-apiserver
	for i := range r.Index.History.Records {
		if rec := &r.Index.History.Records[i]; rec.Verb == history.Request {
			requests[rec.Peer]++
		}
	}
	require.EqualValues(t, requests["w0"], last["api_limiter_requests w0"])
	require.Greater(t, last["api_limiter_wait_seconds w0"], 20.0)
	for _, host := range []string{"r0", "r1"} {
		require.Greater(t, most["kvstore_sync_queue "+host], 20.0)
		require.Zero(t, last["kvstore_sync_queue "+host])
		require.Greater(t, last["kvstore_limiter_requests "+host], 60.0)
		require.Greater(t, last["kvstore_limiter_wait_seconds "+host], 20.0, "each waits for half a second")
		require.Greater(t, most["etcd_database_bytes "+host], 16384.0)
		require.GreaterOrEqual(t, most["etcd_database_bytes "+host], most["etcd_database_used_bytes "+host])
	}
	require.Positive(t, last["kvstore_limiter_requests a0"])
	require.Zero(t, last["kvstore_limiter_wait_seconds a0"], "an agent has its own limiter")
}
