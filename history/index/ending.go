package index

// Ending is what every view and datapath holds at one instant, such as when the run
// ends.
type Ending struct {
	Up           []bool  // by agent
	incarnations []int32 // by agent: how often it has started or stopped, which empties its view
	holds        []Held  // by slot
	// Datapaths is whether the history tells of datapaths at all.
	Datapaths bool
}

// Held is what a slot shows.
type Held struct {
	Shown       bool
	Claim       int32 // as of an event
	Record      int32 // that showed it, or removed what was shown; -1 if none did
	incarnation int32 // of the agent, in which it was
}

// EndOf plays all views through.
func EndOf(v *Views) *Ending {
	end := NewEnding(v)
	for i := range v.Events {
		end.Play(&v.Events[i])
	}
	return end
}

// NewEnding is what views and datapaths hold before anything has happened.
func NewEnding(v *Views) *Ending {
	end := &Ending{Up: make([]bool, len(v.Agents)), incarnations: make([]int32, len(v.Agents)), holds: make([]Held, v.Slots)}
	for i := range end.holds {
		end.holds[i].Record = -1
	}
	return end
}

// Play takes the next event into account.
func (end *Ending) Play(ev *Event) {
	switch ev.What {
	case Start, Stop:
		end.Up[ev.Agent] = ev.What == Start
		end.incarnations[ev.Agent]++
	default:
		end.holds[ev.Slot] = Held{ev.What == Seen, ev.Claim, ev.Record, end.incarnations[ev.Agent]}
		end.Datapaths = end.Datapaths || ev.Layer == Datapath
	}
}

// Of returns what the agent's view or its host's datapath shows of an entry.
func (end *Ending) Of(v *Views, agent int32, l Layer, entry int32) Held {
	slot := v.SlotOf(agent, l, entry)
	if slot < 0 {
		return Held{Record: -1}
	}
	h := end.holds[slot]
	if l == View && h.incarnation != end.incarnations[agent] { // of an incarnation that is gone
		return Held{Record: -1}
	}
	return h
}

// Right reports whether what the agent's view shows of an entry is what the final truth
// demands.
func (end *Ending) Right(v *Views, agent, entry int32) bool {
	h := end.Of(v, agent, View, entry)
	return v.Entries[entry].Demands(h.Shown, h.Claim)
}

// Layers are those of an agent that the history tells of.
func (end *Ending) Layers() []Layer {
	if end.Datapaths {
		return []Layer{View, Datapath}
	}
	return []Layer{View}
}
