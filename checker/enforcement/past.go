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

// since returns what it was like at some time from an instant on.
func (p *past[T]) since(from time.Duration) []*T {
	all := []*T{nil}
	for _, c := range p.changes {
		if c.at <= from {
			all = all[:0]
		}
		all = append(all, c.is)
	}
	return all
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
