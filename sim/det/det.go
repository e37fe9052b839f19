// Package det makes a run of the world a function of its seed.
//
// It holds a deterministic Go runtime, as edits of the local toolchain's own
// sources that are applied through a build overlay (rt/edits.txt and
// rt/detrt.go.txt); the build of the worker, the program that is one run of the
// world, with that runtime; and the worker's execution in a process of its own.
//
// In a worker built so, inside a testing/synctest bubble: all randomness that a
// program can see comes from a stream of the bubble, runnable goroutines are picked
// by a seeded scheduler, nothing preempts by wall time (who has taken a million
// locks in a row yields), virtual time passes also while goroutines wait for locks,
// and the garbage collector stops the world at fixed steps of allocation. What is
// left to chance is counted (Result.Unseeded): a bubbled goroutine that waits long
// in a system call, or is woken by something outside the bubble.
//
// A goroutine knows which simulated host it is on (package sim/hosts), and no
// cleanup of an object (runtime.AddCleanup) is made in the bubble, outside of which
// it would run.
//
// Nothing of the machine is part of a run: not its name, processors or interfaces,
// not where the worker lies and runs. It cannot even make a real socket.
//
// Rules for the worker: everything inside one bubble; no waiting in the real
// network poller; no cgo that blocks; data on a RAM-backed file system under
// relative paths; nothing that prints addresses or reads the wall clock.
//
// This package does not import Cilium; the worker's main package, ../worker,
// does.
package det
