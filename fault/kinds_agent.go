package fault

import (
	"fmt"

	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Faults of agents and of any process's host.
const (
	AgentRestart Kind = "agent-restart"
	AgentCrash   Kind = "agent-crash"
	AgentSlow    Kind = "agent-slow"
	Pause        Kind = "pause"
)

var agentSpecs = []Spec{
	{
		Kind:     AgentRestart,
		Summary:  "agents are stopped gracefully and start again after for, with empty views; their datapaths stay",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		targets:  roles{mode.Agent}, group: oneOrMore, lasts: needed, longest: 20 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s restart%s with an empty view after %s; the datapath stays", f.hosts(), f.s(), f.For)
		},
	},
	{
		Kind:     AgentCrash,
		Summary:  "agents are killed and start again after for, with empty views; their datapaths stay",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		targets:  roles{mode.Agent}, group: oneOrMore, lasts: needed, longest: 20 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s crash%s and start%s again with an empty view after %s; the datapath stays", f.hosts(), f.es(), f.s(), f.For)
		},
	},
	{
		Kind:     AgentSlow,
		Summary:  "an agent reads only bandwidth bytes a second from its connections: a slow consumer, for which its replica has to keep events",
		Disturbs: []disturb.Kind{disturb.ReadsSlow},
		targets:  roles{mode.Agent}, lasts: needed, longest: 120 * second,
		uses: []use{bandwidth.between(16, 1<<30, 64, 4064)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s reads only %d bytes/s for %s", f.Target, f.Bandwidth, f.For)
		},
	},
	{
		Kind:     Pause,
		Summary:  "a host sends and receives nothing",
		Disturbs: []disturb.Kind{disturb.Cut},
		targets:  roles{mode.Replica, mode.Agent, mode.APIServer, mode.Operator}, lasts: needed, longest: 120 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s is paused for %s", f.Target, f.For)
		},
	},
}

// s and es end the verb of a sentence about the fault's hosts.
func (f *Fault) s() string {
	if len(f.Hosts()) == 1 {
		return "s"
	}
	return ""
}

func (f *Fault) es() string {
	if len(f.Hosts()) == 1 {
		return "es"
	}
	return ""
}
