package matrix

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Cost is what the servers of a role did for the clients of another one in a run, from its
// start to its end.
type Cost struct {
	Server     mode.Role      `json:"server"`
	Client     mode.Role      `json:"client"`
	Requests   map[string]int `json:"requests,omitempty"` // by verb
	Lists      int            `json:"lists"`              // full ones: requests, and initial states of watches
	Dials      int            `json:"dials"`              // connections that were accepted
	Watches    int            `json:"watches"`            // that were opened
	WatchTime  time.Duration  `json:"watchNanoseconds"`   // for how long they were open, added up
	Events     int            `json:"events"`             // that watches sent; bookmarks are none
	Bytes      int64          `json:"bytes"`              // of answers and events
	MostAtOnce int            `json:"mostAtOnce"`         // requests and lists in the busiest second
}

// costsOf counts the cost of a run. Pairs of roles that had nothing to do with each other
// are left out; the others are in order.
func costsOf(records []history.Record) []*Cost {
	c := counter{pairs: map[pair]*Cost{}, second: map[pair]*second{}, open: map[int64]opened{}, initial: map[int64]bool{}}
	for i := range records {
		r := &records[i]
		if r.Verb == history.Phase && r.Key == "end" {
			break
		}
		c.end = r.At
		c.record(r)
	}
	for _, w := range c.open {
		w.cost.WatchTime += c.end - w.at
	}
	var all []*Cost
	for p, cost := range c.pairs {
		c.finish(p)
		all = append(all, cost)
	}
	slices.SortFunc(all, inOrder)
	return all
}

// inOrder compares two costs by the order of roles.
func inOrder(a, b *Cost) int {
	place := func(r mode.Role) int { return slices.Index(mode.Roles(), r) }
	return cmp.Or(place(a.Server)-place(b.Server), place(a.Client)-place(b.Client))
}

type pair struct{ server, client mode.Role }

// counter reads the records of a run.
type counter struct {
	pairs   map[pair]*Cost
	second  map[pair]*second
	open    map[int64]opened // watches, by their number
	initial map[int64]bool   // watches whose initial state is being sent
	end     time.Duration
}

type opened struct {
	cost *Cost
	at   time.Duration
}

// second is the last one in which servers did something.
type second struct {
	number time.Duration
	asked  int
}

func (c *counter) cost(r *history.Record) (*Cost, pair) {
	p := pair{mode.RoleOf(r.Actor), mode.RoleOf(r.Peer)}
	cost := c.pairs[p]
	if cost == nil {
		cost = &Cost{Server: p.server, Client: p.client, Requests: map[string]int{}}
		c.pairs[p], c.second[p] = cost, &second{number: -1}
	}
	return cost, p
}

func (c *counter) record(r *history.Record) {
	if r.Peer == "" {
		return
	}
	switch r.Verb {
	case history.Request, history.Call:
		cost, p := c.cost(r)
		cost.Requests[r.Op]++
		cost.Bytes += r.Bytes
		if isList(r) {
			cost.Lists++
		}
		c.busy(p, r.At, 1)
	case history.Lease:
		cost, p := c.cost(r)
		cost.Requests["lease "+r.Op]++
		c.busy(p, r.At, 1)
	case history.Watch:
		cost, p := c.cost(r)
		cost.Watches++
		c.open[r.ID] = opened{cost, r.At}
		if asksInitial(r) {
			c.initial[r.ID] = true
			cost.Lists++
		}
		c.busy(p, r.At, 1)
	case history.Event:
		cost, p := c.cost(r)
		cost.Bytes += r.Bytes
		if !c.initial[r.ID] {
			cost.Events += changes(r.Value)
		}
		if endsInitial(r) {
			delete(c.initial, r.ID)
		}
		c.busy(p, r.At, 0)
	case history.Unwatch:
		if w, known := c.open[r.ID]; known {
			w.cost.WatchTime += r.At - w.at
			delete(c.open, r.ID)
		}
	case history.Net:
		if r.Key == "accept" {
			cost, _ := c.cost(r)
			cost.Dials++
		}
	}
}

// isList reports whether a request is for all objects of a kind, or all keys of a range.
func isList(r *history.Record) bool {
	return r.Op == "list" || r.Verb == history.Call && r.Op == "range" && r.End != ""
}

// asksInitial reports whether a watch begins with all objects that there are.
func asksInitial(r *history.Record) bool { return strings.HasPrefix(r.Ask, "initial:") }

// endsInitial reports whether an event is the last of a watch's initial state.
func endsInitial(r *history.Record) bool { return strings.Contains(r.Value, "INITIAL:") }

// changes is how many changes an event tells of.
func changes(value string) (n int) {
	for item := range strings.FieldsSeq(value) {
		switch kind, _, _ := strings.Cut(item, ":"); kind {
		case "BOOKMARK", "INITIAL", "ERROR":
		default:
			n++
		}
	}
	return n
}

// busy counts what servers do in a second.
func (c *counter) busy(p pair, at time.Duration, asked int) {
	s := c.second[p]
	if number := at.Truncate(time.Second); number != s.number {
		c.finish(p)
		s.number, s.asked = number, 0
	}
	s.asked += asked
}

func (c *counter) finish(p pair) {
	c.pairs[p].MostAtOnce = max(c.pairs[p].MostAtOnce, c.second[p].asked)
}

// requests is how many requests there are of all verbs.
func (c *Cost) requests() (n int) {
	for _, of := range c.Requests {
		n += of
	}
	return n
}

// empty reports whether the clients had nothing to do with the servers.
func (c *Cost) empty() bool { return c.requests()+c.Watches+c.Dials+c.Lists == 0 }

// add adds the cost of another run.
func (c *Cost) add(other *Cost) {
	for verb, n := range other.Requests {
		c.Requests[verb] += n
	}
	c.Lists += other.Lists
	c.Dials += other.Dials
	c.Watches += other.Watches
	c.WatchTime += other.WatchTime
	c.Events += other.Events
	c.Bytes += other.Bytes
	c.MostAtOnce = max(c.MostAtOnce, other.MostAtOnce)
}
