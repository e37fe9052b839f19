package simnet

import (
	"context"
	"fmt"
	"net"
)

// TakeDials makes every net.Dialer of the process dial on this network, for code that
// makes its own and takes none from outside, such as etcd between the members of a cluster.
// hosts says which host has which IP address: by Dialer.LocalAddr it is known who dials. It
// needs the deterministic runtime. What a Dialer sets of sockets cannot be seen: all set the same.
func (n *Network) TakeDials(hosts map[string]string, set Socket) {
	from := func(host string) func(context.Context, string) (net.Conn, error) {
		return set.Dialer(n.Host(host).Dial)
	}
	hook(func(ctx context.Context, local net.Addr, network, address string) (net.Conn, error) {
		fail := func(err error) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: network, Source: local, Err: err}
		}
		tcp, _ := local.(*net.TCPAddr)
		if tcp == nil || hosts[tcp.IP.String()] == "" {
			return fail(fmt.Errorf("%v is no host's address", local))
		}
		ip, port, err := net.SplitHostPort(address)
		if err != nil {
			return fail(err)
		}
		if hosts[ip] == "" {
			return fail(fmt.Errorf("%s is no host's address", ip))
		}
		return from(hosts[tcp.IP.String()])(ctx, net.JoinHostPort(hosts[ip], port))
	})
}
