package tracevalidation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Unexplained is a record that no action explains.
type Unexplained struct {
	Record     int           `json:"record"`         // its index in the history
	At         time.Duration `json:"at"`             // in nanoseconds
	Host       string        `json:"host"`           // the replica or agent
	Kind       string        `json:"kind,omitempty"` // of the key; empty if it concerns none
	Key        string        `json:"key,omitempty"`
	Sentence   string        `json:"sentence"`
	Candidates []Candidate   `json:"candidates"`
}

// Candidate is an action of the model, or a deviation, that might have explained a
// record, and why it does not.
type Candidate struct {
	Action string `json:"action"`
	Why    string `json:"why"`
}

// newUnexplained makes a report: who does what.
func (k *keyRun) newUnexplained(i int32, host, what string) *Unexplained {
	r := &k.Records[i]
	return &Unexplained{
		Record: int(i), At: r.At, Host: host, Kind: k.key.Kind, Key: k.key.Name,
		Sentence: fmt.Sprintf("at %.3fs %s, which no action of the model explains", r.At.Seconds(), what),
	}
}

func (u *Unexplained) add(action, format string, args ...any) {
	c := Candidate{action, fmt.Sprintf(format, args...)}
	if !slices.Contains(u.Candidates, c) {
		u.Candidates = append(u.Candidates, c)
	}
}

// has says what somebody has of the key.
func (k *keyRun) has(content uint8) string {
	if content == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%q", k.names.text(content))
}

// refuse reports the record i, after which the key has the content in the replica's
// etcd.
func (f *replicaRun) refuse(i int32, content uint8) *Unexplained {
	u := f.run.newUnexplained(i, f.name, f.event(&f.run.Records[i], content))
	log := f.known(i)
	if f.outlived(i) {
		u.add("a writer before the present one asked for it", "its lease, %s, is older than the present writer", f.run.Records[i].Owner)
	} else {
		f.refuseOwn(u, log, content)
	}
	for d := range deviations {
		if why := "its cause is in the history, but it does not lead to this"; deviations[d].cause(f, i) {
			u.add(deviations[d].name, "%s", why)
		} else {
			u.add(deviations[d].name, "it needs %s, and there is none", deviations[d].needs)
		}
	}
	return u
}

// refuseOwn says why no action of the present writer explains the record.
func (f *replicaRun) refuseOwn(u *Unexplained, log mesh.Log, content uint8) {
	for _, m := range f.set.all {
		f.refuseDelivery(u, m, log, content)
		f.refuseList(u, m, log, content)
	}
}

// event says what the record is.
func (f *replicaRun) event(r *history.Record, content uint8) string {
	etcd, entry := fmt.Sprintf("the etcd of %s (store %s)", f.name, f.store), f.run.key.Kind+" "+f.run.key.Name
	switch {
	case r.Verb == history.Phase:
		return fmt.Sprintf("the run ends, and %s still has %s of the %s", etcd, f.run.has(content), entry)
	case r.Verb == history.Del:
		return fmt.Sprintf("%s deletes the %s, of which it had %s", etcd, entry, f.run.has(f.shown))
	case isCanary(r):
		return fmt.Sprintf("%s gets the canary of its kind while it has %s of the %s", etcd, f.run.has(content), entry)
	}
	return fmt.Sprintf("%s gets %s for the %s, of which it had %s", etcd, f.run.has(content), entry, f.run.has(f.shown))
}

func isCanary(r *history.Record) bool {
	kind, _ := schema.CanaryOf(r.Key)
	return kind != nil
}

func (f *replicaRun) refuseDelivery(u *Unexplained, m replicaState, log mesh.Log, content uint8) {
	const action = "the replica's watch delivers the next write"
	next := m
	if refused := next.replica.Deliver(log); refused != "" {
		u.add(action, "%s %s", f.name, refused)
		return
	}
	u.add(action, "%s%s; none leaves %s", f.run.due(u), f.writes(m.replica.RV, log), f.run.has(content))
}

func (f *replicaRun) refuseList(u *Unexplained, m replicaState, log mesh.Log, content uint8) {
	for _, c := range []struct {
		action string
		step   func(*mesh.Replica) mesh.Refusal
	}{
		{"a new writer lists beside the etcd", func(p *mesh.Replica) mesh.Refusal { return p.WriterLists(log, false) }},
		{"a new pod's writer lists", func(p *mesh.Replica) mesh.Refusal { return p.Start(log) }},
	} {
		next := m.replica
		switch refused := c.step(&next); {
		case refused != "":
			u.add(c.action, "%s %s", f.name, refused)
		case !f.sent:
			u.add(c.action, "no writer has started since the etcd did")
		case m.again:
			u.add(c.action, "the writer had listed before the etcd was emptied")
		default:
			u.add(c.action, "the writer lists what there was when it started (%s) or later; %s; none leaves %s",
				f.run.has(f.run.log.after(f.since)), f.writes(f.since, log), f.run.has(content))
		}
	}
}

