// Package life tells the life of one entry from a history: what was true of it and when,
// what each replica's writer was told and did, what each store held, what agents' views
// and datapaths showed, and which of these steps was the first that was wrong.
//
// It judges nothing: whether what agents saw breaks a promise is the checker's to say. It
// lays what each part of the world said of one entry beside the others.
package life

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/schema"
)

// mostAgents is how many agents' views are told unless agents are named.
const mostAgents = 8

// Part is the part of the world that a step is of.
type Part string

const (
	Truth      Part = "truth"      // what the kube-apiserver holds makes the entry true
	Sent       Part = "sent"       // a kube-apiserver has sent a writer or an agent what makes it true; it need not arrive
	Store      Part = "store"      // an etcd applied a change
	View       Part = "view"       // of an agent
	Datapath   Part = "datapath"   // of an agent's host
	Process    Part = "process"    // something started or stopped
	Connection Part = "connection" // of an agent with a replica
	Fault      Part = "fault"      // a fault began or ended
)

// Step is one thing that happened to the entry, or to a host that has to do with it.
type Step struct {
	At     time.Duration `json:"at"`
	Record int           `json:"record"` // its index; record i is on line i+3 of the history
	Part   Part          `json:"part"`
	Where  string        `json:"where"` // host, or world
	Text   string        `json:"text"`
	Broken string        `json:"broken,omitempty"` // the violation that came to be with it
}

// Life is that of one entry.
type Life struct {
	Kind     string   `json:"kind"`
	Key      string   `json:"key"`
	Contents []string `json:"contents"` // that the steps name A, B, ...
	Steps    []Step   `json:"steps"`
	Agents   []string `json:"agents"`           // whose steps are among them
	Left     []string `json:"left,omitempty"`   // agents whose are not
	Chains   []Chain  `json:"chains,omitempty"` // at the instants that were asked for
}

// ParseEntry reads "kind/key", such as endpoint/10.0.0.1 or node/c1/n0.
func ParseEntry(s string) (index.EntryKey, error) {
	kind, key, _ := strings.Cut(s, "/")
	if schema.KindNamed(kind) == nil || key == "" {
		return index.EntryKey{}, fmt.Errorf("%q: an entry is kind/key, such as endpoint/10.0.0.1; the kinds are %s", s, strings.Join(schema.KindNames(), ", "))
	}
	return index.EntryKey{Kind: kind, Key: key}, nil
}

// builder gathers the steps of an entry.
type builder struct {
	*Life
	x        *index.Index
	objects  map[string][]string // that made the entry true: names by Kubernetes kind
	versions map[int64]bool      // resourceVersions that made the entry true, or no longer true
	stores   map[string]bool     // that have started
	writers  map[string]bool     // hosts that have a writer
}

// Of returns the life of an entry. Of agents it has those that are named or, if none is,
// the first few that ever showed the entry.
func Of(x *index.Index, entry index.EntryKey, agents ...string) (*Life, error) {
	number, known := x.Views.Number(entry.Kind, entry.Key)
	if !known {
		return nil, fmt.Errorf("the history has no %s %s%s", entry.Kind, entry.Key, near(x, entry))
	}
	b := builder{Life: &Life{Kind: entry.Kind, Key: entry.Key, Contents: []string{}}, x: x, objects: map[string][]string{}, versions: map[int64]bool{}, stores: map[string]bool{}, writers: map[string]bool{}}
	for _, name := range agents {
		if !slices.Contains(x.Views.Agents, name) {
			return nil, fmt.Errorf("the history has no agent %s; its agents are %s", name, text.Few(x.Views.Agents[:min(12, len(x.Views.Agents))], len(x.Views.Agents)))
		}
	}
	b.choose(number, agents)
	for _, i := range x.Views.Entries[number].Truths {
		kind, name := object(x.Records[i].Owner)
		b.versions[x.Records[i].RV] = true
		if !slices.Contains(b.objects[kind], name) {
			b.objects[kind] = append(b.objects[kind], name)
		}
	}
	for i := range x.Records {
		if r := &x.Records[i]; r.Verb == history.Up && r.Kind == "writer" {
			b.writers[r.Actor] = true
		}
	}
	for i := range x.Records {
		b.step(i, &x.Records[i])
	}
	return b.Life, nil
}

