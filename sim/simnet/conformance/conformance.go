// Package conformance holds package simnet to Linux: the same short stories of TCP
// connections, gRPC and HTTP/2 are run on both, and what their programs are told, in which
// order and when, must be the same.
//
// Linux cannot be run in an ordinary test: it needs root for its network namespaces, and real
// time. So its outcomes are recorded (golden.json, by the program in the folder record), and
// the test compares those of simnet, in virtual time, with them.
package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/meshcheck/meshcheck/sim/simnet"
)

// Port is where the server of a story listens.
const Port = 2379

// Network is what a story is about: a client's host and a server's, with a way in between
// that can lose everything without a word.
type Network interface {
	// Dial connects the client's host with Port of the server's, through a socket for which
	// that is set.
	Dial(ctx context.Context, set simnet.Socket) (net.Conn, error)
	// DialGRPC is Dial for a gRPC client whose keep-alive waits so long for an answer: such a
	// client sets the user timeout of Linux's connections itself.
	DialGRPC(ctx context.Context, wait time.Duration) (net.Conn, error)
	// Listen listens on Port of the server's host, in this process.
	Listen() (net.Listener, error)
	// Serve starts a process on the server's host that listens on Port and treats its first
	// connection as Serve (the function) does. It returns once it listens; kill is its
	// sudden death, which its kernel survives.
	Serve(kind string) (kill func(), err error)
	// Cut loses what is sent from now on: to the server, to the client, or both.
	Cut(toServer, toClient bool) (heal func())
}

// Observation is what a program was told.
type Observation struct {
	What   string  `json:"what"`
	Result string  `json:"result"`
	At     float64 `json:"at"` // seconds since the connection was there, or the story began
}

// Story is one course of events.
type Story struct {
	Name string
	// Within is by how much the instants may differ, of the whole: what simnet leaves out
	// (back-off of retransmissions) is as long as the cut at most.
	Within time.Duration
	Run    func(s *Stage)
}

// Stage is where a story runs, and what is noted of it.
type Stage struct {
	Network
	begun time.Time
	mu    sync.Mutex
	all   []Observation
	wait  sync.WaitGroup
}

// Play runs a story, and returns what was observed, by what it was.
func Play(n Network, story Story) []Observation {
	s := &Stage{Network: n, begun: time.Now()}
	story.Run(s)
	s.wait.Wait()
	slices.SortStableFunc(s.all, func(a, b Observation) int { return cmp.Compare(a.What, b.What) })
	return s.all
}

// scene sets the clock of the story: what comes before is not part of it.
func (s *Stage) scene() { s.begun = time.Now() }

// note notes what a program was told.
func (s *Stage) note(what, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, Observation{what, result, time.Since(s.begun).Seconds()})
}

// beside runs a program of the story beside the others.
func (s *Stage) beside(f func()) { s.wait.Go(f) }

// must ends the recording or the test: a story cannot go on.
func must[T any](value T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("the story cannot go on: %v", err))
	}
	return value
}

// dial dials as most programs do.
func (s *Stage) dial() (net.Conn, error) { return s.Dial(context.Background(), simnet.Socket{}) }

// pair is a connection, with both ends in this process.
func (s *Stage) pair() (client, server net.Conn) { return s.pairWith(simnet.Socket{}) }

// pairWith is a pair for whose client something is set.
func (s *Stage) pairWith(set simnet.Socket) (client, server net.Conn) {
	l := must(s.Listen())
	defer l.Close()
	accepted := make(chan net.Conn)
	go func() { accepted <- must(l.Accept()) }()
	client = must(s.Dial(context.Background(), set))
	server = <-accepted
	s.scene()
	return client, server
}

// served is a connection with a process of a kind, which has had the time to treat it so.
func (s *Stage) served(kind string) (client net.Conn, kill func()) {
	kill = must(s.Serve(kind))
	client = must(s.dial())
	time.Sleep(soon)
	s.scene()
	return client, kill
}

// read notes what a read of an end gives.
func (s *Stage) read(what string, c net.Conn) {
	buffer := make([]byte, 100)
	n, err := c.Read(buffer)
	if err == nil {
		s.note(what, string(buffer[:n]))
		return
	}
	s.note(what, word(err))
}

// write notes what a write to an end gives.
func (s *Stage) write(what string, c net.Conn) {
	_, err := c.Write([]byte("hello"))
	s.note(what, word(err))
}

// word is what a program can tell errors apart by.
func word(err error) string {
	var number syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, io.EOF):
		return "EOF"
	case errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.As(err, &number):
		return number.Error()
	}
	return err.Error()
}

// Kinds of servers that Network.Serve starts.
const (
	Holds       = "holds"         // accepts and reads
	DoesNotRead = "does not read" // accepts, and leaves what it is sent
	DoesNotTake = "does not take" // never accepts
	Says        = "says"          // accepts, says hello, and reads
)

// Serve is what a server of a kind does with its first connection, until it is dead.
func Serve(l net.Listener, kind string, dead <-chan struct{}) {
	if kind == DoesNotTake {
		<-dead
		return
	}
	c, err := l.Accept()
	if err != nil {
		return
	}
	switch kind {
	case DoesNotRead:
		<-dead
		return
	case Says:
		c.Write([]byte("hello")) //nolint:errcheck // who is not there does not hear it
	}
	io.Copy(io.Discard, c) //nolint:errcheck // it ends with the connection
}

// Golden is what Linux did.
type Golden struct {
	Kernel  string                   `json:"kernel"`
	Go      string                   `json:"go"`
	Stories map[string][]Observation `json:"stories"`
}

// ReadGolden reads golden.json.
func ReadGolden(path string) (g Golden, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return g, err
	}
	return g, json.Unmarshal(data, &g)
}
