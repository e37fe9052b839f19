package corpus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/model/mode"
)

// plan is a plan with faults of some kinds.
func plan(t *testing.T, seed uint64, pods int, kinds ...fault.Kind) *fault.Plan {
	t.Helper()
	p, err := draw.Plan(seed, draw.Config{Reference: true})
	require.NoError(t, err)
	p.Ops, p.Faults, p.Pods = nil, nil, p.Pods[:pods]
	for _, kind := range kinds {
		p.Faults = append(p.Faults, fault.Fault{Kind: kind, Target: "r0", For: fault.Duration(1e9)})
	}
	require.NoError(t, p.Validate())
	return p
}

var convergence = checker.Finding{Property: "convergence", Kind: "endpoint"}

func seen(seed uint64, seconds int) Occurrence {
	return Occurrence{Seed: seed, Virtual: fault.Duration(seconds) * 1e9, Wall: 2e9}
}

func open(t *testing.T, dir string) *Corpus {
	t.Helper()
	c, err := Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// names lists all that is below a directory.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path != dir {
			all = append(all, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	}))
	return all
}

func TestAFindingHasAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "corpus")
	c := open(t, dir)
	f := New(convergence, plan(t, 7, 2, fault.WriterRestart), "agent a5 had 1 entry wrong", seen(7, 20))
	f.Versions, f.Minimal = Versions{"cilium": "v1.20.2"}, true
	isNew, err := c.Add(f)
	require.NoError(t, err)
	require.True(t, isNew)
	require.Equal(t, []string{
		"convergence.endpoint.writer-restart", "convergence.endpoint.writer-restart/finding.json", "convergence.endpoint.writer-restart/plan.json",
	}, names(t, dir))
	text, err := os.ReadFile(filepath.Join(dir, f.Name(), "finding.json"))
	require.NoError(t, err)
	require.Equal(t, `{
  "version": 1,
  "property": "convergence",
  "kind": "endpoint",
  "faults": [
    "writer-restart"
  ],
  "sentence": "agent a5 had 1 entry wrong",
  "minimal": true,
  "versions": {
    "cilium": "v1.20.2"
  },
  "count": 1,
  "seeds": [
    {
      "seed": 7,
      "virtual": "20s",
      "wall": "2s"
    }
  ]
}
`, string(text))

	require.NoError(t, c.Close())
	require.Equal(t, []*Finding{f}, open(t, dir).Findings(), "it is read back as it was")
}

func TestAKnownFindingGetsSeedsAndTheSmallerPlan(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	add := func(pods int, s Occurrence) bool {
		isNew, err := c.Add(New(convergence, plan(t, s.Seed, pods, fault.WriterRestart, fault.WriterRestart), "pods "+string(rune('0'+pods)), s))
		require.NoError(t, err)
		return isNew
	}
	require.True(t, add(3, seen(7, 20)))
	require.False(t, add(4, seen(8, 10)))
	require.False(t, add(2, seen(9, 30)))
	require.False(t, add(5, seen(8, 10)), "the same seed again")
	f := c.Findings()[0]
	require.Len(t, c.Findings(), 1)
	require.Equal(t, "convergence.endpoint.writer-restart", f.Name())
	require.Equal(t, 3, f.Count)
	require.Equal(t, []Occurrence{seen(8, 10), seen(7, 20), seen(9, 30)}, f.Seeds, "the fastest first")
	require.Len(t, f.Plan.Pods, 2)
	require.Equal(t, "pods 2", f.Sentence)
	read, err := Read(dir)
	require.NoError(t, err)
	require.Equal(t, c.Findings(), read)
}

func TestOnlyTheFastestSeedsAreKept(t *testing.T) {
	f := New(convergence, plan(t, 1, 1), "x", seen(0, 1000))
	for seed := range uint64(2 * mostSeeds) {
		f = f.merge(f.Seen(seen(seed+1, 999-int(seed))))
	}
	require.Equal(t, 2*mostSeeds+1, f.Count)
	require.Len(t, f.Seeds, mostSeeds)
	require.EqualValues(t, 2*mostSeeds, f.Seeds[0].Seed)
}

func TestNames(t *testing.T) {
	name := func(broken checker.Finding, kinds ...fault.Kind) string {
		return New(broken, &fault.Plan{Mode: string(mode.ClusterMesh), Faults: func() (all []fault.Fault) {
			for _, kind := range kinds {
				all = append(all, fault.Fault{Kind: kind})
			}
			return all
		}()}, "", Occurrence{}).Name()
	}
	require.Equal(t, "convergence.endpoint.partition+writer-restart", name(convergence, fault.WriterRestart, fault.Partition, fault.WriterRestart))
	require.Equal(t, "convergence.endpoint.no-fault", name(convergence))
	orphans := checker.Finding{Property: "convergence", Kind: "endpoint", Cause: "writer-restart-orphans"}
	require.Equal(t, "convergence.endpoint.writer-restart-orphans", name(orphans, fault.WriterRestart, fault.Partition), "the cause is more than the faults")
	require.Equal(t, "etcd-linearizable.reset", name(checker.Finding{Property: "etcd-linearizable"}, fault.Reset))
	require.Equal(t, "harness.crash-panic", name(checker.Finding{Property: Harness, Kind: "crash-panic"}, fault.Reset))
	var all []fault.Kind
	for i := range fault.Specs {
		all = append(all, fault.Specs[i].Kind)
	}
	require.Less(t, len(name(convergence, all...)), 200)
	require.NotEqual(t, name(convergence, all...), name(convergence, all[:len(all)-1]...))
}

