package tracevalidation

import (
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
// Of the states in which it may be, the one that has come least far can do all that the
// others can, so there is one.
type watcherRun struct {
	run   *keyRun
	agent *index.Agent
	state mesh.Agent
	shown uint8 // the content of the key in its view, as recorded
}

// follow goes through the See and Drop records of the key. It returns the first one that
// nothing explains, or nil.
func (f *watcherRun) follow(views []int32) *Unexplained {
	for _, i := range views {
		content, by := f.run.seen(i), (*deviation)(nil)
		if content != f.shown { // else nothing was there, and nothing is
			next, needs, ok := f.run.watch(f.state, f.agent.Up, i, content)
			if !ok {
				return f.run.refuseWatch(f.agent, f.state, i, f.shown, content)
			}
			f.state, f.shown, by = next, content, needs
		}
		f.run.explained(by)
	}
	return f.run.endsWatching(f.agent, f.shown)
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
	case last == 0 && k.key.Kind == history.Node && k.key.Name == fault.NodeName(mode.Number(a.Name)):
		k.needed[&keepsOwnNode]++
		return nil
	default:
		return k.refuseWatch(a, mesh.Agent{}, k.End, shown, last)
	}
}

// watch is what an agent becomes when its watch of the persistent truth has delivered what
// leaves the content, by the record i: as few writes as will do. An agent without a watch has
// listed since the record from.
func (k *keyRun) watch(g mesh.Agent, from, i int32, content uint8) (next mesh.Agent, by *deviation, ok bool) {
	l := k.watched
	known, writes := l.by(from), l.by(i)
	if m, ok := l.delivered(g, known, writes, func(m mesh.Agent) bool { return l.after(m.Sources(l.log, nil)[0]) == content }); ok {
		return m, nil, true
	}
	m, ok := l.delivered(g, known, writes, func(m mesh.Agent) bool { return l.ofSeveral(m.CRD, content) != nil })
	switch {
	case ok:
		return m, l.ofSeveral(m.CRD, content), true
	case g.CRD == 0 && from >= 0 && k.disturbed(i, disturb.CacheBehind):
		next, _, ok = k.watch(g, -1, i, content)
		return next, &listsThePast, ok
	}
	return g, nil, false
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
	keepsOwnNode = deviation{
		name:  "keeps-own-node",
		what:  "an agent does not let its own node go",
		needs: "the node that the agent runs on",
	}
	anyClaim = deviation{
		name:  "any-claim",
		what:  "of several objects that claim the key, an agent that watches them shows one that was not the first",
		needs: "a time at which several objects claimed the key",
	}
	endOfAnyClaim = deviation{
		name:  "end-of-any-claim",
		what:  "one of several objects that claim the key lets it go, and an agent that watches them drops it",
		needs: "an object that let the key go while another one claimed it",
	}
)

// watchDeviations are all of them.
var watchDeviations = []*deviation{&listsThePast, &anyClaim, &endOfAnyClaim, &keepsOwnNode, &shownByCRDs}

// ofSeveral returns the deviation by which an agent shows the content once it has been told
// of so many writes; nil if there is none.
func (l *keyLog) ofSeveral(writes, content uint8) *deviation {
	switch {
	case writes == 0:
	case content != 0 && slices.Contains(l.claimed[writes-1], content):
		return &anyClaim
	case content == 0 && slices.ContainsFunc(l.lapsed, func(p lapse) bool { return p.at == writes }):
		return &endOfAnyClaim
	}
	return nil
}

// refuseWatch reports the record i, after which the key has the content in the view of an
// agent; or the end, if that is what there is.
func (k *keyRun) refuseWatch(a *index.Agent, g mesh.Agent, i int32, shown, content uint8) *Unexplained {
	l := k.watched
	u := k.newViewUnexplained(a.Name, i, shown, content, "there is")
	if k.Records[i].Verb == history.Phase {
		u.add(delivery, "%sthere has been that since %.3fs", k.due(u), k.Records[l.records[len(l.log)-1]].At.Seconds())
	} else {
		from := max(g.CRD, l.by(a.Up), 1)
		u.add(delivery, "since what it took over, there was %s; %s", k.sequence(l.content[from-1:l.by(i)]), k.never(content))
	}
	for _, d := range watchDeviations {
		u.add(d.name, "it needs %s, and there is none that leads to this", d.needs)
	}
	return u
}
