package enforcement

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/model/mode"
)

// subject is the pod of an endpoint as policies go by it.
type subject struct {
	labels object.Labels
	number int    // of what policies go by
	of     string // its UID, and that as text
	since  time.Duration
}

// follower follows a history, record by record.
type follower struct {
	in           *property.Input
	state        *object.State
	policies     map[string]*past[object.Policy]
	written      int32 // the last record of a policy
	versions     map[string]*versions
	identities   map[string]*past[peer]
	numbers      []string               // of identities, ascending
	alike        map[string]int         // what policies go by: which number it has
	mentioned    map[string]*past[bool] // networks that a policy names
	networks     map[string]*peer
	surroundings []*peer              // that are no pods and no networks
	subjects     map[string]*subject  // by pod
	newest       map[string]*endpoint // by pod, on its node
	endpoints    map[string]*endpoint // by agent and number
	ports        []string
	faults       map[string][]disturbance // by agent

	judged     int // looks at a flow that policies demand something of
	violations []property.Violation
	stale      []time.Duration // for how long something was let through that policies denied
	late       []time.Duration // for how long something was not that they allowed
	gone       []time.Duration // for how long an entry was about an identity that was gone
}

// elsewhere is a port that no policy names.
const elsewhere = "65533/TCP"

func newFollower(in *property.Input) *follower {
	f := &follower{
		in: in, state: object.NewState(in.History.Plan), written: -1,
		policies: map[string]*past[object.Policy]{}, versions: map[string]*versions{}, identities: map[string]*past[peer]{}, alike: map[string]int{},
		mentioned: map[string]*past[bool]{}, networks: map[string]*peer{}, subjects: map[string]*subject{},
		newest: map[string]*endpoint{}, endpoints: map[string]*endpoint{}, faults: map[string][]disturbance{},
	}
	for _, p := range surroundings() {
		f.surroundings = append(f.surroundings, f.numbered(p))
	}
	ports := map[string]bool{elsewhere: true}
	for i := range in.Records {
		if r := &in.Records[i]; r.Verb == history.Write && object.IsPolicy(r.Kind) {
			p, _ := object.ParsePolicy(r.Value) // what cannot be read is said when it is followed
			for _, rule := range p.Rules {
				for _, port := range rule.Ports {
					ports[port] = true
				}
			}
		}
	}
	f.ports = slices.Sorted(maps.Keys(ports))
	return f
}

// disturbances are the faults that may keep news from an agent: all but those of other agents.
func (f *follower) disturbances(agent string) []disturbance {
	if known, ok := f.faults[agent]; ok {
		return known
	}
	all := []disturbance{}
	for _, x := range f.in.Faults {
		others := func(host string) bool { return mode.Agent.Is(host) && host != agent }
		if len(x.Hosts) > 0 && !slices.ContainsFunc(x.Hosts, func(h string) bool { return !others(h) }) {
			continue
		}
		all = append(all, disturbance{x.From, x.To})
	}
	f.faults[agent] = all
	return all
}

// changes are what an instant changes.
type changes struct {
	some     bool
	policies bool
	peers    []*peer            // that there are from then on
	pods     map[string]bool    // what they are to policies
	maps     map[*endpoint]bool // the policy maps
}

func newChanges() *changes { return &changes{pods: map[string]bool{}, maps: map[*endpoint]bool{}} }

// apply takes a record into account, and adds what it changes.
func (f *follower) apply(i int, r *history.Record, c *changes) error {
	switch {
	case r.Verb == history.Enforce:
		if e := f.enforce(int32(i), r); e != nil {
			c.some, c.maps[e] = true, true
		}
		return nil
	case r.Verb != history.Write:
		return nil
	case object.IsPolicy(r.Kind):
		c.some, c.policies = true, true
		return f.policy(int32(i), r)
	}
	touched, err := f.state.Apply(i, r)
	if err != nil {
		return err
	}
	if r.Kind == object.IdentityKind {
		if p := f.identity(r); p != nil {
			c.some, c.peers = true, append(c.peers, p)
		}
	}
	for _, pod := range touched.Pods {
		if f.subject(pod, r.At) {
			c.some, c.pods[pod] = true, true
		}
	}
	return nil
}

// like is the number of what policies go by, of a text that says it.
func (f *follower) like(of string) int {
	n, known := f.alike[of]
	if !known {
		n = len(f.alike)
		f.alike[of] = n
	}
	return n
}

func (f *follower) numbered(p *peer) *peer {
	p.number = f.like(p.of)
	return p
}

func (f *follower) policy(i int32, r *history.Record) error {
	var is *object.Policy
	if r.Op != "delete" {
		p, err := object.ParsePolicy(r.Value)
		if err != nil {
			return err
		}
		is = &p
	}
	key := r.Kind + " " + r.Key
	if f.policies[key] == nil {
		f.policies[key] = &past[object.Policy]{}
	}
	f.policies[key].set(r.At, is)
	f.written = i
	f.mention(r.At)
	return nil
}

