package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Daemon says what a cilium-agent that is whole is told when it starts: that of a node, which
// package sim/whole/daemon makes a Whole of.
type Daemon struct {
	Host      string // that it runs on
	Node      string // its name in Kubernetes
	Cluster   string
	ClusterID int

	EndpointSlices bool          // endpoints come as CiliumEndpointSlices, else as CiliumEndpoints
	Identities     string        // who makes CiliumIdentities: the flag identity-management-mode
	IdentityJitter time.Duration // up to so long it waits when a pod is relabelled: the flag identity-max-jitter

	// Dial connects with the kube-apiserver that the Service gives this agent.
	Dial proc.Dialer
	// Enforced, if non-nil, is told of each change of its endpoints' policy maps.
	Enforced func(history.Record)
	Log      *slog.Logger
}

// Whole is a node whose cilium-agent is whole, over the agent's restarts. Its pods have the
// endpoints that the CNI plugin asks the agent for.
type Whole interface {
	// NewSource makes an incarnation of the agent. exit is told that the process ends itself,
	// and why.
	NewSource(exit func(reason error)) Source
	// Add is the plugin's: it has an address allocated and an endpoint made for a sandbox, and
	// returns the addresses. It waits for an agent for as long as the plugin does, and fails
	// when the agent refuses, or ends meanwhile.
	Add(context.Context, Sandbox) (ips []string, err error)
	// Del is the plugin's: it has the endpoint of a container ended, or notes for the next
	// agent that it is to be. Who gets an error tries again.
	Del(ctx context.Context, container string) error
}

// Sandbox is a pod's, as kubelet and container runtime tell the CNI plugin.
type Sandbox struct{ Container, Namespace, Pod, UID string }
