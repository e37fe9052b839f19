package explore

import "encoding/binary"

// The sizes of the portions in which waiting states are handed to workers. A
// portion is full by states or by bytes, whichever comes first.
const (
	chunkBytes       = 32 << 10
	broadChunkStates = 512 // breadth-first
	deepChunkStates  = 8   // depth-first
	deepBatchChunks  = 8   // depth-first: portions per round
)

// chunk is a portion of waiting states: their encodings, each after its length.
type chunk struct {
	buf    []byte
	states int
}

// each calls f with every encoding.
func (c chunk) each(f func(enc []byte)) {
	for b := c.buf; len(b) > 0; {
		n, used := binary.Uvarint(b)
		end := used + int(n)
		f(b[used:end:end])
		b = b[end:]
	}
}

// chunkWriter fills chunks. It is owned by one goroutine.
type chunkWriter struct {
	maxStates int
	spare     [][]byte // buffers for reuse
	open      chunk
	full      []chunk
	bytes     int64 // in full
}

func (w *chunkWriter) add(enc []byte) {
	if w.open.buf == nil && len(w.spare) > 0 {
		last := len(w.spare) - 1
		w.open.buf, w.spare = w.spare[last][:0], w.spare[:last]
	}
	w.open.buf = append(binary.AppendUvarint(w.open.buf, uint64(len(enc))), enc...)
	w.open.states++
	if w.open.states >= w.maxStates || len(w.open.buf) >= chunkBytes {
		w.flush()
	}
}

func (w *chunkWriter) flush() {
	if w.open.states > 0 {
		w.full = append(w.full, w.open)
		w.bytes += int64(len(w.open.buf))
		w.open = chunk{}
	}
}

// take returns everything written since the last take.
func (w *chunkWriter) take() []chunk {
	w.flush()
	full := w.full
	w.full, w.bytes = nil, 0
	return full
}

// frontier holds the states that wait, by depth.
type frontier struct {
	search Search
	levels []level // by ascending depth
	states int64
	bytes  int64
}

type level struct {
	depth  int
	chunks []chunk
}

// push adds states at a depth that is not less than that of any waiting state.
func (f *frontier) push(depth int, chunks []chunk) {
	if len(chunks) == 0 {
		return
	}
	for _, c := range chunks {
		f.states += int64(c.states)
		f.bytes += int64(len(c.buf))
	}
	if last := len(f.levels) - 1; last >= 0 && f.levels[last].depth == depth {
		f.levels[last].chunks = append(f.levels[last].chunks, chunks...)
		return
	}
	f.levels = append(f.levels, level{depth, chunks})
}

// take removes and returns the states to explore next, all at one depth:
// breadth-first the whole least depth, depth-first a part of the greatest. It
// returns none if none wait.
func (f *frontier) take() (depth int, batch []chunk) {
	if len(f.levels) == 0 {
		return 0, nil
	}
	if f.search == BreadthFirst {
		first := f.levels[0]
		f.levels = f.levels[1:]
		depth, batch = first.depth, first.chunks
	} else {
		last := &f.levels[len(f.levels)-1]
		cut := max(0, len(last.chunks)-deepBatchChunks)
		depth, batch = last.depth, last.chunks[cut:]
		last.chunks = last.chunks[:cut:cut]
		if cut == 0 {
			f.levels = f.levels[:len(f.levels)-1]
		}
	}
	for _, c := range batch {
		f.states -= int64(c.states)
		f.bytes -= int64(len(c.buf))
	}
	return depth, batch
}
