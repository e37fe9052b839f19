package life

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/report"
)

var update = flag.Bool("update", false, "write the lives in testdata anew")

func indexed(t *testing.T, fragment string) *index.Index {
	records, err := history.Parse(fragment)
	require.NoError(t, err)
	return index.New(&history.History{Records: records})
}

// An endpoint changes hands while r1 is cut off; when r0 is lost, the agent goes back to the
// old owner.
const failOver = `
0.000000000 world phase - start
0.000000000 k0 truth endpoint 10.0.0.1 value=old op=put owner=CiliumEndpoint/ns/web-0 rv=5
0.800000000 r0 up etcd - store=s0 inc=1
0.800000000 r0 up writer - inc=1
0.800000000 r1 up etcd - store=s1 inc=1
0.800000000 r1 up writer - inc=1
0.900000000 k0 event CiliumEndpoint - value="ADDED:ns/web-0:5 INITIAL:5" peer=r0 id=1
0.900000000 k0 event CiliumEndpoint - value="ADDED:ns/web-0:5 INITIAL:5" peer=r1 id=2
1.000000000 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=old store=s0 rev=2
1.000000000 r1 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=old store=s1 rev=2
1.500000000 a0 up agent - inc=1
2.000000000 a0 connect - - peer=r0 store=s0
2.100000000 a0 see endpoint 10.0.0.1 value=old op=list peer=r0 store=s0 inc=1 source=clustermesh session=1
2.100000000 a0 synced endpoint - value=synced peer=r0 store=s0 inc=1 source=clustermesh session=1
2.100000000 a0 program endpoint 10.0.0.1 value=old op=list peer=r0 store=s0 inc=1 source=clustermesh session=1
3.000000000 world fault partition r1 value="r1 and k0 are cut off from each other" op=cut peer=k0 rev=1
4.000000000 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns/web-0 rv=6
4.000000000 k0 truth endpoint 10.0.0.1 value=new op=put owner=CiliumEndpoint/ns/web-1 rv=7
4.001000000 k0 event CiliumEndpoint - value=DELETED:ns/web-0:6 peer=r0 id=1
4.001000000 k0 event CiliumEndpoint - value=ADDED:ns/web-1:7 peer=r0 id=1
4.001000000 k0 event CiliumEndpoint - value=ADDED:ns/web-1:7 peer=r1 id=2
4.010000000 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=new store=s0 rev=3
4.020000000 a0 see endpoint 10.0.0.1 value=new op=watch peer=r0 store=s0 inc=1 source=clustermesh session=1
5.000000000 r0 down writer - inc=1
5.000000000 r0 down etcd - store=s0 inc=1
5.001000000 a0 disconnect - - value=close peer=r0 store=s0
5.002000000 a0 connect - - peer=r1 store=s1
5.010000000 a0 see endpoint 10.0.0.1 value=old op=list peer=r1 store=s1 inc=1 source=clustermesh session=2
`

func TestLife(t *testing.T) {
	x := indexed(t, failOver)
	l, err := Of(x, index.EntryKey{Kind: "endpoint", Key: "10.0.0.1"})
	require.NoError(t, err)
	l.Explain(x, "a0", len(x.Records)-1, "violation 1: back in time", property.Step{})
	var b bytes.Buffer
	require.NoError(t, l.Write(&b, report.Style{}, nil))
	const golden = "testdata/failover.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, b.Bytes(), 0o666))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())

	b.Reset()
	require.NoError(t, l.Write(&b, report.Style{}, x.Records))
	require.Contains(t, b.String(), "\n       |  5.010000000 a0 see endpoint 10.0.0.1 value=old op=list peer=r1")
}

