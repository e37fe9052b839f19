package tracevalidation

import (
	"cmp"
	"iter"
	"slices"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

// watcherRun follows one incarnation of an agent that lists and watches the persistent
// truth, as far as one key tells: CRDs of the kube-apiserver, or the etcd that agents share.
type watcherRun struct {
	run   *keyRun
	agent *index.Agent
	set   []watcherState
	shown uint8 // the content of the key in its view, as recorded
}

// watcherState is a state of the model in which such an agent may be, and how it came there.
type watcherState struct {
	agent  mesh.Agent
	needed *deviated
}

// deviated are the deviations on the way to a state, the last one first.
type deviated struct {
	by     *deviation
	before *deviated
	count  int
}

func (n *deviated) total() int {
	if n == nil {
		return 0
	}
	return n.count
}

// add adds a state. Of two, the one that has come no further and needed no more deviations
// can do all that the other one can.
func (f *watcherRun) add(set []watcherState, m watcherState) []watcherState {
	covers := func(a, b watcherState) bool {
		return a.agent.CRD <= b.agent.CRD && a.needed.total() <= b.needed.total()
	}
	if slices.ContainsFunc(set, func(o watcherState) bool { return covers(o, m) }) {
		return set
	}
	return append(slices.DeleteFunc(set, func(o watcherState) bool { return covers(m, o) }), m)
}

// follow goes through the See and Drop records of the key. It returns the first one that
// nothing explains, or nil.
func (f *watcherRun) follow(views []int32) *Unexplained {
	f.set = []watcherState{{}}
	defer f.count()
	for _, i := range views {
		if content := f.run.seen(i); content != f.shown { // else nothing was there, and nothing is
			var next []watcherState
			for _, m := range f.set {
				for g, by := range f.run.watch(m.agent, f.agent.Up, i, content) {
					was := m.needed
					if by != nil {
						was = &deviated{by, was, was.total() + 1}
					}
					next = f.add(next, watcherState{g, was})
				}
			}
			if len(next) == 0 {
				return f.run.refuseWatch(f.agent, f.set[0].agent, f.agent.Up, i, f.shown, content)
			}
			f.set, f.shown = next, content
		}
		f.run.explained(nil)
	}
	return f.ends()
}

// ends explains the end of the run. Where the key went with one of several that claimed it, it
// stays away.
func (f *watcherRun) ends() *Unexplained {
	u := f.run.endsWatching(f.agent, f.shown)
	if u == nil || f.shown != 0 {
		return u
	}
	for i, m := range f.set {
		if m.needed != nil && m.needed.by == &endOfAnyClaim {
			f.set[i].needed = &deviated{&staysAway, m.needed, m.needed.count + 1}
			f.set = f.set[i : i+1]
			return nil
		}
	}
	return u
}

// count counts the fewest deviations without which there is no explanation.
func (f *watcherRun) count() {
	least := slices.MinFunc(f.set, func(a, b watcherState) int { return cmp.Compare(a.needed.total(), b.needed.total()) })
	for n := least.needed; n != nil; n = n.before {
		f.run.needed[n.by]++
	}
}

// endsWatching explains the end of the run for an agent that lives to see it, and watches: it
// has been told all that there is.
func (k *keyRun) endsWatching(a *index.Agent, shown uint8) *Unexplained {
	l := k.watched
	if k.End < 0 || a.Down < k.End {
		return nil
	}
	all := uint8(len(l.log))
	switch last := l.after(all); {
	case last == shown, slices.Contains(l.claimed[all-1], shown):
		return nil
	case last == 0 && k.own(a, shown):
		k.needed[&keepsItsOwn]++
		return nil
	default:
		return k.refuseWatch(a, mesh.Agent{}, a.Up, k.End, shown, last)
	}
}

// own reports whether a content is of the node that the agent runs on, or of an endpoint that it
// has put itself.
func (k *keyRun) own(a *index.Agent, content uint8) bool {
	if k.key.Kind == history.Node {
		return k.key.Name == fault.NodeName(mode.Number(a.Name))
	}
	return slices.ContainsFunc(k.key.Truths, func(i int32) bool {
		r := &k.Records[i]
		return k.key.Kind == history.Endpoint && r.Actor == a.Name && r.Op == "put" && r.Value == k.names.text(content)
	})
}

// watch is what an agent may become when its watch of the persistent truth delivers what
// leaves the content, by the record i, and the deviation that this needs: for each, the state
// after as few writes as will do. An agent without a watch has listed since the record from.
func (k *keyRun) watch(g mesh.Agent, from, i int32, content uint8) iter.Seq2[mesh.Agent, *deviation] {
	l := k.watched
	known, writes := l.by(from), l.by(i)
	return func(yield func(mesh.Agent, *deviation) bool) {
		m, ok := l.delivered(g, known, writes, func(m mesh.Agent) bool { return l.after(m.Sources(l.log, nil)[0]) == content })
		if ok && !yield(m, nil) {
			return
		}
		for _, d := range watchDeviations {
			if d.shows == nil {
				continue
			}
			if m, ok := l.delivered(g, known, writes, func(m mesh.Agent) bool { return m.CRD > 0 && d.shows(l, m.CRD, content) }); ok && !yield(m, d) {
				return
			}
		}
		if m, ok := l.delivered(g, known, writes, func(m mesh.Agent) bool {
			return content == 0 && l.after(m.CRD) != 0 && k.moved(l.after(m.CRD), i)
		}); ok && !yield(m, &inAnotherSlice) {
			return
		}
		if ok || g.CRD != 0 || known <= 1 || !k.disturbed(i, disturb.CacheBehind) {
			return
		}
		for m := range k.watch(g, -1, i, content) {
			if !yield(m, &listsThePast) {
				return
			}
		}
	}
}

// delivered is the first state that will do of those that an agent comes to when its watch
// delivers the first so many writes: the present one, if it has a watch, else the one after a
// list of what was known.
func (l *keyLog) delivered(g mesh.Agent, known, writes uint8, will func(mesh.Agent) bool) (mesh.Agent, bool) {
	if g.CRD == 0 && g.List(l.log[:max(known, 1)], true) != "" {
		return g, false
	}
	for !will(g) {
		if g.Watch(l.log[:writes]) != "" {
			return g, false
		}
	}
	return g, true
}

// The deviations of those who watch.
var (
	listsThePast = deviation{
		name:  "lists-the-past",
		what:  "an agent lists from a watch cache that lags behind what was acknowledged when the agent began to",
		needs: "a fault that keeps a watch cache behind",
	}
	keepsItsOwn = deviation{
		name:  "keeps-its-own",
		what:  "an agent does not let go its own node, nor an endpoint that it has put itself, when its key goes",
		needs: "the node that the agent runs on, or an endpoint that it has put",
	}
	anyClaim = deviation{
		name:  "any-claim",
		what:  "of several objects that claim the key, an agent that watches them shows one that was not the first",
		needs: "a time at which several objects claimed the key",
		shows: func(l *keyLog, writes, content uint8) bool {
			return content != 0 && slices.Contains(l.claimed[writes-1], content)
		},
	}
	endOfAnyClaim = deviation{
		name:  "end-of-any-claim",
		what:  "one of several objects that claim the key lets it go, and an agent that watches them drops it",
		needs: "an object that let the key go while another one claimed it",
		shows: func(l *keyLog, writes, content uint8) bool {
			return content == 0 && slices.ContainsFunc(l.lapsed, func(p lapse) bool { return p.at == writes })
		},
	}
	staysAway = deviation{
		name:  "stays-away",
		what:  "an agent that dropped the key with one of several objects that claim it does not show what another one claims",
		needs: "such a drop, and nothing shown since",
	}
	removesFirst = deviation{
		name:  "removes-first",
		what:  "an agent takes what a slice's update removes before what it adds",
		needs: "a slice's update, after which the key had another content",
		shows: func(l *keyLog, writes, content uint8) bool { return content == 0 && slices.Contains(l.updated, writes) },
	}
)

// watchDeviations are all of them.
var watchDeviations = []*deviation{&listsThePast, &anyClaim, &endOfAnyClaim, &staysAway, &removesFirst, &inAnotherSlice, &keepsItsOwn, &shownByCRDs}

// refuseWatch reports the record i, after which the key has the content in the view of an
// agent, which has listed since a record; or the end, if that is what there is.
func (k *keyRun) refuseWatch(a *index.Agent, g mesh.Agent, since, i int32, shown, content uint8) *Unexplained {
	l := k.watched
	u := k.newViewUnexplained(a.Name, i, shown, content, "there is")
	switch {
	case k.Records[i].Verb == history.Phase && len(l.log) > 1: // the first write is of no record
		u.add(delivery, "%sthere has been that since %.3fs", k.due(u), k.Records[l.records[len(l.log)-1]].At.Seconds())
	case k.Records[i].Verb == history.Phase:
		u.add(delivery, "%sthere has never been anything", k.due(u))
	default:
		from := max(g.CRD, l.by(since), 1)
		u.add(delivery, "since what it took over, there was %s; %s", k.sequence(l.content[from-1:l.by(i)]), k.never(content))
	}
	for _, d := range watchDeviations {
		u.add(d.name, "it needs %s, and there is none that leads to this", d.needs)
	}
	return u
}
