package tracevalidation

import (
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// hearsAgain is the deviation of an agent that the model has hear nothing more.
var hearsAgain = deviation{
	name:  "hears-again",
	what:  "an agent that took an emptied etcd for the one it knew, and waits for a revision there, hears what comes once that is reached",
	needs: "an etcd that was emptied in the same pod, and a connection of the agent with it before and after",
}

// hearAgain adds what m becomes if it was orphaned by an etcd that was emptied in
// the same pod, and that etcd has come to the revision that m waits for.
func (f *agentRun) hearAgain(next *agentStates, m agentState, i int32, content uint8) {
	if m.agent.At == 0 {
		return
	}
	old := f.store(m)
	for s := range f.later(m, i) {
		store := f.agent.Connections[s].Store
		if !sameID(store, old) {
			continue
		}
		known, t := f.run.timelines[old][m.at].rev, f.run.timelines[store]
		for at := range t {
			if t[at].rev > known {
				heard := m
				heard.connection = s
				f.take(next, heard, store, at, f.lasts(store, i), content)
				break
			}
		}
	}
}

// sameID reports whether two stores have the same cluster ID, so that clients take
// them for one.
func sameID(a, b string) bool {
	a, _, _ = strings.Cut(a, "/")
	b, _, _ = strings.Cut(b, "/")
	return a == b
}

// drainsPartOfList is the deviation of an agent that lets go of what the model has it
// keep (Cilium: watchRemoteKVStore of pkg/allocator/allocator.go).
var drainsPartOfList = deviation{
	name:  "drains-part-of-list",
	what:  "an agent that stops, or gives a connection up, before it has all identities from there drops those of them that it had not had before",
	needs: "an identity that came with connections which ended before the agent had listed all of them",
}

// unlisted returns the last connection before a record, if that one and whichever else
// the agent had since the key entered its view ended before the agent had listed all
// identities. What it then drops is not what an etcd said, and until it connects anew it
// has no source. (Files of version 1 do not say what was listed.)
func (f *agentRun) unlisted(i int32) (last int, ok bool) {
	if f.run.key.Kind != history.Identity {
		return 0, false
	}
	for n, s := range f.agent.Connections {
		switch {
		case s.From > i:
			return last, ok
		case s.Listed && s.To > f.since:
			return 0, false
		}
		last, ok = n, !s.Listed && int(s.To) < len(f.run.Records)
	}
	return last, ok
}
