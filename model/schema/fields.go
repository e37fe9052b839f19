package schema

// Field is a field of one of Cilium's types that an entry goes through, from the object
// that makes it true to what an agent hands on. A test below sim compares the list with the
// types, so that another version of Cilium shows what is new, and changes each field, so
// that what is compared is.
type Field struct {
	Of   string // the type, with its package
	Name string
	As   string // what the entry's content calls it; in brackets, if it does not name it
	Why  string // if As is empty: why it is not compared
}

// Reasons for which a field is not compared.
const (
	local   = "says how its own node fares; no other agent reads it"
	cloud   = "for the IPAM of a cloud; no reader of nodes takes it"
	ztunnel = "only the server for ztunnel reads it, which is not here (pkg/ztunnel/xds)"
	origin  = "says who read it last: each record of a change has its origin"
	outside = "for node ports and load balancers: without the replacement of kube-proxy agents take none"
	others  = "set by what the world does not run: local redirects, proxies, host ports, health checks and other clusters"
	bpf     = "of the reconciler of BPF maps"
)

// Fields returns the fields of Cilium's types. It must not be changed.
func Fields() []Field { return fields }

var fields = []Field{
	// An endpoint: as an object, ...
	{"v2.EndpointStatus", "ID", "", local},
	{"v2.EndpointStatus", "Controllers", "", local},
	{"v2.EndpointStatus", "ExternalIdentifiers", "", local},
	{"v2.EndpointStatus", "Health", "", local},
	{"v2.EndpointStatus", "Identity", "id", ""},
	{"v2.EndpointStatus", "Log", "", local},
	{"v2.EndpointStatus", "Networking", "host", ""},
	{"v2.EndpointStatus", "Encryption", "key", ""},
	{"v2.EndpointStatus", "Policy", "", local},
	{"v2.EndpointStatus", "State", "", local},
	{"v2.EndpointStatus", "NamedPorts", "ports", ""},
	{"v2.EndpointStatus", "ServiceAccount", "", ztunnel},
	// ... as a part of a slice, which carries all of it, ...
	{"v2alpha1.CoreCiliumEndpoint", "Name", "pod", ""},
	{"v2alpha1.CoreCiliumEndpoint", "IdentityID", "id", ""},
	{"v2alpha1.CoreCiliumEndpoint", "PodUID", "", ztunnel},
	{"v2alpha1.CoreCiliumEndpoint", "Networking", "host", ""},
	{"v2alpha1.CoreCiliumEndpoint", "Encryption", "key", ""},
	{"v2alpha1.CoreCiliumEndpoint", "NamedPorts", "ports", ""},
	{"v2alpha1.CoreCiliumEndpoint", "ServiceAccount", "", ztunnel},
	// ... in an etcd, ...
	{"identity.IPIdentityPair", "IP", "(key of the entry)", ""},
	{"identity.IPIdentityPair", "Mask", "(key of the entry)", ""},
	{"identity.IPIdentityPair", "HostIP", "host", ""},
	{"identity.IPIdentityPair", "ID", "id", ""},
	{"identity.IPIdentityPair", "Key", "key", ""},
	{"identity.IPIdentityPair", "Metadata", "", "no reader takes it, and no writer sets it"},
	{"identity.IPIdentityPair", "K8sNamespace", "pod", ""},
	{"identity.IPIdentityPair", "K8sPodName", "pod", ""},
	{"identity.IPIdentityPair", "K8sServiceAccount", "", ztunnel},
	{"identity.IPIdentityPair", "NamedPorts", "ports", ""},
	{"identity.NamedPort", "Name", "ports", ""},
	{"identity.NamedPort", "Port", "ports", ""},
	{"identity.NamedPort", "Protocol", "ports", ""},
	// ... and as the ipcache hands it on.
	{"ipcache.Identity", "Source", "", origin},
	{"ipcache.Identity", "ID", "id", ""},
	{"ipcache.K8sMetadata", "Namespace", "pod", ""},
	{"ipcache.K8sMetadata", "PodName", "pod", ""},
	{"ipcache.K8sMetadata", "NamedPorts", "ports", ""},
	{"types.PortProto", "Proto", "ports", ""},
	{"types.PortProto", "Port", "ports", ""},

	// A node: as an object, and in an etcd and as it is handed on.
	{"v2.NodeSpec", "InstanceID", "", cloud},
	{"v2.NodeSpec", "BootID", "boot", ""},
	{"v2.NodeSpec", "Addresses", "(its type)", ""},
	{"v2.NodeSpec", "HealthAddressing", "health4", ""},
	{"v2.NodeSpec", "IngressAddressing", "ingress4", ""},
	{"v2.NodeSpec", "Encryption", "key", ""},
	{"v2.NodeSpec", "ENI", "", cloud},
	{"v2.NodeSpec", "Azure", "", cloud},
	{"v2.NodeSpec", "AlibabaCloud", "", cloud},
	{"v2.NodeSpec", "IPAM", "cidr4", ""},
	{"types.Node", "Name", "(key of the entry)", ""},
	{"types.Node", "Cluster", "cluster", ""},
	{"types.Node", "IPAddresses", "(its type)", ""},
	{"types.Node", "IPv4AllocCIDR", "cidr4", ""},
	{"types.Node", "IPv4SecondaryAllocCIDRs", "cidr4s", ""},
	{"types.Node", "IPv6AllocCIDR", "cidr6", ""},
	{"types.Node", "IPv6SecondaryAllocCIDRs", "cidr6s", ""},
	{"types.Node", "IPv4HealthIP", "health4", ""},
	{"types.Node", "IPv6HealthIP", "health6", ""},
	{"types.Node", "IPv4IngressIP", "ingress4", ""},
	{"types.Node", "IPv6IngressIP", "ingress6", ""},
	{"types.Node", "ClusterID", "cluster", ""},
	{"types.Node", "Source", "", origin},
	{"types.Node", "EncryptionKey", "key", ""},
	{"types.Node", "Labels", "label.", ""},
	{"types.Node", "Annotations", "annotation.", ""},
	{"types.Node", "WireguardPubKey", "wireguard", ""},
	{"types.Node", "BootID", "boot", ""},
	{"types.Address", "Type", "(name of the field)", ""},
	{"types.Address", "IP", "(its type)", ""},

	// A Service: as an object, and in the tables.
	{"v1.ServiceSpec", "Ports", "(its type)", ""},
	{"v1.ServiceSpec", "Selector", "selector.", ""},
	{"v1.ServiceSpec", "ClusterIP", "(its type)", ""},
	{"v1.ServiceSpec", "ClusterIPs", "(its type)", ""},
	{"v1.ServiceSpec", "Type", "", outside},
	{"v1.ServiceSpec", "ExternalIPs", "(its type)", ""},
	{"v1.ServiceSpec", "SessionAffinity", "affinity", ""},
	{"v1.ServiceSpec", "LoadBalancerIP", "", outside},
	{"v1.ServiceSpec", "LoadBalancerSourceRanges", "ranges", ""},
	{"v1.ServiceSpec", "ExternalTrafficPolicy", "external", ""},
	{"v1.ServiceSpec", "HealthCheckNodePort", "health", ""},
	{"v1.ServiceSpec", "SessionAffinityConfig", "affinity", ""},
	{"v1.ServiceSpec", "IPFamilies", "", outside},
	{"v1.ServiceSpec", "IPFamilyPolicy", "", outside},
	{"v1.ServiceSpec", "LoadBalancerClass", "class", ""},
	{"v1.ServiceSpec", "InternalTrafficPolicy", "internal", ""},
	{"v1.ServiceSpec", "TrafficDistribution", "distribution", ""},
	{"loadbalancer.Service", "Name", "(key of the entry)", ""},
	{"loadbalancer.Service", "Source", "", origin},
	{"loadbalancer.Service", "Labels", "label.", ""},
	{"loadbalancer.Service", "Annotations", "annotation.", ""},
	{"loadbalancer.Service", "Selector", "selector.", ""},
	{"loadbalancer.Service", "NatPolicy", "", others},
	{"loadbalancer.Service", "ExtTrafficPolicy", "external", ""},
	{"loadbalancer.Service", "IntTrafficPolicy", "internal", ""},
	{"loadbalancer.Service", "ForwardingMode", "", others},
	{"loadbalancer.Service", "SessionAffinity", "affinity", ""},
	{"loadbalancer.Service", "SessionAffinityTimeout", "affinity", ""},
	{"loadbalancer.Service", "LoadBalancerClass", "class", ""},
	{"loadbalancer.Service", "ProxyRedirects", "", others},
	{"loadbalancer.Service", "HealthCheckNodePort", "health", ""},
	{"loadbalancer.Service", "LoopbackHostPort", "", others},
	{"loadbalancer.Service", "SourceRanges", "ranges", ""},
	{"loadbalancer.Service", "PortNames", "port.", ""},
	{"loadbalancer.Service", "TrafficDistribution", "distribution", ""},
	{"loadbalancer.FrontendParams", "Address", "(its type)", ""},
	{"loadbalancer.FrontendParams", "Type", "(name of the field)", ""},
	{"loadbalancer.FrontendParams", "ServiceName", "", "the frontends of a Service are looked up by it"},
	{"loadbalancer.FrontendParams", "PortName", "(its type)", ""},
	{"loadbalancer.FrontendParams", "ServicePort", "(its type)", ""},
	{"loadbalancer.Frontend", "Status", "", bpf},
	{"loadbalancer.Frontend", "Backends", "unlisted", ""},
	{"loadbalancer.Frontend", "HealthCheckBackends", "", others},
	{"loadbalancer.Frontend", "ID", "", bpf},
	{"loadbalancer.Frontend", "RedirectTo", "", others},
	{"loadbalancer.Frontend", "Service", "", "it is the Service of the same name in the other table"},

	// A backend: as a part of an EndpointSlice, and in the table.
	{"v1.Endpoint", "Addresses", "(key of the entry)", ""},
	{"v1.Endpoint", "Conditions", "state", ""},
	{"v1.Endpoint", "Hostname", "", "the table of backends does not have it"},
	{"v1.Endpoint", "DeprecatedTopology", "", "no EndpointSlice of this version of the API has it"},
	{"v1.Endpoint", "NodeName", "node", ""},
	{"v1.Endpoint", "Zone", "zone", ""},
	{"v1.Endpoint", "Hints", "for", ""},
	{"v1.EndpointConditions", "Ready", "state", ""},
	{"v1.EndpointConditions", "Serving", "state", ""},
	{"v1.EndpointConditions", "Terminating", "state", ""},
	{"v1.EndpointPort", "Name", "ports", ""},
	{"v1.EndpointPort", "Protocol", "(key of the entry)", ""},
	{"v1.EndpointPort", "Port", "(key of the entry)", ""},
	{"v1.EndpointPort", "AppProtocol", "", "the table of backends does not have it"},
	{"loadbalancer.Backend", "ServiceName", "", "the backends of a Service are looked up by it"},
	{"loadbalancer.Backend", "Address", "(key of the entry)", ""},
	{"loadbalancer.Backend", "PortNames", "ports", ""},
	{"loadbalancer.Backend", "Weight", "weight", ""},
	{"loadbalancer.Backend", "NodeName", "node", ""},
	{"loadbalancer.Backend", "Zone", "zone", ""},
	{"loadbalancer.Backend", "ClusterID", "", others},
	{"loadbalancer.Backend", "Source", "", origin},
	{"loadbalancer.Backend", "State", "state", ""},
	{"loadbalancer.Backend", "Unhealthy", "", others},
	{"loadbalancer.Backend", "UnhealthyUpdatedAt", "", others},
	{"loadbalancer.BackendZone", "Zone", "zone", ""},
	{"loadbalancer.BackendZone", "ForZones", "for", ""},

	// An identity: all that it has besides its number is labels.
	{"v2.CiliumIdentity", "SecurityLabels", "(all of it)", ""},
	{"labels.Label", "Key", "(all of it)", ""},
	{"labels.Label", "Value", "(all of it)", ""},
	{"labels.Label", "Source", "(all of it)", ""},
}
