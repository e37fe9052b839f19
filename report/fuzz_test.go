package report

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// FuzzReadVerdict gives anything for the file of a verdict: it is refused in a sentence, or
// can be shown in every way, and written again as it was.
func FuzzReadVerdict(f *testing.F) {
	files, err := filepath.Glob("../testdata/histories/*.history")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		h, err := history.Read(bytes.NewReader(data))
		require.NoError(f, err)
		run := &Run{Name: file, Verdict: checker.Check(index.New(h), checker.Config{}), Hash: h.Hash, Records: len(h.Records), PlanErr: errors.New("none")}
		f.Add(run.EncodeVerdict())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		run, err := ReadVerdict("f", data)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		for _, style := range []Style{{}, {All: true}, {Width: 40}, {All: true, Width: 21}} {
			require.NoError(t, WritePlan(io.Discard, run, style))
			require.NoError(t, WriteVerdict(io.Discard, run, style))
		}
		require.NoError(t, run.WriteJSON(io.Discard, true))
		var s Summary
		s.Add(1, run)
		require.NoError(t, s.WriteText(io.Discard, Style{All: true, Width: 40}))
		require.NoError(t, s.WriteJSON(io.Discard))
		again, err := ReadVerdict("f", run.EncodeVerdict())
		require.NoError(t, err)
		require.Equal(t, string(run.EncodeVerdict()), string(again.EncodeVerdict()))
	})
}
