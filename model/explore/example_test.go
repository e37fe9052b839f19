package explore_test

import (
	"context"
	"fmt"

	"github.com/meshcheck/meshcheck/model/explore"
)

// Two processes share a lock that is tested and set in two steps, so that both
// may find it free.
func ExampleNew() {
	const (
		idle = iota
		sawItFree
		inside
	)
	type state struct {
		Locked bool
		Proc   [2]uint8
	}
	m := explore.New[state]("test, then set")
	m.Init(state{})
	for p := range 2 {
		m.Action(fmt.Sprintf("Test(p%d)", p), func(s *state) bool {
			if s.Proc[p] != idle || s.Locked {
				return false
			}
			s.Proc[p] = sawItFree
			return true
		})
		m.Action(fmt.Sprintf("Set(p%d)", p), func(s *state) bool {
			if s.Proc[p] != sawItFree {
				return false
			}
			s.Proc[p], s.Locked = inside, true
			return true
		})
		m.Action(fmt.Sprintf("Leave(p%d)", p), func(s *state) bool {
			if s.Proc[p] != inside {
				return false
			}
			s.Proc[p], s.Locked = idle, false
			return true
		})
	}
	m.Invariant("one at a time", func(s *state) bool { return s.Proc[0] != inside || s.Proc[1] != inside })

	r, err := explore.Check(context.Background(), m, explore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(r)
	// Output:
	// test, then set: 13 distinct states of 25 generated, depth 6
	// broken  invariant "one at a time": counterexample of 4 steps
	//
	// test, then set: invariant "one at a time", 4 steps
	//   0  start     Locked=false Proc[0]=0 Proc[1]=0
	//   1  Test(p1)  Proc[1]: 0 -> 1
	//   2  Test(p0)  Proc[0]: 0 -> 1
	//   3  Set(p0)   Locked: false -> true, Proc[0]: 1 -> 2
	//   4  Set(p1)   Proc[1]: 1 -> 2
}

// A process that retries for ever gets in only if the scheduler is fair to it, and
// strongly so, since the lock is not free all the time.
func ExampleModel_StrongFair() {
	type state struct{ Taken, In bool }
	m := explore.New[state]("busy lock")
	m.Init(state{})
	others := m.Action("OthersTakeOrGive", func(s *state) bool {
		if s.In {
			return false
		}
		s.Taken = !s.Taken
		return true
	})
	enter := m.Action("Enter", func(s *state) bool {
		if s.Taken || s.In {
			return false
		}
		s.Taken, s.In = true, true
		return true
	})
	m.Eventually("in", func(s *state) bool { return s.In })
	m.WeakFair(others)

	m.WeakFair(enter)
	weak, _ := explore.Check(context.Background(), m, explore.Options{})
	fmt.Println(weak.Outcomes[0].Verdict, weak.Outcomes[0].Trace)
	m.StrongFair(enter)
	strong, _ := explore.Check(context.Background(), m, explore.Options{})
	fmt.Println(strong.Outcomes[0].Verdict)
	// Output:
	// broken busy lock: eventually "in", a cycle of 2 steps
	//   0  start             Taken=false In=false
	// | 1  OthersTakeOrGive  Taken: false -> true
	// | 2  OthersTakeOrGive  Taken: true -> false
	// and again from 1 on, for ever
	//
	// holds
}
