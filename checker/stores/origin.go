package stores

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

var RevisionOrigin = property.Property{
	Name:    "revision-origin",
	Promise: "A client goes on from a revision only in the store that told it of this revision: if it asks another one, such as a rebuilt etcd, it gives that watch up within 10 s in which no fault concerns it.",
	Why:     "in the proposal agents change between etcds: an etcd that was rebuilt, or another replica's, counts anew; cilium 30964, 32005",
	Rules:   []*property.Rule{foreignRevision},
	Check:   checkRevisionOrigin,
	Step:    property.ByClient("reader", "it asked a store to go on from a revision that another one had told it, and did not give that watch up"),
}

// refusal is the time within which a client gives up a watch that it does not want. It
// asks before it can know whom: Cilium's guard compares the cluster ID in the first answer
// (pkg/clustermesh/common/interceptor.go).
const refusal = 10 * time.Second

// checkRevisionOrigin demands of each watch from a revision that its store told its
// client, in an answer or an event since the client's process started, of the revision
// before that, or of a later one; or that the client gives it up.
func checkRevisionOrigin(in *property.Input) property.Result {
	c := originCheck{
		in: in, told: map[string]map[string]lastTold{}, open: map[int64]*index.Watching{},
		faults: in.Disturbances(func(*index.Fault) bool { return true }), departures: index.Departures(in.Records),
	}
	for _, w := range in.Watches.Etcd {
		c.open[in.Records[w.Open].ID] = w
	}
	for i := range in.Records {
		c.record(i, &in.Records[i])
	}
	if c.judged == 0 {
		return property.Undecided("the history has no watch of an etcd from a revision")
	}
	return property.Judged(fmt.Sprintf("%s from a revision, each compared with what its store had told the client: %s foreign and given up, %s foreign and cut short; %s of the present",
		text.Count(c.judged, "watch"), text.Thousands(c.refused), text.Thousands(c.short), text.Thousands(c.fresh)), c.violations)
}

type originCheck struct {
	in                            *property.Input
	told                          map[string]map[string]lastTold // by client and store
	open                          map[int64]*index.Watching      // by number
	faults                        map[string][]index.Disturbance
	departures                    map[index.ClientServer][]time.Duration
	judged, fresh, refused, short int
	violations                    []property.Violation
}

// lastTold is the greatest revision that a store told a client.
type lastTold struct {
	rev    int64
	record int
}

func (c *originCheck) record(i int, r *history.Record) {
	if r.Verb == history.Up && r.Kind != "etcd" {
		delete(c.told, r.Actor)
	}
	if r.Store == "" || r.Peer == "" {
		return
	}
	if r.Verb == history.Watch {
		c.watch(i, r)
	}
	if tells(r.Verb) && r.Rev > c.told[r.Peer][r.Store].rev {
		if c.told[r.Peer] == nil {
			c.told[r.Peer] = map[string]lastTold{}
		}
		c.told[r.Peer][r.Store] = lastTold{r.Rev, i}
	}
}

// tells reports whether a record of a store with a client is something that the client
// learns a revision from.
func tells(v history.Verb) bool {
	return v == history.Call || v == history.Watch || v == history.Event || v == history.Unwatch
}

var foreignRevision = &property.Rule{Name: "foreign-revision", Text: func(f *property.Facts) string {
	says := "had told it nothing yet"
	if f.Before != nil {
		says = fmt.Sprintf("had told it of rev %d at most", f.Before.Rev)
	}
	return fmt.Sprintf("%s watches %q in the %s from rev %d at %s, and stays with it, but that store %s",
		f.Client, f.Key, f.Etcd(), f.Shown.Rev, text.Seconds(f.At), says)
}}

func (c *originCheck) watch(i int, r *history.Record) {
	from := index.ParseNumber(r.Ask)
	if from == 0 {
		c.fresh++
		return
	}
	c.judged++
	known := c.told[r.Peer][r.Store]
	if from <= known.rev+1 {
		return
	}
	deadline := c.deadline(r)
	switch w := c.open[r.ID]; {
	case w.End >= 0 && c.in.Records[w.End].At <= deadline && c.in.Records[w.End].Value == "client", c.left(r, deadline):
		c.refused++
		return
	case w.End >= 0 && c.in.Records[w.End].At <= deadline, c.in.Records[len(c.in.Records)-1].At < deadline:
		c.short++
		return
	}
	v := property.Violation{Rule: foreignRevision, Records: []int{i}, Facts: property.Facts{
		Client: r.Peer, Server: r.Actor, Store: r.Store, Kind: r.Kind, Key: r.Key, At: r.At, Shown: &property.Version{Rev: from}}}
	if known.rev > 0 {
		v.Before = &property.Version{Rev: known.rev, At: c.in.Records[known.record].At}
		v.Records = []int{known.record, i}
	}
	c.violations = append(c.violations, v)
}

// deadline is when the client has had the time to give the watch up.
func (c *originCheck) deadline(r *history.Record) time.Duration {
	deadline := r.At + refusal
	for _, d := range c.faults[r.Peer] {
		if d.From <= deadline && d.To >= r.At {
			deadline = max(deadline, d.To+refusal)
		}
	}
	for _, d := range c.faults[r.Actor] {
		if d.From <= deadline && d.To >= r.At {
			deadline = max(deadline, d.To+refusal)
		}
	}
	return deadline
}

// left reports whether the client closes a connection with the store, or ends, from the
// opening of a watch to an instant: the store may learn of that later, or never.
func (c *originCheck) left(r *history.Record, by time.Duration) bool {
	for _, departures := range [][]time.Duration{c.departures[index.ClientServer{Client: r.Peer, Server: r.Actor}], c.departures[index.ClientServer{Client: r.Peer, Server: ""}]} {
		if n, _ := slices.BinarySearch(departures, r.At); n < len(departures) && departures[n] <= by {
			return true
		}
	}
	return false
}
