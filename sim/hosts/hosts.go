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
)

// Run runs f on the host with that name. A CPU profile has it as the label "host",
// which timers do not pass on.
func Run(name string, f func() error) (err error) {
	previous := current()
	pprof.Do(context.Background(), pprof.Labels("host", name), func(context.Context) {
		enter(number(name))
		defer enter(previous)
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
