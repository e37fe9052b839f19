package sources

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

var Steady = property.Property{
	Name: mode.Steady,
	Promise: "What nothing disturbs lasts: while no fault strikes a client or its server, and none of their processes starts, ends, or begins to lead, and no agent hands over from one source to the other, " +
		"and for as long before that as a lost heartbeat needs to be noticed (a minute, a status check of 30 s times ln(1+nodes), and the lists; with a kube-apiserver, which sends none, at most 45 s of pings, a minute of back-off, and the lists), no agent gives its connection up, and no agent, writer or operator dials its server or lists what it has listed. A shared etcd is dialed by its clients in each status check, and its keys of who uses an identity are listed for each that is allocated, and with the identities by the operator that collects them: that does not count.",
	Why:   "each connection that is made anew is a list of all that there is: the proposal is there to take load off, and names the storm of lists after a restart; cilium 22037",
	Rules: []*property.Rule{gaveUp, dialed, listed},
	Check: checkSteady,
	Step:  property.ByClient("client", "it gave up, or made anew, what nothing had disturbed"),
}

func checkSteady(in *property.Input) property.Result {
	if len(in.Records) == 0 {
		return property.Undecided("the history is empty")
	}
	b := boundsOf(in)
	calm := b.silence() - heartbeatInterval + b.list()
	s := steady{in: in, touched: map[string]time.Duration{}, struck: map[string]time.Duration{}, world: in.NewWorld(), calm: calm, kubeCalm: min(calm, ping+reflectorBackOff+b.list()),
		servers: map[clientOf][]string{}, counts: map[string]int{}, told: map[string]int{}}
	for i := range in.Records {
		s.record(i, &in.Records[i])
	}
	s.account(in.Records[len(in.Records)-1].At)
	s.settle(index.Forever)
	if s.time == 0 {
		return property.Undecided(fmt.Sprintf("of no client of a server and its server was there a time in which nothing had happened to either for %s", s.calms()))
	}
	return property.Judged(fmt.Sprintf("%s of connections to which nothing had happened for %s, and %s: %s given up, %s and %s", text.Seconds(s.time), s.calms(), text.Count(s.requests, "request"),
		text.Count(s.counts[gaveUp.Name], "connection"), text.Count(s.counts[dialed.Name], "dial"), text.Count(s.counts[listed.Name], "list")), s.violations)
}

// clientOf is a client and the role of its servers.
type clientOf struct {
	client string
	role   mode.Role
}

// steady follows since when each host is undisturbed.
type steady struct {
	in         *property.Input
	world      *index.World
	touched    map[string]time.Duration // by host: when something last happened to it
	calm       time.Duration            // for how long it has to be undisturbed
	kubeCalm   time.Duration            // the same, of a kube-apiserver and its client
	struck     map[string]time.Duration // the same, but for what its own dials are
	candidates []candidate
	servers    map[clientOf][]string // that each client may have connections with
	order      []clientOf
	accounted  time.Duration  // until when
	time       time.Duration  // of all clients and servers, for which nothing had happened to either
	requests   int            // in it
	counts     map[string]int // by rule
	told       map[string]int // by client and rule: the violation
	violations []property.Violation
}

func (s *steady) record(i int, r *history.Record) {
	s.world.Apply(r)
	s.settle(r.At)
	switch r.Verb {
	case history.Up, history.Down, history.Ready, history.Unready, history.Reading, history.Fault, history.Heal, history.Connect, history.Net:
		s.account(r.At)
	}
	switch r.Verb {
	case history.Connect, history.Disconnect, history.Net:
		if r.Peer == "" {
			return // a history of somebody else's making
		}
	}
	switch r.Verb {
	case history.Up, history.Down, history.Ready, history.Unready, history.Reading: // an operator begins its work as it comes to lead, an agent reads another source
		s.strike(r.Actor, r.At)
	case history.Fault, history.Heal:
		for _, f := range s.in.Faults {
			if f.Number == r.Rev {
				for _, host := range slices.Concat(f.Hosts, f.Peers, f.Members) {
					s.strike(host, r.At)
				}
			}
		}
	case history.Disconnect:
		if s.undisturbed(r.Actor, r.Peer, r.At) {
			s.broken(gaveUp, i, r.Actor, r.Peer)
		}
	case history.Connect:
		s.serves(r.Actor, r.Peer)
	case history.Net:
		if r.Key != "dial" || !isClient(r.Actor) || r.Actor == r.Peer {
			return
		}
		if mode.Etcd.Is(r.Peer) && len(s.servers[clientOf{r.Actor, mode.Etcd}]) > 0 {
			return // etcd's client makes a connection for each Status (clientv3/maintenance.go)
		}
		if s.undisturbed(r.Actor, r.Peer, r.At) {
			s.broken(dialed, i, r.Actor, r.Peer)
		}
		s.serves(r.Actor, r.Peer)
	case history.Call, history.Request:
		s.request(i, r)
	}
}

func (s *steady) request(i int, r *history.Record) {
	if !isClient(r.Peer) || r.Peer == r.Actor || !s.undisturbed(r.Peer, r.Actor, r.At) {
		return
	}
	s.requests++
	if kind, _ := schema.EntryOf(r.Key); mode.Etcd.Is(r.Actor) && (kind == nil || mode.Operator.Is(r.Peer)) {
		return // who uses an identity is asked for whenever one is allocated, or collected
	}
	if r.Op == "list" || r.Op == "range" && r.End != "" {
		s.broken(listed, i, r.Peer, r.Actor)
	}
}

