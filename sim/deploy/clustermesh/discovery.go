package clustermesh

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/cilium/cilium/pkg/dial"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/hostnetwork"
	"github.com/meshcheck/meshcheck/sim/agent/services"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// finder is how an incarnation of an agent finds the address of a replica.
type finder interface {
	resolvers() []dial.Resolver
	known() []string // addresses of those that it has for ready, in order
}

type byServices struct{ *services.Reader }

func (b byServices) resolvers() []dial.Resolver { return b.Resolvers() }
func (b byServices) known() []string            { return b.Active(fault.MeshNamespace, fault.MeshService) }

type byPods struct{ *hostnetwork.Reader }

func (b byPods) resolvers() []dial.Resolver { return []dial.Resolver{b.Reader} }
func (b byPods) known() []string            { return b.Ready() }

// discover returns how an incarnation of an agent dials, and puts what it reads for that, if
// it is not among what it reads already, beside its source.
func (m *Mesh) discover(name string, services *services.Reader) (proc.Dialer, func(agent.Source) agent.Source) {
	same := func(s agent.Source) agent.Source { return s }
	switch m.Plan.InMode().Discovery {
	case mode.ByDialer:
		return m.dialer(name, byServices{services}), same
	case mode.ByHostNetwork:
		r := hostnetwork.New(hostnetwork.Config{
			Namespace: fault.MeshNamespace, Selector: appLabel + "=" + fault.MeshService,
			Seed: m.Plan.Seed, Agent: name, Dial: m.DialKube(name),
			Lag: func() time.Duration { return m.service.Lag(name) }, Log: m.LogOf(name),
		})
		return m.dialer(name, byPods{r}), func(s agent.Source) agent.Source { return agent.Beside(r, s) }
	}
	return m.service.Dialer(name, "", m.Net.Host(name).Dial), same
}

// dialer is Cilium's, with the resolvers of an agent, in the world's network.
func (m *Mesh) dialer(name string, f finder) proc.Dialer {
	log, end := m.LogOf(name), m.dialAddress(name, f)
	return func(ctx context.Context, address string) (net.Conn, error) {
		return cilium.NewContextDialer(log, end, f.resolvers()...)(ctx, address)
	}
}

// unanswered is how long an operating system goes on to connect with an address from which
// nothing comes (Linux's tcp_syn_retries).
const unanswered = 127 * time.Second

// dialAddress dials what the resolvers of an agent have made of the name of the Service. There
// is neither a DNS server that knows that name on the network of a node, on which agents are,
// nor a datapath of Services.
func (m *Mesh) dialAddress(name string, f finder) proc.Dialer {
	h := m.Net.Host(name)
	return func(ctx context.Context, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		replica := m.pods.at(host)
		m.service.Dialled(name, replica, m.pods.replicas(f.known()))
		fail := func(err error) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "sim", Err: err}
		}
		switch {
		case replica != "":
			return h.Dial(ctx, net.JoinHostPort(replica, port))
		case net.ParseIP(host) == nil:
			return fail(&net.DNSError{Err: "no such host", Name: host, IsNotFound: true})
		case host == fault.MeshIP:
			return fail(fmt.Errorf("there is no datapath of Services that has %s: %w", host, syscall.ECONNREFUSED))
		case m.pods.isNode(host):
			return fail(fmt.Errorf("no replica is on the node with %s: %w", host, syscall.ECONNREFUSED))
		}
		select { // a pod that is gone
		case <-ctx.Done():
			return fail(ctx.Err())
		case <-time.After(unanswered):
			return fail(syscall.ETIMEDOUT)
		}
	}
}

// awaitRoom notes that the pod of a replica cannot be placed before another is gone.
func (m *Mesh) awaitRoom(r *replica) {
	r.podDown++
	m.waiting = append(m.waiting, r)
}

// removed notes that a pod is gone, and starts a replica that waits for its room.
func (m *Mesh) removed(one *pod) {
	if one == nil {
		return
	}
	m.pods.remove(one)
	if len(m.waiting) == 0 || m.Ended() {
		return
	}
	waiting := m.waiting
	m.waiting = nil
	for _, r := range waiting {
		if r.podDown--; r.podDown == 0 && !r.gone {
			r.startPod() // it may wait again
		}
	}
}

func nodeName(node int) string { return fmt.Sprintf("mesh%d", node) }
