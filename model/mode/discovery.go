package mode

// Discovery is how agents find the etcd of a replica.
type Discovery string

// The discoveries.
const (
	// ByService: by the name of the Service of the replicas. A DNS server resolves it, and
	// the Service's datapath on the node of the agent takes each connection to an endpoint.
	ByService Discovery = "service"
	// ByDialer: by the same name, which the agent resolves itself, and by the endpoints that it
	// reads from a kube-apiserver, of which it dials one, as Cilium's KVStoreMesh does. Neither
	// DNS nor a datapath of Services is needed.
	ByDialer Discovery = "dialer"
	// ByHostNetwork: the replicas' Pods are on the network of their nodes, and agents watch
	// them for the addresses of these nodes, and dial one (CFP-44774, bootstrap option 2).
	ByHostNetwork Discovery = "hostnetwork"
)

// Discoveries returns all discoveries, the usual one first.
func Discoveries() []Discovery { return []Discovery{ByService, ByDialer, ByHostNetwork} }

// By returns the mode with a discovery.
func (m Mode) By(d Discovery) Mode {
	if d == ByService {
		d = ""
	}
	m.Discovery = d
	return m
}

// Chooses reports whether agents themselves choose the replica that they dial, by what a
// kube-apiserver tells them of it. Else the datapath of a Service chooses.
func (m Mode) Chooses() bool { return m.Discovery != "" }

// ReadsServices reports whether agents find a replica by Services and EndpointSlices.
func (m Mode) ReadsServices() bool { return m.Discovery == ByDialer }

// OnHosts reports whether replicas are on the networks of their nodes, of which each has
// their port once.
func (m Mode) OnHosts() bool { return m.Discovery == ByHostNetwork }

// In returns the names of the mode's variants with some discoveries: only its own name, if
// it has none but the usual one.
func (m Mode) In(discoveries []Discovery) (names []string) {
	if m.Base != ClusterMesh {
		return []string{m.String()}
	}
	for _, d := range discoveries {
		names = append(names, m.By(d).String())
	}
	return names
}
