package examples

import (
	"fmt"

	"github.com/meshcheck/meshcheck/model/explore"
)

// MaxPhilosophers is the greatest number of philosophers at a table.
const MaxPhilosophers = 8

// Chair is what a philosopher of CleanForks is about to do.
type Chair uint8

// The program counters of J. Hemphill's specification.
const (
	Loop Chair = iota
	Eat
	Think
)

func (c Chair) String() string { return [...]string{"loop", "eat", "think"}[c] }

// CleanTable is a state of CleanForks. Fork p lies to the left of philosopher p.
type CleanTable struct {
	Holder [MaxPhilosophers]uint8
	Clean  [MaxPhilosophers]bool
	Hungry [MaxPhilosophers]bool
	PC     [MaxPhilosophers]Chair
}

// CleanForks is the dining philosophers' problem as solved by K. M. Chandy and J.
// Misra, by handing over dirty forks: J. Hemphill's DiningPhilosophers.tla,
// https://github.com/tlaplus/Examples, specifications/DiningPhilosophers. With
// fair false the philosophers may stop for ever. n is 2 to MaxPhilosophers.
func CleanForks(n int, fair bool) *explore.Model[CleanTable] {
	m := explore.New[CleanTable](fmt.Sprintf("dining philosophers with clean forks, %d", n))
	var start CleanTable
	for p := range n {
		start.Holder[p], start.Hungry[p] = uint8(p), true
	}
	start.Holder[1] = 0
	m.Init(start)
	for p := range n {
		left, right := p, (p+1)%n
		actions := []*explore.Action[CleanTable]{
			m.Action(fmt.Sprintf("Loop(p%d)", p), func(s *CleanTable) bool {
				if s.PC[p] != Loop {
					return false
				}
				switch me := uint8(p); {
				case s.Holder[left] == me && !s.Clean[left]:
					s.Holder[left], s.Clean[left] = uint8((p+n-1)%n), true
				case s.Holder[right] == me && !s.Clean[right]:
					s.Holder[right], s.Clean[right] = uint8((p+1)%n), true
				}
				switch {
				case !s.Hungry[p]:
					s.PC[p] = Think
				case s.mayEat(p, left, right):
					s.PC[p] = Eat
				}
				return true
			}),
			m.Action(fmt.Sprintf("Think(p%d)", p), func(s *CleanTable) bool {
				if s.PC[p] != Think {
					return false
				}
				s.Hungry[p], s.PC[p] = true, Loop
				return true
			}),
			m.Action(fmt.Sprintf("Eat(p%d)", p), func(s *CleanTable) bool {
				if s.PC[p] != Eat {
					return false
				}
				s.Hungry[p], s.PC[p] = false, Loop
				s.Clean[left], s.Clean[right] = false, false
				return true
			}),
		}
		if fair {
			m.WeakFair(actions...)
		}
		m.AlwaysEventually(fmt.Sprintf("p%d does not starve", p), func(s *CleanTable) bool { return !s.Hungry[p] })
	}
	m.Invariant("neighbours do not eat at once", func(s *CleanTable) bool {
		for p := range n {
			if s.PC[p] == Eat && s.PC[(p+1)%n] == Eat {
				return false
			}
		}
		return true
	})
	return m
}

func (s *CleanTable) mayEat(p, left, right int) bool {
	return s.Holder[left] == uint8(p) && s.Holder[right] == uint8(p) && s.Clean[left] && s.Clean[right]
}

// Meal is how far a philosopher of Philosophers has got.
type Meal uint8

// The stages of a meal.
const (
	Thinking Meal = iota
	OneFork       // has the first fork
	Eating        // has both
	Leaving       // has put back the first
)

func (m Meal) String() string { return [...]string{"thinking", "one fork", "eating", "leaving"}[m] }

// Table is a state of Philosophers.
type Table struct {
	Taken [MaxPhilosophers]bool // fork p lies to the left of philosopher p
	Meal  [MaxPhilosophers]Meal
}

// Philosophers is E. W. Dijkstra's original problem: n philosophers, 2 to
// MaxPhilosophers, take the left fork and then the right one, eat, and put them
// back in the same order. With ordered true the last one takes the right fork
// first, which prevents the deadlock.
func Philosophers(n int, ordered bool) *explore.Model[Table] {
	m := explore.New[Table](fmt.Sprintf("dining philosophers, %d", n))
	m.Init(Table{})
	for p := range n {
		first, second := p, (p+1)%n
		if ordered && p == n-1 {
			first, second = second, first
		}
		me := fmt.Sprintf("p%d", p)
		move := func(name string, from, to Meal, fork int, take bool) {
			part := fmt.Sprintf("fork%d", fork)
			m.Action(fmt.Sprintf("%s(%s)", name, me), func(s *Table) bool {
				s.Meal[p], s.Taken[fork] = to, take
				return true
			}).When(me, func(s *Table) bool {
				return s.Meal[p] == from
			}).When(part, func(s *Table) bool {
				return !take || !s.Taken[fork]
			}).Writes(me, part)
		}
		move("TakeFirst", Thinking, OneFork, first, true)
		move("TakeSecond", OneFork, Eating, second, true)
		move("PutFirst", Eating, Leaving, first, false)
		move("PutSecond", Leaving, Thinking, second, false)
	}
	m.NoDeadlock("nobody waits for ever", nil)
	both := m.Invariant("neighbours do not eat at once", func(s *Table) bool {
		for p := range n {
			if s.Meal[p] == Eating && s.Meal[(p+1)%n] == Eating {
				return false
			}
		}
		return true
	})
	for p := range n {
		both.Reads(fmt.Sprintf("p%d", p))
	}
	if !ordered {
		// Philosopher p becomes p+1, p+2, ...: the least of the rotations.
		m.Canonical(func(s *Table) { s.rotateToLeast(n) })
	}
	return m
}

func (s *Table) rotateToLeast(n int) {
	least := *s
	for shift := 1; shift < n; shift++ {
		var r Table
		for p := range n {
			to := (p + shift) % n
			r.Taken[to], r.Meal[to] = s.Taken[p], s.Meal[p]
		}
		if r.before(&least, n) {
			least = r
		}
	}
	*s = least
}

func (s *Table) before(t *Table, n int) bool {
	for p := range n {
		if s.Meal[p] != t.Meal[p] {
			return s.Meal[p] < t.Meal[p]
		}
	}
	return false // who has a fork follows from the meals
}
