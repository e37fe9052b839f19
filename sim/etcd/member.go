package etcd

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/hosts"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Config says which etcd to run.
type Config struct {
	Host    string                       // the actor of the records
	Cluster *Cluster                     // of which it is a member; nil if it is alone
	DataDir string                       // for its data, made if missing
	Listen  func() (net.Listener, error) // its port

	Capacity *fault.Prices // what the work of a process costs; nil: nothing

	Record    func(history.Record) // gets what the server applies and answers, and its starts and ends; At and From are filled in by Now
	Now       func() time.Duration // virtual time since the start of the run
	Client    func(net.Addr) string
	NextWatch func() int64 // the number of the next watch of the run
	Log       *zap.Logger

	// OnChange, if non-nil, is called when the server has started, before clients
	// are let in, and when it has ended, and has to record that.
	OnChange func(history.Record)
	// Before and After, if non-nil, are called with the requests of clients; see
	// Request.
	Before func(context.Context, Request) error
	After  func(Request)
}

// ClientConfig is how Cilium's clients on a host reach an etcd: Option is one of kvstore-opt.
type ClientConfig struct {
	Dial          proc.Dialer
	Option, Value string
}

// Member is an etcd on a host, over the restarts of its process: the one member of
// its cluster, or one of several. It stands alone, or beside others in a pod, as package mesh has it.
// Its methods are called by one goroutine; Server and Store by any.
type Member struct {
	cfg      Config
	running  atomic.Pointer[Server]
	clusters int // begun so far
	started  int // processes
	data     data
}

// Data is what a server finds when it starts.
type Data int

// A process that crashed finds what it had committed. In a new pod, or where an
// administrator begins anew, the cluster is a new one. A volume that is lost alone
// leaves the cluster ID as it was, but what has it is another store: see Store.
const (
	Kept Data = iota
	Lost
	NewCluster
)

// data is what a server starts from.
type data struct {
	joins    bool   // the cluster is there already
	token    string // initial cluster token, the pod's UID in the chart: it makes the cluster ID
	dir      string
	store    int   // counted from 1 among those that have the cluster ID in common
	recorded int64 // up to which revision its changes are in the history; zero for no data
}

// New returns an etcd that has not started yet.
func New(cfg Config) *Member { return &Member{cfg: cfg} }

// Start starts a server, which must not run, and returns when it is the leader of its
// cluster and lets clients in; with peers it returns before that, and a server that has lost
// its data joins those who have it, which expect that: see Server.Replace. Clients of the
// time before reach its port already.
func (m *Member) Start(found Data) error {
	switch {
	case found != Kept && m.cfg.Cluster != nil && m.clusters > 0:
		if err := m.Wipe(); err != nil {
			return err
		}
		m.data.joins, m.data.recorded = true, 0
	case found != Kept:
		if err := m.Wipe(); err != nil {
			return err
		}
		m.data.store++
		m.data.recorded = 0
	}
	if found == NewCluster || m.clusters == 0 {
		m.clusters++
		name := fmt.Sprintf("%s-%d", m.cfg.Host, m.clusters)
		m.data = data{token: name, dir: filepath.Join(m.cfg.DataDir, name), store: 1}
		if m.cfg.Cluster != nil {
			m.data.token = "etcd-cluster" // etcd's own default
		}
	}
	lis, err := m.cfg.Listen()
	if err != nil {
		return err
	}
	var s *Server
	if err := hosts.Run(m.cfg.Host, func() (err error) { s, err = start(m.cfg, m.data); return err }); err != nil {
		lis.Close()
		return err
	}
	m.running.Store(s)
	m.started++
	m.changed(history.Up, s)
	s.serve(lis, m.ready(s))
	return nil
}

// Kill ends the process, if it runs, at once; its data stays.
func (m *Member) Kill() {
	if s := m.Server(); s != nil {
		s.stop()
		m.ended(s)
	}
}

// Stop ends the process, if it runs, as SIGTERM does (server/v3/embed, Etcd.Close):
// no new connections and requests are taken, and those under way may end until etcd's
// request timeout, 7 s. Watches do not end by themselves: with one open, it takes
// that long. When ctx is done the process is killed.
func (m *Member) Stop(ctx context.Context) {
	if s := m.Server(); s != nil {
		s.shutdown(ctx)
		m.ended(s)
	}
}

// Wipe removes the data of a server that does not run.
func (m *Member) Wipe() error { return os.RemoveAll(m.data.dir) }

func (m *Member) ended(s *Server) {
	m.data.recorded = s.tap.last
	m.running.Store(nil)
	m.changed(history.Down, s)
}

func (m *Member) changed(verb history.Verb, s *Server) {
	record := m.cfg.OnChange
	if record == nil {
		record = m.cfg.Record
	}
	record(m.record(verb, s))
}

func (m *Member) record(verb history.Verb, s *Server) history.Record {
	return history.Record{Actor: m.cfg.Host, Verb: verb, Kind: "etcd", Inc: m.started, Store: s.Store()}
}

// ready returns what records that a server lets clients in. One that is alone has done so
// by the time that it is up.
func (m *Member) ready(s *Server) func() {
	if m.cfg.Cluster == nil {
		return func() {}
	}
	r := m.record(history.Ready, s)
	return func() { m.cfg.Record(r) }
}

// Server returns the running server, or nil.
func (m *Member) Server() *Server { return m.running.Load() }

// Store returns the store of the running server as the history names it, or "" while
// there is none.
func (m *Member) Store() string {
	if s := m.Server(); s != nil {
		return s.Store()
	}
	return ""
}
