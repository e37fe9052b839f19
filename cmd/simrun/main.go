// Command simrun runs Cilium's control plane in a simulated world, one seed at a
// time or thousands, and judges what its agents saw. Run "simrun help".
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(console.OfProcess(programName()).Main(ctx, commands, os.Args[1:]))
}

// programName returns how the user can call this program again: go run leaves
// the program in a directory that is gone afterwards.
func programName() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "go-build") {
		return "go run ./cmd/simrun"
	}
	if slices.Contains(filepath.SplitList(os.Getenv("PATH")), filepath.Dir(os.Args[0])) {
		return filepath.Base(os.Args[0])
	}
	return os.Args[0]
}
