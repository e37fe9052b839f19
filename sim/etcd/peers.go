package etcd

import (
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver/api/etcdhttp"
	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"

	"github.com/meshcheck/meshcheck/sim/hosts"
)

// servePeers serves the other members in the background, as etcd's embed does, until the
// server stops.
func (s *Server) servePeers() error {
	lis, err := s.cfg.Cluster.Listen(s.cfg.Host)
	if err != nil {
		return err
	}
	s.peers = &http.Server{
		Handler:     etcdhttp.NewPeerHandler(s.cfg.Log, s.server),
		ReadTimeout: 5 * time.Minute,
		ErrorLog:    log.New(io.Discard, "", 0),
	}
	go hosts.Run(s.cfg.Host, func() error { return s.peers.Serve(timed{lis}) }) //nolint:errcheck
	return nil
}

// timed is the listener of embed for peers, whose type is not exported (etcd's client/pkg,
// transport.WithTimeout): each read and each write may take as long as rafthttp says.
type timed struct{ net.Listener }

func (l timed) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return timedConn{c}, nil
}

type timedConn struct{ net.Conn }

func (c timedConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(rafthttp.ConnReadTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c timedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(rafthttp.ConnWriteTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
