package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/internal/campaign"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/report"
)

// brief is a time in which a campaign begins a seed on each core and hardly more.
const brief = "100ms"

// seedWith returns the first seed, of those that the fake worker treats so, whose
// plan has a fault of one kind and none of another.
func seedWith(t *testing.T, kind, without fault.Kind) string {
	t.Helper()
	for seed := uint64(seedsOfRestarts); ; seed++ {
		plan, err := draw.Plan(seed, draw.Config{Reference: true})
		require.NoError(t, err)
		if hasFault(plan, kind) && !hasFault(plan, without) {
			return fmt.Sprint(seed)
		}
	}
}

func findings(t *testing.T, dir string) map[string]*corpus.Finding {
	t.Helper()
	all, err := corpus.Read(dir)
	require.NoError(t, err)
	byName := map[string]*corpus.Finding{}
	for _, f := range all {
		byName[f.Name()] = f
	}
	return byName
}

const (
	ghost = "integrity.identity.writer-restart"
	crash = "harness.crash-panic-the-fake-worker-crashes-with-an-agent"
)

func TestCampaign(t *testing.T) {
	scene(t)
	base := seedWith(t, fault.WriterRestart, fault.AgentCrash)
	status, stdout, stderr := simrun(t, "campaign", "-for", brief, "-shrink", "1h", "-scenario", "reference", "-base", base, "-worker", "WORKER")
	require.Empty(t, stderr)
	require.NotEqual(t, console.StatusHold, status)
	require.Regexp(t, `(?m)^new       integrity\.identity\.writer-restart\n          by seed \d+: .*ghost.*\n          replay: simrun -plan corpus/integrity.identity.writer-restart/plan.json -worker /`, stdout)
	require.Regexp(t, `(?m)^\| integrity\.identity\.writer-restart \| clustermesh \| +\d+ \| `, stdout)
	require.Contains(t, stdout, "\n# Coverage marks never reached: ")
	require.Contains(t, stdout, "\n- failover: an agent failed over to another replica\n")
	require.Regexp(t, `(?m)^corpus    corpus; the next seed is \d+$`, stdout)

	found := findings(t, "corpus")[ghost]
	require.NotNil(t, found)
	require.Len(t, found.Plan.Faults, 1)
	require.True(t, found.Minimal)
	summary, err := os.ReadFile("corpus/summary.md")
	require.NoError(t, err)
	require.Contains(t, stdout, string(summary), "what is printed is what is written")

	status, stdout, stderr = simrun(t, "-plan", "corpus/"+ghost+"/plan.json", "-worker", "WORKER")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, found.Sentence)
}

func TestCampaignThatFindsNothing(t *testing.T) {
	scene(t)
	status, stdout, stderr := simrun(t, "campaign", "-for", brief, "-corpus", "new/corpus", "-worker", "WORKER")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status, stdout)
	require.Contains(t, stdout, "# Findings\n\n0 distinct, in ")
	require.Contains(t, stdout, "; 0 findings are new to the corpus, 0 of them look like one of testdata/findings\n")
}

func TestCampaignCountsAWorkerThatDies(t *testing.T) {
	scene(t)
	base := seedWith(t, fault.AgentCrash, fault.WriterRestart)
	status, stdout, _ := simrun(t, "campaign", "-for", brief, "-shrink", "0", "-scenario", "reference", "-base", base, "-worker", "WORKER")
	require.Equal(t, console.StatusHarness, status, stdout)
	require.Contains(t, findings(t, "corpus"), crash)
	output, err := os.ReadFile(filepath.Join("corpus", crash, "output.txt"))
	require.NoError(t, err)
	require.Contains(t, string(output), "the fake worker crashes with an agent")

	status, stdout, _ = simrun(t, "campaign", "-replay", "-worker", "WORKER")
	require.Contains(t, stdout, "shows     "+crash+": the worker ended")
	require.Equal(t, console.StatusHold, status, "what is known is nothing new")
}

