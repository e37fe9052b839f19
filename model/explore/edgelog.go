package explore

import "encoding/binary"

// edgeLog records the explored states with their steps, for the state graph. It
// is owned by one goroutine. A nil log is empty.
type edgeLog struct {
	full  [][]byte
	open  []byte
	bytes int64 // of the full ones
	edges int64
}

const logBytes = 1 << 20

// add records a state: its fingerprint, which atoms are true in it, and its steps
// to other states. A step to the state itself is stuttering and left out.
func (l *edgeLog) add(fp, atoms uint64, steps []transition) {
	b := binary.LittleEndian.AppendUint64(l.open, fp)
	b = binary.LittleEndian.AppendUint64(b, atoms)
	n := 0
	for _, t := range steps {
		if t.fp != fp {
			n++
		}
	}
	b = binary.AppendUvarint(b, uint64(n))
	for _, t := range steps {
		if t.fp != fp {
			b = binary.LittleEndian.AppendUint64(b, t.fp)
			b = binary.AppendUvarint(b, uint64(t.action))
		}
	}
	l.open = b
	l.edges += int64(n)
	if len(b) >= logBytes-logBytes/8 {
		l.full = append(l.full, b)
		l.bytes += int64(len(b))
		l.open = make([]byte, 0, logBytes)
	}
}

func (l *edgeLog) size() int64 {
	if l == nil {
		return 0
	}
	return l.bytes + int64(len(l.open))
}

// states calls f with every recorded state and its number of edges; edges, called
// at most once by f, calls its argument with each of them.
func (l *edgeLog) states(f func(fp, atoms uint64, n int, edges func(func(to uint64, action int)))) {
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
