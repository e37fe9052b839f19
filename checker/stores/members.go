package stores

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

var Members = property.Property{
	Name: "etcd-members",
	Promise: "A member of an etcd of several that starts, with its data or without, lets clients in within 20 s in which all members are up and no fault strikes one of them: " +
		"it hears of the leader, and publishes itself, which it tries again after 7 s if it was not answered.",
	Why:    "until then clients have a member less to go to, and an etcd that has lost one more none; etcd 16436",
	Ground: true,
	Rules:  memberRules,
	Check:  checkMembers,
	Step:   property.ByServer("etcd", "it runs, and lets nobody in"),
}

// MemberTime is how long a member may take to let clients in: an election, of which time-outs
// are drawn up to 2 s, a snapshot, and two attempts to publish itself of 7 s each (etcd:
// server/etcdserver, publishV3, with the request timeout of an election timeout of 1 s).
const MemberTime = 20 * time.Second

// deadFor is for how long after a fault that kills connections in silence the members' may stay
// dead: that is steady's (see the finding etcd-peers-stay-deaf).
const deadFor = 3 * time.Minute

var (
	notServing = &property.Rule{Name: "not-serving", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s, which started at %s, let no client in by %s, although all members were up and no fault struck one since %s",
			f.Server, text.Seconds(f.Since), text.Seconds(f.At), text.Seconds(f.At-f.Allowed))
	}}
	memberRules = []*property.Rule{notServing}
)

func checkMembers(in *property.Input) property.Result {
	ready := readyMembers(in)
	if len(ready) == 0 && in.First(0, len(in.Records), func(r *history.Record) bool { return r.Verb == history.Up && r.Kind == "etcd" }) < 0 {
		return property.Undecided("no etcd has started")
	}
	if len(ready) == 0 {
		return property.Inapplicable("each etcd has one member, which lets clients in as it starts; or the form of the history is an earlier one")
	}
	members := slices.Sorted(maps.Keys(ready))
	disturbed := memberDisturbances(in, members)
	end := in.Records[len(in.Records)-1].At
	if i := in.Phase("end"); i >= 0 {
		end = in.Records[i].At
	}
	starts, slowest := 0, time.Duration(0)
	var violations []property.Violation
	for _, host := range members {
		for _, p := range in.Processes(host, "etcd") {
			starts++
			until := min(p.To, end)
			if at, served := ready[host][in.Records[p.Up].Inc]; served {
				slowest = max(slowest, at-p.From)
				until = at
			}
			if at, ok := undisturbedFor(MemberTime, p.From, until, disturbed); ok {
				violations = append(violations, property.Violation{Rule: notServing, Records: []int{p.Up}, Facts: property.Facts{
					Server: host, Store: in.Records[p.Up].Store, At: at, Since: p.From, Allowed: MemberTime}})
			}
		}
	}
	return property.Judged(fmt.Sprintf("%s of members; the slowest that let clients in took %s", text.Count(starts, "start"), text.Seconds(slowest)), violations)
}

// readyMembers are the instants at which members of an etcd let clients in, by host and incarnation.
func readyMembers(in *property.Input) map[string]map[int]time.Duration {
	ready := map[string]map[int]time.Duration{}
	for i := range in.Records {
		r := &in.Records[i]
		if r.Verb != history.Ready || !mode.Etcd.Is(r.Actor) {
			continue
		}
		if ready[r.Actor] == nil {
			ready[r.Actor] = map[int]time.Duration{}
		}
		ready[r.Actor][r.Inc] = r.At
	}
	return ready
}

// memberDisturbances are what disturbs one of the members, in order of its beginning.
func memberDisturbances(in *property.Input, members []string) (all []index.Disturbance) {
	of := in.Disturbances(func(*index.Fault) bool { return true }, "etcd")
	for _, host := range members {
		for _, d := range of[host] {
			if d.Fault != nil && d.Fault.Is(disturb.ConnectionsDead) {
				d.To += deadFor
			}
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, func(a, b index.Disturbance) int { return cmp.Compare(a.From, b.From) })
	return all
}

// undisturbedFor returns the first instant at which a time without a disturbance has lasted for so long,
// between two instants, if there is one.
func undisturbedFor(long, from, to time.Duration, disturbed []index.Disturbance) (at time.Duration, ok bool) {
	for _, d := range disturbed {
		if d.From >= from+long {
			break
		}
		if d.To == index.Forever {
			return 0, false
		}
		from = max(from, d.To)
	}
	return from + long, from+long < to
}
