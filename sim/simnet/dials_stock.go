//go:build !detrt

package simnet

import (
	"context"
	"net"
)

func hook(func(ctx context.Context, local net.Addr, network, address string) (net.Conn, error)) {
	panic("simnet: on Go's own runtime a net.Dialer reaches no simulated host")
}
