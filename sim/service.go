package sim

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"

	"github.com/meshcheck/meshcheck/sim/proc"
)

// service is a Kubernetes Service as kube-proxy makes it: a new connection goes
// to one of the ready endpoints, and with session affinity all connections of a
// client go to the same one for as long as it is ready. The choice is a function
// of seed, client and number of the choice.
type service struct {
	name     string // for errors
	seed     uint64
	port     int
	affinity bool

	mu      sync.Mutex
	ready   []string // hosts, in order of name
	chosen  map[string]string
	choices map[string]int
}

func newService(name string, seed uint64, port int, affinity bool) *service {
	return &service{name: name, seed: seed, port: port, affinity: affinity, chosen: map[string]string{}, choices: map[string]int{}}
}

func (s *service) setReady(host string, ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := slices.BinarySearch(s.ready, host)
	switch {
	case ready && !found:
		s.ready = slices.Insert(s.ready, i, host)
	case !ready && found:
		s.ready = slices.Delete(s.ready, i, i+1)
	}
}

// pick returns the host that the client's next connection goes to.
func (s *service) pick(client string) (host string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) == 0 {
		return "", false
	}
	if host := s.chosen[client]; s.affinity && slices.Contains(s.ready, host) {
		return host, true
	}
	n := s.choices[client]
	s.choices[client]++
	host = s.ready[streamAt(s.seed, "service."+s.name, client, n)%uint64(len(s.ready))]
	s.chosen[client] = host
	return host, true
}

// dialer returns a dialer for a client on a host: whatever the address, it
// connects with an endpoint of the service. Without endpoints the connection is
// refused, as kube-proxy does.
func (s *service) dialer(client string, dial proc.Dialer) proc.Dialer {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		host, ok := s.pick(client)
		if !ok {
			return nil, &net.OpError{Op: "dial", Net: "sim", Err: fmt.Errorf("service %s has no endpoints: %w", s.name, syscall.ECONNREFUSED)}
		}
		return dial(ctx, fmt.Sprintf("%s:%d", host, s.port))
	}
}
