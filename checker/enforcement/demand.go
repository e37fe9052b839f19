package enforcement

import (
	"net/netip"
	"slices"

	"github.com/meshcheck/meshcheck/history/object"
)

// peer is who may come in or be reached: the pods of an identity, a network, or a part of the machine's
// surroundings.
type peer struct {
	name     string        // as in the records of policy maps
	of       string        // what policies go by, as text
	number   int           // and its number
	labels   object.Labels // of pods; nil of others
	network  netip.Prefix
	entities []string
}

// Identities that are the same everywhere.
const (
	hostIdentity  = "1"
	worldIdentity = "2"
	otherNodes    = "6"
)

// surroundings returns the peers that are no pods and no networks.
func surroundings() []*peer {
	return []*peer{
		{name: hostIdentity, of: "host", entities: []string{"cluster", "host"}},
		{name: worldIdentity, of: "world", entities: []string{"world"}},
		{name: otherNodes, of: "remote-node", entities: []string{"cluster", "remote-node"}},
	}
}

func podsOf(number string, labels object.Labels) *peer {
	return &peer{name: number, of: object.Identity{Labels: labels}.String(), labels: labels, entities: []string{"cluster"}}
}

func networkOf(cidr string) *peer {
	prefix, _ := netip.ParsePrefix(cidr) // policies are validated; a wrong one is no network
	return &peer{name: "cidr:" + cidr, of: "cidr:" + cidr, network: prefix, entities: []string{"world"}}
}

// is reports whether a rule's peer is this one.
func (p *peer) is(of object.Peer) bool {
	switch {
	case of.Pods != nil:
		return p.labels != nil && of.Pods.Matches(p.labels)
	case of.Entity != "":
		return of.Entity == "all" || slices.Contains(p.entities, of.Entity)
	}
	wide, err := netip.ParsePrefix(of.CIDR)
	return err == nil && p.network.IsValid() && wide.Bits() <= p.network.Bits() && wide.Contains(p.network.Addr())
}

// flow is what may be let through to or from an endpoint.
type flow struct {
	egress bool
	peer   *peer
	port   string
}

// verdict is what policies demand.
type verdict uint8

const (
	either verdict = iota // it depends on which versions of the policies somebody goes by
	allowed
	denied
)

// demand returns what policies demand of a flow of an endpoint with labels, whichever version of each
// of them somebody goes by; nil stands for a time at which there was not the policy. Without a policy
// about the endpoint in that direction all is let through; with one, only what a policy allows; and
// what a policy denies is not.
func demand(subject object.Labels, f flow, policies [][]*object.Policy) verdict {
	if f.peer.name == hostIdentity && !f.egress {
		return either // what is the host's own is let in, whatever policies say, unless they deny it (allow-localhost)
	}
	var some, every struct{ isolates, allows, denies bool } // some policy may do it, or does it for sure
	for _, versions := range policies {
		isolates, allows, denies := 0, 0, 0
		for _, p := range versions {
			if p == nil || !p.Subject.Matches(subject) {
				continue
			}
			if f.egress && p.Egress || !f.egress && p.Ingress {
				isolates++
			}
			a, d := says(p, f)
			allows, denies = allows+a, denies+d
		}
		n := len(versions)
		some.isolates, every.isolates = some.isolates || isolates > 0, every.isolates || isolates == n
		some.allows, every.allows = some.allows || allows > 0, every.allows || allows == n
		some.denies, every.denies = some.denies || denies > 0, every.denies || denies == n
	}
	switch {
	case !some.denies && (every.allows || !some.isolates):
		return allowed
	case every.denies || every.isolates && !some.allows:
		return denied
	}
	return either
}

// says returns 1 of what the rules of a policy do with a flow.
func says(p *object.Policy, f flow) (allows, denies int) {
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Egress != f.egress || len(r.Ports) > 0 && !slices.Contains(r.Ports, f.port) || len(r.Peers) > 0 && !slices.ContainsFunc(r.Peers, f.peer.is) {
			continue
		}
		if r.Deny {
			denies = 1
		} else {
			allows = 1
		}
	}
	return allows, denies
}
