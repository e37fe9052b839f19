package matrix

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report/page"
	"github.com/meshcheck/meshcheck/report/plot"
)

// dataOf unpacks what a page shows.
func dataOf(t *testing.T, html []byte) (tables []page.Table, all string) {
	text := regexp.MustCompile(`id="data">([^<]*)<`).FindSubmatch(html)
	require.NotNil(t, text)
	packed, err := base64.StdEncoding.DecodeString(string(text[1]))
	require.NoError(t, err)
	data, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	require.NoError(t, err)
	var d struct{ Tables []page.Table }
	body := data[4+binary.LittleEndian.Uint32(data):]
	require.NoError(t, json.Unmarshal(body, &d))
	return d.Tables, string(body)
}

func rowOf(t *testing.T, table page.Table, name string) page.Row {
	for _, r := range table.Rows {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("%s has no row %s", table.Title, name)
	return page.Row{}
}

// Each cell that has runs has a command, and says what broke it.
// Each mode, and each way to find replicas and to hand over, has a colour of its own.
func TestColorsOfModesDiffer(t *testing.T) {
	seen := map[int]bool{}
	for _, name := range mode.Variants() {
		color := (&Column{Mode: name}).color()
		require.False(t, seen[color], name)
		require.LessOrEqual(t, color, plot.Colors, name)
		seen[color] = true
	}
}

func TestPage(t *testing.T) {
	dir := t.TempDir()
	table, err := Run(t.Context(), config(open(t, dir), fake(outcome), 5))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, table.WritePage(&b, replay))
	tables, _ := dataOf(t, b.Bytes())
	require.Len(t, tables, 3, "nothing was measured in these runs")

	owner := rowOf(t, tables[0], "owner")
	require.NotEmpty(t, owner.Promise)
	require.Equal(t, page.Cell{
		Text: "5 of 6", Kind: "promised", Lines: []string{"Kept in 5 runs, broken in 1, undecided in 0.", "The mode promises it."},
		Ways:     []page.Way{{Title: "orphans", Page: "testdata/findings/orphans.md", Sentence: "it is broken", Seeds: []string{"2"}, Replay: "simrun -plan clustermesh-2.json"}},
		Commands: [][2]string{{"the first run that keeps it", "simrun -plan clustermesh-0.json"}},
	}, owner.Cells[0])
	require.True(t, owner.Cells[1].Ways[0].News)
	require.Contains(t, owner.Cells[1].Commands, [2]string{"the first run that leaves it undecided", "simrun -plan crd-3.json"})
	canaries := rowOf(t, tables[0], "canaries")
	require.Equal(t, "none", canaries.Cells[1].Kind)
	require.Contains(t, canaries.Cells[1].Lines[0], "The mode has nothing to judge: ")
	for _, r := range tables[0].Rows {
		for _, c := range r.Cells {
			require.True(t, len(c.Lines) > 0 || c.Text == "0", r.Name)
		}
	}
	ended := rowOf(t, tables[0], "ended by a panic")
	require.Equal(t, page.Cell{Text: "0", Kind: "none"}, ended.Cells[0])
	require.Equal(t, []page.Way{{Title: "seed 4", Sentence: "the worker crashed", Replay: "simrun -plan crd-4.json"}}, ended.Cells[1].Ways)
	require.Equal(t, "the worker hung", rowOf(t, tables[0], "without a history").Cells[1].Ways[0].Sentence)

	requests := rowOf(t, tables[1], "kube-apiservers: requests/s")
	require.Equal(t, "0.20", requests.Cells[0].Text)
	require.Equal(t, []string{"Of 6 runs: least 0.20, median 0.20, most 0.20."}, requests.Cells[0].Lines)
	require.Len(t, requests.Cells[0].Commands, 2)
	require.Contains(t, requests.SVG, "var(--plot1")
	require.Contains(t, requests.SVG, "var(--plot2")
	require.Len(t, tables[1].Figures, 4, "requests and events of kube-apiservers and etcds")
	require.Len(t, tables[2].Rows, 2)
	require.Equal(t, "promised", tables[2].Rows[0].Cells[4].Kind, "refuted")

	// What is kept makes the same page, without a run.
	kept, err := Read(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"clustermesh", "crd"}, kept.Modes())
	require.Equal(t, drive.Seeds{Last: 5}, kept.Seeds())
	var again bytes.Buffer
	require.NoError(t, TableOf(kept, kept.Modes(), kept.Seeds()).WritePage(&again, replay))
	require.Equal(t, b.String(), again.String())
}

