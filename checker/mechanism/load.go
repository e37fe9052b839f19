package mechanism

import (
	"fmt"
	"math"
	"time"

	"github.com/meshcheck/meshcheck/checker/load"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/text"
)

// firstBackOff is how long Cilium's writer waits after the first refusal of a key; each
// further one doubles that (client-go: DefaultTypedControllerRateLimiter).
const firstBackOff = 5 * time.Millisecond

// ofStorm explains a writer's many requests of its etcd: the etcd refused changes, and
// the writer asked again for each key, backing off key by key. Without back-off there
// would be more of them by the time that the last is refused.
func (x *Explainer) ofStorm(v *property.Violation) *property.Cause {
	last := v.Records[0]
	r := &x.in.Records[last]
	if r.Peer != r.Actor {
		return nil
	}
	first, until, refused, in := -1, -1, 0, 0
	for i := x.in.By(r.At - load.StormWindow); i < x.all(); i++ {
		c := &x.in.Records[i]
		if until >= 0 && c.At > x.in.Records[until].At+load.StormWindow {
			break
		}
		if !isRefusedChange(c) || c.Peer != r.Peer || c.Actor != r.Actor {
			continue
		}
		if first < 0 {
			first = i
		}
		until = i
		refused++
		if i <= last {
			in++
		}
	}
	others := x.requestsUntil(last) - in
	if first < 0 || others > load.StormRequests {
		return nil
	}
	from, to := x.in.Records[first].At, x.in.Records[until].At
	span := to - from
	keys := x.keysChanged(r.Actor, from, to+span+handling)
	attempts := 2 + int(math.Log2(1+float64(span)/float64(firstBackOff)))
	if refused > keys*attempts {
		return nil
	}
	return property.ByMechanism(CauseRefused, refusals, property.Facts{Client: r.Peer, Server: r.Actor, At: r.At, Since: from, Until: to,
		Counts: map[string]int{refusedHere: in, refusedInAll: refused, keysAsked: keys, askedEach: attempts}}, first, last, until)
}

// What refusals are counted by.
const (
	refusedHere  = "refused of these"
	refusedInAll = "refused in all"
	keysAsked    = "keys"
	askedEach    = "attempts of each key"
)

var refusals = &property.Rule{Name: "refusals", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%d of them were changes that the etcd refused; from %s to %s it refused %d, which is not more than %d for each of the %d keys that changed then or, as the back-off has it, as long after",
		f.Counts[refusedHere], text.Seconds(f.Since), text.Seconds(f.Until), f.Counts[refusedInAll], f.Counts[askedEach], f.Counts[keysAsked])
}}

// isRefusedChange reports whether an etcd refused for certain what a client wanted to
// change, or the lease that it needs for that.
func isRefusedChange(r *history.Record) bool {
	switch {
	case r.Err == "":
		return false
	case r.Verb == history.Lease:
		return r.Op == "grant"
	}
	return r.Verb == history.Call && r.Op == "other" && (r.Key == "Put" || r.Key == "Txn" || r.Key == "DeleteRange")
}

// requestsUntil counts the requests of a record's client to its server in the minute
// until that record.
func (x *Explainer) requestsUntil(record int) (n int) {
	r := &x.in.Records[record]
	for i := x.in.By(r.At - load.StormWindow); i <= record; i++ {
		if c := &x.in.Records[i]; load.IsRequest(c) && c.Peer == r.Peer && c.Actor == r.Actor {
			n++
		}
	}
	return n
}

// keysChanged is how many keys of a replica's etcds changed from one instant to another:
// at least as many as the writer had been refused until then and put since.
func (x *Explainer) keysChanged(replica string, from, to time.Duration) int {
	keys := map[string]bool{}
	for _, s := range x.in.Stores {
		for _, i := range s.Changes {
			if r := &x.in.Records[i]; s.Actor == replica && from <= r.At && r.At <= to {
				keys[r.Key] = true
			}
		}
	}
	return len(keys)
}
