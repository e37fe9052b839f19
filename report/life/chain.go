package life

import (
	"cmp"
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
	peer     string           // with which the agent is connected
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
		isRead := now.view.record >= 0 && now.view.store == name || now.view.record < 0 && now.peer == host
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
			now.view, now.peer = held{record: -1}, ""
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
	case history.See, history.Drop:
		if mine {
			now.up[agent+" agent"] = true
			now.view = held{r.Value, r.Verb == history.See, i, r.Peer, r.Store}
		}
	case history.Program, history.Unprogram:
		if mine {
			now.datapath = held{r.Value, r.Verb == history.Program, i, r.Peer, r.Store}
		}
	}
}

// judge says which step is the first that is wrong, on the way by which the agent's view
// came about.
func (c *Chain) judge(l *Life, x *index.Index, e *index.Entry, now at, agent, read string) {
	defer func() { c.Host = cmp.Or(c.Host, hostIn(c.Wrong)) }()
	link := func(where string) *Link {
		i := slices.IndexFunc(c.Links, func(k Link) bool { return k.Where == where || strings.HasPrefix(k.Where, where+" (") })
		if i < 0 {
			return nil
		}
		return &c.Links[i]
	}
	view, datapath := link(agent+" view"), link(agent+" datapath")
	newest := e.States[truthAt(e, c.Record)]
	if store := link(read + " store"); read != "" && !store.Right {
		c.Wrong = store.Where
		if view.Right && (datapath == nil || datapath.Right) {
			c.Reason = "the agent's view is right all the same; "
		}
		c.Reason += c.writer(x, now, read, newest, store)
		return
	}
	switch {
	case !view.Right && now.view.record >= 0 && now.view.store != "" && read == "":
		c.Wrong = view.Where
		c.Reason = fmt.Sprintf("it is what %s said in the store %s, which is gone; no other store has told the agent otherwise", now.view.peer, now.view.store)
	case !view.Right && read != "":
		c.Wrong = view.Where
		c.Reason = fmt.Sprintf("the store of %s, which the agent reads, is right since %s and the view is not: what is on its way, or the reader", read, text.Seconds(link(read+" store").Since))
	case !view.Right:
		c.Wrong, c.Reason = view.Where, "the reader: "+c.sent(x, now, agent, newest)
	case datapath != nil && !datapath.Right:
		c.Wrong, c.Reason = datapath.Where, "the view is right and the datapath is not"
	default:
		c.late(link(read+" store"), view, datapath)
	}
}

// slow is a step that took so long that it is worth a word; what takes less is the network's.
const slow = 5 * time.Second

// late says of a chain in which nothing is wrong any more which step of it was the slowest. If
// none was slow it was the order of what the agent showed.
func (c *Chain) late(steps ...*Link) {
	before, longest := &c.Links[0], slow
	if strings.Contains(before.Says, " and ") {
		c.Wrong, c.Reason = before.Where, "it is "+before.Says+" at once: what an agent shows depends on the order in which its server was told of them"
		return
	}
	for _, step := range steps {
		if step == nil || step.Record < 0 {
			continue
		}
		if took := step.Since - before.Since; took >= longest {
			longest, c.Wrong = took, step.Where
			c.Reason = fmt.Sprintf("it is right at this instant, and came %s after the %s: the slowest step", text.Seconds(took), before.Where)
		}
		before = step
	}
	if c.Wrong == "" {
		c.Wrong, c.Reason = before.Where, "nothing is wrong at this instant: what is broken is the order in which it came, or how long it took"
	}
}

// writer says why a store is not right.
func (c *Chain) writer(x *index.Index, now at, host string, newest index.State, store *Link) string {
	h := now.stores[now.current[host]]
	if h.record >= 0 && !h.there && x.Records[h.record].Verb == history.Del && newest.Record < int32(h.record) {
		r := &x.Records[h.record]
		client := x.Store(r.Store).Requester(x.Records, r.Key, r.Rev)
		switch {
		case client != "" && mode.Etcd.Is(host):
			c.Host = client
			return fmt.Sprintf("%s deleted the key at %s although the entry is true since %s", client, text.Seconds(r.At), text.Seconds(newest.At))
		case client != "":
			return fmt.Sprintf("its writer deleted the key at %s although the entry is true since %s; %s", text.Seconds(r.At), text.Seconds(newest.At), c.sent(x, now, host, newest))
		}
		return fmt.Sprintf("its etcd deleted the key at %s without a request: its lease had expired", text.Seconds(r.At))
	}
	if mode.Etcd.Is(host) {
		if h.record < 0 {
			return "none of those that write it has put the key yet"
		}
		r := &x.Records[h.record]
		s, did := x.Store(r.Store), "deleted"
		client := s.Requester(x.Records, r.Key, r.Rev)
		if r.Verb == history.Put {
			client, did = s.Putter(x.Records, r.Key, r.Rev), "put"
		}
		if client == "" {
			return fmt.Sprintf("the key is as it is since %s, and nobody that writes it has brought it up to date", text.Seconds(r.At))
		}
		c.Host = client
		return fmt.Sprintf("%s %s the key at %s, and nobody that writes it has brought it up to date since", client, did, text.Seconds(r.At))
	}
	if !now.up[host+" writer"] {
		return "its writer is down, so that nobody brings the store up to date"
	}
	said := c.sent(x, now, host, newest)
	if h.record >= 0 && x.Records[h.record].Verb == history.Up {
		return fmt.Sprintf("it is empty since %s; %s", text.Seconds(x.Records[h.record].At), said)
	}
	return said
}

// sent says whether a host had been sent the newest truth, and what may have kept it.
func (c *Chain) sent(x *index.Index, now at, host string, newest index.State) string {
	said := fmt.Sprintf("%s had not been sent rv %d, which is so since %s", host, newest.RV, text.Seconds(newest.At))
	for _, i := range slices.Backward(now.sent[host]) { // the first is said
		r := &x.Records[i]
		for field := range strings.FieldsSeq(r.Value) {
			if ev := index.ParseKubeEvent(field); ev.RV >= newest.RV {
				said = fmt.Sprintf("%s sent %s rv %d at %s [line %d], and %s has not acted on it: it has not arrived, or is still to be done", r.Actor, host, newest.RV, text.Seconds(r.At), Line(i), host)
			}
		}
	}
	for _, f := range x.Faults {
		if f.Begin <= int32(c.Record) && (f.To > c.At || f.To == f.From) && (slices.Contains(f.Hosts, host) || slices.Contains(f.Peers, host)) {
			said += fmt.Sprintf("; fault %d is on: %s", f.Number, x.Records[f.Begin].Value)
		}
	}
	return said
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