func TestCampaignReplay(t *testing.T) {
	scene(t)
	plan, err := draw.Plan(seedsOfRestarts, draw.Config{Reference: true})
	require.NoError(t, err)
	plan.Faults = []fault.Fault{{Kind: fault.WriterRestart, Target: "r0", For: 1e9}}
	kept, err := corpus.Open("corpus")
	require.NoError(t, err)
	add := func(property, kind string) {
		_, err := kept.Add(corpus.New(checker.Finding{Property: property, Kind: kind}, plan, "x", corpus.Occurrence{}))
		require.NoError(t, err)
	}
	add("integrity", "identity")
	require.NoError(t, kept.Close())
	status, stdout, _ := simrun(t, "campaign", "-replay", "-worker", "WORKER")
	require.Equal(t, console.StatusHold, status)
	require.Regexp(t, `^shows     integrity\.identity\.writer-restart: .*ghost.*\n\nfindings  1: every one still shows\n$`, stdout)

	kept, err = corpus.Open("corpus")
	require.NoError(t, err)
	add("monotonic", "identity")
	require.NoError(t, kept.Close())
	status, stdout, _ = simrun(t, "campaign", "-replay", "-worker", "WORKER")
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, "\nLOST      monotonic.identity.writer-restart: it breaks integrity of identity instead\n")
	require.Contains(t, stdout, "\nfindings  2: 1 of them no longer show: ")

	status, stdout, _ = simrun(t, "campaign", "-replay", "-json", "-worker", "WORKER")
	require.Equal(t, console.StatusBroken, status)
	lines := decode(t, stdout)
	require.Len(t, lines, 2)
	require.Equal(t, []any{"replay", ghost, true}, []any{lines[0]["kind"], lines[0]["name"], lines[0]["shows"]})
	require.Equal(t, []any{"replay", "monotonic.identity.writer-restart", false}, []any{lines[1]["kind"], lines[1]["name"], lines[1]["shows"]})
}

func TestCampaignJSON(t *testing.T) {
	scene(t)
	base := seedWith(t, fault.WriterRestart, fault.AgentCrash)
	_, stdout, _ := simrun(t, "campaign", "-for", brief, "-scenario", "reference", "-base", base, "-worker", "WORKER", "-shrink", "0", "-json")
	lines := decode(t, stdout)
	require.GreaterOrEqual(t, len(lines), 2)
	require.Equal(t, "finding", lines[0]["kind"])
	require.Equal(t, "it was not to be shrunk", lines[0]["drawn"])
	last := lines[len(lines)-1]
	require.Equal(t, "campaign", last["kind"])
	require.Len(t, last["new"], len(lines)-1)
	require.NotEmpty(t, last["state"].(map[string]any)["markers"])
}

func TestTwoCampaignsAtOnceAreRefused(t *testing.T) {
	scene(t)
	kept, err := corpus.Open("c")
	require.NoError(t, err)
	defer kept.Close()
	status, stdout, stderr := simrun(t, "campaign", "-corpus", "c", "-worker", "WORKER")
	require.Equal(t, console.StatusUsage, status)
	require.Empty(t, stdout)
	require.Equal(t, "simrun: the corpus c: another campaign is at work there\n", stderr)
}

// startCampaign starts a campaign as a process of its own that would run for an
// hour, and waits until it has found something and done some seeds.
func startCampaign(t *testing.T) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer, seen corpus.State) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd = exec.Command(binary)
	cmd.Args = []string{"simrun", "campaign", "-for", "1h", "-shrink", "0", "-scenario", "reference", "-base", fmt.Sprint(seedsOfRestarts), "-worker", binary}
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	before := readState(t)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		seen = readState(t)
		return seen.Done() > before.Done()+10 && occurrences(t) > 0
	}, time.Minute, 10*time.Millisecond, "the campaign does not come forward")
	return cmd, stdout, stderr, seen
}

// occurrences counts the seeds of all findings.
func occurrences(t *testing.T) (n int) {
	t.Helper()
	for _, f := range findings(t, "corpus") {
		n += f.Count
	}
	return n
}

// readState reads the state from another process than the campaign's.
func readState(t *testing.T) corpus.State {
	t.Helper()
	state, err := corpus.ReadState("corpus")
	require.NoError(t, err)
	return *state
}

