package crd

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/cilium/cilium/pkg/k8s/resource"

	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/informer"
)

// source is a resource of Cilium's that says of each event how it was learned of, at
// the time that its reader works on it. A reader calls Done when it has worked on an
// event, and gets the next one then.
type source[T runtime.Object] struct {
	resource.Resource[T]
	deliveries *deliveries
	now        *agent.Now
}

// Events implements resource.Resource.
func (s source[T]) Events(ctx context.Context, opts ...resource.EventsOpt) <-chan resource.Event[T] {
	events := s.Resource.Events(ctx, opts...)
	out := make(chan resource.Event[T])
	go func() {
		defer close(out)
		for ev := range events {
			s.tell(ev)
			worked, done := make(chan struct{}), ev.Done
			ev.Done = func(err error) {
				done(err)
				close(worked)
			}
			select {
			case out <- ev:
				<-worked
			case <-ctx.Done():
				done(nil)
			}
		}
	}()
	return out
}

func (s source[T]) tell(ev resource.Event[T]) {
	var from agent.Learned
	switch ev.Kind {
	case resource.Upsert:
		_, version := informer.NameAndVersion(ev.Object)
		from = s.deliveries.current(ev.Key.String(), version)
	case resource.Delete:
		from = s.deliveries.current(ev.Key.String(), "")
	}
	s.now.Set(from)
}
