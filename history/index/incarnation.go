package index

import (
	"math"
	"time"
)

// Incarnation is one incarnation of an agent, or the whole existence of its host's
// datapath.
type Incarnation struct {
	from, to       time.Duration
	began, ended   int32         // records; of what never began or ended, -1 and math.MaxInt32
	complete       time.Duration // since when it says of every entry what it knows; forever if it never does
	completeRecord int32
}

// FromStart is the incarnation with a view that counts from its start on, complete or not.
func (l Incarnation) FromStart() Incarnation {
	l.complete, l.completeRecord = l.from, l.began
	return l
}

// Starts reports whether a showing is that of the incarnation's start, at which its view has
// nothing.
func (l Incarnation) Starts(s *Showing) bool { return s.Absent && s.Record == l.began }

// Overlaps reports whether the incarnation was there between two instants.
func (l Incarnation) Overlaps(from, to time.Duration) bool { return l.from < to && l.to > from }

// Covers reports whether the incarnation was there throughout.
func (l Incarnation) Covers(from, to time.Duration) bool { return l.from <= from && to <= l.to }

// Within is the part of a time in which the incarnation was there.
func (l Incarnation) Within(from, to time.Duration) (begin, end time.Duration) {
	return max(l.from, from), min(l.to, to)
}

// Incarnations returns, for each agent, its incarnations and the existence of its host's
// datapath. An agent whose start the history does not tell has one incarnation
// from the beginning.
func Incarnations(v *Views, end time.Duration) (agents [][]Incarnation, datapaths []Incarnation) {
	agents, datapaths = make([][]Incarnation, len(v.Agents)), make([]Incarnation, len(v.Agents))
	for i := range datapaths {
		datapaths[i] = Incarnation{to: end, began: -1, ended: math.MaxInt32, complete: Forever}
	}
	up := make([]bool, len(v.Agents))
	marks := v.Marks
	mark := func(m Mark) {
		all := agents[m.Agent]
		if m.What != Complete || !up[m.Agent] {
			return
		}
		if l := &all[len(all)-1]; l.complete == Forever {
			l.complete, l.completeRecord = m.At, m.Record
		}
		if d := &datapaths[m.Agent]; d.complete == Forever {
			d.complete, d.completeRecord = m.At, m.Record
		}
	}
	for _, ev := range v.Events {
		for ; len(marks) > 0 && marks[0].Record < ev.Record; marks = marks[1:] {
			mark(marks[0])
		}
		all := agents[ev.Agent]
		switch {
		case ev.What == Start:
			agents[ev.Agent] = append(all, Incarnation{from: ev.At, to: end, began: ev.Record, ended: math.MaxInt32, complete: Forever})
			up[ev.Agent] = true
		case ev.What == Stop && up[ev.Agent]:
			all[len(all)-1].to, all[len(all)-1].ended = ev.At, ev.Record
			up[ev.Agent] = false
		case ev.Layer == View && len(all) == 0:
			agents[ev.Agent] = []Incarnation{{to: end, began: -1, ended: math.MaxInt32, complete: Forever}}
			up[ev.Agent] = true
		}
	}
	for ; len(marks) > 0; marks = marks[1:] {
		mark(marks[0])
	}
	return agents, datapaths
}

// Showing is a time during which a view or datapath said the same of an entry.
type Showing struct {
	From, To time.Duration
	Record   int32 // that began it: a change of the entry, or that of the complete lists
	Absent   bool
	Claim    int32 // as of an event
}

// Showings appends what was said of an entry, in order, during the incarnations of a view
// or datapath, given the changes of the entry there. What an incarnation says of an entry
// begins with the entry's first change in it or, if there is none until then, once
// it is complete.
func Showings(all []Showing, during []Incarnation, changes []Event) []Showing {
	for _, l := range during {
		for len(changes) > 0 && changes[0].Record < l.began {
			changes = changes[1:]
		}
		last := -1
		show := func(s Showing) {
			if last >= 0 {
				all[last].To = s.From
			}
			s.To = l.to
			last = len(all)
			all = append(all, s)
		}
		if l.complete != Forever && (len(changes) == 0 || changes[0].At > l.complete) {
			show(Showing{From: l.complete, Record: l.completeRecord, Absent: true})
		}
		for ; len(changes) > 0 && changes[0].Record < l.ended; changes = changes[1:] {
			ev := changes[0]
			show(Showing{From: ev.At, Record: ev.Record, Absent: ev.What == Gone, Claim: ev.Claim})
		}
	}
	return all
}

// Changes are the events that show or remove entries, by the place where they do.
type Changes struct {
	views   *Views
	events  []Event // slot by slot
	offsets []int32 // those of a slot are from offsets[slot] to offsets[slot+1]
}

// Changes sorts the events.
func (v *Views) Changes() *Changes {
	offsets := make([]int32, v.Slots+2)
	for i := range v.Events {
		if ev := &v.Events[i]; ev.What == Seen || ev.What == Gone {
			offsets[ev.Slot+2]++
		}
	}
	for i := 2; i < len(offsets); i++ {
		offsets[i] += offsets[i-1]
	}
	sorted := make([]Event, offsets[len(offsets)-1])
	for i := range v.Events {
		if ev := &v.Events[i]; ev.What == Seen || ev.What == Gone {
			sorted[offsets[ev.Slot+1]] = *ev
			offsets[ev.Slot+1]++
		}
	}
	return &Changes{v, sorted, offsets[:v.Slots+1]}
}

// Of returns the changes of an entry in an agent's view or datapath, in order.
func (c *Changes) Of(agent int32, l Layer, entry int32) []Event {
	slot := c.views.SlotOf(agent, l, entry)
	if slot < 0 {
		return nil
	}
	return c.events[c.offsets[slot]:c.offsets[slot+1]]
}

const (
	Forever = time.Duration(math.MaxInt64)
	Unready = time.Duration(-1)
)
