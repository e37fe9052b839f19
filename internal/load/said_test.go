package load

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What Cilium and etcd said stands among what was counted, at the end of the second before.
func TestHear(t *testing.T) {
	c, err := CountFile(fileOf(t, small().Plan(), seen))
	require.NoError(t, err)
	require.NoError(t, c.Hear(nil))
	require.NoError(t, c.Hear([]byte("2,etcd_database_bytes,r0,,20480\n2,kvstore_sync_queue,r0,ip/v1,3\n3,kvstore_sync_queue,r0,ip/v1,0\n3,kvstore_limiter_wait_seconds,r0,,1.25\n")))
	require.Equal(t, map[string]int64{"r0": 20480}, c.Database)
	var csv, text strings.Builder
	require.NoError(t, c.WriteCSV(&csv))
	require.NoError(t, c.WriteOpenMetrics(&text))
	for _, row := range []string{"2,meshcheck_etcd_database_bytes,r0,,,,20480", "2,meshcheck_kvstore_sync_queue,r0,,,endpoint,3", "3,meshcheck_kvstore_sync_queue,r0,,,endpoint,0"} {
		require.Contains(t, csv.String(), row+"\n")
	}
	require.Contains(t, text.String(), "meshcheck_kvstore_limiter_wait_seconds_total{host=\"r0\"} 1.25 3\n")
}

func TestHearIsStrict(t *testing.T) {
	for line, want := range map[string]string{
		"cut": "had no room", "1,etcd_database_bytes,r0,7": "not second, metric", "one,etcd_database_bytes,r0,,7": "cannot be read",
		"1,heap,r0,,7": "cannot be read", "1,etcd_database_bytes,r0,,much": "cannot be read", "0,etcd_database_bytes,r0,,7": "cannot be read",
	} {
		require.ErrorContains(t, new(Count).Hear([]byte(line+"\n")), want)
	}
}
