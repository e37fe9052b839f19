package enforcement

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/meshcheck/meshcheck/history/object"
)

// window is what there was throughout, and which policies there were at some time, since an instant.
type window struct {
	since  time.Duration
	peers  []*peer
	partly map[*peer]bool // networks that no policy named for a part of it, of which no agent need know
	*versions
}

// versions are policies, each with those that somebody may go by, and what they demand.
type versions struct {
	policies [][]*object.Policy
	ports    []string
	known    map[question][]verdict
}

// question asks what is demanded of the flows between pods and a peer, both by the number of what
// policies go by.
type question struct {
	subject, peer int
	egress        bool
}

var directions = []bool{false, true}

func (f *follower) window(since time.Duration) *window {
	w := &window{since: since, peers: slices.Clone(f.surroundings), partly: map[*peer]bool{}, versions: f.versionsSince(since)}
	for _, number := range f.numbers {
		if is := f.identities[number].throughout(since); is != nil {
			w.peers = append(w.peers, is)
		}
	}
	for _, cidr := range slices.Sorted(maps.Keys(f.networks)) {
		p := f.networks[cidr]
		w.peers = append(w.peers, p)
		w.partly[p] = f.mentioned[cidr].throughout(since) == nil
	}
	return w
}

// versionsSince returns those policies that there were since an instant: of one set of versions always the same.
func (f *follower) versionsSince(since time.Duration) *versions {
	var name []byte
	var policies [][]*object.Policy
	for _, key := range slices.Sorted(maps.Keys(f.policies)) {
		p := f.policies[key]
		policies = append(policies, p.since(since))
		name = append(strconv.AppendInt(append(name, key...), int64(p.first(since)), 10), '-')
		name = append(strconv.AppendInt(name, int64(len(p.changes)), 10), ';')
	}
	v := f.versions[string(name)]
	if v == nil {
		v = &versions{policies: policies, ports: f.ports, known: map[question][]verdict{}}
		f.versions[string(name)] = v
	}
	return v
}

// wants is what policies demand of the flows between a pod and a peer, by port.
func (v *versions) wants(s *subject, p *peer, egress bool) []verdict {
	q := question{s.number, p.number, egress}
	row, known := v.known[q]
	if !known {
		for _, port := range v.ports {
			row = append(row, demand(s.labels, flow{egress, p, port}, v.policies))
		}
		v.known[q] = row
	}
	return row
}