// writes says which writes come after from.
func (f *replicaRun) writes(from uint8, log mesh.Log) string {
	const shown = 4
	var parts []string
	for n := int(from) + 1; n <= len(log) && len(parts) < shown; n++ {
		r := &f.run.Records[f.run.log.records[n-1]]
		parts = append(parts, fmt.Sprintf("rv %d leaves %s", r.RV, f.run.has(f.run.log.after(uint8(n)))))
	}
	switch more := len(log) - int(from) - len(parts); {
	case len(parts) == 0:
		return "there is no later write of it"
	case more > 0:
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return "of later writes " + strings.Join(parts, ", ")
}

// due says of an action that is enabled at the end of the run that it should have
// happened.
func (k *keyRun) due(u *Unexplained) string {
	if k.Records[u.Record].Verb == history.Phase {
		return "it must happen sooner or later, and has not; "
	}
	return ""
}

// newViewUnexplained makes a report: what becomes of the key in an agent's view, or that it is
// not, in the end, what there is.
func (k *keyRun) newViewUnexplained(agent string, i int32, shown, content uint8, there string) *Unexplained {
	entry, what := k.key.Kind+" "+k.key.Name, ""
	switch k.Records[i].Verb {
	case history.Phase:
		what = fmt.Sprintf("the run ends, and agent %s still has %s for the %s, of which %s %s", agent, k.has(shown), entry, there, k.has(content))
	case history.Drop:
		what = fmt.Sprintf("agent %s drops the %s, of which it had %s", agent, entry, k.has(shown))
	default:
		what = fmt.Sprintf("agent %s takes over %s for the %s, of which it had %s", agent, k.has(content), entry, k.has(shown))
	}
	return k.newUnexplained(i, agent, what)
}

// refuse reports the record i, after which the key has the content in the agent's
// view; or the end, if that is what the etcd has that it reads.
func (f *agentRun) refuse(i int32, content uint8) *Unexplained {
	u := f.run.newViewUnexplained(f.agent.Name, i, f.shown, content, "the etcd that it reads has")
	if f.run.Records[i].Verb == history.Phase {
		f.refuseEnd(u)
		return u
	}
	for _, m := range f.set.all {
		f.refuseObservation(u, m, i, content)
	}
	f.refuseConnect(u, i, content)
	for _, d := range agentDeviations {
		u.add(d.name, "it needs %s, and there is none that leads to this", d.needs)
	}
	return u
}

// The actions of an agent.
const (
	delivery   = "the agent's watch delivers what is new"
	connection = "the agent connects, finds the canary and lists"
)

func (f *agentRun) refuseEnd(u *Unexplained) {
	s := f.agent.Connections[len(f.agent.Connections)-1]
	t := f.run.timelines[s.Store]
	u.add(delivery, "%s%s has had that since %.3fs", f.run.due(u), s.Replica, f.run.Records[t[len(t)-1].record].At.Seconds())
	u.add("the agent waits for a revision of its etcd", "it needs an etcd that was emptied in the same pod while the agent read it, and there is none")
}

func (f *agentRun) refuseObservation(u *Unexplained, m agentState, i int32, content uint8) {
	if refused := m.agent.Listens(); refused != "" {
		u.add(delivery, "%s %s", f.agent.Name, refused)
		return
	}
	s := f.agent.Connections[m.connection]
	u.add(delivery, "since what it took over, %s had %s; %s",
		s.Replica, f.versions(s.Store, m.at, f.lasts(s.Store, i)), f.run.never(content))
}

func (f *agentRun) refuseConnect(u *Unexplained, i int32, content uint8) {
	earliest := len(f.agent.Connections)
	for _, m := range f.set.all {
		earliest = min(earliest, m.connection)
	}
	tried := false
	for _, s := range f.agent.Connections[earliest+1:] {
		if s.From >= i {
			break
		}
		tried = true
		from, until := s.From, min(s.To, i)
		first, ok := f.run.Store(s.Store).Canaries[f.run.key.Kind]
		if !ok || first >= until {
			u.add(connection, "of the connection with %s at %.3fs: there is no canary", s.Replica, f.run.Records[s.From].At.Seconds())
			continue
		}
		at := f.run.timelines[s.Store].at(max(from, first))
		u.add(connection, "of the connection with %s at %.3fs: %s had %s; %s",
			s.Replica, f.run.Records[s.From].At.Seconds(), s.Replica, f.versions(s.Store, at, until), f.run.never(content))
	}
	switch {
	case !tried && earliest < 0:
		u.add(connection, "%s has not connected with any replica", f.agent.Name)
	case !tried:
		u.add(connection, "%s has not connected anew since %.3fs", f.agent.Name, f.run.Records[f.agent.Connections[earliest].From].At.Seconds())
	}
}

// never says that a store did not have the content.
func (k *keyRun) never(content uint8) string {
	if content == 0 {
		return "it was never gone"
	}
	return "never " + k.has(content)
}

// versions says what a store had, from a version on to a record.
func (f *agentRun) versions(store string, at int, until int32) string {
	var had []uint8
	for t := f.run.timelines[store]; at < len(t) && t[at].record < until; at++ {
		had = append(had, t[at].content)
	}
	return f.run.sequence(had)
}

// sequence says what there was, one after the other.
func (k *keyRun) sequence(had []uint8) string {
	const shown = 4
	var parts []string
	for _, content := range had[:min(shown, len(had))] {
		parts = append(parts, k.has(content))
	}
	switch {
	case len(had) == 0:
		return "nothing"
	case len(had) > shown:
		return strings.Join(parts, ", then ") + ", and so on"
	}
	return strings.Join(parts, ", then ")
}
