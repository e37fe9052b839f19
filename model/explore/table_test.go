package explore

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// spread maps 1, 2, 3, ... to fingerprints, all different.
func spread(i uint64) uint64 { return i * mixPhi }

func TestTableTakesAtMost24BytesPerState(t *testing.T) {
	var tab table
	defer tab.free()
	worst := 0.0
	for i := range uint64(8_000_000) {
		tab.insert(spread(i+1), 0, 1)
		if n := tab.states.Load(); n >= 1_000_000 {
			worst = max(worst, float64(tab.bytes.Load())/float64(n))
		}
	}
	t.Logf("at most %.2f bytes per state between 1 and 8 million states", worst)
	assert.LessOrEqual(t, worst, 24.0)
}

func TestTableIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tab table
		defer tab.free()
		// Few distinct high bits make long clusters and full tails.
		top := rapid.SampledFrom([]uint64{0, 0xff << 56, 0x7f_ff_ff << 40}).Draw(t, "top")
		fps := rapid.SliceOfN(rapid.Uint64Range(1, 1<<rapid.IntRange(3, 40).Draw(t, "bits")), 1, 400).Draw(t, "fps")
		want := map[uint64]slot{}
		for i, low := range fps {
			fp, parent, round := top|low, uint64(i%7)<<roundBits, uint64(i/50)
			have, ok := want[fp]
			assert.Equal(t, !ok, tab.insert(fp, parent, round))
			switch link := parent | round; {
			case !ok:
				want[fp] = slot{fp, link}
			case have.round() == round:
				want[fp] = slot{fp, min(link, have.link)}
			}
		}
		var got []slot
		tab.all(func(s slot) { got = append(got, s) })
		assert.ElementsMatch(t, slices.Collect(maps.Values(want)), got)
		assert.True(t, slices.IsSortedFunc(got, func(a, b slot) int {
			if a.fp < b.fp {
				return -1
			}
			return 1
		}), "slots are in ascending order")
		for fp := range want {
			s, ok := tab.lookup(fp)
			assert.True(t, ok)
			assert.Equal(t, want[fp], s)
			var same []slot
			for _, e := range got {
				if e.fp>>roundBits == fp>>roundBits {
					same = append(same, e)
				}
			}
			assert.Equal(t, same, tab.withPrefix(fp>>roundBits))
		}
		_, ok := tab.lookup(top ^ 1<<62)
		assert.False(t, ok)
	})
}

func TestTableIsSharedByWorkers(t *testing.T) {
	var tab table
	defer tab.free()
	const n, workers = 200_000, 4
	count := make([]int, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range uint64(n) {
				if tab.insert(spread(i+1), uint64(w+1)<<roundBits, 3) {
					count[w]++
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, n, count[0]+count[1]+count[2]+count[3], "each state is fresh once")
	assert.EqualValues(t, n, tab.states.Load())
	others := 0
	tab.all(func(s slot) {
		if s.parent() != 1 {
			others++
		}
	})
	assert.Zero(t, others, "the least link wins, whoever came first")
}

func BenchmarkTableInsert(b *testing.B) {
	var tab table
	defer tab.free()
	for i := range uint64(b.N) {
		tab.insert(spread(i+1), 0, 1)
	}
	b.ReportMetric(float64(tab.bytes.Load())/float64(b.N), "B/state")
}
