package coverage

import (
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

// agentsNet is an event of the network on a connection of an agent to a replica.
func agentsNet(event string) predicate {
	return func(_ *world, r *history.Record) bool {
		return r.Key == event && mode.Agent.Is(r.Actor) && mode.Replica.Is(r.Peer)
	}
}

var networkMarks = []Mark{
	{
		Name: "agent-refused", verbs: on(history.Net), before: agentsNet("refuse"),
		Sentence: "a replica refused an agent's connection",
	},
	{
		Name: "agent-reset", verbs: on(history.Net), before: agentsNet("reset"),
		Sentence: "an agent's connection with a replica was reset",
	},
	{
		Name: "agent-timed-out", verbs: on(history.Net), before: agentsNet("timeout"),
		Sentence: "an agent's connection with a replica, or its attempt at one, timed out",
	},
	{
		Name: "workload-disturbed", verbs: on(history.Net),
		Sentence: "a connection of the workload with a kube-apiserver was refused, reset, or timed out",
		before: func(_ *world, r *history.Record) bool {
			return mode.Client.Is(r.Actor) && mode.APIServer.Is(r.Peer) && (r.Key == "refuse" || r.Key == "reset" || r.Key == "timeout")
		},
	},
}
