package matrix

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/load"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Servers, their clients, and what these ask for. The watch 1 is open for 8 s, the watch 2
// for 4 s until the end.
const served = `
0 world phase - start
0 k0 net - accept peer=a0
1 k0 request Pod - op=list peer=a0 rv=2 value=ns1/a:2 from=1 bytes=1000
1 k0 request Pod ns1/a op=get peer=w0 rv=2 from=1 bytes=100
2 k0 watch Pod - peer=a0 ask=initial: id=1
2 k0 event Pod - peer=a0 id=1 value="ADDED:ns1/a:2 INITIAL:2" bytes=500
3 k0 event Pod - peer=a0 id=1 value="MODIFIED:ns1/a:3 DELETED:ns1/a:4" bytes=600
4 k0 event Pod - peer=a0 id=1 value="BOOKMARK:5" bytes=7
6 r0 watch endpoint k/ end=k0 peer=a0 store=a0 ask=5 rev=5 id=2
6 r0 call meta k/ end=k0 op=range peer=a0 store=a0 rev=1 from=3 bytes=70
6.5 r0 lease - 0abc op=keepalive peer=r0 value=60 from=3 store=a0
6.5 r0 lease - 0abc op=expire store=a0
10 k0 unwatch Pod - peer=a0 id=1 value=client
10 world phase - end
11 k0 request Pod - op=list peer=a0 rv=2 value=ns1/a:2 from=1 bytes=1000
`

func parse(t *testing.T, text string) []history.Record {
	t.Helper()
	records, err := history.Parse(text)
	require.NoError(t, err)
	return records
}

func TestCosts(t *testing.T) {
	var said []string
	for _, c := range load.CostsOf(parse(t, served)) {
		said = append(said, fmt.Sprintf("%s of %s: %v, %d lists, %d dials, %d watches for %s, %d events, %d bytes, at most %d", c.Client, c.Server,
			c.Requests, c.Lists, c.Dials, c.Watches, c.WatchTime, c.Events, c.Bytes, c.MostAtOnce))
	}
	require.Equal(t, []string{
		"a of k: map[list:1], 2 lists, 1 dials, 1 watches for 8s, 2 events, 2107 bytes, at most 1",
		"w of k: map[get:1], 0 lists, 0 dials, 0 watches for 0s, 0 events, 100 bytes, at most 1",
		"r of r: map[lease keepalive:1], 0 lists, 0 dials, 0 watches for 0s, 0 events, 0 bytes, at most 1",
		"a of r: map[range:1], 1 lists, 0 dials, 1 watches for 4s, 0 events, 70 bytes, at most 2",
	}, said)
}

// fake runs a plan without running it.
type fake func(plan *fault.Plan) (*report.Run, error)

func (f fake) Run(ctx context.Context, plan *fault.Plan) (*drive.Judged, error) {
	run, err := f(plan)
	if err != nil {
		return nil, err
	}
	records, err := history.Parse(served)
	if err != nil {
		return nil, err
	}
	run.Plan, run.Virtual = plan, 10e9
	return &drive.Judged{Run: run, Index: index.New(&history.History{Records: records})}, ctx.Err()
}

// judged is a run that keeps integrity and has an outcome of owner.
func judged(owner checker.Outcome, mechanism string) *report.Run {
	r := &report.Run{Verdict: checker.Verdict{Results: []checker.Result{
		{Property: "integrity", Outcome: checker.Pass},
		{Property: "owner", Outcome: owner},
	}}}
	if owner == checker.Fail {
		v := checker.Violation{Rule: &checker.Rule{Name: "says", Text: func(*checker.Facts) string { return "it is broken" }}}
		if mechanism != "" {
			v.Cause = &checker.Cause{Proofs: []checker.Proof{{Mechanism: mechanism, Rule: v.Rule}}}
		}
		r.Verdict.Results[1].Violations = []checker.Violation{v}
	}
	return r
}

func plan(seed uint64) (*fault.Plan, error) {
	return &fault.Plan{Seed: seed, Topology: fault.Topology{APIServers: 1, Replicas: 2, Agents: 4}}, nil
}

func open(t *testing.T, dir string) *Kept {
	t.Helper()
	k, err := Open(dir, Of{Worker: "w", Family: "swarm"})
	require.NoError(t, err)
	t.Cleanup(func() { k.Close() })
	return k
}

