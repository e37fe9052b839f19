package sim

import "github.com/meshcheck/meshcheck/internal/stream"

// streamAt returns the n-th number of the stream for a purpose and an entity.
func streamAt(seed uint64, purpose, entity string, n int) uint64 {
	return stream.New().Number(seed).Number(uint64(n)).Text(purpose).Text("\x00").Text(entity).Draw()
}
