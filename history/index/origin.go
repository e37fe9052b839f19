package index

import (
	"slices"

	"github.com/meshcheck/meshcheck/history"
)

// withSessions returns the records with the session of each change of a view. From
// version 3 of the file form on they say so themselves. In earlier ones a change
// belongs to the connection that its agent had last established with a replica, which
// is a guess: this is the only place that makes it. Where no connections are recorded
// either, as of agents that read the kube-apiserver, changes are of no session.
func withSessions(records []history.Record) []history.Record {
	connected := false
	for i := range records {
		if records[i].Session != 0 {
			return records
		}
		connected = connected || records[i].Verb == history.Connect
	}
	if !connected {
		return records
	}
	records = slices.Clone(records)
	sessions := map[string]int64{} // by agent
	for i := range records {
		switch r := &records[i]; r.Verb {
		case history.Up:
			delete(sessions, r.Actor)
		case history.Connect:
			sessions[r.Actor]++
		case history.See, history.Drop, history.Program, history.Unprogram, history.Synced:
			r.Session = max(1, sessions[r.Actor])
		}
	}
	return records
}

// sessionKey is a session of one incarnation of an agent.
type sessionKey struct {
	agent, incarnation int32
	source             string // each reader of an agent numbers its own
	session            int64
}

// session numbers the sessions of all agents, from 1; 0 is that of no session.
func (x *indexer) session(agent int32, source string, session int64) int32 {
	if session == 0 {
		return 0
	}
	k := sessionKey{agent, x.incarnations[agent], source, session}
	n, ok := x.sessions[k]
	if !ok {
		x.views.Sessions++
		n = int32(x.views.Sessions)
		x.sessions[k] = n
	}
	return n
}
