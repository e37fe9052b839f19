package coverage

import (
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

// faults are the faults in force.
type faults struct {
	force map[int64]inForce        // by number
	last  map[string]time.Duration // by kind: when one last took effect
	kinds map[string]int           // by kind: how many are in force
}

type inForce struct {
	kind  string
	hosts []string
	peer  string
}

func newFaults() faults {
	return faults{force: map[int64]inForce{}, last: map[string]time.Duration{}, kinds: map[string]int{}}
}

func (f *faults) begin(r *history.Record) {
	var hosts []string
	if r.Key != "" {
		hosts = strings.Split(r.Key, ",")
	}
	f.force[r.Rev] = inForce{r.Kind, hosts, r.Peer}
	f.last[r.Kind] = r.At
	f.kinds[r.Kind]++
}

func (f *faults) end(r *history.Record) {
	if _, known := f.force[r.Rev]; known {
		delete(f.force, r.Rev)
		f.kinds[r.Kind]--
	}
}

// cut tells whether messages between two hosts are lost, in one direction or both.
func (f *faults) cut(a, b string) bool {
	for _, one := range f.force {
		if one.cuts(a, b) {
			return true
		}
	}
	return false
}

func (f inForce) cuts(a, b string) bool {
	names := func(host string) bool { return slices.Contains(f.hosts, host) }
	switch f.kind {
	case "partition", "black-hole":
		return names(a) && f.peer == b || names(b) && f.peer == a
	case "partition-group":
		return names(a) != names(b)
	case "partition-ring":
		i, j, n := slices.Index(f.hosts, a), slices.Index(f.hosts, b), len(f.hosts)
		return i >= 0 && j >= 0 && (i-j+n)%n > 1 && (j-i+n)%n > 1
	case "pause":
		return names(a) || names(b)
	}
	return false
}

// frozen tells whether the writer of a replica is frozen.
func (f *faults) frozen(host string) bool {
	for _, one := range f.force {
		if one.kind == "writer-pause" && slices.Contains(one.hosts, host) {
			return true
		}
	}
	return false
}

// strikes tells whether a fault in force names a host of the role.
func (f *faults) strikes(role mode.Role) bool {
	for _, one := range f.force {
		if role.Is(one.peer) {
			return true
		}
		for _, host := range one.hosts {
			if role.Is(host) {
				return true
			}
		}
	}
	return false
}

// aftermath is how long a fault is felt that takes effect at one instant.
const aftermath = 10 * time.Second

// felt tells whether a fault of the kind is in force, or was a moment ago.
func (f *faults) felt(kind string, now time.Duration) bool {
	at, happened := f.last[kind]
	return f.kinds[kind] > 0 || happened && now-at <= aftermath
}