// Each way in which an agent comes to be wrong has its first wrong step.
func TestFirstWrongStep(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(failOver), "\n")
	until := func(n int, more ...string) string { return strings.Join(append(lines[:n:n], more...), "\n") }
	const key = "cilium/state/ip/v1/default/10.0.0.1"
	for name, c := range map[string]struct{ records, wrong, reason string }{
		"nothing":                {until(15, "30.000000000 world phase - heal"), "a0 datapath", "nothing is wrong at this instant: what is broken is the order in which it came, or how long it took"},
		"what is new":            {until(15), "truth", "it is so only since 0.000s, and all are right at once: if that is late, it is by whoever made it so"},
		"what it gave up":        {until(15, "9.000000000 a0 drop endpoint 10.0.0.1 op=drop peer=r0 store=s0 inc=1 session=1"), "a0 view", "it was right, and the agent dropped it at 9.000s, which no server had told it"},
		"what it was told":       {until(15, "9.000000000 a0 see endpoint 10.0.0.1 value=other op=watch peer=r0 store=s0 inc=1 session=1"), "a0 view", "it was right, and the agent took another content for it at 9.000s, since r0 told it so by a watch"},
		"a slow step":            {until(15, "30.000000000 a0 program endpoint 10.0.0.1 value=old op=list peer=r0 store=s0 inc=1 source=clustermesh session=1"), "a0 datapath", "it is right at this instant, and came 27.900s after the a0 view: the slowest step"},
		"claimed twice":          {until(15, "3.000000000 k0 truth endpoint 10.0.0.1 value=new op=put owner=CiliumEndpoint/ns/web-1 rv=7"), "truth", "it is A and B at once: what an agent shows depends on the order in which its server was told of them"},
		"not sent":               {until(18), "r0 store", "r0 had not been sent rv 7, which is so since 4.000s"},
		"sent, and not put":      {until(20), "r0 store", "k0 sent r0 rv 7 at 4.001s [line 22], and r0 has not acted on it: it has not arrived, or is still to be done"},
		"the reader":             {until(22), "a0 view", "the store of r0, which the agent reads, is right since 4.010s and the view is not: what is on its way, or the reader"},
		"the datapath":           {until(23), "a0 datapath", "the view is right and the datapath is not"},
		"the lease":              {until(16, "9.000000000 r0 del endpoint "+key+" store=s0 rev=9"), "r0 store", "the agent's view is right all the same; its etcd deleted the key at 9.000s without a request: its lease had expired"},
		"the writer":             {until(16, "9.000000000 r0 call meta "+key+" value=1 op=delete peer=r0 store=s0 rev=9 from=9.000000000", "9.000000000 r0 del endpoint "+key+" store=s0 rev=9"), "r0 store", "the agent's view is right all the same; its writer deleted the key at 9.000s although the entry is true since 0.000s; k0 sent r0 rv 5 at 0.900s [line 9], and r0 has not acted on it: it has not arrived, or is still to be done"},
		"an emptied store":       {until(16, "9.000000000 r0 down etcd - store=s0 inc=1", "9.000000000 r0 up etcd - store=s2 inc=2", "9.100000000 a0 drop endpoint 10.0.0.1 op=list peer=r0 store=s2 inc=1 source=clustermesh session=2"), "r0 store", "it is empty since 9.000s; k0 sent r0 rv 5 at 0.900s [line 9], and r0 has not acted on it: it has not arrived, or is still to be done"},
		"what a lost store said": {until(18, "9.000000000 r0 down etcd - store=s0 inc=1", "9.000000000 r0 up etcd - store=s2 inc=2"), "a0 view", "it is what r0 said in the store s0, which is gone; no other store has told the agent otherwise"},
		"a writer that is away":  {until(16, "3.500000000 r0 down writer - inc=1", lines[16], lines[17]), "r0 store", "its writer is down, so that nobody brings the store up to date"},
	} {
		x := indexed(t, c.records)
		l, err := Of(x, index.EntryKey{Kind: "endpoint", Key: "10.0.0.1"}, "a0")
		require.NoError(t, err, name)
		l.Explain(x, "a0", len(x.Records)-1, "", property.Step{})
		require.Equal(t, c.wrong, l.Chains[0].Wrong, name)
		require.Equal(t, c.reason, l.Chains[0].Reason, name)
	}
}

// An agent with several sources reads the store of the etcd with which it is connected once that counts, and
// is not judged by what it had been told before.
func TestFirstWrongStepOfAHandover(t *testing.T) {
	lines := []string{
		"0.000000000 k0 truth endpoint 10.0.0.1 value=old op=put owner=CiliumEndpoint/ns/web-0 rv=5",
		"0.800000000 r0 up etcd - store=s0 inc=1",
		"0.800000000 r0 up writer - inc=1",
		"1.000000000 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=old store=s0 rev=2",
		"1.500000000 a0 up agent - inc=1",
		"1.500000000 a0 reading - clustermesh,crd value=crd,clustermesh op=fall-back",
		"2.100000000 a0 see endpoint 10.0.0.1 value=old op=list peer=k0 inc=1 source=crd session=1",
		"3.000000000 a0 connect - - peer=r0 store=s0",
		"9.000000000 a0 reading - clustermesh value=clustermesh op=goes-over",
		"9.000000000 a0 drop endpoint 10.0.0.1 op=drop peer=k0 inc=1 source=crd session=1",
	}
	told := func(records ...string) (*Chain, string) {
		x := indexed(t, strings.Join(records, "\n"))
		l, err := Of(x, index.EntryKey{Kind: "endpoint", Key: "10.0.0.1"})
		require.NoError(t, err)
		l.Explain(x, "a0", len(x.Records)-1, "", property.Step{})
		var b bytes.Buffer
		require.NoError(t, l.Write(&b, report.Style{}, nil))
		return &l.Chains[0], b.String()
	}
	c, text := told(lines...)
	require.Equal(t, "it was right, and the agent dropped it at 9.000s, which no server had told it; at 9.000s: it has read its etcd in full, and ceases to read CRDs", c.Reason)
	require.Contains(t, text, "its etcd cannot be reached, and it begins to read CRDs (reads clustermesh,crd, of which counts crd,clustermesh)")

	changed := []string{"5.000000000 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns/web-0 rv=6", "5.100000000 r0 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=s0 rev=3"}
	c, _ = told(append(append(slices.Clone(lines[:8]), changed...), lines[8])...)
	require.Equal(t, "the store of r0, which the agent reads, is right since 5.100s and the view is not: what is on its way, or the reader, which keeps what k0 had said at 2.100s", c.Reason)
	c, _ = told(append(append(slices.Clone(lines[:8]), changed...), lines[8], "9.500000000 a0 disconnect - - value=close peer=r0 store=s0")...)
	require.Equal(t, "the agent reads etcds, and is connected with none since 9.500s", c.Reason)
}

