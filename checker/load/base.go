package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

var ReturnToBase = property.Property{
	Name: mode.ReturnToBase,
	Promise: "When the run ends, and the heal is three minutes ago or more, no server has more open watches of a client, nor more connections of an agent, than a client like it had before the first fault; " +
		"and none of a process that has ended. Operators, of which one leads, count together; the clients of the workload, as many as there are nodes, do not count, nor does a watch whose connection a fault has made dead without telling the server. (Goroutines of processes that have ended: leaks.)",
	Why:   "what a fault leaves behind at a server is there until that restarts, and the next fault leaves more; etcd 22294",
	Rules: []*property.Rule{watchesLeft, watchOfTheDead, connectionsLeft},
	Check: checkBase,
	Step:  property.ByClient("client", "what it left open at the server"),
}

// rests is how long after the heal a server has to be as it was: as long as a run goes on when
// nothing changes any more, which is longer than any client or server takes to give a connection up.
const rests = 3 * time.Minute

// openWatch is a watch that a server has.
type openWatch struct {
	server, client string
	what           string // its kind and range
	record         int32
	at             time.Duration
	incarnation    int // of the client's process
}

// base is what servers have of their clients at an instant.
type base struct {
	watches     map[int64]openWatch
	connections map[[2]string]int // by agent and server
	incarnation map[string]int    // of clients, by host
}

func checkBase(in *property.Input) property.Result {
	if len(in.Records) == 0 {
		return property.Undecided("the history is empty")
	}
	heal, end := in.Phase("heal"), in.Phase("end")
	if heal < 0 || end < 0 || in.Records[end].At-in.Records[heal].At < rests {
		return property.Undecided(fmt.Sprintf("the run did not go on for %v after the heal", rests))
	}
	b := base{watches: map[int64]openWatch{}, connections: map[[2]string]int{}, incarnation: map[string]int{}}
	churn := in.Phase("churn")
	before := map[string]int{} // the most that there were before the first fault, by role and what
	calm := true
	for i := range in.Records[:end] {
		r := &in.Records[i]
		calm = calm && r.Verb != history.Fault && (heal < 0 || i < heal)
		b.record(i, r)
		if calm && i >= churn && (r.Verb == history.Watch || r.Verb == history.Connect || i == churn) {
			for key, n := range b.most() {
				before[key] = max(before[key], n)
			}
		}
	}
	if len(before) == 0 {
		return property.Undecided("no server had a watch or a connection before the first fault")
	}
	maps.DeleteFunc(b.watches, func(_ int64, w openWatch) bool { return untold(in, w) })
	violations := b.compare(in, before, end)
	total := 0
	for _, n := range before {
		total += n
	}
	return property.Judged(fmt.Sprintf("%s of servers in the end, of %s, beside at most %s before the first fault", text.Count(len(b.watches), "watch"), text.Count(len(b.incarnation), "client"), text.Thousands(total)), violations)
}

// untold reports whether a fault has made the connection of a watch dead without telling the server,
// which in the world never finds out: it has no keep-alive of TCP.
func untold(in *property.Input, w openWatch) bool {
	return slices.ContainsFunc(in.Faults, func(f *index.Fault) bool {
		hosts := slices.Concat(f.Hosts, f.Peers)
		return f.Is(disturb.ConnectionsDead) && f.From >= w.at && slices.Contains(hosts, w.server) && slices.Contains(hosts, w.client)
	})
}

func (b *base) record(i int, r *history.Record) {
	switch {
	case r.Verb == history.Watch && mode.Client.Is(r.Peer): // a client for each node, on one host
	case r.Verb == history.Watch:
		b.watches[r.ID] = openWatch{r.Actor, r.Peer, strings.TrimSpace(r.Kind + " " + strings.TrimSpace(r.Key+" "+r.End)), int32(i), r.At, b.incarnation[r.Peer]}
	case r.Verb == history.Unwatch:
		delete(b.watches, r.ID)
	case r.Verb == history.Connect:
		// What an agent reads from now on; one that it had with another server is closed without a record.
		maps.DeleteFunc(b.connections, func(link [2]string, _ int) bool { return link[0] == r.Actor && link[1] != r.Peer })
		b.connections[[2]string{r.Actor, r.Peer}]++
	case r.Verb == history.Disconnect:
		b.connections[[2]string{r.Actor, r.Peer}]--
	case r.Verb == history.Down && (r.Kind == "kube" || r.Kind == "etcd"):
		maps.DeleteFunc(b.watches, func(_ int64, w openWatch) bool { return w.server == r.Actor })
	case r.Verb == history.Up && r.Kind != "kube" && r.Kind != "etcd":
		b.incarnation[r.Actor]++
	case r.Verb == history.Down && r.Kind == "agent":
		maps.DeleteFunc(b.connections, func(link [2]string, _ int) bool { return link[0] == r.Actor })
	}
}

