package fault

import "fmt"

// Stall is one time that a goroutine of the code under test loses its CPU: at a place
// in the code, at one of the visits there.
type Stall struct {
	// Function is as in a stack trace, such as
	// "github.com/cilium/cilium/pkg/kvstore.(*etcdClient).watch", and Offset the bytes
	// from its start to the place: both are the same in all builds of the same source.
	Function string   `json:"function"`
	Offset   int      `json:"offset"`
	Visit    int      `json:"visit"` // the first has number 1
	For      Duration `json:"for"`   // 1 ns to 1 minute
}

// longestStall is as long as a machine may well stop a thread: longer than that it is a
// fault of its own, pause.
const longestStall = 60 * second

func checkStalls(p *Plan, _ Given) *flaw {
	if p.Options.Stall < 0 {
		return flawf("options.stall", "found %d; want 0 for never, or N for one place in N", p.Options.Stall)
	}
	if p.Options.Stall > 0 && len(p.Stalls) > 0 {
		return flawf("stalls", "options.stall draws stalls, and here are some named; want one or the other")
	}
	for i, s := range p.Stalls {
		at := func(field string) string { return fmt.Sprintf("stalls[%d].%s", i, field) }
		switch {
		case s.Function == "":
			return flawf(at("function"), "it is missing; want the name of a function as in a stack trace")
		case s.Offset < 1:
			return flawf(at("offset"), "found %d; want the bytes from the function's start, 1 or more", s.Offset)
		case s.Visit < 1:
			return flawf(at("visit"), "found %d; want the visit's number, from 1", s.Visit)
		case s.For < 1 || s.For > longestStall:
			return flawf(at("for"), "found %s; want up to %s", s.For, longestStall)
		}
	}
	return nil
}

// Sentence says what the stall does.
func (s Stall) Sentence() string {
	return fmt.Sprintf("for %s at %s+%#x, visit %d", s.For, s.Function, s.Offset, s.Visit)
}
