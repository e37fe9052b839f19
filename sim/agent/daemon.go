package agent

import (
	"log/slog"

	"github.com/meshcheck/meshcheck/sim/proc"
)

// Daemon says what a cilium-agent that is whole is told when it starts: an incarnation of
// it, which package sim/whole/daemon makes a Source of.
type Daemon struct {
	Host      string // that it runs on
	Node      string // its name in Kubernetes
	Cluster   string
	ClusterID int

	EndpointSlices bool // endpoints come as CiliumEndpointSlices, else as CiliumEndpoints

	// Dial connects with the kube-apiserver that the Service gives this agent.
	Dial proc.Dialer
	Log  *slog.Logger
	// Exit is told that the process ends itself, and why.
	Exit func(reason error)
}
