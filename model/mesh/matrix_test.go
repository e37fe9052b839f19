package mesh

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/meshcheck/meshcheck/model/mode"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "%s; if the change is wanted, run with -update and read the difference", file)
}

// Each property is broken by some mode and kept by another, so no cell is what it
// is by construction of the property alone.
func TestMatrix(t *testing.T) {
	text := MatrixHeader(small)
	broken, kept := map[string]bool{}, map[string]bool{}
	for _, mode := range MatrixModes() {
		row := run(t, mode.String(), small)
		require.True(t, row.Finished)
		require.Empty(t, row.unreached())
		text += row.Line() + "\n"
		for _, c := range row.Cells {
			broken[c.Property] = broken[c.Property] || c.Verdict == explore.Broken
			kept[c.Property] = kept[c.Property] || c.Verdict == explore.Holds
		}
	}
	for _, name := range PropertyNames() {
		require.True(t, broken[name], "no mode breaks %s", name)
		require.True(t, kept[name], "no mode keeps %s", name)
	}
	golden(t, "matrix.txt", text)
	document, err := os.ReadFile("../../docs/model.md")
	require.NoError(t, err)
	require.Contains(t, string(document), text, "docs/model.md shows another matrix")
}

func TestStories(t *testing.T) {
	golden(t, "clustermesh-monotonic.txt", Story(run(t, "clustermesh", small).cell(t, monotonic).Trace))
	golden(t, "direct-durable.txt", Story(run(t, "direct", small).cell(t, durable).Trace))
}

// What each finding of testdata/findings is about has its counterexample here: by
// the actions in it, in their order.
func TestFindingsAreInTheModel(t *testing.T) {
	for _, c := range []struct {
		finding, mode, property string
		actions                 []string
	}{
		{"writer-restart-orphans", "clustermesh", convergence, []string{"RestartWriter(", "WriterLists("}},
		{"failover-to-stale-replica", "clustermesh+sweep+token", monotonic, []string{"See(", "Connect("}},
		{"failover-to-stale-replica", "clustermesh+sweep+token", spurious, []string{"See(", "Connect("}},
		{"emptied-etcd-same-cluster-id", "clustermesh+sweep", convergence, []string{"Empty(", "Start("}},
	} {
		trace := run(t, c.mode, small).cell(t, c.property).Trace
		require.NotNil(t, trace, c.finding)
		rest := c.actions
		for _, step := range trace.Steps {
			if len(rest) > 0 && strings.HasPrefix(step.Action, rest[0]) {
				rest = rest[1:]
			}
		}
		require.Empty(t, rest, "%s: not in\n%s", c.finding, Story(trace))
	}
}

func TestTextOfAMode(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, run(t, "clustermesh", small).WriteText(&b))
	require.Contains(t, b.String(), "mode clustermesh, 2 replicas, 1 agent, 2 objects, 1 reuse, 2 faults\n")
	require.Regexp(t, `(?m)^  BROKEN 4   convergence +Once writes and faults have ended`, b.String())
	require.Regexp(t, `(?m)^  reached \d+ +apart +One replica answers`, b.String())
	require.Contains(t, b.String(), "\nmonotonic is broken in 5 steps: ")
}

func TestJSONOfAMode(t *testing.T) {
	row := run(t, "direct", small)
	var b bytes.Buffer
	require.NoError(t, row.WriteJSON(&b))
	require.Equal(t, 1, strings.Count(b.String(), "\n"))
	var form struct {
		Version    int
		Kind, Mode string
		States     int64
		Properties []struct {
			Property, Verdict string
			Promised          bool
			Length            int
			Trace             json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &form))
	require.Equal(t, JSONVersion, form.Version)
	require.Equal(t, "model", form.Kind)
	require.Equal(t, "direct", form.Mode)
	require.Equal(t, row.States, form.States)
	require.Len(t, form.Properties, len(Properties()))
	for _, p := range form.Properties {
		if p.Property == durable {
			require.Equal(t, "broken", p.Verdict)
			require.True(t, p.Promised)
			tr, err := trace.Read(p.Trace)
			require.NoError(t, err)
			require.Len(t, tr.Steps, p.Length)
		}
	}
}

func TestBoundsAreChecked(t *testing.T) {
	for _, c := range []struct {
		change func(*Bounds)
		want   string
	}{
		{func(b *Bounds) { b.Replicas = 0 }, "a model with 0 replicas: want 1 to 3"},
		{func(b *Bounds) { b.Agents = 4 }, "a model with 4 agents: want 1 to 3"},
		{func(b *Bounds) { b.Objects = 4 }, "a model with 4 objects: want 1 to 3"},
		{func(b *Bounds) { b.Reuses = -1 }, "a model with -1 reuses: want 0 to 2"},
		{func(b *Bounds) { b.Faults = 5 }, "a model with 5 faults: want 0 to 4"},
	} {
		b := Default
		c.change(&b)
		_, err := New(Config{Mode: mode.Mode{Base: mode.ClusterMesh}, Bounds: b})
		require.EqualError(t, err, c.want)
	}
}

// Which of two sources takes precedence while an agent reads both decides how a property breaks, and not which ones do.
func TestCRDsFirst(t *testing.T) {
	for name, lengths := range map[string][]int{
		"handover":                        {0, 3, 7, 6, 8, 7, 0, 2},
		"handover+sweep+token+fence+kept": {0, 7, 7, 0, 0, 7, 0, 2},
	} {
		md, err := mode.Parse(name)
		require.NoError(t, err)
		first, err := Run(t.Context(), Config{Mode: md, Bounds: small, CRDsFirst: true}, Options{})
		require.NoError(t, err)
		require.Empty(t, first.unreached())
		etcdFirst := run(t, name, small)
		for i, c := range first.Cells {
			require.Equal(t, etcdFirst.Cells[i].Verdict, c.Verdict, "%s: %s", name, c.Property)
			require.Equal(t, lengths[i], c.Length, "%s: %s", name, c.Property)
			if c.Verdict == explore.Broken {
				ce, err := first.Counterexample(c)
				require.NoError(t, err)
				require.True(t, ce.CRDsFirst)
			}
		}
	}
}
