// Package load has the properties of what a run costs.
package load

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

var Load = property.Property{
	Name:    "load",
	Promise: "There is no retry storm: beyond the first minute of its process, no client makes more than 120 requests of one server in a minute (nor the host of the workload more than 120 for each client on it: one for each node, and one), but for one more for each object that there is (four in an etcd that agents share) and two for each write to the kube-apiservers in the last two minutes; an operator has four more of a shared etcd for each identity in it and each time that it looks through them in a minute, and the others two more for each identity that one uses (what all use, by clients) and each time that agents make them known again in a minute.",
	Why:     "the proposal is there to take load off the kube-apiserver: what the servers bear, and that a fault does not multiply it; cilium 22037, 26192",
	Rules:   []*property.Rule{storm},
	Check:   checkLoad,
	Step:    property.ByClient("client", "its requests: it asked again and again"),
}

// The bound of a client's requests. The work there is comes to two requests for a write
// to the kube-apiservers: a read and a write of who made it, or a writer's put and, where
// it fails, another; and to one for an object, where a writer puts everything back. The
// rest are renewals, heartbeats, probes and retries with back-off, of which there were 20
// in a minute at most over 40 drawn plans with all kinds of faults; over 100 others no
// client came nearer to its bound than 54 %. Without back-off a retry is only slowed by a
// rate limiter, to 10 per second (k8sClientRateLimit.qps) or more, which is 600.
//
// In an etcd that agents share, who puts an object back puts its address and its identity, which is
// a transaction for the identity's key, and a read and a write for the key of who uses it
// (pkg/kvstore/allocator, UpdateKey); and an operator looks through all identities at once, and at
// each by itself (pkg/kvstore/allocator, RunGC): a lock, a list of who uses it, perhaps a
// deletion, an unlock. An agent makes each identity that it uses known again, by a read and a transaction (pkg/allocator,
// syncLocalKeys; pkg/kvstore/allocator, UpdateKey). Nothing of that is a write to a kube-apiserver.
const (
	StormWindow      = time.Minute
	StormRequests    = 120
	requestsPerWrite = 2
	puttingBack      = 4 // requests for each object, of a shared etcd
	collecting       = 4 // requests for each identity
	syncing          = 2 // requests for each identity that an agent uses
	workWindow       = 2 * time.Minute
)

// often is how often at most in a minute something is done that an option of the plan has a time for, or is done
// every few minutes: as an operator looks through all identities (identity-gc-interval, 15 minutes), and agents make those that they
// use known again (identitySyncInterval, 5 minutes).
func often(in *property.Input, option string) int {
	var plan struct{ Options map[string]any }
	if json.Unmarshal([]byte(in.History.Plan), &plan) != nil {
		return 1
	}
	said, _ := plan.Options[option].(string)
	interval, err := time.ParseDuration(said)
	if err != nil || interval <= 0 {
		return 1
	}
	return 1 + int(StormWindow/interval)
}

func checkLoad(in *property.Input) property.Result {
	s := stormCheck{started: map[string]time.Duration{}, clients: map[index.ClientServer]*requester{}, identities: map[string]bool{}, uses: map[string]bool{}, collections: often(in, "identityGCInterval"), syncs: often(in, "identitySyncInterval"), openLoop: in.History.Version >= 3}
	for i := range in.Records {
		s.record(i, &in.Records[i])
	}
	if !s.kube {
		return property.Undecided("the history has no request to a kube-apiserver")
	}
	operations, measures := measureOperations(in.Records, phaseAt(in, "churn"), phaseAt(in, "heal"))
	return property.Judged(fmt.Sprintf("%s of %s; beyond their first minutes %s%s", text.Count(s.requests, "request"),
		text.Count(len(s.clients), "client")+" of a server", property.OrDefault(s.most, "none"), operations.String()), s.violations).
		Measured(append(measureLoad(in.Records), append(measureHandover(in.Records), measures...)...)...)
}

// phaseAt returns the instant at which a phase begins, or the run's end if it does not.
func phaseAt(in *property.Input, name string) time.Duration {
	if i := in.Phase(name); i >= 0 {
		return in.Records[i].At
	}
	return in.Records[len(in.Records)-1].At
}

// stormCheck counts each client's requests of each server over the last minute.
type stormCheck struct {
	started     map[string]time.Duration // a client's process
	clients     map[index.ClientServer]*requester
	writes      window
	identities  map[string]bool // that a shared etcd has
	uses        map[string]bool // of them by nodes, the keys
	collections int             // of identities, in a minute
	syncs       int             // by agents of what they use, in a minute
	objects     int             // that there are
	nodes       int             // that there are
	openLoop    bool            // the workload's host has a client for each node, and one more
	requests    int
	kube        bool    // some are to a kube-apiserver
	top         float64 // requests in a minute as a part of the bound, at most
	most        string  // the same in words
	violations  []property.Violation
}

