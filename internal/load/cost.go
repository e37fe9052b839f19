// Package load counts what servers do for clients in a run, second by second, and how far
// what they hold is behind what is true; and it has the plans of loads that are compared with
// what the proposal says of its own.
package load

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
	Requests   map[string]int `json:"requests,omitempty"`  // by verb
	Lists      int            `json:"lists"`               // full ones: requests, and initial states of watches
	Dials      int            `json:"dials"`               // connections that were accepted
	Watches    int            `json:"watches"`             // that were opened
	WatchTime  time.Duration  `json:"watchNanoseconds"`    // for how long they were open, added up
	Events     int            `json:"events"`              // that watches sent; bookmarks are none
	Bytes      int64          `json:"bytes"`               // of answers and events
	ListBytes  int64          `json:"listBytes,omitempty"` // of these, of lists, ranges, and the states that watches begin with
	MostAtOnce int            `json:"mostAtOnce"`          // requests and lists in the busiest second
}

// CostsOf counts the cost of a run. Pairs of roles that had nothing to do with each other
// are left out; the others are in order.
func CostsOf(records []history.Record) []*Cost {
	c := newCosts()
	for i := range records {
		r := &records[i]
		if r.Verb == history.Phase && r.Key == "end" {
			break
		}
		c.add(r)
	}
	return c.all()
}

func newCosts() *costs {
	return &costs{pairs: map[pair]*Cost{}, second: map[pair]*second{}, open: map[int64]opened{}, initial: map[int64]bool{}}
}

// all are the costs until now.
func (c *costs) all() (all []*Cost) {
	for _, w := range c.open {
		w.cost.WatchTime += c.end - w.at
	}
	clear(c.open)
	for p, cost := range c.pairs {
		c.finish(p)
		all = append(all, cost)
	}
	slices.SortFunc(all, InOrder)
	return all
}

// InOrder compares two costs by the order of roles.
func InOrder(a, b *Cost) int {
	place := func(r mode.Role) int { return slices.Index(mode.Roles(), r) }
	return cmp.Or(place(a.Server)-place(b.Server), place(a.Client)-place(b.Client))
}

type pair struct{ server, client mode.Role }

// costs reads the records of a run.
type costs struct {
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

func (c *costs) cost(r *history.Record) (*Cost, pair) {
	p := pair{mode.RoleOf(r.Actor), mode.RoleOf(r.Peer)}
	cost := c.pairs[p]
	if cost == nil {
		cost = &Cost{Server: p.server, Client: p.client, Requests: map[string]int{}}
		c.pairs[p], c.second[p] = cost, &second{number: -1}
	}
	return cost, p
}

func (c *costs) add(r *history.Record) {
	c.end = r.At
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
		if ranges(r) {
			cost.ListBytes += r.Bytes
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
		if AsksInitial(r) {
			c.initial[r.ID] = true
			cost.Lists++
		}
		c.busy(p, r.At, 1)
	case history.Event:
		cost, p := c.cost(r)
		cost.Bytes += r.Bytes
		if c.initial[r.ID] {
			cost.ListBytes += r.Bytes
		} else {
			cost.Events += Changes(r.Value)
		}
		if EndsInitial(r) {
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

// ranges reports whether the answer to a request has as many bytes as there are objects or keys that it asks for.
func ranges(r *history.Record) bool { return r.Op == "list" || r.Op == "range" }

// AsksInitial reports whether a watch begins with all objects that there are.
func AsksInitial(r *history.Record) bool { return strings.HasPrefix(r.Ask, "initial:") }

// EndsInitial reports whether an event is the last of a watch's initial state.
func EndsInitial(r *history.Record) bool { return strings.Contains(r.Value, "INITIAL:") }

// Changes is how many changes an event tells of.
func Changes(value string) (n int) {
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
func (c *costs) busy(p pair, at time.Duration, asked int) {
	s := c.second[p]
	if number := at.Truncate(time.Second); number != s.number {
		c.finish(p)
		s.number, s.asked = number, 0
	}
	s.asked += asked
}

func (c *costs) finish(p pair) {
	c.pairs[p].MostAtOnce = max(c.pairs[p].MostAtOnce, c.second[p].asked)
}

// Total is how many requests there are of all verbs.
func (c *Cost) Total() (n int) {
	for _, of := range c.Requests {
		n += of
	}
	return n
}

// Empty reports whether the clients had nothing to do with the servers.
func (c *Cost) Empty() bool { return c.Total()+c.Watches+c.Dials+c.Lists == 0 }

// Add adds the cost of another run.
func (c *Cost) Add(other *Cost) {
	for verb, n := range other.Requests {
		c.Requests[verb] += n
	}
	c.Lists += other.Lists
	c.Dials += other.Dials
	c.Watches += other.Watches
	c.WatchTime += other.WatchTime
	c.Events += other.Events
	c.Bytes += other.Bytes
	c.ListBytes += other.ListBytes
	c.MostAtOnce = max(c.MostAtOnce, other.MostAtOnce)
}

// SumOf adds up costs of servers of some roles, for clients of a role or, if it is empty, of
// all.
func SumOf(costs []*Cost, servers []mode.Role, client mode.Role) *Cost {
	sum := &Cost{Requests: map[string]int{}}
	for _, cost := range costs {
		if slices.Contains(servers, cost.Server) && (client == "" || cost.Client == client) {
			sum.Add(cost)
		}
	}
	return sum
}
