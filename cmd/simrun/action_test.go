package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
)

// The step of action.yml, run as a CI runs it, with a go command that hands out this binary:
// it exits as compare does and leaves results and a summary.
func TestAction(t *testing.T) {
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Steps []struct {
				Run string
				Env map[string]string
			}
		}
	}
	data, err := os.ReadFile("../../action.yml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(data, &action))
	step := action.Runs.Steps[len(action.Runs.Steps)-1]

	scene(t)
	dir, err := os.Getwd()
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	// go build -o FILE writes a program that runs this binary as simrun (TestMain).
	program := "#!/bin/bash\nexec -a simrun " + self + " \"$@\"\n"
	require.NoError(t, os.WriteFile("program", []byte(program), 0o777))
	require.NoError(t, os.WriteFile("go", []byte("#!/bin/sh\ncp program \"$3\"\n"), 0o777))
	run := func(cilium string) (int, string) {
		cmd := exec.Command("bash", "-e", "-c", step.Run)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "RUNNER_TEMP="+dir,
			"GITHUB_OUTPUT="+filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary"))
		for name, value := range step.Env {
			input := strings.Trim(strings.TrimPrefix(value, "${{ inputs."), " }")
			given, ok := map[string]string{"cilium": cilium, "baseline": self, "seeds": "100-101"}[input]
			if !ok {
				given = action.Inputs[input].Default
			}
			cmd.Env = append(cmd.Env, name+"="+given)
		}
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out)
	}
	status, out := run(otherWorker(t))
	require.Equal(t, console.StatusHold, status, out)
	for file, want := range map[string]string{"output": "results=" + dir, "summary": "## meshcheck: no regression", "meshcheck/junit.xml": "<testsuite"} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(data), want)
	}
	status, out = run("")
	require.Equal(t, console.StatusUsage, status, out)
	require.Contains(t, out, "compare needs -cilium")
}

// The image needs what the program does: its Go is that of go.mod.
func TestDockerfile(t *testing.T) {
	file, err := os.ReadFile("../../Dockerfile")
	require.NoError(t, err)
	mod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	toolchain := regexp.MustCompile(`(?m)^toolchain go(.*)$`).FindSubmatch(mod)
	require.Contains(t, string(file), "FROM golang:"+string(toolchain[1])+" AS build\n")
	require.Contains(t, string(file), "\nUSER 65532:65532\n")
}
