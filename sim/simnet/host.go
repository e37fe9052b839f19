package simnet

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"

	"github.com/meshcheck/meshcheck/sim/hosts"
)

// Addr is the address of one end: a host's name and a port.
type Addr struct {
	Host string
	Port int
}

// Network returns "sim".
func (a Addr) Network() string { return "sim" }

// String returns "host:port".
func (a Addr) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// Host is a machine on the network, with one kernel and any number of processes.
type Host struct {
	n         *Network
	name      string
	listeners map[int]*listener // by port
	links     []*link           // from here, in order of creation
	dials     int               // so far
	pauses    int               // in force
	downs     int               // in force
}

// Name returns the host's name.
func (h *Host) Name() string { return h.name }

// reachable says whether the host takes part in the network.
func (h *Host) reachable() bool { return h.downs == 0 && h.pauses == 0 }

// Listen returns a listener on a port, from 1 to 65535. It fails with EADDRINUSE
// if there is one already, and with ENETDOWN on a host that is down.
func (h *Host) Listen(port int) (net.Listener, error) {
	h.n.mu.Lock()
	defer h.n.unlock()
	addr := Addr{h.name, port}
	fail := func(err error) (net.Listener, error) {
		return nil, &net.OpError{Op: "listen", Net: "sim", Addr: addr, Err: err}
	}
	switch {
	case h.n.closed:
		return fail(net.ErrClosed)
	case port < 1 || port > 65535:
		return fail(&net.AddrError{Err: "invalid port; ports are 1 to 65535", Addr: addr.String()})
	case h.downs > 0:
		return fail(os.NewSyscallError("bind", syscall.ENETDOWN))
	case h.listeners[port] != nil:
		return fail(os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	l := newListener(h, addr)
	h.listeners[port] = l
	return l, nil
}

// DialContext is Dial in the form of net/http's Transport.DialContext. The
// network is ignored.
func (h *Host) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	return h.Dial(ctx, address)
}

// Dial connects to "host:port", in one round trip. It is a dialer for
// grpc.WithContextDialer. It fails, like that of package net, with a
// *net.OpError: ECONNREFUSED after one round trip if nothing listens there,
// ETIMEDOUT if nothing answers, the context's error once it is done, and a
// *net.DNSError at once if there is no such host.
func (h *Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	fail := func(source, addr net.Addr, err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "sim", Source: source, Addr: addr, Err: err}
	}
	remote, err := parseAddr(address)
	if err != nil {
		return fail(nil, nil, err)
	}
	if ctx.Err() != nil {
		return fail(nil, remote, ctx.Err())
	}
	c, err := h.connect(remote, socketOf(ctx))
	if err != nil {
		return fail(nil, remote, err)
	}
	select {
	case <-c.answered:
	case <-ctx.Done():
		c.cancelDial(ctx.Err())
	}
	if err = c.dialError(); err != nil {
		return fail(c.local, remote, err)
	}
	return c, nil
}

// connect sends the first segment of a new connection.
func (h *Host) connect(remote Addr, set Socket) (*conn, error) {
	if on, tracked := hosts.Current(); tracked && on != h.name {
		panic(fmt.Sprintf("a goroutine of host %q dials from %q: what it reads of Cilium's package-level state is another host's", on, h.name))
	}
	n := h.n
	n.mu.Lock()
	defer n.unlock()
	if n.closed {
		return nil, net.ErrClosed
	}
	to, found := n.hosts[remote.Host]
	if !found {
		return nil, &net.DNSError{Err: "no such host", Name: remote.Host, IsNotFound: true}
	}
	c := newConn(n.link(h, to), Addr{h.name, h.localPort()}, remote)
	c.socket = set.within(&n.cfg)
	n.tell(Dial, c)
	n.agenda.schedule(&c.giveUp, n.agenda.now()+n.cfg.ConnectTimeout)
	c.send(syn, 0)
	return c, nil
}

// localPort returns the port of the next dial, from Linux's default range, over
// and over: a port says nothing about which connection a segment belongs to.
func (h *Host) localPort() int {
	const first, last = 32768, 60999
	port := first + h.dials%(last-first+1)
	h.dials++
	return port
}

// sortedListeners returns the listeners in order of ports.
func (h *Host) sortedListeners() []*listener {
	var listeners []*listener
	for _, port := range slices.Sorted(maps.Keys(h.listeners)) {
		listeners = append(listeners, h.listeners[port])
	}
	return listeners
}

// conns returns the host's ends of its connections.
func (h *Host) conns() []*conn {
	var conns []*conn
	for _, l := range h.links {
		conns = append(conns, l.conns...)
	}
	return conns
}

// refresh makes a change of reachable known to the links.
func (h *Host) refresh() {
	for _, l := range h.links {
		l.refresh()
		l.reverse.refresh()
	}
}

func (h *Host) shutListeners(err error) {
	for _, l := range h.sortedListeners() {
		l.shut(err)
	}
}

func parseAddr(address string) (Addr, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return Addr{}, err
	}
	port, err := strconv.Atoi(service)
	if err != nil || port < 1 || port > 65535 {
		return Addr{}, fmt.Errorf("address %q has the port %q; ports are numbers from 1 to 65535", address, service)
	}
	return Addr{host, port}, nil
}
