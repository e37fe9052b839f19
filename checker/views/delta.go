package views

import (
	"sort"
	"time"

	"github.com/meshcheck/meshcheck/history/index"
)

// stale is how old the oldest read of a showing is: the content was last true that
// long before the instant.
type stale struct {
	By time.Duration
	at time.Duration // instant of the read
}

// truthOf returns the states in which what was shown is true.
func truthOf(e *index.Entry, s *index.Showing) []index.Span {
	switch {
	case s.Absent:
		return e.Absent
	case s.Claim < 0:
		return nil
	}
	return e.Claims[s.Claim].Live
}

// splitInOrder splits what was said of an entry, in order, into what states of the
// entry explain one after the other, whatever its age, and what none does: it goes
// back in time, or was never true. As in backwards, the earliest choice finds an
// explanation if there is one. What is explained takes the place of all in memory.
func splitInOrder(e *index.Entry, all []index.Showing) (explained, left []index.Showing) {
	explained = all[:0]
	bound := int32(0)
	for i := range all {
		s, ok := e.Earliest(truthOf(e, &all[i]), bound, all[i].From)
		if !ok {
			left = append(left, all[i])
			continue
		}
		bound = s
		explained = append(explained, all[i])
	}
	return explained, left
}

// agesOf returns how old each showing becomes, given in the order that splitInOrder has
// explained. To show a content for a while is to read it at every instant of that
// while. A read at the instant t may be moved back to an instant at which its
// content was true, no read behind the one before it. The latest choice for the
// last read leaves the most room for those before it, so that going backwards
// gives each read the least age that it can have. The truth at the instant of a
// change is both what was and what comes.
//
// The age grows with t until the content is true again, so that only the last
// nanosecond before each such instant and the last instant need to be looked at.
func agesOf(e *index.Entry, explained []index.Showing) []stale {
	ages := make([]stale, len(explained))
	capState, capInstant := int32(len(e.States)-1), index.Forever
	for i := len(explained) - 1; i >= 0; i-- {
		s := &explained[i]
		truth := truthOf(e, s)
		read := func(at time.Duration) {
			limit := min(at, capInstant)
			capState, capInstant = lastTrue(e, truth, min(capState, e.StateAt(limit)), limit)
			if age := at - capInstant; age > ages[i].By {
				ages[i] = stale{age, at}
			}
		}
		read(s.To)
		again := beganBy(e, truth, s.To)
		for n := len(again) - 1; n >= 0 && e.States[again[n].From].At > s.From; n-- {
			read(e.States[again[n].From].At - 1)
		}
	}
	return ages
}

// lastTrue returns the last state up to limit of which spans include one, and the
// last instant at which it was true, up to the instant at; -1 if there is none.
func lastTrue(e *index.Entry, spans []index.Span, limit int32, at time.Duration) (int32, time.Duration) {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].From > limit })
	if i == 0 {
		return -1, 0
	}
	s := min(spans[i-1].To-1, limit)
	if int(s)+1 < len(e.States) {
		at = min(at, e.States[s+1].At)
	}
	return s, at
}

// beganBy returns those of spans that began by an instant.
func beganBy(e *index.Entry, spans []index.Span, at time.Duration) []index.Span {
	return spans[:sort.Search(len(spans), func(i int) bool { return e.States[spans[i].From].At > at })]
}

// ageAt is the age of a read alone, whatever came before and after it, and false if
// its content was not true at any instant until then.
func ageAt(e *index.Entry, s *index.Showing, at time.Duration) (time.Duration, bool) {
	state, last := lastTrue(e, truthOf(e, s), e.StateAt(at), at)
	return at - last, state >= 0
}
