package operator

import (
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
)

const (
	// What a client of a kube-apiserver takes to notice that nothing comes any more, and to try
	// again (k8s.io/apimachinery/pkg/util/net/http.go, ReadIdleTimeout and PingTimeout;
	// k8s.io/client-go/tools/cache/reflector.go, defaultBackoffMax and as long again by its jitter).
	notices = 45*time.Second + 60*time.Second
	// How long the operator lets a slice wait that it could not write for as long as it keeps its lease,
	// which is 15 s: its waits double from 1 s on, up to 100 s
	// (operator/pkg/ciliumendpointslice/controller.go, maxSyncBackOff).
	backOff = 20 * time.Second
	// recovers is for how long a fault that has ended still is a reason.
	recovers = notices + backOff
	// What a leader takes for its lists, and a change to go through its queues, which hold each
	// slice once and let 10 of them pass in a second (the chart's ciliumEndpointSlice.rateLimits).
	works       = 30 * time.Second
	slicePerSec = 10
)

// span is a time, from one instant to another.
type span struct{ from, to time.Duration }

func (s span) length() time.Duration { return s.to - s.from }

// leading are the times in which an operator leads, and nothing disturbs it or a kube-apiserver.
type leading struct {
	led   []span          // no fault is in force
	quiet []span          // and none was while it has led, for as long as it takes to recover
	began []time.Duration // when an operator has begun to lead
}

func leadingOf(in *property.Input) (l leading) {
	disturbed := in.Disturbances(func(*index.Fault) bool { return true }, "kube")
	end := in.Records[len(in.Records)-1].At
	for _, lead := range leads(in, end) {
		l.began = append(l.began, lead.from)
		var faults []span
		for host, all := range disturbed {
			if host != lead.host && !mode.APIServer.Is(host) {
				continue
			}
			for _, d := range all {
				faults = append(faults, span{d.From, d.To})
			}
		}
		faults = append(faults, lead.stalls...)
		slices.SortFunc(faults, func(a, b span) int { return int(a.from - b.from) })
		l.led = append(l.led, without(lead.span, faults, 0)...)
		l.quiet = append(l.quiet, without(lead.span, faults, recovers)...)
	}
	slices.SortStableFunc(l.led, func(a, b span) int { return int(a.from - b.from) })
	slices.SortStableFunc(l.quiet, func(a, b span) int { return int(a.from - b.from) })
	return l
}

// lead is a time in which an operator leads, as far as it knows.
type lead struct {
	span
	host   string
	stalls []span // in which the host, or a kube-apiserver, had lost its CPU
}

func leads(in *property.Input, end time.Duration) (all []lead) {
	open := map[string]int{} // by host, plus one
	for i := range in.Records {
		r := &in.Records[i]
		switch {
		case r.Verb == history.Stall:
			for n := range all {
				if all[n].host == r.Actor || mode.APIServer.Is(r.Actor) {
					all[n].stalls = append(all[n].stalls, span{r.From, r.At})
				}
			}
		case r.Kind != "operator":
		case r.Verb == history.Ready:
			all = append(all, lead{span: span{r.At, end}, host: r.Actor})
			open[r.Actor] = len(all)
		case r.Verb == history.Unready, r.Verb == history.Down:
			if n := open[r.Actor]; n > 0 {
				all[n-1].to = r.At
				delete(open, r.Actor)
			}
		}
	}
	return all
}

// without returns what is left of a time if faults are taken from it, and as much after each that
// ends in it.
func without(s span, faults []span, after time.Duration) (left []span) {
	from := s.from
	for _, f := range faults {
		if f.to < s.from || f.from > s.to {
			continue
		}
		if f.from > from {
			left = append(left, span{from, f.from})
		}
		if f.to == index.Forever {
			return left
		}
		from = max(from, f.to+after)
	}
	if from < s.to {
		left = append(left, span{from, s.to})
	}
	return left
}

// longest is the longest part of a time that lies in one of spans, and total how much of it lies
// in all of them.
func within(s span, spans []span) (longest span, total time.Duration) {
	for _, q := range spans {
		part := span{max(s.from, q.from), min(s.to, q.to)}
		if part.length() <= 0 {
			continue
		}
		total += part.length()
		if part.length() > longest.length() {
			longest = part
		}
	}
	return longest, total
}
