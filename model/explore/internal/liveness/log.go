package liveness

import "encoding/binary"

// Log records the explored states with their steps, for the state graph. It
// is owned by one goroutine.
type Log struct {
	full  [][]byte
	open  []byte
	bytes int64 // of the full ones
	edges int64
	owed  int // edges of the last state that are not yet recorded
}

const logBytes = 1 << 20

// State records a state: its fingerprint, which atoms are true in it, and how many
// edges it has, which are recorded next. A step to the state itself is stuttering and
// no edge.
func (l *Log) State(fp, atoms uint64, edges int) {
	b := binary.LittleEndian.AppendUint64(l.open, fp)
	b = binary.LittleEndian.AppendUint64(b, atoms)
	l.open = binary.AppendUvarint(b, uint64(edges))
	l.edges += int64(edges)
	l.owed = edges
	l.turn()
}

// Edge records an edge of the last state: the state it leads to, and the action.
func (l *Log) Edge(to uint64, action int) {
	l.open = binary.AppendUvarint(binary.LittleEndian.AppendUint64(l.open, to), uint64(action))
	l.owed--
	l.turn()
}

// turn begins a new part after a state that is complete.
func (l *Log) turn() {
	if l.owed == 0 && len(l.open) >= logBytes-logBytes/8 {
		l.full = append(l.full, l.open)
		l.bytes += int64(len(l.open))
		l.open = make([]byte, 0, logBytes)
	}
}

// Edges is how many edges are recorded.
func (l *Log) Edges() int64 { return l.edges }

// Size is how much memory the log takes: none if there is no log.
func (l *Log) Size() int64 {
	if l == nil {
		return 0
	}
	return l.bytes + int64(len(l.open))
}

// states calls f with every recorded state and its number of edges; edges, called
// at most once by f, calls its argument with each of them.
func (l *Log) states(f func(fp, atoms uint64, n int, edges func(func(to uint64, action int)))) {
	for _, b := range append(l.full[:len(l.full):len(l.full)], l.open) {
		for len(b) > 0 {
			fp, atoms := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
			n, used := binary.Uvarint(b[16:])
			b = b[16+used:]
			rest := b
			for range n {
				_, used := binary.Uvarint(rest[8:])
				rest = rest[8+used:]
			}
			f(fp, atoms, int(n), func(g func(to uint64, action int)) {
				for e := b; len(e) > len(rest); {
					action, used := binary.Uvarint(e[8:])
					g(binary.LittleEndian.Uint64(e), int(action))
					e = e[8+used:]
				}
			})
			b = rest
		}
	}
}
