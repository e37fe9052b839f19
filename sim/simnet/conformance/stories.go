package conformance

import (
	"context"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/sim/simnet"
)

// soon is a time within which a healthy network has done everything, and short is how much
// instants differ without a reason.
const (
	soon  = 300 * time.Millisecond
	short = 250 * time.Millisecond
)

// Stories are all stories: first those that take a second or two, then those that take up to
// a quarter of an hour.
var Stories = slices.Concat(tcpStories, processStories, clientStories, cutStories)

// tcpStories are about the ends of connections.
var tcpStories = []Story{
	{"nobody listens", short, func(s *Stage) {
		_, err := s.dial()
		s.note("dial", word(err))
	}},
	{"closed", short, func(s *Stage) {
		client, server := s.pair()
		defer client.Close()
		server.Close()
		s.read("read", client)
		s.write("write", client)
		time.Sleep(soon)
		s.write("write again", client)
		s.read("read again", client)
	}},
	{"closed with something unread", short, func(s *Stage) {
		client, server := s.pair()
		defer client.Close()
		s.write("write", client)
		time.Sleep(soon)
		server.Close()
		time.Sleep(soon)
		s.read("read", client)
		s.write("write again", client)
	}},
	{"closed with something unread, after something was said", short, func(s *Stage) {
		client, server := s.pair()
		defer client.Close()
		s.write("write", client)
		s.write("server's write", server)
		time.Sleep(soon)
		server.Close()
		time.Sleep(soon)
		s.read("read", client)
		s.read("read again", client)
	}},
	{"written to while it closes", short, func(s *Stage) {
		client, server := s.pair()
		defer client.Close()
		s.write("server's write", server)
		server.Close()
		s.write("write", client)
		time.Sleep(soon)
		s.read("read", client)
		s.read("read again", client)
	}},
	{"closed listener", short, func(s *Stage) {
		l := must(s.Listen())
		client := must(s.dial())
		defer client.Close()
		s.scene()
		l.Close()
		time.Sleep(soon)
		s.read("read", client)
		_, err := s.dial()
		s.note("dial", word(err))
	}},
	{"deadline", short, func(s *Stage) {
		client, server := s.pair()
		defer server.Close()
		defer client.Close()
		client.SetReadDeadline(time.Now().Add(time.Second)) //nolint:errcheck // the connection is open
		s.read("read", client)
		client.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
		s.write("server's write", server)
		s.read("read again", client)
	}},
}

// processStories are about the death of a server's process.
var processStories = []Story{
	{"killed", short, func(s *Stage) {
		client, kill := s.served(Holds)
		defer client.Close()
		s.write("write", client)
		time.Sleep(soon)
		kill()
		s.read("read", client)
		_, err := s.dial()
		s.note("dial", word(err))
	}},
	{"killed with something unread", short, func(s *Stage) {
		client, kill := s.served(DoesNotRead)
		defer client.Close()
		s.write("write", client)
		time.Sleep(soon)
		kill()
		s.read("read", client)
	}},
	{"killed after it has said something", short, func(s *Stage) {
		client, kill := s.served(Says)
		defer client.Close()
		kill()
		time.Sleep(soon)
		s.read("read", client)
		s.read("read again", client)
	}},
	{"killed with a connection that it had not taken", short, func(s *Stage) {
		client, kill := s.served(DoesNotTake)
		defer client.Close()
		kill()
		s.read("read", client)
	}},
	{"killed and written to", short, func(s *Stage) {
		client, kill := s.served(Holds)
		defer client.Close()
		kill()
		time.Sleep(soon)
		s.write("write", client)
		time.Sleep(soon)
		s.write("write again", client)
	}},
}

// cutStories are about a way that loses everything.
var cutStories = []Story{
	{"dial into a cut", short, func(s *Stage) {
		defer s.Cut(true, true)()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, err := s.Dial(ctx, simnet.Socket{})
		s.note("dial", word(err))
	}},
	{"dial into a short cut", time.Second, func(s *Stage) {
		defer must(s.Listen()).Close()
		s.scene()
		time.AfterFunc(500*time.Millisecond, s.Cut(true, true))
		client, err := s.dial()
		s.note("dial", word(err))
		client.Close()
	}},
	{"write into a short cut", 4 * time.Second, func(s *Stage) {
		client, server := s.pair()
		defer client.Close()
		defer server.Close()
		time.AfterFunc(4*time.Second, s.Cut(true, true))
		s.write("write", client)
		s.read("server's read", server)
	}},
	{"acknowledgements cut for a moment", 4 * time.Second, func(s *Stage) {
		client, server := s.pair()
		defer client.Close()
		defer server.Close()
		time.AfterFunc(4*time.Second, s.Cut(false, true))
		s.write("write", client)
		s.read("server's read", server)
		s.write("server's write", server)
		s.read("read", client)
	}},
	{"killed behind a cut", 4 * time.Second, func(s *Stage) {
		client, kill := s.served(Holds)
		defer client.Close()
		heal := s.Cut(true, true)
		kill()
		time.AfterFunc(4*time.Second, heal)
		s.read("read", client)
	}},
	{"idle and cut", 5 * time.Second, func(s *Stage) {
		client, server := s.pair()
		defer client.Close()
		defer server.Close()
		defer s.Cut(true, true)()
		s.beside(func() { s.read("server's read", server) })
		s.read("read", client)
		s.wait.Wait()
	}},
	{"idle and cut, with a keep-alive of 30 s", 5 * time.Second, func(s *Stage) {
		client, server := s.pairWith(simnet.Socket{KeepAlive: 30 * time.Second}) // as client-go's and etcd's peers
		defer client.Close()
		defer server.Close()
		defer s.Cut(true, true)()
		s.read("read", client)
	}},
	{"idle and cut, with a user timeout", 5 * time.Second, func(s *Stage) {
		client, server := s.pairWith(simnet.Socket{UserTimeout: 25 * time.Second}) // as Cilium's etcd clients
		defer client.Close()
		defer server.Close()
		defer s.Cut(true, true)()
		s.read("read", client)
	}},
	{"write into a cut, with a user timeout", 5 * time.Second, func(s *Stage) {
		client, server := s.pairWith(simnet.Socket{UserTimeout: 25 * time.Second})
		defer client.Close()
		defer server.Close()
		defer s.Cut(true, true)()
		s.write("write", client)
		s.read("read", client)
	}},
	{"idle and cut one way", 20 * time.Second, func(s *Stage) {
		client, server := s.pair()
		defer client.Close()
		defer server.Close()
		defer s.Cut(false, true)()
		s.beside(func() { s.read("server's read", server) })
		s.read("read", client)
		s.wait.Wait()
	}},
	{"written to while it cannot be heard", time.Second, func(s *Stage) {
		client, server := s.pair()
		defer client.Close()
		defer server.Close()
		heal := s.Cut(false, true)
		s.write("write", client)
		s.read("server's read", server)
		time.Sleep(400 * time.Second) // longer than an idle end would last
		heal()
		s.write("server's write", server)
		s.read("read", client)
	}},
	{"write into a cut", time.Minute, func(s *Stage) {
		client, server := s.pair()
		defer client.Close()
		defer server.Close()
		defer s.Cut(true, true)()
		s.write("write", client)
		s.read("read", client)
	}},
}
