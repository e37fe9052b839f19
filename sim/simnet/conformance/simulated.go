package conformance

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/sim/simnet"
)

// simulated is a Network of package simnet.
type simulated struct{ net *simnet.Network }

// Simulated returns a network with two hosts. It lives in a bubble.
func Simulated() (n Network, done func()) {
	s := simulated{simnet.New(simnet.Config{})}
	s.net.Host("client")
	s.net.Host("server")
	return s, s.net.Close
}

func (s simulated) Dial(ctx context.Context, set simnet.Socket) (net.Conn, error) {
	return set.Dialer(s.net.Host("client").Dial)(ctx, "server:2379")
}

func (s simulated) DialGRPC(ctx context.Context, wait time.Duration) (net.Conn, error) {
	return s.Dial(ctx, simnet.Socket{UserTimeout: wait})
}

func (s simulated) Listen() (net.Listener, error) { return s.net.Host("server").Listen(Port) }

func (s simulated) Serve(kind string) (kill func(), err error) {
	l, err := s.Listen()
	if err != nil {
		return nil, err
	}
	dead := make(chan struct{})
	go Serve(l, kind, dead)
	return sync.OnceFunc(func() {
		s.net.Kill("server")
		close(dead)
	}), nil
}

func (s simulated) Cut(toServer, toClient bool) (heal func()) {
	var heals []func()
	if toServer {
		heals = append(heals, s.net.Partition("client", "server", true))
	}
	if toClient {
		heals = append(heals, s.net.Partition("server", "client", true))
	}
	return sync.OnceFunc(func() {
		for _, heal := range heals {
			heal()
		}
	})
}
