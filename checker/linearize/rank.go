package linearize

import (
	"cmp"
	"slices"

	"github.com/anishathalye/porcupine"

	"github.com/meshcheck/meshcheck/history/index"
)

// rank replaces the instants of one key's operations by their order, sorts the
// operations by their calls, and returns how many are under way at once at most.
// Which operations overlap stays the same. Operations that are called at one
// instant are ordered by likely: the order in which they most likely happened, which
// porcupine then tries first.
func rank(ops []porcupine.Operation, likely func(porcupine.Operation) int64) (overlap int) {
	type border struct {
		at       int64
		isReturn bool
		op       int
	}
	slices.SortStableFunc(ops, func(a, b porcupine.Operation) int {
		return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(likely(a), likely(b)))
	})
	borders := make([]border, 0, 2*len(ops))
	for i, op := range ops {
		borders = append(borders, border{op.Call, false, i}, border{op.Return, true, i})
	}
	slices.SortStableFunc(borders, func(a, b border) int {
		switch {
		case a.at != b.at:
			return cmp.Compare(a.at, b.at)
		case a.isReturn != b.isReturn && a.isReturn:
			return 1
		case a.isReturn != b.isReturn:
			return -1
		}
		return 0
	})
	open := 0
	for at, b := range borders {
		if b.isReturn {
			open--
			if ops[b.op].Return != int64(index.Forever) {
				ops[b.op].Return = int64(at)
			}
			continue
		}
		open++
		overlap = max(overlap, open)
		ops[b.op].Call = int64(at)
	}
	return overlap
}
