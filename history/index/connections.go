package index

import (
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
)

// ClientServer is a client with a server, which is "" for all that it has.
type ClientServer struct{ Client, Server string }

// Departures returns when clients closed their connections with a server or, with
// server "", ended.
func Departures(records []history.Record) map[ClientServer][]time.Duration {
	all := map[ClientServer][]time.Duration{}
	for i := range records {
		switch r := &records[i]; {
		case r.Verb == history.Net && (r.Key == "close" || r.Key == "reset"):
			k := ClientServer{r.Actor, r.Peer}
			all[k] = append(all[k], r.At)
		case r.Verb == history.Down && r.Kind != "etcd":
			k := ClientServer{r.Actor, ""}
			all[k] = append(all[k], r.At)
		}
	}
	return all
}

// LastConnections returns, for each agent that is up when the run ends, the record in which
// it last established a connection or gave one up.
func LastConnections(records []history.Record) map[string]int {
	last := map[string]int{}
	for i := range records {
		switch r := &records[i]; r.Verb {
		case history.Connect, history.Disconnect:
			last[r.Actor] = i
		case history.Up, history.Down:
			if r.Kind == "agent" {
				delete(last, r.Actor)
			}
		}
	}
	return last
}

// ConnectionAt returns the record in which an agent established the connection with a
// replica that it had at a record, or -1 if it had none. It says nothing of where what
// the agent saw came from: each change of a view has its origin.
func ConnectionAt(records []history.Record, agent string, at int) int {
	for i := at; i >= 0; i-- {
		if r := &records[i]; r.Actor == agent {
			switch {
			case r.Verb == history.Connect:
				return i
			case r.Verb == history.Disconnect, r.Verb == history.Up && r.Kind == "agent":
				return -1
			}
		}
	}
	return -1
}

// kubeReaders follows which agents have a watch open at a kube-apiserver, as the
// kube-apiservers tell, until the agent loses a connection with it. Such an agent is
// as good as connected; that one reads a replica is recorded as Connect and Disconnect.
type kubeReaders struct {
	services bool // the watches of Services and EndpointSlices, else those of what an etcd holds, too
	agents   map[string]bool
	open     map[string]map[int64]kubeWatch // by agent: its watches, by number
}

type kubeWatch struct {
	server string
	since  time.Duration
}

func newKubeReaders(services bool) kubeReaders {
	return kubeReaders{services: services, agents: map[string]bool{}, open: map[string]map[int64]kubeWatch{}}
}

// apply takes a record into account, and reports whether by it an agent came to be
// connected, or lost its last watch.
func (k *kubeReaders) apply(r *history.Record) (agent string, what Milestone, changed bool) {
	switch {
	case r.Verb == history.Up && r.Kind == "agent":
		k.agents[r.Actor] = true
		delete(k.open, r.Actor)
	case r.Verb == history.Watch && r.Store == "" && k.agents[r.Peer] && k.reads(r.Kind):
		agent = r.Peer
		if k.open[agent] == nil {
			k.open[agent] = map[int64]kubeWatch{}
		}
		k.open[agent][r.ID] = kubeWatch{r.Actor, r.At}
		return agent, Connected, len(k.open[agent]) == 1
	case r.Verb == history.Unwatch && r.Store == "" && k.open[r.Peer][r.ID].server != "":
		agent = r.Peer
		delete(k.open[agent], r.ID)
		return agent, disconnected, len(k.open[agent]) == 0
	case r.Verb == history.Net && (r.Key == "close" || r.Key == "reset" || r.Key == "timeout") && len(k.open[r.Actor]) > 0:
		agent = r.Actor
		for id, w := range k.open[agent] {
			if w.server == r.Peer {
				delete(k.open[agent], id)
			}
		}
		return agent, disconnected, len(k.open[agent]) == 0
	}
	return "", 0, false
}

// reads reports whether objects of a kind are among those that are followed.
func (k *kubeReaders) reads(kind string) bool {
	if k.services {
		return schema.MakesServices(kind)
	}
	return schema.MakesStored(kind)
}