// requester is a client of a server.
type requester struct {
	requests window
	stormed  bool
}

// window holds the instants of the last events.
type window []time.Duration

// add adds an event, forgets those that are older than so long, and returns how many
// there are.
func (w *window) add(at, long time.Duration) int {
	*w = append(*w, at)
	return w.since(at - long)
}

// since forgets the events up to an instant and returns how many there are.
func (w *window) since(at time.Duration) int {
	n := 0
	for n < len(*w) && (*w)[n] <= at {
		n++
	}
	*w = (*w)[n:]
	return len(*w)
}

func (s *stormCheck) record(i int, r *history.Record) {
	switch {
	case r.Verb == history.Up && r.Kind != "etcd" && r.Kind != "kube":
		s.started[r.Actor] = r.At
	case r.Verb == history.Write:
		s.writes.add(r.At, workWindow)
		switch r.Op {
		case "create":
			s.count(r.Kind, 1)
		case "delete":
			s.count(r.Kind, -1)
		}
	case r.Kind == schema.Identity && mode.Etcd.Is(r.Actor) && r.Verb == history.Put:
		s.identities[r.Key] = true
	case r.Kind == schema.Identity && mode.Etcd.Is(r.Actor) && r.Verb == history.Del:
		delete(s.identities, r.Key)
	case r.Verb == history.Put && strings.HasPrefix(r.Key, usersPrefix):
		s.uses[r.Key] = true
	case r.Verb == history.Del && strings.HasPrefix(r.Key, usersPrefix):
		delete(s.uses, r.Key)
	case IsRequest(r):
		s.requests++
		s.kube = s.kube || r.Verb == history.Request
		s.request(i, r)
	}
}

// usersPrefix begins the keys by which agents that share an etcd say that they use an identity.
var usersPrefix, _, _ = strings.Cut(schema.UsersPrefix(""), ";")

func (s *stormCheck) count(kind string, change int) {
	s.objects += change
	if slices.Contains(schema.KindNamed(schema.Node).Resources, kind) {
		s.nodes += change
	}
}

// clientsOn is how many clients there are on a host.
func (s *stormCheck) clientsOn(host string) int {
	if s.openLoop && mode.Client.Is(host) {
		return s.nodes + 1
	}
	return 1
}

// IsRequest reports whether a record is of something that a client asked for.
func IsRequest(r *history.Record) bool {
	switch r.Verb {
	case history.Request, history.Call, history.Watch:
		return true
	case history.Lease:
		return r.Op != "expire"
	}
	return false
}

// What a storm is counted by.
const (
	requests = "requests"
	allowed  = "allowed"
)

var storm = &property.Rule{Name: "storm", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s made %s of %s in the minute until %s, the last one %s %s; the bound is %s", f.Client,
		text.Count(f.Counts[requests], "request"), f.Server, text.Seconds(f.At), f.Shown.Op, f.Shown.Key, text.Thousands(f.Counts[allowed]))
}}

func (s *stormCheck) request(i int, r *history.Record) {
	k := index.ClientServer{Client: r.Peer, Server: r.Actor}
	c := s.clients[k]
	if c == nil {
		c = &requester{}
		s.clients[k] = c
	}
	if r.At < s.started[r.Peer]+StormWindow {
		return
	}
	n := c.requests.add(r.At, StormWindow)
	objects := s.objects
	if mode.Etcd.Is(r.Actor) {
		objects *= puttingBack
	}
	bound := StormRequests*s.clientsOn(r.Peer) + objects + requestsPerWrite*s.writes.since(r.At-workWindow)
	switch {
	case !mode.Etcd.Is(r.Actor):
	case mode.Operator.Is(r.Peer):
		bound += collecting * len(s.identities) * s.collections
	default:
		bound += syncing * len(s.uses) * s.syncs * s.clientsOn(r.Peer) / (s.nodes + 1)
	}
	if part := float64(n) / float64(bound); part > s.top {
		s.top = part
		s.most = fmt.Sprintf("at most %.0f %% of the bound (%s of %s in the minute until %s: %s of %s)", 100*part, r.Peer, r.Actor, text.Seconds(r.At), text.Thousands(n), text.Thousands(bound))
	}
	if n <= bound || c.stormed {
		return
	}
	c.stormed = true
	s.violations = append(s.violations, property.Violation{Rule: storm, Records: []int{i}, Facts: property.Facts{Client: r.Peer, Server: r.Actor, At: r.At,
		Shown: &property.Version{Op: property.OrDefault(r.Op, string(r.Verb)), Key: r.Key}, Counts: map[string]int{requests: n, allowed: bound}}})
}
