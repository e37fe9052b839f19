package conformance

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/meshcheck/meshcheck/sim/simnet"
)

// clientStories are about the clients that Cilium has: of gRPC as an etcd client sets it up,
// and of HTTP/2 as client-go does.
var clientStories = []Story{
	{"gRPC stream, cut", time.Second, func(s *Stage) {
		stop := s.serveGRPC()
		defer stop()
		stream, done := s.watchGRPC()
		defer done()
		defer s.Cut(true, true)()
		_, err := stream.Recv()
		s.note("receive", status.Code(err).String())
	}},
	{"gRPC stream, server cannot be heard", time.Second, func(s *Stage) {
		stop := s.serveGRPC()
		defer stop()
		stream, done := s.watchGRPC()
		defer done()
		defer s.Cut(false, true)()
		_, err := stream.Recv()
		s.note("receive", status.Code(err).String())
	}},
	{"gRPC stream, server closed", short, func(s *Stage) {
		stop := s.serveGRPC()
		stream, done := s.watchGRPC()
		defer done()
		stop()
		_, err := stream.Recv()
		s.note("receive", status.Code(err).String())
	}},
	{"gRPC stream, a cut shorter than its keep-alive", short, func(s *Stage) {
		stop := s.serveGRPC()
		stream, done := s.watchGRPC()
		defer done()
		heal := s.Cut(true, true)
		time.Sleep(5 * time.Second)
		heal()
		time.Sleep(20 * time.Second)
		stop()
		_, err := stream.Recv()
		s.note("receive", status.Code(err).String())
	}},
	{"gRPC call into a cut", time.Second, func(s *Stage) {
		stop := s.serveGRPC()
		defer stop()
		conn := s.connectGRPC(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second})
		defer conn.Close()
		client := healthv1.NewHealthClient(conn)
		must(client.Check(context.Background(), &healthv1.HealthCheckRequest{}))
		time.Sleep(soon)
		s.scene()
		defer s.Cut(true, true)()
		_, err := client.Check(context.Background(), &healthv1.HealthCheckRequest{})
		s.note("call", status.Code(err).String())
	}},
	{"HTTP/2 stream, cut", time.Second, func(s *Stage) {
		stop, body := s.getHTTP2()
		defer stop()
		defer s.Cut(true, true)()
		_, err := body.Read(make([]byte, 1))
		s.note("read", word(err))
	}},
	{"HTTP/2 stream, server closed", short, func(s *Stage) {
		stop, body := s.getHTTP2()
		stop()
		_, err := body.Read(make([]byte, 1))
		s.note("read", word(err))
	}},
}

// serveGRPC serves streams that say nothing after their first message.
func (s *Stage) serveGRPC() (stop func()) {
	server := grpc.NewServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second}))
	healthv1.RegisterHealthServer(server, health.NewServer())
	l := must(s.Listen())
	s.beside(func() { server.Serve(l) }) //nolint:errcheck // it ends when it is stopped
	return server.Stop
}

// watchGRPC opens such a stream, with the keep-alive of Cilium's etcd clients (keepalive of
// pkg/kvstore/etcd.go: 15 s and 25 s by default; here 10 s, the least that gRPC allows, and 3 s).
func (s *Stage) watchGRPC() (stream grpc.ServerStreamingClient[healthv1.HealthCheckResponse], done func()) {
	conn := s.connectGRPC(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second})
	stream = must(healthv1.NewHealthClient(conn).Watch(context.Background(), &healthv1.HealthCheckRequest{}))
	must(stream.Recv())
	time.Sleep(soon)
	s.scene()
	return stream, func() { conn.Close() }
}

func (s *Stage) connectGRPC(params keepalive.ClientParameters) *grpc.ClientConn {
	return must(grpc.NewClient("passthrough:///server", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.DialGRPC(ctx, params.Timeout) }),
		grpc.WithKeepaliveParams(params)))
}

// getHTTP2 opens a stream that says nothing after its headers, with the health check of
// client-go's connections (k8s.io/apimachinery/pkg/util/net, configureHTTP2Transport).
func (s *Stage) getHTTP2() (stop func(), body interface{ Read([]byte) (int, error) }) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush() //nolint:errcheck // as below
		<-r.Context().Done()
	})}
	l := must(s.Listen())
	s.beside(func() { server.Serve(l) }) //nolint:errcheck // it ends when it is closed
	client := &http.Client{Transport: &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, _, _ string, _ *tls.Config) (net.Conn, error) {
			return s.Dial(ctx, simnet.Socket{})
		},
		ReadIdleTimeout: 30 * time.Second,
		PingTimeout:     15 * time.Second,
	}}
	response := must(client.Get("http://server/"))
	time.Sleep(soon)
	s.scene()
	return func() { server.Close() }, response.Body
}
