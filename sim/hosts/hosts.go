// Package hosts tells which simulated host the running goroutine is on. Many hosts
// share one process here, and some of Cilium's state is the process's: this is how
// logs, profiles, dials and such state are told apart.
//
// A process of a host begins in Run. The deterministic runtime (sim/det) passes the
// host on: to the goroutines that a goroutine starts, and to those that its
// time.AfterFunc starts. A callback of context.AfterFunc is on the host of who
// cancels. On Go's own runtime no goroutine is on a host.
package hosts

import (
	"context"
	"runtime/pprof"
	"sync"
)

var (
	mu      sync.Mutex
	names   = []string{""} // by number
	numbers = map[string]uint32{}
	ended   = map[uint32]bool{} // processes
)

// Moved, if not nil, is told the number with which the running goroutine goes on: what is
// one process's here and ought to be each one's can be exchanged. It must be set before
// anything runs on a host.
var Moved func(number uint32)

// Run runs f on the host with that name. A CPU profile has it as the label "host",
// which timers do not pass on.
func Run(name string, f func() error) error { return RunIn(number(name), name, f) }

// NewProcess returns a number of its own for a process on the host with that name, for
// RunIn: what it starts is told apart from what other processes of the host start.
func NewProcess(name string) uint32 {
	mu.Lock()
	defer mu.Unlock()
	names = append(names, name)
	return uint32(len(names) - 1)
}

// End notes that a process was ended from without, as by a crash: what is left of its
// goroutines is so because nothing can end them here. An operating system does.
func End(process uint32) {
	mu.Lock()
	defer mu.Unlock()
	ended[process] = true
}

// Ended reports whether a process was ended so.
func Ended(process uint32) bool {
	mu.Lock()
	defer mu.Unlock()
	return ended[process]
}

// RunIn runs f in a process of the host with that name.
func RunIn(process uint32, name string, f func() error) (err error) {
	previous := current()
	pprof.Do(context.Background(), pprof.Labels("host", name), func(context.Context) {
		move(process)
		defer move(previous)
		err = f()
	})
	return err
}

// Current returns the name of the host that the running goroutine is on, empty if
// it is on none, and whether the runtime keeps track of hosts.
func Current() (name string, tracked bool) {
	mu.Lock()
	defer mu.Unlock()
	return names[current()], tracks
}

func move(number uint32) {
	enter(number)
	if Moved != nil {
		Moved(number)
	}
}

func number(name string) uint32 {
	mu.Lock()
	defer mu.Unlock()
	n, known := numbers[name]
	if !known {
		n = uint32(len(names))
		names = append(names, name)
		numbers[name] = n
	}
	return n
}
