package life

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Link is what one part of the world said of the entry at the instant of a chain.
type Link struct {
	Where  string        `json:"where"`
	Says   string        `json:"says"` // letters of contents, or "nothing"
	Since  time.Duration `json:"since"`
	Record int           `json:"record"` // that made it so; -1 if none did
	Right  bool          `json:"right"`  // it is what is true
	Read   bool          `json:"read"`   // of a store: the agent's view came from it
}

// Chain is what all that stands between the truth and the datapath of an agent's host said
// of the entry at one instant, and the first of these steps that was wrong.
type Chain struct {
	Agent  string        `json:"agent"`
	At     time.Duration `json:"at"`
	Record int           `json:"record"` // the last that is taken into account
	Why    string        `json:"why"`    // why this instant
	Links  []Link        `json:"links"`
	Wrong  string        `json:"wrong"`  // where the first wrong step is, or what is wrong is the order, or how long it took
	Host   string        `json:"host"`   // whose step it is, whose log is worth a look; may be empty
	Reason string        `json:"reason"` // what is wrong with it
	Faults []string      `json:"faults"` // that were on
}

// held is what a store, a view or a datapath says.
type held struct {
	value  string
	there  bool
	record int // that made it so; -1
	peer   string
	store  string
}

// at is the state of the world, as far as the entry goes, after a record.
type at struct {
	stores   map[string]held   // by name of the store
	current  map[string]string // host: store of its etcd
	up       map[string]bool   // host and process
	view     held
	datapath held
	was      held             // what the view said before
	peer     string           // with which the agent is connected
	parted   time.Duration    // when it was no more
	reading  *history.Record  // which of its sources count, if it has several
	sent     map[string][]int // host: records by which it was sent an object of the entry
}

// Explain adds what everybody said of the entry after a record, from the truth to the
// datapath of an agent's host, and which step was the first that was wrong: the one that is
// known or, if none is, what the entry's way to the agent shows.
func (l *Life) Explain(x *index.Index, agent string, record int, why string, known property.Step) {
	number, _ := x.Views.Number(l.Kind, l.Key)
	e := &x.Views.Entries[number]
	now := l.play(x, agent, record)
	c := Chain{Agent: agent, At: x.Records[record].At, Record: record, Why: why}
	state := truthAt(e, record)
	live := e.LiveIn(state)
	c.link(l, Link{Where: "truth", Since: e.States[state].At, Record: int(e.States[state].Record), Right: true}, live...)
	read := ""
	for _, host := range sorted(now.current) {
		name := now.current[host]
		h := now.stores[name]
		isRead := now.reads(host, name)
		if isRead {
			read = host
		}
		link := Link{Where: host + " store", Record: h.record, Right: right(live, h), Read: isRead}
		if !now.up[host+" etcd"] {
			link.Where += " (its etcd is down)"
		}
		c.held(l, x, link, h)
	}
	view := Link{Where: agent + " view", Record: now.view.record, Right: right(live, now.view)}
	if !now.up[agent+" agent"] {
		view.Where, view.Right = agent+" view (the agent is down)", true
	}
	c.held(l, x, view, now.view)
	if x.Views.SlotOf(agentNumber(x, agent), index.Datapath, number) >= 0 {
		c.held(l, x, Link{Where: agent + " datapath", Record: now.datapath.record, Right: right(live, now.datapath)}, now.datapath)
	}
	c.on(x)
	if known.Part != "" {
		c.known(known)
	} else {
		c.judge(l, x, e, now, agent, read)
	}
	l.add(c)
}

// add adds a chain, and marks the step that it is about.
func (l *Life) add(c Chain) {
	l.Chains = append(l.Chains, c)
	if i := slices.IndexFunc(l.Steps, func(s Step) bool { return s.Record == c.Record }); i >= 0 {
		l.Steps[i].Broken = c.Why
	}
}

// on notes the faults that were on.
func (c *Chain) on(x *index.Index) {
	for _, f := range x.Faults {
		if f.Begin <= int32(c.Record) && (f.To > c.At || f.To == f.From) {
			c.Faults = append(c.Faults, fmt.Sprintf("%d, since %s: %s", f.Number, text.Seconds(f.From), x.Records[f.Begin].Value))
		}
	}
}

// known takes a step that is known for the wrong one.
func (c *Chain) known(s property.Step) {
	c.Wrong, c.Host, c.Reason = strings.TrimSpace(s.Host+" "+s.Part), s.Host, s.What
}

// reads reports whether the agent's view is of a store: where it has several sources, the one that counts
// first is an etcd, and it is connected with this one.
func (now *at) reads(host, store string) bool {
	switch {
	case now.reading != nil:
		return now.readsEtcd() && now.peer == host
	case now.view.record >= 0:
		return now.view.store == store
	}
	return now.peer == host
}

