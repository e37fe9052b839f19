package states

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// spread maps 1, 2, 3, ... to fingerprints, all different.
func spread(i uint64) uint64 { return i * 0x9e3779b97f4a7c15 }

func TestTableTakesAtMost24BytesPerState(t *testing.T) {
	var tab Table
	defer tab.Free()
	worst := 0.0
	for i := range uint64(8_000_000) {
		tab.Insert(spread(i+1), 0, 1)
		if n := tab.Len(); n >= 1_000_000 {
			worst = max(worst, float64(tab.Bytes())/float64(n))
		}
	}
	t.Logf("at most %.2f bytes per state between 1 and 8 million states", worst)
	assert.LessOrEqual(t, worst, 24.0)
}

func TestTableIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tab Table
		defer tab.Free()
		// Few distinct high bits make long clusters and full tails.
		top := rapid.SampledFrom([]uint64{0, 0xff << 56, 0x7f_ff_ff << 40}).Draw(t, "top")
		fps := rapid.SliceOfN(rapid.Uint64Range(1, 1<<rapid.IntRange(3, 40).Draw(t, "bits")), 1, 400).Draw(t, "fps")
		want := map[uint64]Slot{}
		for i, low := range fps {
			fp, parent, round := top|low, uint64(i%7)<<roundBits, uint64(i/50)
			have, ok := want[fp]
			assert.Equal(t, !ok, tab.Insert(fp, parent, round))
			switch link := parent | round; {
			case !ok:
				want[fp] = Slot{fp, link}
			case have.Round() == round:
				want[fp] = Slot{fp, min(link, have.link)}
			}
		}
		var got []Slot
		tab.All(func(s Slot) { got = append(got, s) })
		assert.ElementsMatch(t, slices.Collect(maps.Values(want)), got)
		assert.True(t, slices.IsSortedFunc(got, func(a, b Slot) int {
			if a.FP < b.FP {
				return -1
			}
			return 1
		}), "slots are in ascending order")
		for fp := range want {
			s, ok := tab.Lookup(fp)
			assert.True(t, ok)
			assert.Equal(t, want[fp], s)
			var same []Slot
			for _, e := range got {
				if e.FP>>roundBits == fp>>roundBits {
					same = append(same, e)
				}
			}
			assert.Equal(t, same, tab.WithPrefix(fp>>roundBits))
		}
		_, ok := tab.Lookup(top ^ 1<<62)
		assert.False(t, ok)
	})
}

func TestTableIsSharedByWorkers(t *testing.T) {
	var tab Table
	defer tab.Free()
	const n, workers = 200_000, 4
	count := make([]int, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range uint64(n) {
				if tab.Insert(spread(i+1), uint64(w+1)<<roundBits, 3) {
					count[w]++
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, n, count[0]+count[1]+count[2]+count[3], "each state is fresh once")
	assert.EqualValues(t, n, tab.Len())
	others := 0
	tab.All(func(s Slot) {
		if s.Parent() != 1 {
			others++
		}
	})
	assert.Zero(t, others, "the least link wins, whoever came first")
}

func BenchmarkTableInsert(b *testing.B) {
	var tab Table
	defer tab.Free()
	for i := range uint64(b.N) {
		tab.Insert(spread(i+1), 0, 1)
	}
	b.ReportMetric(float64(tab.Bytes())/float64(b.N), "B/state")
}
