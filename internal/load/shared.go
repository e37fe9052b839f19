package load

import (
	"fmt"
	"io"
	"time"

	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// What a deployment of one replica with one core is asked for: pods come for so long at a rate, which it can tell
// half of its readers in time, and not all.
const (
	sharedReaders = 500
	sharedRate    = 30
	sharedLength  = 20 * time.Second
)

// sharedOwn is how many of the readers are agents of the deployment's own cluster; the others are another one's, which
// read with the same code the same keys.
var sharedOwn = []int{sharedReaders / 10, sharedReaders / 2, sharedReaders * 9 / 10}

// SharedRuns are those that show what agents suffer from other readers of their deployment: one with all readers, and
// for each share of them one with the own agents alone.
func SharedRuns() (all []Run) {
	for _, agents := range append(sharedOwn, sharedReaders) {
		s := Knee(Unlimited, sharedRate, sharedLength)
		s.Nodes, s.Agents, s.Cores = max(agents, s.Nodes), agents, 1
		all = append(all, Run{fmt.Sprintf("shared-%d", agents), s})
	}
	return all
}

// WriteShared writes how stale the own agents are with one deployment for all readers, and with one of their own.
func WriteShared(w io.Writer, results []*Result) error {
	t := &table{title: "How stale agents are, with other readers in their deployment and without",
		note: fmt.Sprintf("a deployment is a replica with one core. Lag: until an agent has a change, p50, p99 and max in seconds; drained: from the last pod on, until all agents have all. "+
			"%d pods/s for %s. The other readers are another cluster's agents, which read with the same code; KVStoreMesh would be one reader for all of them", sharedRate, text.Seconds(sharedLength))}
	t.add("own agents", "other readers", "one deployment: lag", "drained", "two: lag of the own", "drained")
	shared := results[len(results)-1]
	for i, own := range sharedOwn {
		alone := results[i]
		t.add(text.Thousands(own), text.Thousands(sharedReaders-own), quantiles(shared.Lag[mode.Agent]), text.Seconds(shared.Drained[mode.Agent]),
			quantiles(alone.Lag[mode.Agent]), text.Seconds(alone.Drained[mode.Agent]))
	}
	return writeTables(w, t)
}