// A killed campaign leaves a complete corpus, and the next one goes on from there
// and is interrupted.
func TestKilledAndInterruptedCampaigns(t *testing.T) {
	scene(t)
	cmd, _, _, seen := startCampaign(t)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	after := readState(t)
	require.GreaterOrEqual(t, after.Done(), seen.Done())
	counted := occurrences(t)
	for seed := after.Next; seed < after.Next+100; seed++ { // of the workers that died with it
		for _, dir := range leftovers(t, int(seed)) {
			require.NoError(t, os.RemoveAll(dir))
		}
	}

	cmd, stdout, stderr, seen := startCampaign(t)
	require.Greater(t, seen.Done(), after.Done())
	require.GreaterOrEqual(t, seen.Next, after.Next)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	require.Error(t, cmd.Wait())
	require.Equal(t, console.StatusInterrupted, cmd.ProcessState.ExitCode())
	require.Equal(t, "simrun: interrupted\n", stderr.String())
	require.Contains(t, stdout.String(), "# Findings\n\n")
	last := readState(t)
	require.GreaterOrEqual(t, last.Done(), seen.Done())
	require.EqualValues(t, seedsOfRestarts, last.Base)
	require.Equal(t, last.Done(), int(last.Next-last.Base)+len(last.Ahead), "every seed is counted once")
	require.GreaterOrEqual(t, occurrences(t), counted)
}

// The corpus that the repository ships can be read, and is as campaign writes it.
func TestShippedCorpus(t *testing.T) {
	for name, f := range findings(t, knownFindings) {
		text, err := os.ReadFile(corpus.PlanPath(knownFindings, f))
		require.NoError(t, err)
		require.Equal(t, string(f.Plan.Encode()), string(text), name)
		require.NotEmpty(t, f.Sentence, name)
		require.NotEmpty(t, f.Seeds, name)
		if f.Property != corpus.Harness {
			require.Equal(t, corpus.Signature(f.Plan), f.Faults, name)
		}
	}
}

func TestOnlyNewsIsBroken(t *testing.T) {
	explained := &corpus.Finding{Property: "monotonic", Cause: "failover-to-stale-replica"}
	of := func(new ...*corpus.Finding) campaign.Result { return campaign.Result{New: new} }
	none := new(report.Summary)
	require.Equal(t, console.StatusHold, campaignStatus(of(explained), none))
	require.Equal(t, console.StatusBroken, campaignStatus(of(explained, &corpus.Finding{Property: "monotonic"}), none))
	require.Equal(t, console.StatusHarness, campaignStatus(of(&corpus.Finding{Property: "monotonic"}, &corpus.Finding{Property: corpus.Harness}, explained), none))

	measured := &report.Summary{Measured: true, Judged: []report.Judged{{Is: report.Known}}}
	require.Equal(t, console.StatusHold, campaignStatus(of(&corpus.Finding{Property: "monotonic"}), measured), "what it looks like decides nothing")
	measured.Judged = []report.Judged{{Is: report.Known}, {Is: report.Suspected}}
	require.Equal(t, console.StatusBroken, campaignStatus(of(explained), measured), "nor what it looks like and was not measured")
	measured.Judged = []report.Judged{{Is: report.Known}, {Is: report.News}}
	require.Equal(t, console.StatusBroken, campaignStatus(of(explained), measured))
	require.Equal(t, console.StatusBroken, campaignStatus(of(), measured), "also if the corpus has it")
	require.Equal(t, console.StatusHarness, campaignStatus(of(&corpus.Finding{Property: corpus.Harness}), measured))
}

// Of what is broken, and stays so with repairs, a campaign says that it is news.
func TestCampaignMeasured(t *testing.T) {
	scene(t)
	status, stdout, stderr := measured(t, "campaign", "-judge", "-for", brief, "-shrink", "0", "-base", fmt.Sprint(seedAlone)) // however many seeds it comes to
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	require.Regexp(t, fmt.Sprintf(`(?m)^measured  1 of \d+ seeds? with what no repair takes away; 0 with what is known, measured; 0 with what looks like a finding without a repair, not measured
  NEWS    integrity of identity: stays with all repairs in; 1 of 1 break it without, 1 of 1 with all repairs in
          seeds %[1]d; the first: .*ghost.*
  replay  simrun -seed %[1]d$`, seedAlone), stdout)

	status, stdout, _ = measured(t, "campaign", "-judge", "-replay")
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, "\nmeasured    1 finding: 0 known, measured; 0 suspected, not measured; 1 news\n")
}
