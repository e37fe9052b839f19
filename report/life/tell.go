package life

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// OfHosts stands in the place of an entry for steps of hosts, which are part of the life of
// every entry.
const OfHosts int32 = -1

// Tell tells the lives of all entries, step by step in the order of the records: each step
// with the number of its entry, or OfHosts. It returns the contents that each entry ever had,
// which steps number from 1 and name A, B, ...
func Tell(x *index.Index, step func(entry int32, s Step)) (contents [][]string) {
	t := newTeller(x, OfHosts)
	t.tell(step)
	return t.contents
}

// teller tells lives.
type teller struct {
	x        *index.Index
	only     int32              // the entry whose life is told; OfHosts: of all
	emit     func(int32, Step)  // takes the steps
	objects  map[string][]int32 // entries that an object made true, by its Kubernetes kind and name
	versions map[version]bool   // that made an entry true, or no longer true
	stores   map[string]bool    // that have started
	writers  map[string]bool    // hosts that have a writer
	agents   map[string]bool
	contents [][]string      // by entry
	numbers  map[content]int // of contents, from 1
}

type (
	version struct {
		entry int32
		rv    int64
	}
	content struct {
		entry int32
		value string
	}
)

func newTeller(x *index.Index, only int32) *teller {
	t := &teller{
		x: x, only: only, objects: map[string][]int32{}, versions: map[version]bool{}, stores: map[string]bool{}, writers: map[string]bool{}, agents: map[string]bool{},
		contents: make([][]string, len(x.Views.Entries)), numbers: map[content]int{},
	}
	for number := range x.Views.Entries {
		entry := int32(number)
		t.contents[entry] = []string{}
		if !t.tells(entry) {
			continue
		}
		for _, i := range x.Views.Entries[entry].Truths {
			kind, name := ownerOf(x.Records[i].Owner)
			t.versions[version{entry, x.Records[i].RV}] = true
			if of := t.objects[kind+"/"+name]; !slices.Contains(of, entry) {
				t.objects[kind+"/"+name] = append(of, entry)
			}
		}
	}
	for _, name := range x.Views.Agents {
		t.agents[name] = true
	}
	for i := range x.Records {
		if r := &x.Records[i]; r.Verb == history.Up && r.Kind == "writer" {
			t.writers[r.Actor] = true
		}
	}
	return t
}

func (t *teller) tell(emit func(int32, Step)) {
	t.emit = emit
	for i := range t.x.Records {
		t.record(i, &t.x.Records[i])
	}
}

func (t *teller) tells(entry int32) bool { return t.only == OfHosts || t.only == entry }

// ownerOf takes an owner apart: the Kubernetes kind, and "namespace/name".
func ownerOf(owner string) (kind, name string) {
	owner, _, _ = strings.Cut(owner, "#")
	kind, name, _ = strings.Cut(owner, "/")
	return kind, name
}

// add tells a step of an entry, of one agent or of all lives.
func (t *teller) add(entry int32, i int, agent string, part Part, where, format string, args ...any) {
	s := Step{At: t.x.Records[i].At, Record: i, Part: part, Where: where, Agent: agent}
	for _, arg := range args {
		if of, is := arg.(named); is {
			s.Content = int(of)
		}
	}
	s.Text = fmt.Sprintf(format, args...)
	t.emit(entry, s)
}

// named is a content by its number, which stands in a text as its letter.
type named int

func (n named) String() string { return Letter(int(n) - 1) }

// name numbers a content of an entry.
func (t *teller) name(entry int32, value string) named {
	key := content{entry, value}
	if t.numbers[key] == 0 {
		t.contents[entry] = append(t.contents[entry], value)
		t.numbers[key] = len(t.contents[entry])
	}
	return named(t.numbers[key])
}

// record tells what a record has to say.
func (t *teller) record(i int, r *history.Record) {
	switch r.Verb {
	case history.Truth:
		t.ofEntry(r.Kind, r.Key, func(entry int32) { t.truth(entry, i, r) })
	case history.Put, history.Del:
		t.ofKey(r.Kind, r.Key, func(entry int32) { t.change(entry, i, r) })
	case history.See, history.Drop, history.Program, history.Unprogram:
		t.ofEntry(r.Kind, r.Key, func(entry int32) { t.view(entry, i, r) })
	case history.Event:
		if r.Store == "" && (t.writers[r.Peer] || t.agents[r.Peer]) {
			t.sent(i, r)
		}
	case history.Fault:
		t.add(OfHosts, i, "", Fault, "fault "+fmt.Sprint(r.Rev), "begins: %s", r.Value)
	case history.Heal:
		t.add(OfHosts, i, "", Fault, "fault "+fmt.Sprint(r.Rev), "is over: %s", r.Value)
	case history.Phase:
		t.add(OfHosts, i, "", Process, "world", "phase %s", strings.TrimSpace(r.Key+" "+r.Value))
	default:
		t.process(i, r)
	}
}

func (t *teller) ofEntry(kind, key string, tell func(entry int32)) {
	if entry, known := t.x.Views.Number(kind, key); known && t.tells(entry) {
		tell(entry)
	}
}

// ofKey finds the entry that a key of an etcd holds: what follows the prefix of its kind or,
// where a cluster's name stands between, what follows the last slash.
func (t *teller) ofKey(kind, key string, tell func(entry int32)) {
	of, name := schema.EntryOf(key)
	if of == nil || of.Name != kind {
		return
	}
	if _, known := t.x.Views.Number(kind, strings.TrimPrefix(key, of.Prefix)); known {
		name = strings.TrimPrefix(key, of.Prefix)
	}
	t.ofEntry(kind, name, tell)
}

