//go:build detrt

package simnet

import (
	"context"
	"net"
	_ "unsafe" // for go:linkname
)

// dialHook is what a net.Dialer calls in place of the kernel: an edit of the
// deterministic runtime (sim/det/rt/edits.txt).
//
//go:linkname dialHook net.detrtDial
var dialHook func(ctx context.Context, local net.Addr, network, address string) (net.Conn, error)

func hook(dial func(ctx context.Context, local net.Addr, network, address string) (net.Conn, error)) {
	dialHook = dial
}
