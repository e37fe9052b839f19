package services

import (
	"slices"

	"github.com/cilium/hive/cell"

	"github.com/cilium/cilium/pkg/dial"
	"github.com/cilium/cilium/pkg/loadbalancer"
)

// resolving are Cilium's two resolvers of a dialer, on the tables of this reader: they are
// what pkg/clustermesh gives the clients of remote clusters.
func (r *Reader) resolving() cell.Cell {
	return cell.Group(
		dial.ServiceResolverCell,
		cell.Provide(dial.ServiceBackendResolverFactory("clustermesh")),
		cell.Invoke(func(name dial.Resolver, backend *dial.ServiceBackendResolver) {
			r.resolvers = []dial.Resolver{name, backend}
		}),
	)
}

// Resolvers are those that make, of the name of a Service, the address of one of its
// backends, in this order. There are none before the reader has started.
func (r *Reader) Resolvers() []dial.Resolver { return r.resolvers }

// Active returns the addresses of the backends of a Service that the tables have for active,
// in order.
func (r *Reader) Active(namespace, name string) (ips []string) {
	if !r.running {
		return nil
	}
	backends, _ := loadbalancer.ListBackendsByServiceName(r.tables.db.ReadTxn(), r.tables.backends, loadbalancer.NewServiceName(namespace, name))
	for b := range backends {
		if b.State == loadbalancer.BackendStateActive {
			ips = append(ips, b.Address.Addr().String())
		}
	}
	slices.Sort(ips)
	return ips
}
