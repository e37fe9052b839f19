package checker

import "time"

// ending is what every view and datapath holds at one instant, such as when the run
// ends.
type ending struct {
	up    []bool  // by agent
	began []int32 // by agent: its last start; 0 if it never started
	holds []hold  // by slot
	// datapaths is whether the history tells of datapaths at all.
	datapaths bool
}

// hold is what a slot shows.
type hold struct {
	shown  bool
	claim  int32 // as of an event
	record int32 // that showed it, or removed what was shown; -1 if none did
	began  int32 // the agent's start in which it was
}

// endOf plays all views through.
func endOf(v *views) *ending {
	end := newEnding(v)
	for i := range v.events {
		end.play(&v.events[i])
	}
	return end
}

func newEnding(v *views) *ending {
	end := &ending{up: make([]bool, len(v.agents)), began: make([]int32, len(v.agents)), holds: make([]hold, v.slots)}
	for i := range end.holds {
		end.holds[i].record = -1
	}
	return end
}

func (end *ending) play(ev *event) {
	switch ev.what {
	case start:
		end.up[ev.agent] = true
		end.began[ev.agent]++
	case stop:
		end.up[ev.agent] = false
	default:
		end.holds[ev.slot] = hold{ev.what == seen, ev.claim, ev.record, end.began[ev.agent]}
		end.datapaths = end.datapaths || ev.layer == datapath
	}
}

// of returns what the agent's view or its host's datapath shows of an entry.
func (end *ending) of(v *views, agent int32, l layer, entry int32) hold {
	slot := v.slotOf(agent, l, entry)
	if slot < 0 {
		return hold{record: -1}
	}
	h := end.holds[slot]
	if l == view && h.began != end.began[agent] { // of an incarnation that is gone
		return hold{record: -1}
	}
	return h
}

// layers are those of an agent that the history tells of.
func (end *ending) layers() []layer {
	if end.datapaths {
		return []layer{view, datapath}
	}
	return []layer{view}
}

// horizon is when the plan's bound after the heal has passed.
type horizon struct {
	heal     int           // record of the heal
	end      int           // the run's last record
	bound    time.Duration // that the heal gives
	deadline time.Duration // instant of the heal plus the bound
	over     bool          // the run went on until then
	problem  string        // why there is no horizon, if there is none
}

func horizonOf(in *input) horizon {
	var h horizon
	h.heal, h.end, h.bound, h.problem = phases(in.records)
	if h.problem == "" {
		h.deadline = in.records[h.heal].At + h.bound
		h.over = in.records[h.end].At >= h.deadline
	}
	return h
}
