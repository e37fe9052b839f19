package enforcement

import "time"

// past is what something was like, over time; nil stands for its absence, with which it begins.
type past[T any] struct{ changes []change[T] }

type change[T any] struct {
	at time.Duration
	is *T
}

func (p *past[T]) set(at time.Duration, is *T) { p.changes = append(p.changes, change[T]{at, is}) }

// now is what it is like.
func (p *past[T]) now() *T {
	if len(p.changes) == 0 {
		return nil
	}
	return p.changes[len(p.changes)-1].is
}

// first is the number of the change that made it what it was at an instant; -1 before the first.
func (p *past[T]) first(from time.Duration) int {
	i := len(p.changes) - 1
	for i >= 0 && p.changes[i].at > from {
		i--
	}
	return i
}

// since returns what it was like at some time from an instant on.
func (p *past[T]) since(from time.Duration) (all []*T) {
	first := p.first(from)
	if first < 0 {
		all = append(all, nil)
	}
	for _, c := range p.changes[max(first, 0):] {
		all = append(all, c.is)
	}
	return all
}

// throughout returns what it was like from an instant on, if that was the same all the time.
func (p *past[T]) throughout(from time.Duration) *T {
	if p.first(from) < len(p.changes)-1 {
		return nil
	}
	return p.now()
}

// calm is until when before an instant an agent must have known all that was so: long enough before it for
// news to arrive, and at a time at which nothing had kept them from it.
func calm(faults []disturbance, at time.Duration) time.Duration {
	c := at - arrival
	for again := true; again; {
		again = false
		for _, f := range faults {
			if f.from <= c && c <= f.to+recovery {
				c, again = f.from-1, true
			}
		}
	}
	return max(c, 0)
}

const (
	arrival  = 30 * time.Second  // what is written reaches agents within that
	recovery = 125 * time.Second // and within that after a fault, as for amplification
)

// disturbance is when a fault was in force.
type disturbance struct{ from, to time.Duration }
