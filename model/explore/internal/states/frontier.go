package states

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/meshcheck/meshcheck/model/explore/internal/codec"
)

// The sizes of the portions in which waiting states are handed to workers. A
// portion is full by states or by bytes, whichever comes first.
const (
	chunkBytes       = 32 << 10
	broadChunkStates = 512 // breadth-first
	deepChunkStates  = 8   // depth-first
	deepBatchChunks  = 8   // depth-first: portions per round
)

// Chunk is a portion of waiting states: their encodings, each after its length.
type Chunk struct {
	buf    []byte
	States int
}

// Each calls f with every encoding.
func (c Chunk) Each(f func(enc []byte)) {
	for b := c.buf; len(b) > 0; {
		n, used := binary.Uvarint(b)
		end := used + int(n)
		f(b[used:end:end])
		b = b[end:]
	}
}

// Size is how many bytes the chunks take.
func Size(batch []Chunk) (n int64) {
	for _, c := range batch {
		n += int64(len(c.buf))
	}
	return n
}

// Count is how many states are in the chunks.
func Count(batch []Chunk) (n int64) {
	for _, c := range batch {
		n += int64(c.States)
	}
	return n
}

// Writer fills chunks. It is owned by one goroutine.
type Writer struct {
	maxStates int
	spare     [][]byte // buffers for reuse
	open      Chunk
	full      []Chunk
	bytes     int64 // in full
}

// Add writes the encoding of a state.
func (w *Writer) Add(enc []byte) {
	if w.open.buf == nil && len(w.spare) > 0 {
		last := len(w.spare) - 1
		w.open.buf, w.spare = w.spare[last][:0], w.spare[:last]
	}
	w.open.buf = append(binary.AppendUvarint(w.open.buf, uint64(len(enc))), enc...)
	w.open.States++
	if w.open.States >= w.maxStates || len(w.open.buf) >= chunkBytes {
		w.Flush()
	}
}

// Flush ends the portion that is being written.
func (w *Writer) Flush() {
	if w.open.States > 0 {
		w.full = append(w.full, w.open)
		w.bytes += int64(len(w.open.buf))
		w.open = Chunk{}
	}
}

// Bytes is the size of what was written since the last Take, as of the last full
// portion.
func (w *Writer) Bytes() int64 { return w.bytes }

// Reuse takes over the memory of a chunk that is not needed any more.
func (w *Writer) Reuse(c Chunk) { w.spare = append(w.spare, c.buf) }

// Take returns everything written since the last Take.
func (w *Writer) Take() []Chunk {
	w.Flush()
	full := w.full
	w.full, w.bytes = nil, 0
	return full
}

// Frontier holds the states that wait, by depth.
type Frontier struct {
	DeepestFirst bool

	levels []level // by ascending depth
	states int64
	bytes  int64
}

type level struct {
	depth  int
	chunks []Chunk
}

// States is how many states wait.
func (f *Frontier) States() int64 { return f.states }

// Bytes is how much memory they take.
func (f *Frontier) Bytes() int64 { return f.bytes }

// Writer returns one whose portions have the size that the order of search asks for.
func (f *Frontier) Writer() Writer {
	if f.DeepestFirst {
		return Writer{maxStates: deepChunkStates}
	}
	return Writer{maxStates: broadChunkStates}
}

// Push adds states at a depth that is not less than that of any waiting state.
func (f *Frontier) Push(depth int, chunks []Chunk) {
	if len(chunks) == 0 {
		return
	}
	if f.DeepestFirst {
		chunks = f.sorted(chunks)
	}
	f.states += Count(chunks)
	f.bytes += Size(chunks)
	if last := len(f.levels) - 1; last >= 0 && f.levels[last].depth == depth {
		f.levels[last].chunks = append(f.levels[last].chunks, chunks...)
		return
	}
	f.levels = append(f.levels, level{depth, chunks})
}

// Take removes and returns the states to explore next, all at one depth:
// breadth-first the whole least depth, depth-first a part of the greatest. It
// returns none if none wait.
func (f *Frontier) Take() (depth int, batch []Chunk) {
	if len(f.levels) == 0 {
		return 0, nil
	}
	if !f.DeepestFirst {
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
	f.states -= Count(batch)
	f.bytes -= Size(batch)
	return depth, batch
}

// sorted returns the same states in an order that depends on nothing else.
func (f *Frontier) sorted(found []Chunk) []Chunk {
	type item struct {
		fp  uint64
		enc []byte
	}
	var items []item
	for _, c := range found {
		c.Each(func(enc []byte) { items = append(items, item{codec.Fingerprint(enc), enc}) })
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.fp, b.fp) })
	w := f.Writer()
	for _, it := range items {
		w.Add(it.enc)
	}
	return w.Take()
}
