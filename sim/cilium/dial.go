package cilium

import (
	"context"
	"log/slog"
	"net"
	_ "unsafe" // for go:linkname

	"github.com/cilium/cilium/pkg/dial"
)

// NewContextDialer returns Cilium's dialer with resolvers, one after the other, which ends in
// a dialer of the network here: that of dial.NewContextDialer is the operating system's.
func NewContextDialer(log *slog.Logger, end func(context.Context, string) (net.Conn, error), resolvers ...dial.Resolver) func(context.Context, string) (net.Conn, error) {
	return newContextDialer(log, end, resolvers...)
}

//go:linkname newContextDialer github.com/cilium/cilium/pkg/dial.newContextDialer
func newContextDialer(log *slog.Logger, end func(context.Context, string) (net.Conn, error), resolvers ...dial.Resolver) func(context.Context, string) (net.Conn, error)
