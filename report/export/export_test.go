package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/junit"
)

func judged(t *testing.T, name string) (*report.Run, *index.Index) {
	file, err := os.Open("../../testdata/histories/" + name + ".history")
	require.NoError(t, err)
	defer file.Close()
	h, err := history.Read(file)
	require.NoError(t, err)
	x := index.New(h)
	return &report.Run{Name: name, Verdict: checker.Check(x, checker.Config{}), Hash: h.Hash}, x
}

func TestTrace(t *testing.T) {
	run, x := judged(t, "monotonic")
	var b bytes.Buffer
	require.NoError(t, Trace(&b, run, x))
	var form struct {
		TraceEvents []event `json:"traceEvents"`
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &form))
	counts := map[string]int{}
	named := map[int]bool{}
	type slice struct{ from, to float64 }
	ends := map[[2]int][]slice{}
	for _, e := range form.TraceEvents {
		counts[e.Phase+" "+e.Cat]++
		if e.Phase == "M" && e.Name == "process_name" {
			named[e.PID] = true
		}
		require.True(t, named[e.PID], "%v: a process has a name before it is used", e)
		if e.Phase == "X" {
			thread := [2]int{e.PID, e.TID}
			for _, other := range ends[thread] {
				require.False(t, other.from < e.TS && e.TS < other.to && other.to < e.TS+*e.Dur, "slices of a thread overlap in part: %v", e)
			}
			ends[thread] = append(ends[thread], slice{e.TS, e.TS + *e.Dur})
		}
	}
	require.Equal(t, len(x.Records), counts["i record"])
	require.Equal(t, len(report.Violations(run.Verdict)), counts["i violation"])
	require.Positive(t, counts["X session"])
	require.Positive(t, counts["X process"])
	require.Positive(t, counts["C "])
}

// A record has all that it says among its arguments, whatever records come to have.
func TestArgumentsAreComplete(t *testing.T) {
	var r history.Record
	fields := reflect.ValueOf(&r).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Bool:
			f.SetBool(true)
		default:
			f.SetInt(7)
		}
	}
	require.Len(t, arguments(0, &r), fields.NumField()-len([]string{"at", "actor", "verb"})+len([]string{"line"}))
}

func TestJUnit(t *testing.T) {
	bad, _ := judged(t, "monotonic")
	good, _ := judged(t, "clean")
	var b bytes.Buffer
	require.NoError(t, JUnit(&b, []*report.Run{bad, good}))
	var s junit.Suite
	require.NoError(t, xml.Unmarshal(b.Bytes(), &s))
	require.Equal(t, len(bad.Verdict.Results)+len(good.Verdict.Results), s.Tests)
	require.Equal(t, len(bad.Verdict.Broken()), s.Failures)
	for _, c := range s.Cases {
		result, known := bad.Verdict.Result(c.Name)
		require.True(t, known)
		if c.Class != "monotonic" {
			continue
		}
		require.Equal(t, result.Outcome == checker.Fail, c.Failure != nil, c.Name)
		if c.Failure != nil {
			require.Equal(t, result.Violations[0].Sentence(), c.Failure.Message)
		}
	}
}

func TestCSV(t *testing.T) {
	good, _ := judged(t, "clean")
	var b bytes.Buffer
	require.NoError(t, CSV(&b, []*report.Run{good, good}))
	rows, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	measures := 0
	for _, r := range good.Verdict.Results {
		measures += len(r.Measures)
	}
	require.Len(t, rows, 1+2*measures)
	require.Equal(t, []string{"clean", good.Hash}, rows[1][:2])
}
