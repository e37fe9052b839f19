package load

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/det"
)

// small is the plan of what the tests count: two pods come.
func small() Shape {
	return Shape{Mode: "clustermesh", Nodes: 2, Agents: 2, Replicas: 1, Slices: true, Deployments: 1, Pods: 2, PerSecond: 1, WriterQPS: 50}
}

// counted is a run in which a pod is known to both agents 2 s after it was to be created, and
// another only to one; and a node that the etcd never gets.
const seen = `
0 r0 up etcd - store=s inc=1
0 a0 up agent - inc=1
0 a1 up agent - inc=1
0 k0 truth node n0 value=one op=put owner=CiliumNode/n0 rv=2
0.5 r0 put node cilium/state/nodes/v1/c1/n0 value=one store=s rev=2
0.5 k0 net - accept peer=a0
0.6 k0 watch CiliumNode - peer=a0 ask=initial: id=1
0.6 k0 event CiliumNode - peer=a0 id=1 value="ADDED:n0:2 INITIAL:2" bytes=50
1 world phase - churn
1.2 k0 truth endpoint 10.0.0.1 value="id=7 pod=ns/p" op=put owner=CiliumEndpointSlice/s rv=3
1.5 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value="id=7 pod=ns/p" store=s rev=3
2 a0 see endpoint 10.0.0.1 value="id=7 pod=ns/p" op=watch peer=r0 store=s inc=1
2.5 w0 op Pod ns/p op=pod-create rev=1 from=1
3 a1 see endpoint 10.0.0.1 value="id=7 pod=ns/p" op=watch peer=r0 store=s inc=1
3.1 k0 event CiliumNode - peer=a0 id=1 value="MODIFIED:n0:4" bytes=60
3.2 k0 request Pod ns/q op=create peer=w0 rv=5 bytes=9 from=3.2
3.5 k0 truth node n0 value=two op=put owner=CiliumNode/n0 rv=6
3.6 k0 truth endpoint 10.0.0.2 value="id=8 pod=ns/q" op=put owner=CiliumEndpointSlice/s rv=7
4 r0 put endpoint cilium/state/ip/v1/default/10.0.0.2 value="id=8 pod=ns/q" store=s rev=4
4 r0 lease - 0abc op=keepalive peer=r0 value=60 from=4 store=s
5 a0 see endpoint 10.0.0.2 value="id=8 pod=ns/q" op=watch peer=r0 store=s inc=1
5 w0 op Pod ns/q op=pod-create rev=2 from=2 err=unfinished
6 k0 unwatch CiliumNode - peer=a0 id=1 value=client
7 world phase - end
8 k0 request Pod ns/q op=delete peer=w0 rv=8 bytes=9 from=8
`

// fileOf is the file of a history with these records.
func fileOf(t *testing.T, plan *fault.Plan, text string) []byte {
	t.Helper()
	records, err := history.Parse(text)
	require.NoError(t, err)
	var b bytes.Buffer
	w, err := history.NewWriter(&b, plan.Line())
	require.NoError(t, err)
	for i := range records {
		require.NoError(t, w.Write(&records[i]))
	}
	_, err = w.Close()
	require.NoError(t, err)
	return b.Bytes()
}

func TestCount(t *testing.T) {
	c, err := CountFile(fileOf(t, small().Plan(), seen))
	require.NoError(t, err)
	require.Equal(t, time.Second, c.Churn)
	require.Equal(t, 7*time.Second, c.End)
	require.Equal(t, 1, c.Done)
	require.Equal(t, "p50 1.500s, p99 1.500s, max 1.500s of 1", fmt.Sprint(c.Create.Measure()))
	require.Equal(t, "p50 2.000s, p99 2.000s, max 2.000s of 1", fmt.Sprint(c.Reach.Measure()), "from the planned time until the second agent knows it")
	require.Equal(t, 2, c.Lag["r"].N)
	require.Equal(t, 400*time.Millisecond, c.Lag["r"].Max)
	require.Equal(t, 1800*time.Millisecond, c.Lag["a"].Max, "what is not there at the end has no lag")
	require.Equal(t, 2, c.MostBehind["r"], "the node and an endpoint")
	require.Equal(t, 2, c.MostBehind["a"])
	require.Equal(t, 1500*time.Millisecond, c.CaughtUp["r"])
}

