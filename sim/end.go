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
	left, total := goroutines(), int64(0)
	if w.plan.HasWhole() {
		maps.DeleteFunc(left, func(starter string, _ int64) bool { return slices.Contains(outliveTheirHive, starter) })
	}
	for _, starter := range slices.Sorted(maps.Keys(left)) {
		w.rec.record(history.Record{Actor: "world", Verb: history.Left, Key: starter, Rev: left[starter]})
		total += left[starter]
	}
	w.rec.record(history.Record{Actor: "world", Verb: history.Left, Rev: total})
}