// Runs that an older program kept, without what is new, can be looked at.
func TestReadAnOlderFile(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, keptFile), []byte(text), 0o666))
	}
	file(`{"version":1,"worker":"v","family":"swarm"}` + "\n" +
		`{"mode":"crd","seed":7,"outcomes":{"owner":"pass"},"measures":[{"property":"readiness","name":"readiness","group":"in all","buckets":{"5":1,"900":3},"n":4,"maxNanoseconds":900000}]}` + "\n")
	kept, err := Read(dir)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, TableOf(kept, kept.Modes(), kept.Seeds()).WritePage(&b, replay))
	tables, _ := dataOf(t, b.Bytes())
	latencies := tables[len(tables)-1]
	require.True(t, latencies.Wide)
	require.Equal(t, [][2]string{{"the run with the greatest", "simrun -plan crd-7.json"}}, latencies.Rows[0].Cells[0].Commands)
	require.Contains(t, latencies.Rows[0].SVG, "<svg")

	for text, says := range map[string]string{
		`{"version":9,"worker":"v","family":"swarm"}` + "\n": "runs.jsonl:1: the file has version 9, and this program reads 1 to 2",
		`{"version":2,"worker":"v","family":"swarm"}` + "\n": "runs.jsonl: no run is kept there",
	} {
		file(text)
		_, err := Read(dir)
		require.ErrorContains(t, err, says)
	}
	_, err = Read(filepath.Join(dir, "nothing"))
	require.ErrorContains(t, err, "runs.jsonl: ")
}

// Steps count from the churn on, both ways.
func TestLoads(t *testing.T) {
	loads := loadsOf(parse(t, `
0 world phase - start
1 k0 request Pod ns1/a op=get peer=w0 rv=2 from=1 bytes=100
2 k0 watch Pod - peer=a0 ask=initial: id=1
2 k0 event Pod - peer=a0 id=1 value="ADDED:ns1/a:2 INITIAL:2"
2.5 k0 event Pod - peer=a0 id=1 value="MODIFIED:ns1/a:3"
7 world phase - churn
7 k0 request Pod ns1/a op=get peer=w0 rv=2 from=7
12 e0 lease - 0abc op=keepalive peer=a0 value=60 from=3 store=s
16.9 e0 event endpoint - peer=a0 id=2 store=s value="PUT:k:2:2 PUT:l:3:3"
17.1 k0 request Pod ns1/a op=get peer=w0 rv=2 from=17
18 world phase - end
`))
	require.Equal(t, []*Load{
		{Server: "k", Before: 2, Requests: []int{1, 1, 1, 0}, Events: []int{0, 1, 0, 0}},
		{Server: "e", Before: 2, Requests: []int{0, 0, 0, 1}, Events: []int{0, 0, 0, 2}},
	}, loads)

	long := &Load{Server: "k", Before: 1, Requests: []int{5, 10, 15, 20, 100}, Events: make([]int, 5)}
	curves := loadCurves([]*Cell{{Loads: loads}, {Loads: []*Load{long}}, {Loads: []*Load{long, loads[1]}}})
	require.Equal(t, [][2]float64{{-5, 11.0 / 15}, {0, 21.0 / 15}, {5, 2}, {10, 4}, {15, 20}}, curves[0].Requests, "the first step is that of one run in three")
	require.Equal(t, "e", string(curves[1].Server))
	require.Empty(t, loadsOf(parse(t, "1 world phase - start")))
}

// Commands and figures are all that changes with the machine: the data have no path.
func TestPageNamesNoMachine(t *testing.T) {
	table, err := Run(t.Context(), config(open(t, t.TempDir()), fake(outcome), 1))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, table.WritePage(&b, replay))
	_, all := dataOf(t, b.Bytes())
	require.False(t, strings.Contains(all, os.TempDir()))
}
