package fault

import (
	"cmp"
	"slices"
	"time"

	"pgregory.net/rapid"
)

// drawFaults draws each fault from its own stream. One that would overlap with an
// earlier one on the same process or link is drawn again, a few times; the rare
// one that finds no room is left out.
func drawFaults(p *Plan) {
	const tries = 8
	generator := faults(p.Topology, p.Churn)
	for i := range refFaults {
		for try := range tries {
			f := draw(generator, p.Seed, "fault", i, try)
			if !overlaps(p.Faults, &f) {
				p.Faults = append(p.Faults, f)
				break
			}
		}
	}
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}

func overlaps(faults []Fault, f *Fault) bool {
	return slices.ContainsFunc(faults, func(other Fault) bool {
		return other.occupies() == f.occupies() && f.At <= other.At+other.For && other.At <= f.At+f.For
	})
}

// faults generates one fault that begins and ends within the churn phase.
func faults(t Topology, churn Duration) *rapid.Generator[Fault] {
	return rapid.Custom(func(rt *rapid.T) Fault {
		f := Fault{
			Kind: Kinds[uniform(rt, len(Kinds), "kind")],
			At:   Duration(uniform(rt, int(churn/Duration(time.Millisecond)), "at")) * Duration(time.Millisecond),
		}
		shape := shapes[f.Kind]
		switch {
		case shape.link:
			f.Target, f.Peer = drawLink(rt, t)
		case f.Kind == Pause:
			f.Target = drawHost(rt, t, rapid.SampledFrom([]string{"r", "a", "k"}).Draw(rt, "paused"))
		default:
			f.Target = drawHost(rt, t, shape.targets)
		}
		if shape.lasts {
			f.For = min(drawLength(rt, f.Kind), churn-f.At)
		}
		if f.Kind == Partition {
			f.OneWay = coin.Draw(rt, "oneWay")
		}
		if f.Kind == KubeRestart {
			f.Lag = Duration(uniform(rt, 31, "lag")) * Duration(time.Second)
		}
		return f
	})
}

func drawHost(rt *rapid.T, t Topology, letter string) string {
	count := map[string]int{"k": t.APIServers, "r": t.Replicas, "a": t.Agents}[letter]
	return hostName(letter, uniform(rt, count, letter))
}

// drawLink draws two hosts that talk: mostly an agent or a kube-apiserver with a
// replica, and either may be the target, which matters to a one-way partition.
func drawLink(rt *rapid.T, t Topology) (target, peer string) {
	switch kind := uniform(rt, 5, "link"); {
	case kind < 2:
		target, peer = drawHost(rt, t, "a"), drawHost(rt, t, "r")
	case kind < 4:
		target, peer = drawHost(rt, t, "r"), drawHost(rt, t, "k")
	default:
		target, peer = "w0", drawHost(rt, t, "k")
	}
	if coin.Draw(rt, "turn") {
		target, peer = peer, target
	}
	return target, peer
}

// drawLength draws how long a fault lasts: restarts are short, as of a container;
// the others from a hiccup to what outlasts the detection of a dead replica.
func drawLength(rt *rapid.T, kind Kind) Duration {
	longest := 120_000
	if kind == WriterRestart || kind == AgentRestart || kind == KubeRestart {
		longest = 20_000
	}
	short := coin.Draw(rt, "short")
	if short {
		longest /= 10
	}
	return Duration(1+uniform(rt, longest, "for")) * Duration(time.Millisecond)
}
