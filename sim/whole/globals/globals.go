//go:build detrt

// Package globals gives each process of the world what Cilium has once in a process: the
// name of the node, the configuration, the working directory, the process's end, and who is
// told of CiliumEndpointSlices. They
// are exchanged whenever a goroutine of another one is about to run, as an operating system
// does, but for the directory, which is when it is about to be used. So Cilium need not know that it shares a process with others.
//
// A process of the world is one that package hosts has a number for (hosts.NewProcess).
// Whoever has no globals has those of the process that all this is.
package globals

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	_ "unsafe" // for go:linkname

	"github.com/cilium/cilium/pkg/k8s/watchers/subscriber"
	"github.com/cilium/cilium/pkg/option"

	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/hosts"
)

// Globals are those of a process of the world.
type Globals struct {
	Node, Cluster string // names
	Config        *option.DaemonConfig
	Dir           string         // working directory
	Exit          func(code int) // called when the process ends itself; nil if it does not

	absolute string
	dir      uintptr             // a descriptor of it
	slices   *subscriber.CESList // who is told of CiliumEndpointSlices
}

// What is there is reachable from here at any time, so that exchanging it, on the
// scheduler's stack, neither allocates nor frees anything.
var (
	own   Globals    // of who has none
	of    []*Globals // by the number of the process; nil: none
	given = &own     // that are in force
	in    uintptr    // the working directory that is

	nowhere uintptr // a descriptor of gone

	name, absoluteName = cilium.NodeName()
	slices             = cilium.SliceSubscribers()
)

// Begin must be called before anything runs on a host.
func Begin() error {
	dir, err := open(".")
	if err != nil {
		return err
	}
	own = Globals{Node: *name, absolute: *absoluteName, Config: option.Config, Dir: ".", dir: dir, slices: *slices}
	if err := os.MkdirAll(gone, 0o777); err != nil {
		return err
	}
	if nowhere, err = open(gone); err != nil {
		return err
	}
	in = dir
	hosts.Moved = exchange
	onHost = exchange
	beforePath = enter
	exit = exited
	return nil
}

// gone is where processes are that have ended, in place of their directories.
const gone = "gone"

// Bury takes its directory from a process that has ended: what still runs of it reads and
// writes nothing of what the next process has.
func Bury(process uint32) { of[process].dir = nowhere }

func open(dir string) (uintptr, error) {
	fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	return uintptr(fd), nil
}

// runDir is made in a working directory: what Cilium makes in /var/run is below it.
const runDir = "var/run"

// Set gives a process its globals, before it runs. The working directory, which is made if
// it is not there, is below that of the process that all this is.
func Set(process uint32, g *Globals) error {
	g.absolute, g.slices = g.Cluster+"/"+g.Node, subscriber.NewCES()
	dir := fmt.Sprintf("/proc/self/fd/%d/%s", own.dir, g.Dir)
	if err := os.MkdirAll(filepath.Join(dir, runDir), 0o777); err != nil {
		return err
	}
	var err error
	if g.dir, err = open(dir); err != nil {
		return err
	}
	if missing := int(process) + 1 - len(of); missing > 0 {
		of = append(of, make([]*Globals, missing)...)
	}
	of[process] = g
	return nil
}

func exchange(process uint32) {
	next := &own
	if int(process) < len(of) && of[process] != nil {
		next = of[process]
	}
	if next == given {
		return
	}
	given = next
	*name, *absoluteName, option.Config, *slices = next.Node, next.absolute, next.Config, next.slices
}

// enter goes to the working directory of the process that runs.
func enter() {
	if in != given.dir {
		in = given.dir
		syscall.RawSyscall(syscall.SYS_FCHDIR, in, 0, 0) // it is open, and a directory
	}
}

func exited(code int) bool {
	if given == &own {
		return false
	}
	given.Exit(code)
	return true
}

//go:linkname onHost runtime.detrtOnHost
var onHost func(process uint32)

//go:linkname beforePath syscall.detrtBeforePath
var beforePath func()

//go:linkname exit os.detrtExit
var exit func(code int) bool
