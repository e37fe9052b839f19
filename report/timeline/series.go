package timeline

import (
	"cmp"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/history/index"
)

// series counts, for each agent, the entries of its view that are not as they are true.
func series(x *index.Index, t *Timeline) []Series {
	c := newCounter(x)
	all := make([]Series, len(t.Hosts))
	into := make([]*Series, len(x.Views.Agents))
	for a, name := range x.Views.Agents {
		into[a] = &all[t.Host(name)]
	}
	c.tell = func(agent int32, at time.Duration) {
		wrong := c.wrong[agent]
		if !c.complete[agent] {
			wrong = -1
		}
		s := into[agent]
		switch n := len(s.At); {
		case n > 0 && s.At[n-1] == at:
			s.Wrong[n-1] = wrong
		case n == 0 || s.Wrong[n-1] != wrong:
			s.At, s.Wrong = append(s.At, at), append(s.Wrong, wrong)
		}
	}
	c.run()
	return all
}

// counter plays truths and views through, side by side.
type counter struct {
	v        *index.Views
	states   []int32   // of each entry, that it is in
	shows    [][]int32 // by agent and entry: the claim that is shown plus two; 1: one that nobody ever claimed; 0: nothing
	isWrong  [][]bool  // likewise
	wrong    []int32   // by agent
	complete []bool    // by agent: it is up, and has its complete lists
	known    bool      // the history says when agents are complete
	tell     func(agent int32, at time.Duration)
}

func newCounter(x *index.Index) *counter {
	v := x.Views
	c := &counter{v: v, states: make([]int32, len(v.Entries)), wrong: make([]int32, len(v.Agents)), complete: make([]bool, len(v.Agents))}
	for range v.Agents {
		c.shows = append(c.shows, make([]int32, len(v.Entries)))
		c.isWrong = append(c.isWrong, make([]bool, len(v.Entries)))
	}
	c.known = slices.ContainsFunc(v.Marks, func(m index.Mark) bool { return m.What == index.Complete })
	return c
}

// change is a new state of an entry, an event of a view, or a mark.
type change struct {
	record int32
	at     time.Duration
	entry  int32 // of a new state; -1
	state  int32
	event  int32 // -1: none
	mark   int32 // -1: none
}

// run takes all changes in order of their records.
func (c *counter) run() {
	var all []change
	for e := range c.v.Entries {
		for s := range c.v.Entries[e].States {
			if st := &c.v.Entries[e].States[s]; st.Record >= 0 {
				all = append(all, change{st.Record, st.At, int32(e), int32(s), -1, -1})
			}
		}
	}
	for i := range c.v.Events {
		if ev := &c.v.Events[i]; ev.Layer == index.View {
			all = append(all, change{ev.Record, ev.At, -1, 0, int32(i), -1})
		}
	}
	for i := range c.v.Marks {
		if m := &c.v.Marks[i]; m.What == index.Complete {
			all = append(all, change{m.Record, m.At, -1, 0, -1, int32(i)})
		}
	}
	slices.SortStableFunc(all, func(a, b change) int { return cmp.Compare(a.record, b.record) })
	for _, ch := range all {
		switch {
		case ch.entry >= 0:
			c.states[ch.entry] = ch.state
			for agent := range c.v.Agents {
				c.judge(int32(agent), ch.entry, ch.at)
			}
		case ch.mark >= 0:
			c.complete[c.v.Marks[ch.mark].Agent] = true
			c.tell(c.v.Marks[ch.mark].Agent, ch.at)
		default:
			c.event(&c.v.Events[ch.event])
		}
	}
}

func (c *counter) event(ev *index.Event) {
	switch ev.What {
	case index.Start, index.Stop:
		c.complete[ev.Agent] = ev.What == index.Start && !c.known
		clear(c.shows[ev.Agent])
		for e := range c.v.Entries {
			c.judge(ev.Agent, int32(e), ev.At)
		}
		c.tell(ev.Agent, ev.At)
	case index.Seen:
		c.shows[ev.Agent][ev.Entry] = ev.Claim + 2
		c.judge(ev.Agent, ev.Entry, ev.At)
	case index.Gone:
		c.shows[ev.Agent][ev.Entry] = 0
		c.judge(ev.Agent, ev.Entry, ev.At)
	}
}

// judge sets whether what an agent shows of an entry is true now.
func (c *counter) judge(agent, entry int32, at time.Duration) {
	e := &c.v.Entries[entry]
	state := c.states[entry]
	wrong := false
	switch claim := c.shows[agent][entry] - 2; {
	case claim == -2:
		wrong = !index.Covers(e.Absent, state)
	case claim == -1:
		wrong = true
	default:
		wrong = !index.Covers(e.Claims[claim].Live, state)
	}
	if wrong == c.isWrong[agent][entry] {
		return
	}
	c.isWrong[agent][entry] = wrong
	if wrong {
		c.wrong[agent]++
	} else {
		c.wrong[agent]--
	}
	c.tell(agent, at)
}
