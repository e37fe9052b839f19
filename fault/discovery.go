package fault

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/mode"
)

// The Service of the replicas, where agents read it: see mode.ByDialer.
const (
	MeshNamespace = "kube-system"
	MeshService   = "clustermesh-apiserver"
	MeshIP        = "172.20.0.10" // its cluster IP
)

// mostReplicaNodes bounds how many nodes there are for replicas.
const mostReplicaNodes = 64

func checkDiscovery(p *Plan, _ Given) *flaw {
	o := p.Options
	switch m := p.InMode(); {
	case o.Discovery != "" && !slices.Contains(mode.Discoveries(), o.Discovery):
		return flawf("options.discovery", "found %s; want %q, %q or %q", strictjson.Quote(string(o.Discovery)), mode.ByService, mode.ByDialer, mode.ByHostNetwork)
	case o.Discovery != "" && m.Base != mode.ClusterMesh:
		return flawf("options.discovery", "in the mode %s agents have no choice of how to find replicas; want the mode %s, or no discovery", p.Mode, mode.ClusterMesh)
	case o.ReplicaNodes != 0 && !m.OnHosts():
		return flawf("options.replicaNodes", "replicas are on nodes of theirs with the discovery %q only", mode.ByHostNetwork)
	case o.ReplicaNodes < 0 || o.ReplicaNodes > mostReplicaNodes:
		return flawf("options.replicaNodes", "found %d; want 1 to %d, or nothing for enough", o.ReplicaNodes, mostReplicaNodes)
	case !m.ReadsServices():
		return nil
	}
	for i := range p.Services {
		if problem := checkMeshService(fmt.Sprintf("services[%d]", i), &p.Services[i]); problem != nil {
			return problem
		}
	}
	for i := range p.Ops {
		if s := p.Ops[i].Service; s != nil {
			if problem := checkMeshService(fmt.Sprintf("ops[%d].service", i), s); problem != nil {
				return problem
			}
		}
	}
	return nil
}

// checkMeshService refuses a Service that is that of the replicas, or has its address.
func checkMeshService(path string, s *Service) *flaw {
	if s.Namespace == MeshNamespace && s.Name == MeshService {
		return flawf(path+".name", "with the discovery %q the service %s/%s is that of the replicas; want another name", mode.ByDialer, s.Namespace, s.Name)
	}
	for _, ip := range slices.Concat(s.IPs, s.ExternalIPs) {
		if at, err := netip.ParseAddr(ip); err == nil && at.Unmap().String() == MeshIP {
			return flawf(path+".ips", "with the discovery %q the service of the replicas has the address %s; want another one", mode.ByDialer, MeshIP)
		}
	}
	return nil
}
