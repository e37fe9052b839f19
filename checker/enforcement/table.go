package enforcement

import (
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// table is a policy map: its entries by whom they are about, and by port.
type table map[entry]action

type entry struct {
	egress bool
	peer   string
	port   string // "8080/TCP", "8080-8095/TCP", "TCP" or "" for all
}

type action struct {
	denies     bool
	precedence int64
}

// apply takes a record of an entry into account, and returns the entry.
func (t table) apply(r *history.Record) entry {
	peer, port, _ := strings.Cut(r.Value, " ")
	e := entry{r.Kind == history.Egress, peer, port}
	if r.Op == history.Removed {
		delete(t, e)
	} else {
		t[e] = action{r.Op == history.Denied, r.Rev}
	}
	return e
}

// Those whom an entry stands for that is about many (Cilium: bpf/lib/identity.h).
const (
	everybody  = "0"
	allCluster = "11"
	allWorld   = "13"
)

// isMany reports whether an entry about somebody may be about others.
func isMany(name string) bool { return name == everybody || name == allCluster || name == allWorld }

// manyOf is who stands for a peer among many others.
func manyOf(peer string) string {
	if strings.HasPrefix(peer, "cidr:") {
		return allWorld
	}
	if number, err := strconv.Atoi(peer); err == nil && number >= 100 {
		return allCluster
	}
	return everybody
}

// lets reports whether the map lets a flow through, as the program does that asks it
// (Cilium: bpf/lib/policy.h, __policy_can_access): of the entries about the peer the most specific
// port counts, and so of those about many; of these two that of higher precedence, and then the
// more specific one.
func (t table) lets(f flow) bool {
	own, ownLength := t.longest(f.egress, f.peer.name, f.port)
	many := manyOf(f.peer.name)
	other, otherLength := t.longest(f.egress, many, f.port)
	if own == nil && other == nil && many != everybody {
		other, otherLength = t.longest(f.egress, everybody, f.port)
	}
	if own == nil || other != nil && (other.precedence > own.precedence || other.precedence == own.precedence && otherLength > ownLength) {
		own = other
	}
	return own != nil && !own.denies
}

// longest returns the entry about exactly somebody with the most specific port that has the one, and
// how specific that is.
func (t table) longest(egress bool, peer, port string) (a *action, length int) {
	_, protocol, _ := strings.Cut(port, "/")
	for n, p := range []string{port, protocol, ""} {
		if is, has := t[entry{egress, peer, p}]; has {
			return &is, 3 - n
		}
	}
	return nil, 0
}