// A run of each kind: two that hold, one broken by news in the mode crd, one by a known
// mechanism in both, one undecided, a panic, and one without a history.
func outcome(p *fault.Plan) (*report.Run, error) {
	crd := p.Mode == "crd"
	switch {
	case p.Seed == 1 && crd:
		return judged(checker.Fail, ""), nil
	case p.Seed == 2:
		return judged(checker.Fail, "orphans"), nil
	case p.Seed == 3 && crd:
		return judged(checker.Unknown, ""), nil
	case p.Seed == 4 && crd:
		return nil, &det.Failure{Kind: det.Crash, Message: "the worker crashed", Output: "panic: so\n\ngoroutine 1 [running]:\ngithub.com/cilium/cilium/pkg/x.F()\n\t/x.go:1 +0x1\n"}
	case p.Seed == 5 && crd:
		return nil, &det.Failure{Kind: det.Hang, Message: "the worker hung"}
	}
	return judged(checker.Pass, ""), nil
}

func config(k *Kept, runner drive.Runner, last uint64) Config {
	return Config{Runner: runner, Modes: []string{"clustermesh", "crd"}, Seeds: drive.Seeds{Last: last}, Plan: plan, Parallel: 2, Kept: k}
}

func replay(mode string, seed uint64) string {
	return fmt.Sprintf("simrun -plan %s-%d.json", mode, seed)
}

func printed(t *testing.T, table *Table) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, table.WriteText(&b, replay))
	return b.String()
}

func TestTable(t *testing.T) {
	table, err := Run(t.Context(), config(open(t, t.TempDir()), fake(outcome), 5))
	require.NoError(t, err)
	require.False(t, table.Complete(), "a run has no history")
	said := printed(t, table)
	for _, line := range []string{
		`swarm, seeds 0 to 5 in 2 modes: 12 runs of 12`,
		`  integrity  +6 of 6  +4 of 4`,
		`  owner  +5 of 6  +1 of 4, 1 \?`,
		`  canaries  +0 of 0  +n/a`,
		`  ended by a panic  +0  +1`,
		`  without a history  +0  +1`,
		`  replicas, in the mean  +2\.0  +0\.0`,
		`  owner  +clustermesh  +1  +orphans 1  +simrun -plan clustermesh-2\.json`,
		`  owner  +crd  +2  +like none 1, orphans 1  +simrun -plan crd-1\.json`,
		`  kube-apiservers: requests/s  +0\.20  +0\.20`,
		`      by agents  +0\.10  +0\.10`,
		`  etcds: open watches  +0\.40  +0\.40`,
	} {
		require.Regexp(t, "(?m)^"+line+"$", said)
	}
}

// A column of which nothing has run yet says so.
func TestModesThatHaveNotRun(t *testing.T) {
	table := TableOf(open(t, t.TempDir()), []string{"clustermesh", "crd"}, drive.Seeds{})
	said := printed(t, table)
	require.Regexp(t, `(?m)^  integrity  +not run  +not run$`, said)
	require.Regexp(t, `(?m)^  canaries  +not run  +n/a$`, said)
}

// What the proposal says is compared where both modes have run. The costs are those of
// equal records here, so that nothing is saved, and nothing is for a thousand agents.
func TestClaims(t *testing.T) {
	table, err := Run(t.Context(), config(open(t, t.TempDir()), fake(outcome), 0))
	require.NoError(t, err)
	require.Len(t, table.Claims, 2)
	table.Claims[0].Of = nil // functions are not comparable
	require.Equal(t, load.Claim{What: "open watches", Claimed: "50 % fewer", Base: 0.8, Own: 0.8}, table.Claims[0])
	require.Regexp(t, `(?m)^  open watches +50 % fewer +0\.80 +0\.80 +\+0 % +refuted +\+0\.0 %, refuted$`, printed(t, table))

	own := &Column{Mode: "clustermesh", Runs: 1, Agents: 10, Replicas: 2, Virtual: 1e9, Costs: []*load.Cost{
		{Server: "k", Client: "r", Events: 20}, {Server: "k", Client: "o", Events: 10}, {Server: "r", Client: "a", Events: 1000}}}
	base := &Column{Mode: "crd", Runs: 1, Agents: 10, Virtual: 1e9, Costs: []*load.Cost{
		{Server: "k", Client: "a", Events: 100}, {Server: "k", Client: "o", Events: 10}}}
	claims := (&Table{Columns: []*Column{own, base}}).claims()
	require.InDelta(t, 100*(30.0-110)/110, claims[1].Change, 1e-9)
	require.False(t, claims[1].Holds)
	require.InDelta(t, 100*(40.0-10010)/10010, claims[1].AtSize, 1e-9, "three replicas in place of two, a thousand agents in place of ten")
	require.True(t, claims[1].HoldsAtSize)
}