func (t *teller) truth(entry int32, i int, r *history.Record) {
	if r.Op == "put" {
		t.add(entry, i, "", Truth, "truth", "%s, since %s says so (rv %d)", t.name(entry, r.Value), r.Owner, r.RV)
		return
	}
	t.add(entry, i, "", Truth, "truth", "no longer claimed by %s (rv %d)", r.Owner, r.RV)
}

func (t *teller) change(entry int32, i int, r *history.Record) {
	where := r.Actor + " store"
	shared := mode.Etcd.Is(r.Actor)
	if r.Verb == history.Put {
		writer := "its writer"
		if shared {
			writer = cmp.Or(t.x.Store(r.Store).Putter(t.x.Records, r.Key, r.Rev), "someone who was not told so")
		}
		t.add(entry, i, "", Store, where, "%s: %s puts it at rev %d (store %s)", t.name(entry, r.Value), writer, r.Rev, r.Store)
		return
	}
	why := "without a request: the lease of the key has expired"
	switch s := t.x.Store(r.Store); {
	case shared && s.Requester(t.x.Records, r.Key, r.Rev) != "":
		why = fmt.Sprintf("as %s asks", s.Requester(t.x.Records, r.Key, r.Rev))
	case s.Requested(t.x.Records, r.Key, r.Rev):
		why = "as its writer asks"
	case s.Uncertain(t.x.Records, r.Key):
		why = "as its writer asked, who does not know the outcome"
	}
	t.add(entry, i, "", Store, where, "nothing: deleted at rev %d %s (store %s)", r.Rev, why, r.Store)
}

func (t *teller) view(entry int32, i int, r *history.Record) {
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
		t.add(entry, i, r.Actor, View, r.Actor+" view", "shows %s%s", t.name(entry, r.Value), by)
	case history.Drop:
		t.add(entry, i, r.Actor, View, r.Actor+" view", "drops it%s", by)
	case history.Program:
		t.add(entry, i, r.Actor, Datapath, r.Actor+" datapath", "has %s%s", t.name(entry, r.Value), by)
	case history.Unprogram:
		t.add(entry, i, r.Actor, Datapath, r.Actor+" datapath", "has it no more%s", by)
	}
}

// sent tells what a kube-apiserver has sent of the objects that make entries true: the
// versions that did, and those in lists.
func (t *teller) sent(i int, r *history.Record) {
	agent := ""
	if !t.writers[r.Peer] {
		agent = r.Peer
	}
	for field := range strings.FieldsSeq(r.Value) {
		ev := index.ParseKubeEvent(field)
		for _, entry := range t.objects[r.Kind+"/"+ev.Key] {
			if ev.What == "ADDED" || t.versions[version{entry, ev.RV}] {
				t.add(entry, i, agent, Sent, r.Actor, "sends %s %s/%s at rv %d (%s)", r.Peer, r.Kind, ev.Key, ev.RV, ev.What)
			}
		}
	}
}

func (t *teller) process(i int, r *history.Record) {
	switch r.Verb {
	case history.Up, history.Down:
		t.life(i, r)
	case history.Ready, history.Unready:
		if r.Kind == "" {
			t.add(OfHosts, i, "", Process, r.Actor, "%s the Service that agents use", map[history.Verb]string{history.Ready: "joins", history.Unready: "leaves"}[r.Verb])
		}
	case history.Connect:
		t.add(OfHosts, i, r.Actor, Connection, r.Actor, "connects with %s%s", r.Peer, ofStore(r.Store))
	case history.Reading:
		t.add(OfHosts, i, r.Actor, Connection, r.Actor, "%s (reads %s, of which counts %s)", readings[r.Op], r.Key, r.Value)
	case history.Disconnect:
		t.add(OfHosts, i, r.Actor, Connection, r.Actor, "loses its connection with %s (%s)", r.Peer, r.Value)
	case history.Synced:
		t.add(OfHosts, i, r.Actor, Process, r.Actor, "regenerates its endpoints: %s", map[string]string{"synced": "it has its complete lists", "timeout": "it has waited for its lists long enough"}[r.Value])
	}
}

// readings say why the sources of an agent have changed.
var readings = map[string]string{
	history.Begins:   "it begins to read its sources",
	history.FallBack: "its etcd cannot be reached, and it begins to read CRDs",
	history.Listed:   "it has its lists of CRDs",
	history.Reaches:  "its etcd can be reached, and is not yet read in full",
	history.Loses:    "its etcd cannot be reached any more",
	history.GoesOver: "it has read its etcd in full, and ceases to read CRDs",
}

func ofStore(store string) string {
	if store == "" {
		return ""
	}
	return " (store " + store + ")"
}

// life adds the start or the stop of a process.
func (t *teller) life(i int, r *history.Record) {
	stops := r.Verb == history.Down
	switch r.Kind {
	case "agent":
		if stops {
			t.add(OfHosts, i, r.Actor, Process, r.Actor, "the agent stops; its datapath stays")
		} else {
			t.add(OfHosts, i, r.Actor, Process, r.Actor, "the agent starts, with an empty view (incarnation %d)", r.Inc)
		}
	case "etcd":
		switch {
		case stops:
			t.add(OfHosts, i, "", Process, r.Actor, "its etcd stops")
		case t.stores[r.Store]:
			t.add(OfHosts, i, "", Process, r.Actor, "its etcd starts again with its data (store %s)", r.Store)
		default:
			t.stores[r.Store] = true
			t.add(OfHosts, i, "", Process, r.Actor, "its etcd starts, empty (store %s)", r.Store)
		}
	case "writer", "kube":
		t.add(OfHosts, i, "", Process, r.Actor, "the %s %s", map[string]string{"writer": "writer", "kube": "kube-apiserver"}[r.Kind], map[bool]string{true: "stops", false: "starts"}[stops])
	}
}
