package report

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "duration"))
		b := bucket(d)
		require.Equal(t, b, bucket(greatest(b)), "the greatest is in the bucket")
		require.Equal(t, b+1, bucket(greatest(b)+1), "and what follows is not")
		require.GreaterOrEqual(t, greatest(b), d)
		require.LessOrEqual(t, float64(greatest(b)-d), 0.01*float64(d))
	})
}

func TestPoolOfNothing(t *testing.T) {
	text, err := json.Marshal((&Pool{Name: "staleness", Group: "views"}).Measure())
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"staleness","group":"views","unit":"s","n":0,"p50":0,"p99":0,"max":0}`, string(text))
}

// late is the verdict on a node that an agent sees change a while after it did, and
// go back.
func late(t *testing.T, seenAt string) checker.Verdict {
	records, err := history.Parse(`
0 a0 up agent - inc=1
1 k0 truth node n0 value=x op=put owner=CiliumNode/n0 rv=41
1 a0 connect - - peer=r0 store=A
2 a0 see node n0 value=x peer=r0 store=A
2 world phase - churn
3 k0 truth node n0 value=y op=put owner=CiliumNode/n0 rv=42
` + seenAt + ` a0 see node n0 value=y peer=r0 store=A
10 a0 see node n0 value=x peer=r0 store=A
10 a0 see node n0 value=y peer=r0 store=A
10 world phase - heal value=1m0s
`)
	require.NoError(t, err)
	return checker.Check(index.New(&history.History{Plan: `{"mode":"clustermesh"}`, Records: records}), checker.Config{})
}

func TestMeasuresAndWhatIsNotPromised(t *testing.T) {
	var text bytes.Buffer
	run := &Run{Verdict: late(t, "3.5")}
	require.NoError(t, WriteVerdict(&text, run, Style{}))
	require.Regexp(t, `(?m)^10.000s +looks like no finding: monotonic \(not promised by the mode\), monotonic-session; 2 violations; agent a0$`, text.String())
	text.Reset()
	require.NoError(t, WriteVerdict(&text, run, Style{All: true}))
	require.Regexp(t, `verdict     FAIL: 2 of [0-9]+ properties broken \(1 that the mode promises, 1 that it does not\), 1 of them only by what broke another;`, text.String())
	require.Regexp(t, `(?m)^  FAIL      monotonic +1 violation \(not promised by the mode\)$`, text.String())
	require.Regexp(t, `(?m)^  FAIL      monotonic-session +1 violation\n +10.000s  .*\n +of [0-9]`, text.String())
	require.Regexp(t, `(?m)^  echo      monotonic             is broken by the same: 1 violation$`, text.String())
	require.Contains(t, text.String(), "\nthe guarantees of the servers that it stands on:\n")
	require.Contains(t, text.String(), "\n                  views, churn: p50 0.500s, p99 0.500s, max 0.500s of 1\n")

	var form bytes.Buffer
	require.NoError(t, run.WriteJSON(&form, false))
	require.Contains(t, form.String(), `{"property":"monotonic","outcome":"fail","promised":false,`)
	require.Contains(t, form.String(), `{"name":"staleness","group":"views, churn","unit":"s","n":1,"p50":0.5,"p99":0.5,"max":0.5}`)
}

func TestMeasuresArePooled(t *testing.T) {
	var s Summary
	for seed, seenAt := range []string{"4", "3.5", "7"} {
		s.Add(uint64(seed), &Run{Verdict: late(t, seenAt)})
	}
	var text bytes.Buffer
	require.NoError(t, s.WriteText(&text, Style{All: true}))
	require.Contains(t, text.String(), "\nstaleness, over all runs\n  blindness, agents, churn: p50 0.000s, p99 0.000s, max 0.000s of 3\n  delta, views, churn: p50 1.00")
	require.Regexp(t, `  views, churn: p50 1\.00[0-9]s, p99 4\.000s, max 4\.000s of 3\n`, text.String())
	text.Reset()
	require.NoError(t, s.WriteJSON(&text))
	require.Contains(t, text.String(), `"max":4}`)
}