// readsEtcd reports of an agent with several sources whether the one that counts first is an etcd.
func (now *at) readsEtcd() bool {
	first, _, _ := strings.Cut(now.reading.Value, ",")
	return first != string(mode.CRD)
}

func agentNumber(x *index.Index, agent string) int32 {
	return int32(slices.Index(x.Views.Agents, agent))
}

// truthAt is the last state of the entry that a record up to this one made.
func truthAt(e *index.Entry, record int) int32 {
	state := 0
	for i := range e.States {
		if int(e.States[i].Record) <= record {
			state = i
		}
	}
	return int32(state)
}

// live are the contents that are true after a record.
func live(e *index.Entry, record int) []string { return e.LiveIn(truthAt(e, record)) }

func right(live []string, h held) bool {
	if len(live) == 0 {
		return !h.there
	}
	return h.there && slices.Contains(live, h.value)
}

func (c *Chain) link(l *Life, link Link, says ...string) {
	link.Says = "nothing"
	if len(says) > 0 {
		letters := make([]string, len(says))
		for i, value := range says {
			letters[i] = l.Content(value)
		}
		link.Says = strings.Join(letters, " and ")
	}
	c.Links = append(c.Links, link)
}

func (c *Chain) held(l *Life, x *index.Index, link Link, h held) {
	if h.record >= 0 {
		link.Since = x.Records[h.record].At
	}
	if h.there {
		c.link(l, link, h.value)
	} else {
		c.link(l, link)
	}
}

func sorted(m map[string]string) []string {
	hosts := make([]string, 0, len(m))
	for host := range m {
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	return hosts
}

// play returns the state after a record.
func (l *Life) play(x *index.Index, agent string, record int) at {
	nothing := held{record: -1}
	now := at{stores: map[string]held{}, current: map[string]string{}, up: map[string]bool{}, sent: map[string][]int{}, view: nothing, datapath: nothing}
	objects := map[string]bool{}
	number, _ := x.Views.Number(l.Kind, l.Key)
	for _, i := range x.Views.Entries[number].Truths {
		kind, name := ownerOf(x.Records[i].Owner)
		objects[kind+"/"+name] = true
	}
	for i := range x.Records[:record+1] {
		now.apply(l, agent, objects, i, &x.Records[i])
	}
	return now
}

func (now *at) apply(l *Life, agent string, objects map[string]bool, i int, r *history.Record) {
	mine := r.Actor == agent && r.Kind == l.Kind && r.Key == l.Key
	switch r.Verb {
	case history.Up, history.Down:
		now.up[r.Actor+" "+r.Kind] = r.Verb == history.Up
		if r.Kind == "etcd" && r.Verb == history.Up {
			now.current[r.Actor] = r.Store
			if _, known := now.stores[r.Store]; !known {
				now.stores[r.Store] = held{record: i}
			}
		}
		if r.Kind == "agent" && r.Actor == agent {
			now.view, now.was, now.peer = held{record: -1}, held{record: -1}, ""
		}
	case history.Put, history.Del:
		if now.current[r.Actor] == "" {
			now.current[r.Actor], now.up[r.Actor+" etcd"] = r.Store, true
		}
		if r.Kind == l.Kind && isKey(r.Key, l.Kind, l.Key) {
			now.stores[r.Store] = held{value: r.Value, there: r.Verb == history.Put, record: i}
		}
	case history.Event:
		if r.Store != "" {
			return
		}
		for field := range strings.FieldsSeq(r.Value) {
			if ev := index.ParseKubeEvent(field); ev.Key != "" && objects[r.Kind+"/"+ev.Key] {
				now.sent[r.Peer] = append(now.sent[r.Peer], i)
			}
		}
	case history.Connect:
		if r.Actor == agent {
			now.peer = r.Peer
		}
	case history.Disconnect:
		if r.Actor == agent && r.Peer == now.peer {
			now.peer, now.parted = "", r.At
		}
	case history.Reading:
		if r.Actor == agent {
			now.reading = r
		}
	case history.See, history.Drop:
		if mine {
			now.up[agent+" agent"] = true
			now.was = now.view
			now.view = held{r.Value, r.Verb == history.See, i, r.Peer, r.Store}
		}
	case history.Program, history.Unprogram:
		if mine {
			now.datapath = held{r.Value, r.Verb == history.Program, i, r.Peer, r.Store}
		}
	}
}

// hostIn is the host that a step's place begins with, if it is one.
func hostIn(where string) string {
	host, _, _ := strings.Cut(where, " ")
	if host == "truth" {
		return ""
	}
	return host
}

// Line is the line of the history's file that has a record: two lines of header come before
// the first.
func Line(record int) int { return record + 3 }

// isKey reports whether a key of an etcd holds the entry.
func isKey(etcdKey, kind, key string) bool {
	of, name := schema.EntryOf(etcdKey)
	return of != nil && of.Name == kind && (name == key || etcdKey == of.Prefix+key)
}
