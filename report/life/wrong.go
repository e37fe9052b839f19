package life

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

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
	how := now.lost(x, live(e, c.Record), newest)
	switch {
	case !view.Right && how != "":
		c.Wrong, c.Reason = view.Where, how
	case !view.Right && now.reading != nil && now.readsEtcd() && now.peer == "":
		c.Wrong, c.Reason = view.Where, "the agent reads etcds, and is connected with none"
		if now.parted > 0 {
			c.Reason += " since " + text.Seconds(now.parted)
		}
	case !view.Right && now.view.record >= 0 && now.view.store != "" && read == "":
		c.Wrong = view.Where
		c.Reason = fmt.Sprintf("it is what %s said in the store %s, which is gone; no other store has told the agent otherwise", now.view.peer, now.view.store)
	case !view.Right && read != "":
		c.Wrong = view.Where
		c.Reason = fmt.Sprintf("the store of %s, which the agent reads, is right since %s and the view is not: what is on its way, or the reader", read, text.Seconds(link(read+" store").Since))
		if from := now.view.peer; from != "" && from != read {
			c.Reason += fmt.Sprintf(", which keeps what %s had said at %s", from, text.Seconds(x.Records[now.view.record].At))
		}
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
	switch truth := c.Links[0]; {
	case c.Wrong != "":
	case truth.Record >= 0 && c.At-truth.Since < slow && truth.Says != "nothing":
		c.Wrong, c.Reason = truth.Where, fmt.Sprintf("it is so only since %s, and all are right at once: if that is late, it is by whoever made it so", text.Seconds(truth.Since))
	default:
		c.Wrong, c.Reason = before.Where, "nothing is wrong at this instant: what is broken is the order in which it came, or how long it took"
	}
}

// lost says of a view that was right after the newest truth how it came to be wrong; else it is empty.
func (now *at) lost(x *index.Index, live []string, newest index.State) string {
	v := now.view
	if v.record < 0 || v.record <= int(newest.Record) || !right(live, now.was) || right(live, v) {
		return ""
	}
	r := &x.Records[v.record]
	did := "it was right, and the agent dropped it at " + text.Seconds(r.At)
	if v.there {
		did = "it was right, and the agent took another content for it at " + text.Seconds(r.At)
	}
	switch r.Op {
	case history.ByWatch, history.ByList:
		did += fmt.Sprintf(", since %s told it so by a %s", r.Peer, r.Op)
	case history.GivenUp:
		did += ", which no server had told it"
	}
	if s := now.reading; s != nil && r.At-s.At < time.Second {
		did += fmt.Sprintf("; at %s: %s", text.Seconds(s.At), readings[s.Op])
	}
	return did
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
