package sim

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
)

const (
	// stopBound is longer than any process takes to stop.
	stopBound = time.Minute
	// windDown is how long after their end processes have for their goroutines to
	// end: longer than any timeout of the code under test.
	windDown = 30 * time.Minute
)

// stopAll stops every process as the kubelet does, clients before servers, and
// records which goroutines are left.
func (w *world) stopAll() {
	w.cancel()
	w.do(func() {
		var stops sync.WaitGroup
		for _, a := range w.agents {
			if a.Running() {
				stops.Go(func() { a.Stop(agent.DefaultGrace) })
			}
		}
		for _, o := range w.operators {
			o.Stop()
		}
		w.mode.Stop(&stops)
		stops.Wait()
		time.Sleep(stopBound)
		for _, k := range w.apis {
			k.stop()
		}
		w.net.Close()
	})
	time.Sleep(windDown)
	w.recordLeft(goroutines())
}

// recordLeft records how many goroutines are left by the function that started them, and of
// them all.
func (w *world) recordLeft(left map[starter]int64) {
	by, total := map[string]int64{}, int64(0)
	for s, n := range left {
		if w.plan.HasWhole() {
			n -= min(n, outliveTheirHive[s.function])
		}
		if n > 0 {
			by[s.function] += n
			total += n
		}
	}
	for _, function := range slices.Sorted(maps.Keys(by)) {
		w.rec.record(history.Record{Actor: "world", Verb: history.Left, Key: function, Rev: by[function]})
	}
	w.rec.record(history.Record{Actor: "world", Verb: history.Left, Rev: total})
}
