package load

import (
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
	"github.com/meshcheck/meshcheck/report"
)

// copies compares what is true with what etcds and agents hold of it, as records come.
type copies struct {
	count *Count
	truth map[entry]map[string]string // by owner
	hosts map[string]*holder
	order []*holder // of hosts, as they came
	churn bool      // it has begun: what was there before is not measured

	know    map[entry]*spread        // of endpoints that not all agents know yet
	planned map[string]time.Duration // when pods were to be created, of those that not all agents know yet
	known   map[string]time.Duration // when all agents knew a pod that is not ready yet
}

type entry struct{ kind, key string }

// holder is an etcd or an agent.
type holder struct {
	host  string
	holds map[entry]string
	wrong map[entry]time.Duration // since when an entry is not as it is true
}

// spread is how far an endpoint is known.
type spread struct {
	pod   string
	known map[*holder]bool
}

func newCopies(of *Count) *copies {
	return &copies{count: of, truth: map[entry]map[string]string{}, hosts: map[string]*holder{},
		know: map[entry]*spread{}, planned: map[string]time.Duration{}, known: map[string]time.Duration{}}
}

func (c *copies) add(r *history.Record) {
	switch r.Verb {
	case history.Up:
		if r.Kind == "agent" || r.Kind == "etcd" {
			c.begin(r)
		}
	case history.Down:
		if h := c.hosts[r.Actor]; h != nil && (r.Kind == "agent" || r.Kind == "etcd") {
			clear(h.holds)
			clear(h.wrong)
		}
	case history.Truth:
		c.changeTruth(r)
	case history.Put, history.Del:
		if kind, name := schema.EntryOf(r.Key); kind != nil && isEntry(r.Kind) {
			c.change(r, entry{kind.Name, name}, r.Verb == history.Put)
		}
	case history.See, history.Drop:
		c.change(r, entry{r.Kind, r.Key}, r.Verb == history.See)
	}
}

// begin has a process that holds nothing yet.
func (c *copies) begin(r *history.Record) {
	h := c.hosts[r.Actor]
	if h == nil {
		h = &holder{host: r.Actor}
		c.hosts[r.Actor] = h
		c.order = append(c.order, h)
	}
	h.holds, h.wrong = map[entry]string{}, map[entry]time.Duration{}
	for e := range c.truth {
		h.wrong[e] = r.At
	}
	c.show(h, r.At)
}

func (c *copies) changeTruth(r *history.Record) {
	e := entry{r.Kind, r.Key}
	owners := c.truth[e]
	if r.Op == "put" {
		if owners == nil {
			owners = map[string]string{}
			c.truth[e] = owners
		}
		owners[r.Owner] = r.Value
		if pod, ok := podOf(r); ok {
			c.know[e] = &spread{pod, map[*holder]bool{}}
		}
	} else if delete(owners, r.Owner); len(owners) == 0 {
		delete(c.truth, e)
		delete(c.know, e)
	}
	for _, h := range c.order {
		if h.holds != nil {
			c.compare(h, e, r.At)
		}
	}
}

// podOf is the pod of an endpoint.
func podOf(r *history.Record) (string, bool) {
	_, rest, found := strings.Cut(r.Value, "pod=")
	pod, _, _ := strings.Cut(rest, " ")
	return pod, found && r.Kind == schema.Endpoint
}

func (c *copies) change(r *history.Record, e entry, holds bool) {
	h := c.hosts[r.Actor]
	if h == nil {
		return
	}
	if holds {
		h.holds[e] = r.Value
	} else {
		delete(h.holds, e)
	}
	c.compare(h, e, r.At)
}

// compare sees whether a holder has an entry as it is true.
func (c *copies) compare(h *holder, e entry, at time.Duration) {
	value, has := h.holds[e]
	owners := c.truth[e]
	right := !has && len(owners) == 0
	for _, claimed := range owners {
		right = right || has && claimed == value
	}
	since, wrong := h.wrong[e]
	switch {
	case right && wrong:
		delete(h.wrong, e)
		if c.churn {
			c.measure(mode.RoleOf(h.host), at-since)
		}
		c.show(h, at)
	case !right && !wrong:
		h.wrong[e] = at
		c.show(h, at)
	}
	if right && has {
		c.learn(h, e, at)
	}
}

func (c *copies) measure(role mode.Role, lag time.Duration) {
	pool := c.count.Lag[role]
	if pool == nil {
		pool = &report.Pool{Name: "a change, until it is there", Group: role.Plural()}
		c.count.Lag[role] = pool
	}
	pool.AddDuration(lag)
}

func (c *copies) show(h *holder, at time.Duration) {
	c.count.series.set(labels{metric: behind, host: h.host}, float64(len(h.wrong)))
	if !c.churn {
		return
	}
	role := mode.RoleOf(h.host)
	c.count.MostBehind[role] = max(c.count.MostBehind[role], len(h.wrong))
	if len(h.wrong) == 0 {
		c.count.CaughtUp[role] = at
	}
}

// learn notes that an agent knows an endpoint. When all do, the pod can be reached from
// everywhere.
func (c *copies) learn(h *holder, e entry, at time.Duration) {
	s := c.know[e]
	if s == nil || mode.RoleOf(h.host) != mode.Agent {
		return
	}
	s.known[h] = true
	if len(s.known) < c.agents() {
		return
	}
	delete(c.know, e)
	if planned, ready := c.planned[s.pod]; ready {
		c.count.Reach.AddDuration(at - planned)
		delete(c.planned, s.pod)
	} else {
		c.known[s.pod] = at
	}
}

// created notes when a pod was to be created, as soon as it is ready.
func (c *copies) created(pod string, planned time.Duration) {
	if at, known := c.known[pod]; known {
		c.count.Reach.AddDuration(at - planned)
		delete(c.known, pod)
	} else {
		c.planned[pod] = planned
	}
}

func (c *copies) agents() (n int) {
	for _, h := range c.order {
		if mode.RoleOf(h.host) == mode.Agent && h.holds != nil {
			n++
		}
	}
	return n
}
