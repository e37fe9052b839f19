package capacity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
)

// What is committed is read as strictly as anything else, and is of what its name says.
func TestCommitted(t *testing.T) {
	files, err := filepath.Glob("../../testdata/capacity/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		f, err := Read(name, raw)
		require.NoError(t, err)
		require.Contains(t, strings.ReplaceAll(filepath.Base(name), "-", " "), strings.ReplaceAll(f.Servers[0], "-", " "))
		require.Equal(t, string(raw), string(f.Indented()), "%s: it is written in one way", name)
	}
}

// Every price that a plan may have was measured, and its spread ascends.
func TestMeasured(t *testing.T) {
	for _, slices := range []bool{false, true} {
		least, median, most := Measured(2, slices, Least), Measured(2, slices, Median), Measured(2, slices, Most)
		for _, of := range []func(*fault.Capacity) *fault.Prices{
			func(c *fault.Capacity) *fault.Prices { return c.APIServers },
			func(c *fault.Capacity) *fault.Prices { return c.Replicas },
			func(c *fault.Capacity) *fault.Prices { return c.Etcds },
		} {
			require.NotZero(t, of(least).Read)
			require.NotZero(t, of(least).Kilobyte)
			require.Less(t, of(least).Event, of(median).Event)
			require.Less(t, of(median).Event, of(most).Event)
			require.Greater(t, of(median).Write, of(median).Event)
		}
	}
	require.Greater(t, Measured(2, true, Median).Replicas.Change, Measured(2, false, Median).Replicas.Change, "a slice costs more than an endpoint")
}

const small = `{"version":1,"date":"2026-11-30","machine":{"cpu":"a","cores":2,"kernel":"k","go":"g","loadBefore":0.1,"loadAfter":0.2},
"servers":["etcd 3.7.3"],
"figures":[{"process":"etcd","what":"a write","unit":"ms of CPU","median":2,"least":1,"most":3,"rounds":3}]}`

func TestReadIsStrict(t *testing.T) {
	_, err := Read("f.json", []byte(small))
	require.NoError(t, err)
	for change, want := range map[[2]string]string{
		{`"version":1`, `"version":2`}:         "f.json:1: version: the file form has version 2",
		{`"date":"2026-11-30"`, `"date":""`}:   "f.json:1: date: it is missing",
		{`"cores":2`, `"cores":0`}:             "f.json:1: machine: it is incomplete",
		{`["etcd 3.7.3"]`, `[]`}:               "f.json:2: servers: it is empty",
		{`"rounds":3`, `"rounds":0`}:           "f.json:3: figures[0]: it is incomplete",
		{`"least":1`, `"least":2.5`}:           "f.json:3: figures[0]: it has least 2.5, median 2 and most 3",
		{`"unit":"ms of CPU"`, `"units":"ms"`}: `there is no field "units" here`,
	} {
		_, err := Read("f.json", []byte(strings.Replace(small, change[0], change[1], 1)))
		require.ErrorContains(t, err, want, change[1])
	}
}
