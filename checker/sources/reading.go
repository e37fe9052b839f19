// Package sources has the properties of where agents read from: that they leave a source that
// is lost and keep one that is not.
package sources

import (
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// readings follows which replica each agent reads: it has a watch of every kind open there,
// on the connection that it has.
type readings struct {
	world   *index.World
	watches map[string]map[string]watch // by agent and kind: the last one that was opened
}

type watch struct {
	id            int64
	server, store string
	since         time.Duration
}

func newReadings(in *property.Input) *readings {
	return &readings{world: in.NewWorld(), watches: map[string]map[string]watch{}}
}

// apply takes the next record into account, and reports whether it may change who reads what.
func (s *readings) apply(r *history.Record) bool {
	changed := s.world.Apply(r)
	switch {
	case r.Verb == history.Watch && r.Store != "" && r.Kind != history.Meta:
		if s.watches[r.Peer] == nil {
			s.watches[r.Peer] = map[string]watch{}
		}
		s.watches[r.Peer][r.Kind] = watch{r.ID, r.Actor, r.Store, r.At}
	case r.Verb == history.Unwatch && r.Store != "" && s.watches[r.Peer][r.Kind].id == r.ID:
		delete(s.watches[r.Peer], r.Kind)
	default:
		return changed
	}
	return true
}

// reads reports whether an agent reads a replica that is a source for it.
func (s *readings) reads(agent string) bool {
	if lack, _ := s.world.LacksReplica(agent); lack != index.HasSource {
		return false
	}
	c, ok := s.world.Connection(agent)
	return ok && !slices.ContainsFunc(schema.Stored(), func(k schema.Kind) bool {
		w := s.watches[agent][k.Name]
		elsewhere := w.server != c.Server && !mode.Etcd.Is(w.server) // of one with several members, a client uses all
		return elsewhere || w.store != c.Store || w.since < c.Since
	})
}
