package index

import "github.com/meshcheck/meshcheck/history"

// kubeReaders follows which agents have a watch open at a kube-apiserver, as the
// kube-apiservers tell, until the agent loses a connection with it. Such an agent is
// as good as connected; that one reads a replica is recorded as Connect and Disconnect.
type kubeReaders struct {
	agents map[string]bool
	open   map[string]map[int64]string // by agent: its watches, by number, with the server of each
}

func newKubeReaders() kubeReaders {
	return kubeReaders{agents: map[string]bool{}, open: map[string]map[int64]string{}}
}

// apply takes a record into account, and reports whether by it an agent came to be
// connected, or lost its last watch.
func (k *kubeReaders) apply(r *history.Record) (agent string, what Milestone, changed bool) {
	switch {
	case r.Verb == history.Up && r.Kind == "agent":
		k.agents[r.Actor] = true
		delete(k.open, r.Actor)
	case r.Verb == history.Watch && r.Store == "" && k.agents[r.Peer]:
		agent = r.Peer
		if k.open[agent] == nil {
			k.open[agent] = map[int64]string{}
		}
		k.open[agent][r.ID] = r.Actor
		return agent, Connected, len(k.open[agent]) == 1
	case r.Verb == history.Unwatch && r.Store == "" && k.open[r.Peer][r.ID] != "":
		agent = r.Peer
		delete(k.open[agent], r.ID)
		return agent, disconnected, len(k.open[agent]) == 0
	case r.Verb == history.Net && (r.Key == "close" || r.Key == "reset" || r.Key == "timeout") && len(k.open[r.Actor]) > 0:
		agent = r.Actor
		for id, server := range k.open[agent] {
			if server == r.Peer {
				delete(k.open[agent], id)
			}
		}
		return agent, disconnected, len(k.open[agent]) == 0
	}
	return "", 0, false
}
