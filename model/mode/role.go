package mode

import (
	"fmt"
	"strconv"
	"strings"
)

// Role is what a host of the world is for. Hosts are named by a letter for their
// role and a number, such as "r0": that is how plans and histories spell them.
type Role string

// The roles.
const (
	APIServer Role = "k" // runs a kube-apiserver
	Replica   Role = "r" // runs a replica of the ClusterMesh API server: an etcd and a writer
	Etcd      Role = "e" // runs a member of the etcd that agents share
	Agent     Role = "a" // runs a node's agent
	Operator  Role = "o" // runs Cilium's operator
	Client    Role = "w" // runs the clients of the kube-apiserver that change the cluster: the workload
)

// Roles returns all roles, in the order in which hosts are listed.
func Roles() []Role { return []Role{APIServer, Replica, Etcd, Agent, Operator, Client} }

// Host returns the name of the role's host with a number, from 0.
func (r Role) Host(number int) string { return string(r) + strconv.Itoa(number) }

// Plural names the role's hosts.
func (r Role) Plural() string {
	return map[Role]string{APIServer: "kube-apiservers", Replica: "replicas", Etcd: "shared etcds", Agent: "agents", Operator: "operators", Client: "clients"}[r]
}

// Meaning says what a host of the role is.
func (r Role) Meaning() string {
	return map[Role]string{APIServer: "a kube-apiserver", Replica: "a replica", Etcd: "a shared etcd", Agent: "an agent", Operator: "an operator", Client: "the workload's clients"}[r]
}

// Is reports whether a host, by its name, has the role.
func (r Role) Is(host string) bool { return strings.HasPrefix(host, string(r)) }

// RoleOf returns the role of a host, by its name, which is known to be one; "" has none.
func RoleOf(host string) Role { return Role(host[:min(1, len(host))]) }

// Number returns the number of a host, by its name, which is known to be one.
func Number(host string) int {
	_, number, err := ParseHost(host)
	if err != nil {
		panic(err)
	}
	return number
}

// ParseHost returns the role and the number of a host, by its name.
func ParseHost(name string) (Role, int, error) {
	for _, role := range Roles() {
		digits, ok := strings.CutPrefix(name, string(role))
		if !ok {
			continue
		}
		if number, err := strconv.Atoi(digits); err == nil && number >= 0 && role.Host(number) == name {
			return role, number, nil
		}
	}
	return "", 0, fmt.Errorf("%q is not the name of a host: want one of the letters %s and a number, such as %q", name, join(Roles()), Replica.Host(0))
}