// Of an etcd that agents share it is said which of them asked.
func TestWhoAskedASharedEtcd(t *testing.T) {
	x := indexed(t, `
0 e0 up etcd - store=A inc=1
0 a0 up agent - inc=1
1 a0 connect - - peer=e0 store=A
2 a0 truth endpoint e value=old op=put owner=Pod/ns/one rv=5
2 e0 call meta cilium/state/ip/v1/default/e value=1 op=put peer=a0 store=A rev=10 from=2
2 e0 put endpoint cilium/state/ip/v1/default/e value=old store=A rev=10
2 a0 see endpoint e value=old op=watch peer=e0 store=A inc=1
3 e0 call meta cilium/state/ip/v1/default/e value=1 op=delete peer=a1 store=A rev=11 from=3
3 e0 del endpoint cilium/state/ip/v1/default/e store=A rev=11
3 a0 drop endpoint e op=watch peer=e0 store=A inc=1
`)
	l, err := Of(x, index.EntryKey{Kind: "endpoint", Key: "e"})
	require.NoError(t, err)
	l.Explain(x, "a0", len(x.Records)-1, "violation 1", property.Step{})
	require.Equal(t, "a1 deleted the key at 3.000s although the entry is true since 2.000s", l.Chains[0].Reason)
	var b bytes.Buffer
	require.NoError(t, l.Write(&b, report.Style{}, nil))
	require.Contains(t, b.String(), "A: a0 puts it at rev 10 (store A)")
	require.Contains(t, b.String(), "nothing: deleted at rev 11 as a1 asks (store A)")
}

func TestWhatIsNotThere(t *testing.T) {
	x := indexed(t, failOver)
	_, err := Of(x, index.EntryKey{Kind: "endpoint", Key: "10.0.0.9"})
	require.EqualError(t, err, "the history has no endpoint 10.0.0.9; there are 10.0.0.1")
	_, err = Of(x, index.EntryKey{Kind: "endpoint", Key: "10.0.0.1"}, "a7")
	require.EqualError(t, err, "the history has no agent a7; its agents are a0")
	_, err = ParseEntry("10.0.0.1")
	require.EqualError(t, err, `"10.0.0.1": an entry is kind/key, such as endpoint/10.0.0.1; the kinds are identity, endpoint, node, service, backend`)
	entry, err := ParseEntry("node/c1/n0")
	require.NoError(t, err)
	require.Equal(t, index.EntryKey{Kind: "node", Key: "c1/n0"}, entry)
}

func TestLettersGoOn(t *testing.T) {
	require.Equal(t, []string{"A", "Z", "A1", "B2"}, []string{Letter(0), Letter(25), Letter(26), Letter(53)})
}

func TestReadLog(t *testing.T) {
	lines := ReadLog([]byte("0.800000s\tinfo\traft\telected\t{\"host\": \"r1\"}\n" +
		"time=1.5s level=WARN msg=\"no etcd\" host=r0 module=x\n" +
		"goes on\n" +
		"2.500000s\twarn\tetcd-client\trefused\t{\"target\": \"r1\", \"host\": \"r0\"}\n" +
		"2.600000s\twarn\tof nobody\n" +
		"time=9s level=INFO msg=late host=r0\n"))
	require.Equal(t, []LogLine{
		{At: 800 * time.Millisecond, Host: "r1", Text: "etcd: raft elected {\"host\": \"r1\"}"},
		{At: 1500 * time.Millisecond, Host: "r0", Warn: true, Text: "level=WARN msg=\"no etcd\" host=r0 module=x\ngoes on"},
		{At: 2500 * time.Millisecond, Host: "r0", Warn: true, Text: "etcd-client refused {\"target\": \"r1\", \"host\": \"r0\"}"},
		{At: 2600 * time.Millisecond, Warn: true, Text: "etcd: of nobody"},
		{At: 9 * time.Second, Host: "r0", Text: "level=INFO msg=late host=r0"},
	}, lines)
	require.Equal(t, lines[1:4], Around(lines, "r0", time.Second, 3*time.Second))
}