// isClient reports whether a host has one of the clients that are judged: not those of the
// workload, which come and go.
func isClient(host string) bool {
	return mode.Agent.Is(host) || mode.Replica.Is(host) || mode.Operator.Is(host)
}

// serves notes the server of a client that has just dialed it: what follows has that for its cause.
// An agent reads one replica; of kube-apiservers a client has several connections, which go where
// the Service sends them.
func (s *steady) serves(client, server string) {
	k := clientOf{client, mode.RoleOf(server)}
	known := s.servers[k]
	if known == nil {
		s.order = append(s.order, k)
	}
	switch {
	case k.role == mode.Replica:
		s.servers[k] = []string{server}
	case !slices.Contains(known, server):
		s.servers[k] = append(known, server)
	}
	s.touched[client] = s.accounted
}

// account adds up the time since it last did.
func (s *steady) account(until time.Duration) {
	for _, k := range s.order {
		since := s.touched[k.client]
		for _, server := range s.servers[k] {
			since = max(since, s.touched[server])
		}
		if s.undisturbed(k.client, s.servers[k][0], until) {
			s.time += until - max(s.accounted, since+s.calmOf(k.role))
		}
	}
	s.accounted = until
}

// undisturbed reports whether nothing has happened for long enough to a client, to a server and
// to those that it had before.
func (s *steady) undisturbed(client, server string, at time.Duration) bool {
	role := mode.RoleOf(server)
	before, calm := s.servers[clientOf{client, role}], s.calmOf(role)
	return len(before) > 0 && s.isCalm(client, at, calm) && s.isCalm(server, at, calm) &&
		!slices.ContainsFunc(before, func(host string) bool { return !s.isCalm(host, at, calm) })
}

func (s *steady) isCalm(host string, at, calm time.Duration) bool {
	last, known := s.touched[host]
	return known && at-last >= calm && !s.world.Disturbed(host, at)
}

// calmOf is for how long a client and a server of a role have to be undisturbed.
func (s *steady) calmOf(role mode.Role) time.Duration {
	if role == mode.APIServer {
		return s.kubeCalm
	}
	return s.calm
}

// calms says it of both.
func (s *steady) calms() string {
	if s.kubeCalm == s.calm {
		return text.Seconds(s.calm)
	}
	return fmt.Sprintf("%s (%s with a kube-apiserver)", text.Seconds(s.calm), text.Seconds(s.kubeCalm))
}

// strike notes that something happens to a host.
func (s *steady) strike(host string, at time.Duration) {
	s.touched[host], s.struck[host] = at, at
}

// candidate is what a client did without a cause, if none follows: a process that is about to
// end gives its connections up first, and a fault is recorded once it is in force.
type candidate struct {
	rule           *property.Rule
	record         int32
	client, server string
	before         []string // the servers that the client had
	after          time.Duration
}

// ending is within how long a process ends that has been told to: the kubelet's default of
// terminationGracePeriodSeconds.
const ending = 30 * time.Second

func (s *steady) broken(rule *property.Rule, i int, client, server string) {
	after := s.in.Records[i].At - max(s.touched[client], s.touched[server])
	s.candidates = append(s.candidates, candidate{rule, int32(i), client, server, s.servers[clientOf{client, mode.RoleOf(server)}], after})
}

// settle decides of the candidates of which the cause would have come by an instant.
func (s *steady) settle(at time.Duration) {
	for len(s.candidates) > 0 {
		c := s.candidates[0]
		r := &s.in.Records[c.record]
		if at != index.Forever && at <= r.At+ending {
			return
		}
		s.candidates = s.candidates[1:]
		hosts := append([]string{c.client, c.server}, c.before...)
		if !slices.ContainsFunc(hosts, func(host string) bool { return s.struck[host] >= r.At }) {
			s.tell(c, r)
		}
	}
}

// tell adds a violation, or counts one more of that client if it has one.
func (s *steady) tell(c candidate, r *history.Record) {
	s.counts[c.rule.Name]++
	key := c.rule.Name + " " + c.client
	if n, ok := s.told[key]; ok {
		s.violations[n].Others++
		return
	}
	s.told[key] = len(s.violations)
	s.violations = append(s.violations, property.NewViolation(c.rule, property.Facts{
		Client: c.client, Server: c.server, At: r.At, After: c.after, Range: r.Key, Note: r.Value}, c.record))
}

var (
	gaveUp = steadyRule("gave-up", func(f *property.Facts) string { return "gave up its connection with " + f.Server + " (" + f.Note + ")" })
	dialed = steadyRule("dialed", func(f *property.Facts) string { return "dialed " + f.Server })
	listed = steadyRule("listed", func(f *property.Facts) string {
		return "listed " + property.OrDefault(f.Range, "objects") + " of " + f.Server
	})
)

func steadyRule(name string, did func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		more := ""
		if f.Others > 0 {
			more = fmt.Sprintf("; and %s more", text.Thousands(f.Others))
		}
		return fmt.Sprintf("%s %s at %s, when nothing had happened to either for %s%s", f.Client, did(f), text.Seconds(f.At), text.Seconds(f.After), more)
	}}
}
