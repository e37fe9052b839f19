// Package service is how clients find their servers.
package service

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/meshcheck/meshcheck/internal/stream"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Service is a Kubernetes Service as kube-proxy makes it: a new connection goes
// to one of the ready endpoints, and with session affinity all connections of a
// client go to the same one for as long as it is ready. The choice is a function
// of seed, client and number of the choice. A client is a host, or one of the
// processes there, of which each chooses for itself; faults are those of the host.
type Service struct {
	name     string // for errors
	seed     uint64
	port     int
	affinity bool
	onChange func() // see OnChange; nil: nobody is told

	mu      sync.Mutex
	ready   []string // hosts, in order of name; never changed in place
	changes []change // what that was over time
	chosen  map[string]string
	choices map[string]int
	lost    map[string]int      // by host: faults for which the name does not resolve there
	empty   map[string]int      // by host: faults for which it has no endpoints there
	failed  map[string]int64    // by host: dials that failed for one of these
	wrong   map[string][]*wrong // by host: faults for which it knows other endpoints
}

// New returns a Service without endpoints. Its name is for errors.
func New(name string, seed uint64, port int, affinity bool) *Service {
	return &Service{name: name, seed: seed, port: port, affinity: affinity, chosen: map[string]string{}, choices: map[string]int{},
		lost: map[string]int{}, empty: map[string]int{}, failed: map[string]int64{}, wrong: map[string][]*wrong{}}
}

// SetReady makes a host enter or leave the endpoints.
func (s *Service) SetReady(host string, ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := slices.BinarySearch(s.ready, host)
	switch {
	case ready && !found:
		s.ready = slices.Insert(slices.Clone(s.ready), i, host)
	case !ready && found:
		s.ready = slices.Delete(slices.Clone(s.ready), i, i+1)
	default:
		return
	}
	s.changes = append(s.changes, change{time.Now(), s.ready})
	s.changed()
}

// pick returns the host that the next connection goes to of a client on a host.
func (s *Service) pick(client, on string) (host string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.known(on)
	switch {
	case len(known) == 0:
		s.misled(on, "")
		return "", false
	case !s.affinity || !slices.Contains(known, s.chosen[client]):
		s.chosen[client] = s.draw(client, known)
	}
	s.misled(on, s.chosen[client])
	return s.chosen[client], true
}

func (s *Service) draw(client string, hosts []string) string {
	n := s.choices[client]
	s.choices[client]++
	draw := stream.New().Number(s.seed).Number(uint64(n)).Text("service." + s.name).Text("\x00").Text(client).Draw()
	return hosts[draw%uint64(len(hosts))]
}

// Move gives the client on a host another endpoint from now on: the named one, or one that is
// drawn if the name is empty. It returns the old one, empty if there was none, and
// the new one, empty if no other is ready.
func (s *Service) Move(client, to string) (from, now string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from = s.chosen[client]
	others := slices.DeleteFunc(slices.Clone(s.known(client)), func(host string) bool { return host == from || to != "" && host != to })
	if len(others) == 0 {
		return from, ""
	}
	s.chosen[client] = s.draw(client, others)
	return from, s.chosen[client]
}

// Unresolve makes the Service's name unknown to a host, until restored.
func (s *Service) Unresolve(host string) (restore func()) { return s.mark(s.lost, host) }

// Withhold takes all endpoints of the Service away from a host, until restored.
func (s *Service) Withhold(host string) (restore func()) { return s.mark(s.empty, host) }

func (s *Service) mark(marks map[string]int, host string) (unmark func()) {
	change := func(by int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		marks[host] += by
	}
	change(1)
	return func() { change(-1) }
}

// marked reports whether a host is marked, for a dial that fails if it is.
func (s *Service) marked(marks map[string]int, host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if marks[host] == 0 {
		return false
	}
	s.failed[host]++
	return true
}

// Failed returns how many dials of a host have failed because of a fault.
func (s *Service) Failed(host string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed[host]
}

// Resolver returns a dialer for the host on of clients that know the names of all servers,
// and choose one themselves.
func (s *Service) Resolver(on string, dial proc.Dialer) proc.Dialer {
	return func(ctx context.Context, address string) (net.Conn, error) {
		if s.marked(s.lost, on) {
			return nil, s.unresolved()
		}
		return dial(ctx, address)
	}
}

func (s *Service) unresolved() error {
	return &net.OpError{Op: "dial", Net: "sim", Err: &net.DNSError{Err: "server misbehaving", Name: s.name, IsTemporary: true}}
}

// Dialer returns a dialer for the host on, or for one of its processes that chooses
// for itself: whatever the address, it connects with an endpoint of the service. Without
// endpoints the connection is refused, as kube-proxy does.
func (s *Service) Dialer(on, process string, dial proc.Dialer) proc.Dialer {
	client := on + process
	return func(ctx context.Context, _ string) (net.Conn, error) {
		if s.marked(s.lost, on) {
			return nil, s.unresolved()
		}
		host, ok := "", false
		if !s.marked(s.empty, on) {
			host, ok = s.pick(client, on)
		}
		if !ok {
			return nil, &net.OpError{Op: "dial", Net: "sim", Err: fmt.Errorf("service %s has no endpoints: %w", s.name, syscall.ECONNREFUSED)}
		}
		return dial(ctx, fmt.Sprintf("%s:%d", host, s.port))
	}
}