// near names entries of the kind that are there, for those who mistyped one.
func near(x *index.Index, entry index.EntryKey) string {
	var there []string
	total := 0
	for i := range x.Views.Entries {
		if e := &x.Views.Entries[i]; e.Kind == entry.Kind {
			total++
			if len(there) < 5 {
				there = append(there, e.Key)
			}
		}
	}
	if total == 0 {
		return ""
	}
	return "; there are " + text.Few(there, total)
}

// choose says whose steps are told.
func (b *builder) choose(entry int32, named []string) {
	all := named
	if len(all) == 0 {
		for a, name := range b.x.Views.Agents {
			if b.x.Views.SlotOf(int32(a), index.View, entry) >= 0 {
				all = append(all, name)
			}
		}
		if len(all) > mostAgents {
			all, b.Left = all[:mostAgents], all[mostAgents:]
		}
	}
	b.Agents = slices.Clone(all)
}

// object takes an owner apart: the Kubernetes kind, and "namespace/name".
func object(owner string) (kind, name string) {
	owner, _, _ = strings.Cut(owner, "#")
	kind, name, _ = strings.Cut(owner, "/")
	return kind, name
}

// Content names a content of the entry by a letter: "A".
func (l *Life) Content(value string) string {
	i := slices.Index(l.Contents, value)
	if i < 0 {
		i = len(l.Contents)
		l.Contents = append(l.Contents, value)
	}
	return Letter(i)
}

// Letter is the name of the i-th content: A to Z, then A1 and so on.
func Letter(i int) string {
	letter := string(rune('A' + i%26))
	if i >= 26 {
		letter += fmt.Sprint(i / 26)
	}
	return letter
}

func (b *builder) add(i int, part Part, where, format string, args ...any) {
	b.Steps = append(b.Steps, Step{At: b.x.Records[i].At, Record: i, Part: part, Where: where, Text: fmt.Sprintf(format, args...)})
}

// step adds what a record has to say of the entry.
func (b *builder) step(i int, r *history.Record) {
	switch r.Verb {
	case history.Truth:
		if b.is(r.Kind, r.Key) {
			b.truth(i, r)
		}
	case history.Put, history.Del:
		if r.Kind == b.Kind && isKey(r.Key, b.Kind, b.Key) {
			b.change(i, r)
		}
	case history.See, history.Drop, history.Program, history.Unprogram:
		if b.is(r.Kind, r.Key) && slices.Contains(b.Agents, r.Actor) {
			b.view(i, r)
		}
	case history.Event:
		if r.Store == "" && (b.writers[r.Peer] || slices.Contains(b.Agents, r.Peer)) {
			b.sent(i, r)
		}
	case history.Fault:
		b.add(i, Fault, "fault "+fmt.Sprint(r.Rev), "begins: %s", r.Value)
	case history.Heal:
		b.add(i, Fault, "fault "+fmt.Sprint(r.Rev), "is over: %s", r.Value)
	case history.Phase:
		b.add(i, Process, "world", "phase %s", strings.TrimSpace(r.Key+" "+r.Value))
	default:
		b.process(i, r)
	}
}

func (b *builder) is(kind, key string) bool { return kind == b.Kind && key == b.Key }

// isKey reports whether a key of an etcd holds the entry.
func isKey(etcdKey, kind, key string) bool {
	if !strings.HasSuffix(etcdKey, key) {
		return false
	}
	k := schema.KindNamed(kind)
	return etcdKey == k.Prefix+key || schema.IsKeyOf(etcdKey, kind) && schema.NameIn(etcdKey) == key
}

func (b *builder) truth(i int, r *history.Record) {
	if r.Op == "put" {
		b.add(i, Truth, "truth", "%s, since %s says so (rv %d)", b.Content(r.Value), r.Owner, r.RV)
		return
	}
	b.add(i, Truth, "truth", "no longer claimed by %s (rv %d)", r.Owner, r.RV)
}

