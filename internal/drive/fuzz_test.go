package drive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/coverage"
	"github.com/meshcheck/meshcheck/checker/tracevalidation"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
)

// FuzzJudge gives records that are well formed and senseless to all that judges: none
// may panic, nor take more than a moment.
func FuzzJudge(f *testing.F) {
	runs, err := filepath.Glob("../../testdata/histories/*.history")
	require.NoError(f, err)
	odd, err := filepath.Glob("testdata/*.history") // each once made one of them panic, or take all memory
	require.NoError(f, err)
	for _, file := range append(runs, odd...) {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(recordLines(string(text)))
	}
	marks := coverage.New(nil)
	f.Fuzz(func(t *testing.T, lines string) {
		records, err := history.Parse(lines)
		if err != nil {
			return // not well formed
		}
		x := index.New(&history.History{Version: history.Version, Plan: "{}", Records: records})
		verdict := checker.Check(x, checker.Config{})
		require.NotEqual(t, checker.Mistake, verdict.Outcome(), "%+v", verdict) // a panic that was caught
		tracevalidation.Check(x, mode.Default)
		marks.Count(x)
	})
}

// recordLines are the lines of a history's file without its head and end.
func recordLines(file string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(file, "\n"), "\n")
	return strings.Join(lines[2:len(lines)-1], "")
}
