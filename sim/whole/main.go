//go:build detrt

// Command whole is one run of a world, which may have whole agents. It is a module of its
// own: what cilium-agent links beside what its readers do is nobody else's to build.
package main

import (
	"fmt"
	"os"

	"github.com/meshcheck/meshcheck/sim/whole/daemon"
	"github.com/meshcheck/meshcheck/sim/worker/process"
)

func main() {
	if err := daemon.Setup(); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
	process.Main(daemon.New)
}
