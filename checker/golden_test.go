package checker

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

var update = flag.Bool("update", false, "write the end lines of the golden histories, after an edit, and their verdicts anew")

// implied are the properties that a golden history cannot but break with the one
// that it is named after.
var implied = map[string][]string{
	"monotonic":         {"owner"}, // its entry is an endpoint
	"monotonic-session": {"monotonic", "owner"},
	"owner":             {"monotonic"},
	"convergence":       {"single-source", "staleness", "agreement"}, // its store and the other agent have the truth
	"staleness":         {"agreement"},
}

// TestGoldenHistories judges complete files, each named after the property that it
// breaks. Beside each is its verdict.
func TestGoldenHistories(t *testing.T) {
	files, err := filepath.Glob("../testdata/histories/*.history")
	require.NoError(t, err)
	broken := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".history")
		broken[name] = true
		t.Run(name, func(t *testing.T) {
			if *update {
				seal(t, file)
			}
			v := judgeFile(t, file)
			golden(t, strings.TrimSuffix(file, ".history")+".verdict", text(v))
			if name == "clean" {
				require.Equal(t, property.Pass, v.Outcome())
			} else {
				require.ElementsMatch(t, append(implied[name], name), v.Broken())
				requireCause(t, v, name)
			}
		})
	}
	for _, p := range Properties() {
		require.True(t, broken[p.Name], "no golden history breaks %s", p.Name)
	}
	require.True(t, broken["clean"])
}

// mechanisms are those of the golden histories that show what Cilium as it is does.
var mechanisms = map[string]string{"agreement": "two-owners-two-replicas"}

// In all other golden histories a writer, an agent or a server does what Cilium as it is
// does not: a mechanism that explained that would explain a new bug away.
func requireCause(t *testing.T, v Verdict, name string) {
	result, _ := v.Result(name)
	for _, violation := range result.Violations {
		cause := ""
		if violation.Cause != nil {
			cause = violation.Cause.Name()
		}
		require.Equal(t, mechanisms[name], cause, violation.Sentence())
	}
}

func judgeFile(t *testing.T, file string) Verdict {
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	h, err := history.Read(f)
	require.NoError(t, err)
	return Check(index.New(h), Config{})
}

// text is a verdict with one line for each property and violation.
func text(v Verdict) string {
	var b strings.Builder
	for _, r := range v.Results {
		b.WriteString(r.Property + ": " + string(r.Outcome) + ": " + r.Evidence + "\n")
		for _, violation := range r.Violations {
			b.WriteString("  " + violation.Sentence() + "\n")
		}
	}
	return b.String()
}

func golden(t *testing.T, file, got string) {
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// seal writes a history that was edited anew from its plan and record lines.
func seal(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	if _, err := history.Read(bytes.NewReader(data)); err == nil {
		return // of an earlier version, perhaps, as which it has to be judged
	}
	_, rest, _ := strings.Cut(string(data), "\nplan ")
	plan, rest, _ := strings.Cut(rest, "\n")
	lines, _, _ := strings.Cut(rest, "end records=")
	records, err := history.Parse(lines)
	require.NoError(t, err)
	var sealed bytes.Buffer
	w, err := history.NewWriter(&sealed, plan)
	require.NoError(t, err)
	for i := range records {
		require.NoError(t, w.Write(&records[i]))
	}
	_, err = w.Close()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, sealed.Bytes(), 0o644))
}
