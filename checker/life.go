package checker

import (
	"math"
	"time"
)

// life is one incarnation of an agent, or the whole existence of its host's
// datapath.
type life struct {
	from, to       time.Duration
	began, ended   int32         // records; of what never began or ended, -1 and math.MaxInt32
	complete       time.Duration // since when it says of every entry what it knows; forever if it never does
	completeRecord int32
}

// lives returns, for each agent, its incarnations and the existence of its host's
// datapath. An agent whose start the history does not tell has one incarnation
// from the beginning.
func lives(v *views, end time.Duration) (agents [][]life, datapaths []life) {
	agents, datapaths = make([][]life, len(v.agents)), make([]life, len(v.agents))
	for i := range datapaths {
		datapaths[i] = life{to: end, began: -1, ended: math.MaxInt32, complete: forever}
	}
	up := make([]bool, len(v.agents))
	marks := v.marks
	mark := func(m mark) {
		all := agents[m.agent]
		if m.what != complete || !up[m.agent] {
			return
		}
		if l := &all[len(all)-1]; l.complete == forever {
			l.complete, l.completeRecord = m.at, m.record
		}
		if d := &datapaths[m.agent]; d.complete == forever {
			d.complete, d.completeRecord = m.at, m.record
		}
	}
	for _, ev := range v.events {
		for ; len(marks) > 0 && marks[0].record < ev.record; marks = marks[1:] {
			mark(marks[0])
		}
		all := agents[ev.agent]
		switch {
		case ev.what == start:
			agents[ev.agent] = append(all, life{from: ev.at, to: end, began: ev.record, ended: math.MaxInt32, complete: forever})
			up[ev.agent] = true
		case ev.what == stop && up[ev.agent]:
			all[len(all)-1].to, all[len(all)-1].ended = ev.at, ev.record
			up[ev.agent] = false
		case ev.layer == view && len(all) == 0:
			agents[ev.agent] = []life{{to: end, began: -1, ended: math.MaxInt32, complete: forever}}
			up[ev.agent] = true
		}
	}
	for ; len(marks) > 0; marks = marks[1:] {
		mark(marks[0])
	}
	return agents, datapaths
}

// showing is a time during which a view or datapath said the same of an entry.
type showing struct {
	from, to time.Duration
	record   int32 // that began it: a change of the entry, or that of the complete lists
	absent   bool
	claim    int32 // as of an event
}

// showings appends what was said of an entry, in order, during the lives of a view
// or datapath, given the changes of the entry there. What a life says of an entry
// begins with the entry's first change in it or, if there is none until then, once
// it is complete.
func showings(all []showing, during []life, changes []event) []showing {
	for _, l := range during {
		for len(changes) > 0 && changes[0].record < l.began {
			changes = changes[1:]
		}
		last := -1
		show := func(s showing) {
			if last >= 0 {
				all[last].to = s.from
			}
			s.to = l.to
			last = len(all)
			all = append(all, s)
		}
		if l.complete != forever && (len(changes) == 0 || changes[0].at > l.complete) {
			show(showing{from: l.complete, record: l.completeRecord, absent: true})
		}
		for ; len(changes) > 0 && changes[0].record < l.ended; changes = changes[1:] {
			ev := changes[0]
			show(showing{from: ev.at, record: ev.record, absent: ev.what == gone, claim: ev.claim})
		}
	}
	return all
}

// eventsBySlot returns the events of each slot, in order, from offsets[slot] to
// offsets[slot+1].
func eventsBySlot(v *views) (sorted []event, offsets []int32) {
	offsets = make([]int32, v.slots+2)
	for i := range v.events {
		if ev := &v.events[i]; ev.what == seen || ev.what == gone {
			offsets[ev.slot+2]++
		}
	}
	for i := 2; i < len(offsets); i++ {
		offsets[i] += offsets[i-1]
	}
	sorted = make([]event, offsets[len(offsets)-1])
	for i := range v.events {
		if ev := &v.events[i]; ev.what == seen || ev.what == gone {
			sorted[offsets[ev.slot+1]] = *ev
			offsets[ev.slot+1]++
		}
	}
	return sorted, offsets[:v.slots+1]
}
