package pods

import (
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
)

// hops are how long pods that were created or deleted during the churn took from hop to hop.
type hops struct {
	identity, endpoint, published, usable []time.Duration // from the pod's creation on
	unpublished, gone                     []time.Duration // from its deletion on
}

func (h *hops) measures() []property.Measure {
	return []property.Measure{
		property.NewMeasure(mode.Started, "pod to its identity", h.identity),
		property.NewMeasure(mode.Started, "pod to its CiliumEndpoint", h.endpoint),
		property.NewMeasure(mode.Started, "pod to what agents read", h.published),
		property.NewMeasure(mode.Started, "pod to usable, end to end", h.usable),
		property.NewMeasure(mode.Started, "deleted pod to what agents read", h.unpublished),
		property.NewMeasure(mode.Started, "deleted pod to gone from all views, end to end", h.gone),
	}
}

// measure adds a life to the hops.
func (s *started) measure(l *life) {
	from, to := s.in.Churn()
	if l.created && from <= int(l.from) && int(l.from) < to {
		add(&s.hops.identity, l.since, l.numbered)
		add(&s.hops.endpoint, l.since, l.object)
		published, usable := index.Unready, index.Unready
		for _, b := range l.births {
			if published == index.Unready || b.At < published {
				published = b.At
			}
			if at := b.Usable(); at != index.Unready && (usable == index.Unready || at < usable) {
				usable = at
			}
		}
		add(&s.hops.published, l.since, published)
		add(&s.hops.usable, l.since, usable)
	}
	if !l.deleted || int(l.to) < from || int(l.to) >= to || len(l.births) == 0 {
		return
	}
	unpublished, gone := l.until, l.until
	for _, b := range l.births {
		at := s.goneFrom(b, l.until)
		if b.Until() == index.Forever || at == index.Unready {
			return // it never was
		}
		unpublished, gone = max(unpublished, b.Until()), max(gone, at)
	}
	add(&s.hops.unpublished, l.until, unpublished)
	add(&s.hops.gone, l.until, gone)
}

func add(to *[]time.Duration, from, until time.Duration) {
	if until != index.Unready {
		*to = append(*to, max(until-from, 0))
	}
}
