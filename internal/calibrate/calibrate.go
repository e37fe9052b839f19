// Package calibrate measures what real servers cost on this machine: it builds those and what measures them from
// the sources of this module, runs them on loopback, and keeps the file that comes of it, as testdata/capacity has it.
package calibrate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/internal/capacity"
	"github.com/meshcheck/meshcheck/internal/capacity/measure"
	"github.com/meshcheck/meshcheck/internal/files"
)

// module is where the servers are built from.
const module = "github.com/meshcheck/meshcheck"

// A Target is what can be measured.
type Target struct {
	Name   string
	Of     string       // what it is, in a few words
	Size   measure.Size // if nothing else is asked for
	Folder string       // of the module, in which the script runs
	script string       // builds and starts what is measured; its arguments are those of the command that measures
}

// Targets are all of them.
var Targets = []Target{
	{
		Name: "cilium", Of: "a replica's etcd, Cilium's writer, Cilium's reader in an agent",
		Size: measure.Size{Rounds: 5, Watchers: 320, Updates: 1000}, Folder: "sim/mesh/cost",
		script: `go build -o "$TMPDIR/cost" . && exec "$TMPDIR/cost" "$@"`,
	},
	{
		Name: "kube-apiserver", Of: "the kube-apiserver and its etcd, with Cilium's CRDs",
		Size: measure.Size{Rounds: 3, Watchers: 520, Updates: 150}, Folder: "sim/kube/conformance/real",
		script: `. ./servers; go build -o "$temp/cost" ./cost
"$temp/cost" -token token -etcd-pid "${pids[0]}" -kube-pid "${pids[1]}" -servers "kube-apiserver $kubernetes,etcd $etcd" "$@"`,
	},
}

// Smallest is the least that says something: fewer are lost in what a process uses anyway, and in the hundredths
// of a second in which the kernel counts CPU.
var Smallest = measure.Size{Rounds: 1, Watchers: 2 * measure.FewWatchers, Updates: 100}

// ErrNoSources begins the error of a place where nothing can be built.
var ErrNoSources = errors.New("calibrate needs")

// Run measures a target in a size, and writes the file: size.Out or, if that is empty, the one in testdata/capacity that
// is named after what was measured. It returns its path. Progress is told of each step.
func (t *Target) Run(ctx context.Context, size measure.Size, progress func(string)) (path string, err error) {
	root, err := sources(ctx)
	if err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp("", "calibrate")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	measured := filepath.Join(temp, "capacity.json")
	progress("building what is measured")
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", t.script, "calibrate", "-out", measured,
		"-rounds", strconv.Itoa(size.Rounds), "-watchers", strconv.Itoa(size.Watchers), "-updates", strconv.Itoa(size.Updates))
	cmd.Dir, cmd.Env = filepath.Join(root, t.Folder), append(os.Environ(), "TMPDIR="+temp)
	if err := follow(ctx, cmd, progress); err != nil {
		return "", fmt.Errorf("measuring %s: %w", t.Name, err)
	}
	return keep(measured, size.Out, filepath.Join(root, "testdata", "capacity"))
}

// sources is the root of this module's sources, which the working directory is in.
func sources(ctx context.Context) (root string, err error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}").Output()
	path, root, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("%w the go command, which is not in PATH", ErrNoSources)
	case err != nil || path != module:
		return "", fmt.Errorf("%w the sources of %s: run it from a directory of its checkout", ErrNoSources, module)
	}
	return root, nil
}

// keep writes what was measured to a file, or to that of a directory which has its name.
func keep(measured, out, directory string) (path string, err error) {
	raw, err := os.ReadFile(measured)
	if err != nil {
		return "", err
	}
	f, err := capacity.Read("what was measured", raw)
	if err != nil {
		return "", fmt.Errorf("too little was measured, or nothing that can be used: %w", err)
	}
	if path = out; path == "" {
		path = filepath.Join(directory, strings.ReplaceAll(f.Servers[0], " ", "-")+".json")
	}
	return path, files.Write(path, raw)
}