func TestEqualRunsGiveAnEqualTable(t *testing.T) {
	var first string
	for i := range 3 {
		cfg := config(open(t, t.TempDir()), fake(outcome), 20)
		cfg.Parallel = 1 + 3*i
		table, err := Run(t.Context(), cfg)
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, table.WriteJSON(&b))
		require.NoError(t, table.WriteMarkdown(&b, replay))
		if i == 0 {
			first = b.String()
			require.Contains(t, first, "| owner | 20 of 21 | 16 of 19, 1 ? |")
		}
		require.Equal(t, first, b.String())
	}
}

func TestAnInterruptedMatrixGoesOn(t *testing.T) {
	whole, err := Run(t.Context(), config(open(t, t.TempDir()), fake(outcome), 9))
	require.NoError(t, err)

	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cfg := config(open(t, dir), fake(outcome), 9)
	cfg.OnRun = func(done, all int) {
		require.Equal(t, 20, all)
		if done == 7 {
			cancel()
		}
	}
	some, err := Run(ctx, cfg)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, some.Complete())
	require.Contains(t, printed(t, some), ": 7 runs of 20\n")

	// The process was killed while it wrote a line.
	path := filepath.Join(dir, keptFile)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(data, `{"mode":"crd","se`...), 0o666))
	again := 0
	cfg = config(open(t, dir), fake(func(p *fault.Plan) (*report.Run, error) { again++; return outcome(p) }), 9)
	cfg.Parallel = 1
	rest, err := Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, 13, again)
	require.Equal(t, printed(t, whole), printed(t, rest))

	// All of it is in the file.
	none, err := Run(t.Context(), config(open(t, dir), fake(func(*fault.Plan) (*report.Run, error) { panic("all is kept") }), 9))
	require.NoError(t, err)
	require.Equal(t, printed(t, whole), printed(t, none))
}

func TestFilesThatAreRefused(t *testing.T) {
	head := `{"version":2,"worker":"w","family":"swarm"}` + "\n"
	for name, c := range map[string]struct{ file, says string }{
		"another worker":  {`{"version":2,"worker":"v","family":"swarm"}` + "\n", "runs.jsonl:1: these runs are of another worker, v and not w; -o takes another directory"},
		"another family":  {`{"version":2,"worker":"w","family":"scenario x"}` + "\n", "runs.jsonl:1: these runs are of scenario x and not of swarm; -o takes another directory"},
		"another version": {`{"version":3,"worker":"w","family":"swarm"}` + "\n", "runs.jsonl:1: the file has version 3, and this program writes 2; -o takes another directory"},
		"garbage":         {"\x00\x01garbage\n", "runs.jsonl:1: this is not a file of simrun matrix ("},
		"a garbled run":   {head + "{\"mode\":3}\n", "runs.jsonl:2: this is no run ("},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, keptFile)
			require.NoError(t, os.WriteFile(path, []byte(c.file), 0o666))
			_, err := Open(dir, Of{Worker: "w", Family: "swarm"})
			require.ErrorContains(t, err, c.says)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, c.file, string(data), "it stays as it was")
		})
	}
}

// A plan that the worker refuses is no cell: all others would be refused, too.
func TestARefusedPlanEndsTheMatrix(t *testing.T) {
	_, err := Run(t.Context(), config(open(t, t.TempDir()), fake(func(*fault.Plan) (*report.Run, error) {
		return nil, &det.Failure{Kind: det.Input, Message: "the plan has no agents"}
	}), 3))
	require.ErrorContains(t, err, "the plan has no agents")
}

func TestNumbersOfAllSizes(t *testing.T) {
	var said []string
	for _, x := range []float64{0, 0.004, 0.5, 9.994, 12.34, 99.96, 100, 1234.5} {
		said = append(said, text.Number(x))
	}
	require.Equal(t, "0 0.00 0.50 9.99 12.3 100.0 100 1,235", strings.Join(said, " "))
}