func TestMetrics(t *testing.T) {
	c, err := CountFile(fileOf(t, small().Plan(), seen))
	require.NoError(t, err)
	var csv, text strings.Builder
	require.NoError(t, c.WriteCSV(&csv))
	require.NoError(t, c.WriteOpenMetrics(&text))
	require.True(t, strings.HasPrefix(csv.String(), CSVHead))
	for _, row := range []string{
		"4,meshcheck_requests,k0,w0,create,Pod,1", "5,meshcheck_requests,r0,r0,lease-keepalive,lease,1",
		"1,meshcheck_watches,k0,a0,,CiliumNode,1", "7,meshcheck_watches,k0,a0,,CiliumNode,0",
		"4,meshcheck_watch_events,k0,a0,,CiliumNode,1", // the initial state is none
		"1,meshcheck_sent_bytes,k0,a0,,,50", "4,meshcheck_sent_bytes,k0,a0,,,110",
		"1,meshcheck_connections_accepted,k0,a0,,,1",
		"1,meshcheck_etcd_puts,r0,,,node,1", "5,meshcheck_etcd_revision,r0,,,,4", "5,meshcheck_lease_keepalives,r0,r0,,,1",
		"1,meshcheck_entries_behind,r0,,,,0", "4,meshcheck_entries_behind,r0,,,,2", "5,meshcheck_entries_behind,r0,,,,1",
	} {
		require.Contains(t, csv.String(), row+"\n")
	}
	require.NotContains(t, csv.String(), "delete,Pod", "the shutdown is not counted")
	require.NotContains(t, csv.String(), "2,meshcheck_entries_behind,r0", "what is as it was has no row")

	require.Contains(t, text.String(), "# TYPE meshcheck_watches gauge\n# HELP meshcheck_watches open watches\nmeshcheck_watches{host=\"k0\",client=\"a0\",resource=\"CiliumNode\"} 1 1\n")
	require.Contains(t, text.String(), "# TYPE meshcheck_sent_bytes counter\n# UNIT meshcheck_sent_bytes bytes\n")
	require.Contains(t, text.String(), `meshcheck_requests_total{host="k0",client="w0",verb="create",resource="Pod"} 1 4`+"\n")
	require.True(t, strings.HasSuffix(text.String(), "# EOF\n"))
	line := regexp.MustCompile(`^(# (TYPE|UNIT|HELP|EOF).*|meshcheck_[a-z_]+\{([a-z]+="[^"]*",?)*\} [0-9.]+ [0-9]+)$`)
	for l := range strings.Lines(text.String()) {
		require.Regexp(t, line, strings.TrimSuffix(l, "\n"))
	}
}

