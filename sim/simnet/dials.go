package simnet

import (
	"context"
	"fmt"
	"net"
)

// TakeDials makes every net.Dialer of the process dial on this network, for code that
// makes its own and takes none from outside, such as etcd between the members of a cluster.
// hosts says which host has which IP address: by Dialer.LocalAddr it is known who dials. It
// needs the deterministic runtime.
func (n *Network) TakeDials(hosts map[string]string) {
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
		return n.Host(hosts[tcp.IP.String()]).Dial(ctx, net.JoinHostPort(hosts[ip], port))
	})
}