// like names clients that are alike: those of a role, and all operators as one.
func like(host string) string { return string(mode.RoleOf(host)) }

// counts are what servers have of each client, by client and what; of operators together.
func (b *base) counts() map[[2]string][]openWatch {
	all := map[[2]string][]openWatch{}
	for _, id := range slices.Sorted(maps.Keys(b.watches)) {
		w := b.watches[id]
		client := w.client
		if mode.Operator.Is(client) {
			client = mode.Operator.Host(0)
		}
		all[[2]string{client, w.what}] = append(all[[2]string{client, w.what}], w)
	}
	return all
}

// most is how many a client of a role has at most.
func (b *base) most() map[string]int {
	all := map[string]int{}
	for key, watches := range b.counts() {
		name := like(key[0]) + " " + key[1]
		all[name] = max(all[name], len(watches))
	}
	for link, n := range b.connections {
		all[like(link[0])+" connections"] = max(all[like(link[0])+" connections"], n)
	}
	return all
}

// compare returns what there is more of than before, or of nobody.
func (b *base) compare(in *property.Input, before map[string]int, end int) (violations []property.Violation) {
	at := in.Records[end].At
	all := b.counts()
	for _, key := range slices.SortedFunc(maps.Keys(all), func(x, y [2]string) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) }) {
		watches := all[key]
		for _, w := range watches {
			if w.incarnation < b.incarnation[w.client] {
				violations = append(violations, property.NewViolation(watchOfTheDead, property.Facts{Client: w.client, Server: w.server, At: at, Since: w.at, Range: w.what}, w.record, int32(end)))
			}
		}
		was, known := before[like(key[0])+" "+key[1]]
		if known && len(watches) > was {
			last := watches[len(watches)-1]
			violations = append(violations, property.NewViolation(watchesLeft, property.Facts{Client: key[0], Server: last.server, At: at, Since: last.at, Range: key[1], Counts: map[string]int{"before": was, "now": len(watches)}}, last.record, int32(end)))
		}
	}
	for _, link := range slices.SortedFunc(maps.Keys(b.connections), func(x, y [2]string) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) }) {
		was, n := before[like(link[0])+" connections"], b.connections[link]
		if n > was && was > 0 {
			violations = append(violations, property.NewViolation(connectionsLeft, property.Facts{Client: link[0], Server: link[1], At: at, Counts: map[string]int{"before": was, "now": n}}, int32(end)))
		}
	}
	return violations
}

var (
	watchesLeft = &property.Rule{Name: "more-watches", Text: func(f *property.Facts) string {
		return fmt.Sprintf("when the run ended servers had %s of %s by %s, the last one %s since %s; before the first fault a client like it had %d",
			text.Count(f.Counts["now"], "watch"), f.Range, f.Client, f.Server, text.Seconds(f.Since), f.Counts["before"])
	}}
	watchOfTheDead = &property.Rule{Name: "of-the-dead", Text: func(f *property.Facts) string {
		return fmt.Sprintf("when the run ended %s still had the watch of %s by %s from %s, whose process has ended since", f.Server, f.Range, f.Client, text.Seconds(f.Since))
	}}
	connectionsLeft = &property.Rule{Name: "more-connections", Text: func(f *property.Facts) string {
		return fmt.Sprintf("when the run ended %s had %s with %s; before the first fault an agent had %d", f.Client, text.Count(f.Counts["now"], "connection"), f.Server, f.Counts["before"])
	}}
)
