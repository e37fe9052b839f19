package simnet

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// LinkConfig says how long segments take on a link.
type LinkConfig struct {
	LatencyMin, LatencyMax time.Duration // one way, drawn uniformly, both included
	Bandwidth              int           // bytes per second, shared by the link's connections; zero: unlimited
}

// SetLink sets how long segments take from one host to another, for those sent
// from now on; a segment still never overtakes another of its connection.
func (n *Network) SetLink(from, to string, cfg LinkConfig) {
	cfg.check(from, to)
	n.mu.Lock()
	defer n.unlock()
	n.link(n.host(from), n.host(to)).cfg = cfg
}

// check panics if a link cannot be so.
func (c LinkConfig) check(from, to string) {
	if c.LatencyMin < 0 || c.LatencyMax < c.LatencyMin || c.Bandwidth < 0 {
		panic(fmt.Sprintf("simnet: the link from %s to %s cannot be %+v; values are zero or more, and the latency's maximum is not below its minimum", from, to, c))
	}
}

// LinkStats counts what was sent over a link since the network was made.
type LinkStats struct {
	From, To    string
	Connections int64 // established by dials of From to To
	Segments    int64 // with those of handshakes and closing
	Bytes       int64 // of data
}

// Stats returns the counts of the links that were used, sorted by From and To.
func (n *Network) Stats() []LinkStats {
	n.mu.Lock()
	defer n.unlock()
	var stats []LinkStats
	for l := n.lastLink; l != nil; l = l.older {
		if l.stats.Segments > 0 {
			stats = append(stats, l.stats)
		}
	}
	slices.SortFunc(stats, func(a, b LinkStats) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return stats
}

// Sent returns how many segments were sent so far over the links that count, by the names
// of their hosts, and how many of them have not arrived.
func (n *Network) Sent(counts func(from, to string) bool) (all, underWay int64) {
	n.mu.Lock()
	defer n.unlock()
	for l := n.lastLink; l != nil; l = l.older {
		if l.from == l.to || !counts(l.from.name, l.to.name) {
			continue
		}
		all += l.stats.Segments
		for _, c := range l.conns {
			underWay += int64(c.segments.len())
		}
	}
	return all, underWay
}

// link is one direction between two hosts, or a host's loopback.
type link struct {
	from, to *Host
	reverse  *link // itself for a loopback
	older    *link // the link made before this one, if any
	cfg      LinkConfig
	slows    []*LinkConfig // in force instead of cfg, the last one counts
	delays   draws
	busy     time.Duration // until when the link is transmitting, if it has a bandwidth
	stats    LinkStats     // Segments is the number of the next segment too
	cuts     int           // partitions in force
	open     bool          // segments arrive
	conns    []*conn       // ends that send over it, in order of dials
}

// link returns the link between two hosts; both directions are made if there is
// none.
func (n *Network) link(from, to *Host) *link {
	for _, l := range from.links {
		if l.to == to {
			return l
		}
	}
	there := n.newLink(from, to)
	back := there
	if from != to {
		back = n.newLink(to, from)
	}
	there.reverse, back.reverse = back, there
	return there
}

func (n *Network) newLink(from, to *Host) *link {
	l := &link{
		from:   from,
		to:     to,
		older:  n.lastLink,
		cfg:    LinkConfig{LatencyMin: n.cfg.LatencyMin, LatencyMax: n.cfg.LatencyMax},
		delays: newDraws(n.cfg.Seed, "net.delay", from.name, to.name),
		stats:  LinkStats{From: from.name, To: to.name},
	}
	l.open = l.passable()
	n.lastLink = l
	from.links = append(from.links, l)
	return l
}

// passable says whether no fault keeps segments from arriving. The loopback of a
// host works whatever happens to the network around it.
func (l *link) passable() bool {
	return l.from == l.to || l.cuts == 0 && l.from.reachable() && l.to.reachable()
}

// refresh makes a change of passable known to the link's connections.
func (l *link) refresh() {
	if l.open == l.passable() {
		return
	}
	l.open = !l.open
	for _, c := range l.conns {
		c.linkChanged()
	}
}

// latency counts a segment and draws its latency.
func (l *link) latency(size int) time.Duration {
	number := uint64(l.stats.Segments)
	l.stats.Segments++
	l.stats.Bytes += int64(size)
	cfg := l.config()
	return l.delays.between(number, cfg.LatencyMin, cfg.LatencyMax)
}

// config says how long segments take at present.
func (l *link) config() *LinkConfig {
	if last := len(l.slows) - 1; last >= 0 {
		return l.slows[last]
	}
	return &l.cfg
}

// slow begins, with a step of 1, or ends, with one of -1, what slows the link.
func (l *link) slow(cfg *LinkConfig, step int) {
	if step > 0 {
		l.slows = append(l.slows, cfg)
		return
	}
	i := slices.Index(l.slows, cfg)
	l.slows = slices.Delete(l.slows, i, i+1)
	l.busy = 0
	for _, c := range l.conns {
		c.hasten()
	}
}

// transmit returns when the last byte of a segment leaves that is sent now.
func (l *link) transmit(size int, now time.Duration) time.Duration {
	bandwidth := l.config().Bandwidth
	if bandwidth == 0 {
		return now
	}
	l.busy = max(l.busy, now) + time.Duration(size)*time.Second/time.Duration(bandwidth)
	return l.busy
}

func (l *link) remove(c *conn) {
	if i := slices.Index(l.conns, c); i >= 0 {
		l.conns = slices.Delete(l.conns, i, i+1)
	}
}