func (b *builder) change(i int, r *history.Record) {
	where := r.Actor + " store"
	if r.Verb == history.Put {
		b.add(i, Store, where, "%s: its writer puts it at rev %d (store %s)", b.Content(r.Value), r.Rev, r.Store)
		return
	}
	why := "without a request: the lease of the key has expired"
	switch s := b.x.Store(r.Store); {
	case s.Requested(b.x.Records, r.Key, r.Rev):
		why = "as its writer asks"
	case s.Uncertain(b.x.Records, r.Key):
		why = "as its writer asked, who does not know the outcome"
	}
	b.add(i, Store, where, "nothing: deleted at rev %d %s (store %s)", r.Rev, why, r.Store)
}

func (b *builder) view(i int, r *history.Record) {
	by := map[string]string{history.ByWatch: "by its watch", history.ByList: "by its list", history.GivenUp: "given up by the reader; no server said so"}[r.Op]
	if r.Peer != "" {
		by = strings.TrimPrefix(by+", from "+r.Peer, ", ")
	}
	if r.Session != 0 {
		by += fmt.Sprintf(" (session %d)", r.Session)
	}
	if by != "" {
		by = ", " + strings.TrimSpace(by)
	}
	switch r.Verb {
	case history.See:
		b.add(i, View, r.Actor+" view", "shows %s%s", b.Content(r.Value), by)
	case history.Drop:
		b.add(i, View, r.Actor+" view", "drops it%s", by)
	case history.Program:
		b.add(i, Datapath, r.Actor+" datapath", "has %s%s", b.Content(r.Value), by)
	case history.Unprogram:
		b.add(i, Datapath, r.Actor+" datapath", "has it no more%s", by)
	}
}

// sent adds what a kube-apiserver has sent of the objects that make the entry true: the
// versions that did, and those in lists.
func (b *builder) sent(i int, r *history.Record) {
	names := b.objects[r.Kind]
	if names == nil {
		return
	}
	for field := range strings.FieldsSeq(r.Value) {
		if ev := index.ParseKubeEvent(field); slices.Contains(names, ev.Key) && (ev.What == "ADDED" || b.versions[ev.RV]) {
			b.add(i, Sent, r.Actor, "sends %s %s/%s at rv %d (%s)", r.Peer, r.Kind, ev.Key, ev.RV, ev.What)
		}
	}
}

func (b *builder) process(i int, r *history.Record) {
	switch r.Verb {
	case history.Up, history.Down:
		b.life(i, r)
	case history.Ready, history.Unready:
		if r.Kind == "" {
			b.add(i, Process, r.Actor, "%s the Service that agents use", map[history.Verb]string{history.Ready: "joins", history.Unready: "leaves"}[r.Verb])
		}
	case history.Connect:
		if slices.Contains(b.Agents, r.Actor) {
			b.add(i, Connection, r.Actor, "connects with %s%s", r.Peer, ofStore(r.Store))
		}
	case history.Disconnect:
		if slices.Contains(b.Agents, r.Actor) {
			b.add(i, Connection, r.Actor, "loses its connection with %s (%s)", r.Peer, r.Value)
		}
	case history.Synced:
		if slices.Contains(b.Agents, r.Actor) {
			b.add(i, Process, r.Actor, "regenerates its endpoints: %s", map[string]string{"synced": "it has its complete lists", "timeout": "it has waited for its lists long enough"}[r.Value])
		}
	}
}

func ofStore(store string) string {
	if store == "" {
		return ""
	}
	return " (store " + store + ")"
}

// life adds the start or the stop of a process.
func (b *builder) life(i int, r *history.Record) {
	stops := r.Verb == history.Down
	switch r.Kind {
	case "agent":
		switch {
		case !slices.Contains(b.Agents, r.Actor):
		case stops:
			b.add(i, Process, r.Actor, "the agent stops; its datapath stays")
		default:
			b.add(i, Process, r.Actor, "the agent starts, with an empty view (incarnation %d)", r.Inc)
		}
	case "etcd":
		switch {
		case stops:
			b.add(i, Process, r.Actor, "its etcd stops")
		case b.stores[r.Store]:
			b.add(i, Process, r.Actor, "its etcd starts again with its data (store %s)", r.Store)
		default:
			b.stores[r.Store] = true
			b.add(i, Process, r.Actor, "its etcd starts, empty (store %s)", r.Store)
		}
	case "writer", "kube":
		b.add(i, Process, r.Actor, "the %s %s", map[string]string{"writer": "writer", "kube": "kube-apiserver"}[r.Kind], map[bool]string{true: "stops", false: "starts"}[stops])
	}
}
