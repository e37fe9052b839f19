package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/history"
)

// aKey is a history in which a replica copies one node, as far as the lines go.
const aKey = `0.1 k0 truth node n0 value=a op=put owner=CiliumNode/n0 rv=1
0.2 r0 up etcd - store=s0 inc=1
0.3 r0 up writer - inc=1
0.4 r0 put node cilium/state/nodes/v1/c1/n0 value=a store=s0 rev=2`

// writeHistory writes lines, whose times are in tenths of a second, as a history.
func writeHistory(t *testing.T, file, lines string) {
	t.Helper()
	writeHistoryOf(t, file, "{}", lines)
}

// writeHistoryOf writes lines as the history of a plan.
func writeHistoryOf(t *testing.T, file, plan, lines string) {
	t.Helper()
	f, err := os.Create(file)
	require.NoError(t, err)
	defer f.Close()
	w, err := history.NewWriter(f, plan)
	require.NoError(t, err)
	var text strings.Builder
	for line := range strings.Lines(lines) {
		text.WriteString(strings.Replace(line, " ", "00000000 ", 1))
	}
	records, err := history.Parse(text.String())
	require.NoError(t, err)
	for i := range records {
		require.NoError(t, w.Write(&records[i]))
	}
	_, err = w.Close()
	require.NoError(t, err)
}

func TestValidate(t *testing.T) {
	scene(t)
	writeHistory(t, "good", aKey)
	status, stdout, stderr := simrun(t, "validate", "good")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status)
	require.Equal(t, "good: a behaviour of the model: explained 1 change of 1 key, in 1 projection\n", stdout)

	writeHistory(t, "bad", strings.Replace(aKey, "n0 value=a store", "n0 value=b store", 1))
	status, stdout, _ = simrun(t, "behaviour", "bad", "good")
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, "bad: not a behaviour of the model: explained 0 changes of 1 key, in 1 projection\n"+
		"  line 6: at 0.400s the etcd of r0 (store s0) gets \"b\" for the node n0, of which it had nothing, which no action of the model explains\n"+
		"    the replica's watch delivers the next write: r0 has no pod\n")
	require.Contains(t, stdout, "good: a behaviour of the model")

	status, stdout, _ = simrun(t, "validate", "-json", "bad")
	require.Equal(t, console.StatusBroken, status)
	line := decode(t, stdout)[0]
	require.Equal(t, "trace-validation", line["kind"])
	require.Equal(t, false, line["holds"])
	require.Len(t, line["unexplained"], 1)
}

// A history is held against the model of its mode, if there is one.
func TestValidateKnowsTheMode(t *testing.T) {
	scene(t)
	const lines = `0.1 k0 truth node n0 value=a op=put owner=CiliumNode/n0 rv=1
0.2 a0 up agent - inc=1
0.3 a0 see node n0 value=a inc=1`
	writeHistoryOf(t, "crd", `{"mode":"crd"}`, lines)
	status, stdout, stderr := simrun(t, "validate", "crd")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status)
	require.Equal(t, "crd: a behaviour of the model: explained 1 change of 1 key, in 1 projection\n", stdout)

	writeHistoryOf(t, "mesh", `{"mode":"clustermesh"}`, lines)
	status, stdout, _ = simrun(t, "validate", "mesh")
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, "a0 has not connected with any replica")

	writeHistoryOf(t, "merge", `{"mode":"handover","options":{"handover":"merge"}}`, lines)
	status, stdout, stderr = simrun(t, "validate", "merge")
	require.Equal(t, "simrun: merge: runs of the mode handover/merge are no behaviours of the model, in which an etcd takes precedence over CRDs as long as both are read: validate those of handover\n", stderr)
	require.Equal(t, console.StatusUsage, status)
	require.Empty(t, stdout)
}

func TestValidateWhatIsNoHistory(t *testing.T) {
	scene(t)
	require.NoError(t, os.WriteFile("garbage", []byte("garbage"), 0o666))
	for line, want := range map[string]string{
		"validate":         "validate needs the files of histories; simrun -seed 1 -write-history FILE writes one",
		"validate nowhere": "nowhere: cannot read the history: no such file or directory",
		"validate garbage": `garbage: not a history file: line 1 should be "meshcheck-history 4"`,
	} {
		status, stdout, stderr := simrun(t, strings.Fields(line)...)
		require.Equal(t, "simrun: "+want+"\n", stderr)
		require.Equal(t, console.StatusUsage, status)
		require.Empty(t, stdout)
	}
}

func TestBuildWorkerRefusesBugsThatItCannotPlant(t *testing.T) {
	scene(t)
	for line, want := range map[string]string{
		"build-worker -o w -plant none":                                  "-plant none: there is no such planted bug; there are ",
		"build-worker -o w -plant watch-skips-a-revision -runtime stock": "-plant and -runtime=stock exclude each other",
	} {
		status, stdout, stderr := simrun(t, strings.Fields(line)...)
		require.Contains(t, stderr, "simrun: "+want)
		require.Equal(t, console.StatusUsage, status)
		require.Empty(t, stdout)
	}
}
