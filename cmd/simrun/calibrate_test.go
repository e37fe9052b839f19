package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
)

// What cannot be measured, or written, is refused before anything is built.
func TestCalibrateRefuses(t *testing.T) {
	scene(t)
	require.NoError(t, os.WriteFile("plan.json", []byte(`{"seed": 1, "topology": {}}`), 0o666))
	for line, want := range map[string]string{
		"-of agents":            "-of agents: that cannot be measured; what can is cilium and kube-apiserver",
		"-rounds 0":             "-rounds 0: it must be 1 to 100",
		"-watchers 10":          "-watchers 10: it must be 40 to 10000",
		"-of cilium -updates 9": "-updates 9: it must be 100 to 100000",
		"-updates 999999":       "-updates 999999: it must be 100 to 100000",
		"-o plan.json":          "-o plan.json: there is a plan of this name, which a measurement of capacities would overwrite; remove it, or give another name",
		"-o no/capacity.json":   "-o no/capacity.json: there is no directory no",
		"cilium":                `there is an argument "cilium" that belongs to no flag; simrun help calibrate shows examples`,
	} {
		status, stdout, stderr := simrun(t, append([]string{"calibrate"}, strings.Fields(line)...)...)
		require.Equal(t, "simrun: "+want+"\n", stderr)
		require.Equal(t, console.StatusUsage, status)
		require.Empty(t, stdout)
	}
}