func TestKnown(t *testing.T) {
	identity := checker.Finding{Property: "convergence", Kind: "identity"}
	two := New(convergence, plan(t, 1, 1, fault.WriterRestart, fault.EtcdStall), "", seen(1, 1))
	one := New(convergence, plan(t, 1, 1, fault.WriterRestart), "", seen(1, 1))
	other := New(identity, plan(t, 1, 1, fault.WriterRestart), "", seen(1, 1))
	elsewhere := New(convergence, plan(t, 1, 1, fault.WriterRestart), "", seen(1, 1))
	elsewhere.Plan.Mode = string(mode.CRD)
	require.Equal(t, "crd.convergence.endpoint.writer-restart", elsewhere.Name())
	all := []*Finding{two, one, other, elsewhere}
	require.Equal(t, []*Finding{one, two}, Known(all, string(mode.ClusterMesh), convergence))
	require.Equal(t, []*Finding{elsewhere}, Known(all, string(mode.CRD), convergence))
	require.Empty(t, Known(nil, string(mode.CRD), convergence))
}

func TestTwoAtOnceAreRefused(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	_, err := Open(dir)
	require.ErrorIs(t, err, ErrBusy)
	require.EqualError(t, err, "the corpus "+dir+": another campaign is at work there")
	_, err = Read(dir)
	require.NoError(t, err, "reading needs no lock")
	require.NoError(t, first.Close())
	open(t, dir)
}

// What a killed process has left unfinished is neither read nor kept.
func TestWhatIsNotCompleteIsAbsent(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	_, err := c.Add(New(convergence, plan(t, 7, 2, fault.WriterRestart), "x", seen(7, 20)))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	complete := names(t, dir)

	require.NoError(t, os.Mkdir(filepath.Join(dir, files.Unfinished+"123"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(dir, files.Unfinished+"123", findingFile), []byte(`{"ver`), 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(dir, files.Unfinished+"state"), []byte(`{"ver`), 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "convergence.endpoint.writer-restart", files.Unfinished+"9"), []byte(`{"ver`), 0o666))
	findings, err := Read(dir)
	require.NoError(t, err)
	require.Len(t, findings, 1)
	require.Len(t, open(t, dir).Findings(), 1)
	require.Equal(t, complete, names(t, dir))
}

func TestDamageIsNamed(t *testing.T) {
	for damage, want := range map[string]string{
		`{"version": 2}`: `finding.json:1: version: the file form has version 2; a finding that this program reads has version 1`,
		`{"vers`:         `finding.json:1: the file ends in the middle of the finding`,
		`{"version": 1, "property": "monotonic", "faults": []}`: `describes the finding monotonic.no-fault, which belongs into a folder of that name`,
	} {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "x"), 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x", findingFile), []byte(damage), 0o666))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x", planFile), plan(t, 1, 1).Encode(), 0o666))
		_, err := Open(dir)
		require.ErrorContains(t, err, want)
		_, err = Open(dir)
		require.NotErrorIs(t, err, ErrBusy, "a corpus that cannot be read is not locked")
	}
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "x"), 0o777))
	_, err := Open(dir)
	require.ErrorContains(t, err, "x is not the folder of a finding")
}

func TestSlug(t *testing.T) {
	require.Equal(t, "panic-runtime-error-index-out-of-range-with-length", Slug("panic: runtime error: index out of range [3] with length 3"))
	require.Equal(t, "", Slug("12 34"))
	require.LessOrEqual(t, len(Slug(strings.Repeat("word ", 100))), 60)
}

func TestHarnessFindingsKeepTheOutput(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	f := New(checker.Finding{Property: Harness, Kind: "hang"}, plan(t, 7, 2, fault.WriterRestart), "it hangs", seen(7, 0))
	f.Output = "goroutine 1"
	_, err := c.Add(f)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "harness.hang", "output.txt"))
	require.NoError(t, err)
	require.Equal(t, "goroutine 1", string(text))
}

func TestImprove(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	for _, f := range []*Finding{
		New(convergence, plan(t, 7, 5, fault.WriterRestart, fault.EtcdStall), "two", seen(7, 20)),
		New(convergence, plan(t, 8, 3, fault.WriterRestart), "one", seen(8, 30)),
	} {
		_, err := c.Add(f)
		require.NoError(t, err)
	}
	require.NoError(t, c.Improve("convergence.endpoint.etcd-stall+writer-restart", plan(t, 1, 4, fault.WriterRestart, fault.EtcdStall), "smaller", false))
	require.Equal(t, "smaller", c.Findings()[0].Sentence)
	require.Len(t, c.Findings(), 2)

	require.NoError(t, c.Improve("convergence.endpoint.etcd-stall+writer-restart", plan(t, 1, 2, fault.WriterRestart), "smallest", true))
	require.Len(t, c.Findings(), 1)
	f := c.Findings()[0]
	require.Equal(t, "smallest", f.Sentence)
	require.True(t, f.Minimal)
	require.Equal(t, 2, f.Count)
	require.Equal(t, []Occurrence{seen(7, 20), seen(8, 30)}, f.Seeds)
	read, err := Read(dir)
	require.NoError(t, err)
	require.Equal(t, c.Findings(), read)
	require.Len(t, names(t, dir), 3)
}

func TestASmallerPlanBringsItsFaults(t *testing.T) {
	explained := checker.Finding{Property: "convergence", Kind: "endpoint", Cause: "writer-restart-orphans"}
	big := New(explained, plan(t, 7, 5, fault.WriterRestart, fault.Pause), "big", seen(7, 1))
	small := New(explained, plan(t, 8, 1, fault.WriterRestart), "small", seen(8, 1))
	require.Equal(t, small.Faults, big.merge(small).Faults)
	require.Equal(t, small.Faults, small.merge(big).Faults)
}
