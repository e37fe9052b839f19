package mesh_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/mesh"
	"github.com/meshcheck/meshcheck/sim/simtest"
	"github.com/meshcheck/meshcheck/sim/simtest/meshtest"
)

import ()

func TestMain(m *testing.M) { simtest.Main(m) }

// testWorld is a replica on the host r0 that copies from a kube-apiserver on k0.
type testWorld struct {
	*simtest.World
	*mesh.Replica
}

// inBubble runs f with a replica whose pod is ready. change, if not nil, changes
// its configuration.
func inBubble(t *testing.T, change func(*mesh.Config), f func(t *testing.T, w *testWorld)) {
	t.Helper()
	simtest.Run(t, func(world *simtest.World) {
		t := world.T
		world.Create(simtest.Identity("1001", 0))
		world.ServeKube(kube.Config{})
		cfg := meshtest.Config(world)
		cfg.OnReady = func(ready bool) {
			verb := history.Unready
			if ready {
				verb = history.Ready
			}
			world.Record(history.Record{Actor: "r0", Verb: verb})
		}
		if change != nil {
			change(&cfg)
		}
		w := &testWorld{world, mesh.New(cfg)}
		t.Cleanup(w.KillPod)
		require.NoError(t, w.StartPod(true))
		time.Sleep(time.Minute)
		require.Equal(t, []string{"up etcd 1", "up writer 1", "ready"}, w.life())
		f(t, w)
	})
}

// life tells what of the records is about the life of the pod.
func (w *testWorld) life() []string { return lifeIn(w.Recorded()) }

func lifeIn(records []history.Record) []string {
	life := []string{}
	for _, r := range records {
		switch r.Verb {
		case history.Up, history.Down:
			life = append(life, fmt.Sprintf("%s %s %d", r.Verb, r.Kind, r.Inc))
		case history.Ready, history.Unready:
			life = append(life, string(r.Verb))
		}
	}
	return life
}

// identitiesIn returns the identities that were put and deleted, in order.
func identitiesIn(records []history.Record) []string {
	changes := []string{}
	for _, r := range records {
		if r.Kind == history.Identity && (r.Verb == history.Put || r.Verb == history.Del) {
			changes = append(changes, fmt.Sprintf("%s %s", r.Verb, r.Key[len("cilium/state/identities/v1/id/"):]))
		}
	}
	return changes
}