// The document names each metric, and no other.
func TestMetricsAreDocumented(t *testing.T) {
	document, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	var want, got []string
	for _, m := range Metrics {
		want = append(want, m.Name)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(meshcheck_[a-z_]+)`").FindAllStringSubmatch(string(document), -1) {
		got = append(got, row[1])
	}
	require.Equal(t, want, got)
}

func TestCountRefusesWhatIsNoHistory(t *testing.T) {
	_, err := CountFile([]byte("garbage"))
	require.EqualError(t, err, `history: not a history file: line 1 should be "meshcheck-history 4"`)
}

// The plans of loads are plans, and ask for what they say.
func TestPlans(t *testing.T) {
	for _, m := range mode.SimulatedNames() {
		p := Proposal(m, 10).Plan()
		require.NoError(t, p.Validate(), m)
		require.Len(t, p.Ops, 3*2*4000)
		require.Equal(t, 3*(400+400+900)*time.Second, p.Churn.Std())
	}
	full := Proposal("crd", 1).Plan()
	require.NoError(t, full.Validate())
	require.Len(t, full.Ops, 3*2*40_000)
	require.Equal(t, 10*time.Millisecond, full.Ops[1].At.Std())
	addresses, names := map[string]bool{}, map[string]bool{}
	for _, op := range full.Ops {
		if op.Op == fault.PodCreate {
			require.False(t, names[op.Pod.Namespace+"/"+op.Pod.Name], "a pod that comes again has another name")
			names[op.Pod.Namespace+"/"+op.Pod.Name], addresses[op.Pod.IP] = true, true
		}
	}
	require.Len(t, addresses, 40_000)
	for _, run := range KneeRuns() {
		p := run.Plan()
		require.NoError(t, p.Validate(), run.Name)
		require.Equal(t, kneeLength, p.Churn.Std())
	}
}

// worker stands in for one: it counts how often it ran.
type worker struct {
	t   *testing.T
	ran int
}

func (w *worker) Execute(_ context.Context, plan *fault.Plan) (*det.Result, int, error) {
	w.ran++
	return &det.Result{History: fileOf(w.t, plan, seen), CPU: time.Second}, 0, nil
}

func TestResultsAreKept(t *testing.T) {
	w := &worker{t: t}
	cfg := &Config{Worker: "one", Dir: t.TempDir(), Runner: func(Run) Runner { return w }}
	runs := []Run{{"a", small()}}
	first, err := cfg.All(t.Context(), runs, 1)
	require.NoError(t, err)
	again, err := cfg.All(t.Context(), runs, 1)
	require.NoError(t, err)
	require.Equal(t, 1, w.ran, "what is kept is not run again")
	said := func(r *Result) string { data, err := json.Marshal(r); require.NoError(t, err); return string(data) }
	require.Equal(t, said(first[0]), said(again[0]))
	require.Equal(t, 2, first[0].MostBehind["r"])

	other := small()
	other.Pods = 4
	_, err = cfg.All(t.Context(), []Run{{"a", other}}, 1)
	require.NoError(t, err)
	require.Equal(t, 2, w.ran, "another plan is another run")
	cfg.Worker = "two"
	_, err = cfg.All(t.Context(), []Run{{"a", other}}, 1)
	require.NoError(t, err)
	require.Equal(t, 3, w.ran, "so is another worker")

	require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, "a.json"), []byte("{"), 0o666))
	_, err = cfg.All(t.Context(), runs, 1)
	require.ErrorContains(t, err, "a.json: this is not the result of a load")
	require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, "a.json"), []byte("{}"), 0o666))
	_, err = cfg.All(t.Context(), runs, 1)
	require.ErrorContains(t, err, "version 0 of the result of a load is not known; this program reads version 1")
	cfg.OnCount = func(Run, *Count) error { return errors.New("no space") }
	_, err = cfg.All(t.Context(), []Run{{"b", small()}}, 1)
	require.EqualError(t, err, "no space")
}

// resultOf is a result with these costs of the kube-apiserver, in 10 s.
func resultOf(m string, agents int, costs ...*Cost) *Result {
	return &Result{Shape: Shape{Mode: m, Nodes: 100, Agents: agents, Replicas: 2, Pods: 40}, Virtual: 10 * time.Second, Costs: costs, Asked: 80, Done: 80}
}

func TestProposalTable(t *testing.T) {
	base := resultOf("crd", 10, &Cost{Server: "k", Client: "a", Events: 1000, WatchTime: 300 * time.Second}, &Cost{Server: "k", Client: "o", Events: 50, WatchTime: 20 * time.Second})
	own := resultOf("clustermesh", 10, &Cost{Server: "k", Client: "r", Events: 200, WatchTime: 80 * time.Second}, &Cost{Server: "k", Client: "o", Events: 50, WatchTime: 20 * time.Second})
	base.Create.P50, own.Create.P50, base.Reach.P99, own.Reach.P99 = 0.004, 0.004, 1, 2
	var b strings.Builder
	require.NoError(t, WriteProposal(&b, []*Result{base, own}))
	for _, line := range []string{
		`  open watches +50 % fewer +32\.0 +10\.0 +-68\.8 %, confirmed +-96\.7 %, confirmed +2\.82`,
		`  watch events/s +over 95 % fewer +105 +25\.0 +-76\.2 %, refuted +-97\.5 %, confirmed +0\.27`,
		`  CPU, in cores, by prices +over 50 % fewer +0\.006 +0\.002 .*confirmed +.*`,
		`  pod start latency, p50 and p99 +unchanged +0\.004 s, 0\.000 s +0\.004 s, 0\.000 s +\+0\.0 %, \+0\.0 %: confirmed`,
		`  until every agent knows the pod +unchanged .* \+100\.0 %: refuted`,
		`  operations done, of those asked +80 of 80 +80 of 80`,
		`  2 +-68\.8 % +-96\.7 % +-99\.7 % +-76\.2 % +-97\.5 % +-99\.8 %( +-[0-9.]+ %){3}`,
	} {
		require.Regexp(t, "(?m)^"+line+"$", b.String())
	}
	b.Reset()
	require.NoError(t, WriteProposal(&b, []*Result{base}))
	require.NotContains(t, b.String(), "CLAIMS", "it takes both modes")
}

func TestKnee(t *testing.T) {
	var all []*Result
	for _, run := range KneeRuns() {
		r := &Result{Name: run.Name, Shape: run.Shape, Drained: map[mode.Role]time.Duration{"r": 3 * time.Second}}
		r.Lag = map[mode.Role]checker.Measure{"r": {N: 1, P50: 1, P99: float64(run.PerSecond), Max: 100}}
		all = append(all, r)
	}
	var b strings.Builder
	require.NoError(t, WriteKnee(&b, all))
	require.Regexp(t, `(?m)^  unlimited +100 +4,000 +1\.000, 100\.000, 100\.000 +0 +3\.000s +-$`, b.String())
	svg := PlotKnee(all)
	require.NoError(t, xml.Unmarshal([]byte(svg), new(struct{ XMLName xml.Name })))
	require.Equal(t, 2, strings.Count(svg, "pods per second"))
	for _, qps := range []string{"20", "50", "100", "unlimited"} {
		require.Contains(t, svg, qps+" requests/s")
	}
}

func TestGrowth(t *testing.T) {
	modes := []string{"crd", "clustermesh"}
	var all []*Result
	for _, run := range GrowthRuns(modes) {
		require.NoError(t, run.Plan().Validate(), run.Name)
		all = append(all, &Result{Shape: run.Shape, Virtual: 10 * time.Second, CPU: time.Duration(run.Agents*run.Agents) * time.Second,
			Costs: []*Cost{{Server: "k", Client: "a", Events: run.Agents * run.Pods, WatchTime: 30 * time.Second}}})
	}
	var b strings.Builder
	require.NoError(t, WriteGrowth(&b, modes, all))
	said := strings.Split(b.String(), "\n\n")
	require.Len(t, said, 7, "in the mode crd there are no replicas")
	require.Regexp(t, `(?m)^CRD: .* SO MANY AGENTS$`, said[0])
	require.Regexp(t, `(?m)^  kube-apiserver: watch events +2,000 +4,000 +8,000 +16,000 +32,000 +1\.00$`, said[0])
	require.Regexp(t, `(?m)^  kube-apiserver: open watches +3\.00 .* 0\.00$`, said[0])
	require.Regexp(t, `(?m)^  this program: CPU, s +25\.0 .* 2\.00$`, said[0])
	require.Regexp(t, `(?m)^  kube-apiserver: watch events .* 0\.00$`, said[2], "they do not depend on the rate")
	require.NotContains(t, b.String(), "etcds: bytes", "nothing was counted of them")
}

// What servers take is what was counted at its prices, however it is added up.
func TestCPU(t *testing.T) {
	ms := fault.Duration(time.Millisecond)
	prices := fault.Prices{Cores: 1, Read: ms, Write: 10 * ms, Event: 100 * ms, Kilobyte: 1024 * ms}
	c := &Cost{Server: "r", Client: "r", Requests: map[string]int{"put": 1, "range": 2, "lease keepalive": 9}, Watches: 3, Events: 4, Bytes: 999, ListBytes: 5}
	replica := prices
	replica.Change = 1000 * ms
	require.Equal(t, 1420*time.Millisecond, c.CPU(&fault.Capacity{Replicas: &replica}))
	require.Zero(t, c.CPU(&fault.Capacity{APIServers: &prices}))

	plan := small().Plan()
	plan.Capacity = &fault.Capacity{APIServers: &prices, Replicas: &replica}
	counted, err := CountFile(fileOf(t, plan, seen))
	require.NoError(t, err)
	sum := time.Duration(0)
	for _, cost := range counted.Costs {
		sum += cost.CPU(plan.Capacity)
	}
	require.Equal(t, 161*time.Millisecond, sum, "a watch with 50 bytes, an event, and a write")
	require.Equal(t, []float64{0.051, 0, 0, 0.11}, counted.Busy["k0"])
	var csv strings.Builder
	require.NoError(t, counted.WriteCSV(&csv))
	require.Regexp(t, `(?m)^1,meshcheck_cpu_seconds,k0,a0,,,0\.05(1|0999)`, csv.String())
	svg := PlotBusy([]*Result{{Shape: Shape{Mode: "crd"}, Virtual: 7 * time.Second, Busy: counted.Busy}})
	require.NoError(t, xml.Unmarshal([]byte(svg), new(struct{ XMLName xml.Name })))
	require.Contains(t, svg, "crd: k0")
}

// An agent is synced when it has again all that it watched before the fault, which is recorded after what it ends.
func TestStorm(t *testing.T) {
	c, err := CountFile(fileOf(t, small().Plan(), `
0 k0 watch CiliumNode - peer=a0 ask=initial: id=1
0 k0 watch CiliumIdentity - peer=a0 ask=3 id=2
0 k0 watch CiliumNode - peer=a1 ask=initial: id=3
0 k0 watch CiliumNode - peer=o0 ask=initial: id=4
1 world phase - churn
2 k0 unwatch CiliumIdentity - peer=a0 id=2 value=client
10 k0 unwatch CiliumNode - peer=a0 id=1 value=closed
10.01 world fault kube-restart k0 value="it restarts" op=process-ended rev=1
12 k0 request CiliumNode - op=list peer=a0 rv=9 bytes=100 from=11
13 k0 watch CiliumNode - peer=a0 ask=initial: id=5
14 k0 watch CiliumNode - peer=o0 ask=initial: id=6
14.5 k0 watch CiliumNode - peer=a1 ask=7 id=7
14.5 k0 unwatch CiliumNode - peer=a1 id=7 value=expired
15 k0 event CiliumNode - peer=a0 id=5 value="ADDED:n0:2 INITIAL:2" bytes=50
16 k0 request CiliumNode - op=list peer=a0 rv=9 bytes=100 from=16
20 world phase - end
`))
	require.NoError(t, err)
	require.Equal(t, "p50 4.990s, p99 4.990s, max 4.990s of 1", fmt.Sprint(c.Storm.Synced.Measure()))
	require.Equal(t, 1, c.Storm.Missing, "a1 had its watch again, which ended at once, and never had its watch again")
	require.Equal(t, []int{3, 2, 150}, []int{c.Storm.Asked, c.Storm.Lists, int(c.Storm.Bytes)})
}

func TestStormAndSharedTables(t *testing.T) {
	var storms []*Result
	for _, run := range StormRuns(20, 10, 2) {
		p := run.Plan()
		require.NoError(t, p.Validate(), run.Name)
		require.Len(t, p.Faults, 1)
		require.Equal(t, 2, p.Capacity.APIServers.Cores)
		storms = append(storms, &Result{Shape: run.Shape, Storm: &StormResult{Synced: checker.Measure{N: 20, P50: 1, P99: 2, Max: 3}, Asked: 1234, Bytes: 1e6}})
	}
	var b strings.Builder
	require.NoError(t, WriteStorm(&b, storms))
	require.Regexp(t, `(?m)^  crd +kube-expire +20 +10 +2 +1\.000, 2\.000, 3\.000 +0 +1,234 +0 +1\.00 +-$`, b.String())

	var all []*Result
	for _, run := range SharedRuns() {
		require.NoError(t, run.Plan().Validate(), run.Name)
		all = append(all, &Result{Shape: run.Shape, Lag: map[mode.Role]checker.Measure{"a": {N: 1, P50: float64(run.Agents)}}, Drained: map[mode.Role]time.Duration{"a": time.Second}})
	}
	b.Reset()
	require.NoError(t, WriteShared(&b, all))
	require.Regexp(t, `(?m)^  450 +50 +500\.000, 0\.000, 0\.000 +1\.000s +450\.000, 0\.000, 0\.000 +1\.000s$`, b.String())
}

// What is kept of loads in testdata/load gives the tables that stand beside it, which
// docs/review.md quotes. With -update they are written anew.
func TestKeptResults(t *testing.T) {
	for name, write := range map[string]func(io.Writer, []*Result) error{
		"proposal": WriteProposal, "knee": WriteKnee, "storm": WriteStorm, "shared": WriteShared,
		"growth": func(w io.Writer, results []*Result) error {
			return WriteGrowth(w, []string{"crd", "clustermesh"}, results)
		},
	} {
		data, err := os.ReadFile("../../testdata/load/" + name + ".jsonl")
		require.NoError(t, err)
		var results []*Result
		for line := range bytes.Lines(data) {
			r := new(Result)
			require.NoError(t, json.Unmarshal(line, r))
			require.Equal(t, ResultForm, r.Form)
			require.Equal(t, r.Asked, r.Done, "%s: a load that was not reached measures another one", r.Name)
			results = append(results, r)
		}
		var b bytes.Buffer
		require.NoError(t, write(&b, results))
		golden := "../../testdata/load/" + name + ".txt"
		if *update {
			require.NoError(t, os.WriteFile(golden, b.Bytes(), 0o666))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), b.String())
	}
}

var update = flag.Bool("update", false, "write the tables of testdata/load anew")
