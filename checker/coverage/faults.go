package coverage

import (
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// faults are the faults of a run, as far as it has come.
type faults struct {
	ahead []*index.Fault
	force []*index.Fault           // in force
	last  map[string]time.Duration // by kind: when one last took effect that did something
}

func (f *faults) begin() *index.Fault {
	begun := f.ahead[0]
	f.ahead, f.force = f.ahead[1:], append(f.force, begun)
	if begun.Did {
		f.last[begun.Kind] = begun.From
	}
	return begun
}

func (f *faults) end(number int64) {
	f.force = slices.DeleteFunc(f.force, func(one *index.Fault) bool { return one.Number == number })
}

// cut tells whether messages between two hosts are lost, in one direction or both.
func (f *faults) cut(a, b string) bool {
	return slices.ContainsFunc(f.force, func(one *index.Fault) bool { return cuts(one, a, b) })
}

func cuts(f *index.Fault, a, b string) bool {
	names := func(host string) bool { return slices.Contains(f.Hosts, host) }
	switch {
	case f.Is(disturb.CutRing):
		i, j, n := slices.Index(f.Hosts, a), slices.Index(f.Hosts, b), len(f.Hosts)
		return i >= 0 && j >= 0 && (i-j+n)%n > 1 && (j-i+n)%n > 1
	case !f.Is(disturb.Cut, disturb.CutOneWay):
		return false
	case len(f.Peers) == 0:
		return names(a) != names(b)
	}
	return names(a) && slices.Contains(f.Peers, b) || names(b) && slices.Contains(f.Peers, a)
}

// frozen tells whether the writer of a replica is frozen.
func (f *faults) frozen(host string) bool {
	return slices.ContainsFunc(f.force, func(one *index.Fault) bool {
		return one.Is(disturb.WriterFrozen) && slices.Contains(one.Hosts, host)
	})
}

// felt are the faults in force that do something.
func (f *faults) felt() (all []*index.Fault) {
	for _, one := range f.force {
		if one.Did {
			all = append(all, one)
		}
	}
	return all
}

// strikes tells whether a fault in force that does something strikes a host of the role.
func (f *faults) strikes(role mode.Role) bool {
	return slices.ContainsFunc(f.felt(), func(one *index.Fault) bool {
		return slices.ContainsFunc(one.Peers, role.Is) || slices.ContainsFunc(one.Hosts, role.Is)
	})
}

// aftermath is how long a fault is felt that takes effect at one instant.
const aftermath = 10 * time.Second

// feels tells whether a fault of the kind that does something is in force, or was a moment
// ago.
func (f *faults) feels(kind string, now time.Duration) bool {
	at, happened := f.last[kind]
	return happened && now-at <= aftermath || slices.ContainsFunc(f.felt(), func(one *index.Fault) bool { return one.Kind == kind })
}