// mention notes which networks policies name now.
func (f *follower) mention(at time.Duration) {
	now := map[string]bool{}
	for _, p := range f.policies {
		if is := p.now(); is != nil {
			for _, rule := range is.Rules {
				for _, peer := range rule.Peers {
					if peer.CIDR != "" {
						now[peer.CIDR] = true
					}
				}
			}
		}
	}
	for cidr := range now {
		if f.mentioned[cidr] == nil {
			f.mentioned[cidr], f.networks[cidr] = &past[bool]{}, f.numbered(networkOf(cidr))
		}
	}
	for cidr, p := range f.mentioned {
		switch was := p.now() != nil; {
		case now[cidr] && !was:
			p.set(at, new(true))
		case was && !now[cidr]:
			p.set(at, nil)
		}
	}
}

// identity takes an identity into account, and returns it if it is new.
func (f *follower) identity(r *history.Record) *peer {
	if f.identities[r.Key] == nil {
		f.identities[r.Key] = &past[peer]{}
		at, _ := slices.BinarySearchFunc(f.numbers, r.Key, byNumber)
		f.numbers = slices.Insert(f.numbers, at, r.Key)
	}
	var is *peer
	if now := f.state.Identities[r.Key]; now != nil {
		parsed, err := object.ParseIdentity(now.Labels)
		if err != nil {
			return nil // the state was made of the same text
		}
		is = f.numbered(podsOf(r.Key, parsed.Labels))
	}
	if was := f.identities[r.Key].now(); was != nil && is != nil && was.of == is.of {
		return nil
	}
	f.identities[r.Key].set(r.At, is)
	return is
}

func byNumber(a, b string) int {
	x, _ := strconv.Atoi(a) // names of identities are numbers
	y, _ := strconv.Atoi(b)
	return x - y
}

// subject looks at a pod anew: what policies go by are the labels that it demands, once its
// CiliumEndpoint says that it has an identity of these.
func (f *follower) subject(pod string, at time.Duration) (changed bool) {
	p, was := f.state.Pods[pod], f.subjects[pod]
	id := f.state.Identities[f.state.Endpoints[pod].Identity]
	if p == nil || p.Ending || p.Phase != "Running" || id == nil || id.Labels != p.Demands {
		delete(f.subjects, pod)
		for _, e := range f.newest {
			if e.pod == pod {
				f.endWaits(e, at)
			}
		}
		return was != nil
	}
	of := p.UID + " " + id.Labels
	if was != nil && was.of == of {
		return false
	}
	labels, err := object.ParseIdentity(id.Labels)
	if err != nil {
		return false
	}
	f.subjects[pod] = &subject{labels: labels.Labels, number: f.like(id.Labels), of: of, since: at}
	return true
}

func (f *follower) enforce(i int32, r *history.Record) *endpoint {
	key := r.Actor + " " + r.Owner
	switch r.Op {
	case history.Begins:
		e := newEndpoint(r)
		f.endpoints[key], f.newest[r.Actor+" "+r.Key] = e, e
	case history.Ends:
		if e := f.endpoints[key]; e != nil {
			f.endWaits(e, r.At)
			delete(f.endpoints, key)
			if f.newest[r.Actor+" "+e.pod] == e {
				delete(f.newest, r.Actor+" "+e.pod)
			}
		}
	default:
		if e := f.endpoints[key]; e != nil {
			e.apply(i, r)
			f.forgets(r)
			return e
		}
	}
	return nil
}

// forgets measures for how long a map had an entry about an identity that was gone.
func (f *follower) forgets(r *history.Record) {
	name, _, _ := strings.Cut(r.Value, " ")
	if id := f.identities[name]; r.Op == history.Removed && id != nil && id.now() == nil {
		f.gone = append(f.gone, r.At-id.changes[len(id.changes)-1].at)
	}
}

// live returns the endpoints of pods that run, with the pods, in a fixed order.
func (f *follower) live() (all []*endpoint) {
	for _, e := range f.newest {
		if f.subjectOf(e) != nil {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *endpoint) int { return cmp.Or(cmp.Compare(a.agent, b.agent), cmp.Compare(a.pod, b.pod)) })
	return all
}

// subjectOf is the pod of an endpoint, if it runs on the endpoint's node, of which this is the newest.
func (f *follower) subjectOf(e *endpoint) *subject {
	p := f.state.Pods[e.pod]
	if p == nil || f.newest[e.agent+" "+e.pod] != e || !mode.Agent.Is(e.agent) || p.Node != "n"+strconv.Itoa(mode.Number(e.agent)) {
		return nil
	}
	return f.subjects[e.pod]
}
