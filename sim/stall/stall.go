// Package stall holds goroutines of the code under test back, as a machine does that
// gives a thread no CPU for a while. Code takes no virtual time, so without it nothing
// that takes time can come in between a few instructions: an event of the network, a
// time-out, a lease that is lost.
//
// A stall comes at a step (a lock, an unlock, a send, a receive, a close, a select or a
// go statement) that code under test takes, at a place that the seed chooses or the
// plan names. The world's own code does not stall. See sim/det/rt/detrt.go.txt, which
// does it; on Go's own runtime nothing stalls.
package stall

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
)

// Event is a stall that is over.
type Event struct {
	fault.Stall
	Line    string // of the source, such as github.com/cilium/cilium/pkg/kvstore/etcd.go:512
	Starter string // the function whose go statement began the goroutine
}

// Begin begins stalls, as a plan asks for, and has done told of each by the goroutine
// that stalled. A plan that asks for none changes nothing.
func Begin(p *fault.Plan, done func(Event)) {
	if p.Options.Stall == 0 && len(p.Stalls) == 0 {
		return
	}
	list := make([]asked, len(p.Stalls))
	for i, s := range p.Stalls {
		list[i] = asked{s.Function, uintptr(s.Offset), uint32(s.Visit), int64(s.For)}
	}
	begin(uint32(p.Options.Stall), list, func(function string, offset, pc, starter uintptr, visit uint32, ns int64) {
		done(Event{
			Stall:   fault.Stall{Function: function, Offset: int(offset), Visit: int(visit), For: fault.Duration(ns)},
			Line:    lineOf(pc),
			Starter: runtime.FuncForPC(starter).Name(),
		})
	})
}

// lineOf returns the line of the source to which a call returns: where the call was
// inlined from the standard library, that of who called there.
func lineOf(pc uintptr) string {
	frames := runtime.CallersFrames([]uintptr{pc})
	for {
		frame, more := frames.Next()
		if host, _, _ := strings.Cut(frame.File, "/"); !more || strings.Contains(host, ".") {
			return fmt.Sprintf("%s:%d", frame.File, frame.Line)
		}
	}
}

// End ends them. Who is held back stays so until its stall is over.
func End() { begin(0, nil, nil) }

// asked is a stall that the runtime is asked for: its detrtStalled.
type asked struct {
	function string
	offset   uintptr
	visit    uint32
	ns       int64
}

type hook = func(function string, offset, pc, starter uintptr, visit uint32, ns int64)
