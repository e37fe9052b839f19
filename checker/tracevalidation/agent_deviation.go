package tracevalidation

import (
	"encoding/json"
	"strings"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/schema"
)

// agentDeviations are those of an agent that reads an etcd.
var agentDeviations = []*deviation{&hearsAgain, &drainsPartOfList, &goesOn, &undrained, &clusterIDChanges}

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

// clusterIDChanges is the deviation of an agent whose etcd says that its cluster has another ID
// (Cilium: remoteCluster of pkg/clustermesh/remote_cluster.go).
var clusterIDChanges = deviation{
	name:  "cluster-id-changes",
	what:  "an agent that finds another cluster ID than before drops all that it had of the cluster, and takes no identity over, and no endpoint, while the ID is not theirs",
	needs: "a fault that starts a writer with another cluster ID, and an etcd that says so, or says otherwise after that",
}

// ofAnotherID returns the agent's connection before a record, if the etcd there says another ID of the cluster
// than one did that the agent had read since it had the key, or than the one which all say at first.
func (f *agentRun) ofAnotherID(i int32) (last int, ok bool) {
	last = f.connected(i)
	if last < 0 || !f.run.disturbed(i, disturb.ConfigWrong) {
		return 0, false
	}
	now := f.run.clusterID(f.agent.Connections[last])
	if f.run.key.Kind != history.Node && now != f.run.firstID() {
		return last, now != 0
	}
	for _, c := range f.agent.Connections[:last] {
		if was := f.run.clusterID(c); c.To > f.since && was != 0 && was != now {
			return last, now != 0
		}
	}
	return 0, false
}

// saidID is the record of a cluster's configuration in an etcd.
type saidID struct {
	record int32
	store  string
	id     int
}

// clusterIDs are all that etcds have said of the cluster's ID.
func (c *checker) clusterIDs() []saidID {
	if c.ids == nil {
		c.ids = []saidID{}
		for i := range c.Records {
			r := &c.Records[i]
			var config struct{ ID int }
			if r.Verb == history.Put && strings.HasPrefix(r.Key, schema.ClusterConfigPrefix) && json.Unmarshal([]byte(r.Value), &config) == nil {
				c.ids = append(c.ids, saidID{int32(i), r.Store, config.ID})
			}
		}
	}
	return c.ids
}

// firstID is the ID that an etcd said first; 0 if none has said any.
func (c *checker) firstID() int {
	if ids := c.clusterIDs(); len(ids) > 0 {
		return ids[0].id
	}
	return 0
}

// clusterID is the ID that the etcd of a connection says when the agent reads it, which is once: as it
// connects, or when there is one. It is 0 if there is none before the end of the connection.
func (c *checker) clusterID(of index.Connection) (id int) {
	for _, said := range c.clusterIDs() {
		if said.store == of.Store && said.record < of.To && (said.record < of.From || id == 0) {
			id = said.id
		}
	}
	return id
}
