package property

import (
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// Facts are what a violation, or a proof of a mechanism, says: who, of what, when, and
// what was there in place of what. A rule sets those that its Text speaks of. Instants
// and durations are virtual time in nanoseconds, as in history.Record.
type Facts struct {
	Agent  string `json:"agent,omitempty"`  // whose view or datapath it is
	Layer  Layer  `json:"layer,omitempty"`  // which of the two
	Client string `json:"client,omitempty"` // who asked a server
	Server string `json:"server,omitempty"` // the host of an etcd or a kube-apiserver
	Store  string `json:"store,omitempty"`  // of an etcd, as in history.Record

	Kind string        `json:"kind,omitempty"` // of the entry or object
	Key  string        `json:"key,omitempty"`
	At   time.Duration `json:"at"` // the instant of the record that broke it

	Shown  *Version `json:"shown,omitempty"`  // what was seen, answered, held or asked for
	Before *Version `json:"before,omitempty"` // what had been seen, answered, held or asked for before it
	Truth  *Version `json:"truth,omitempty"`  // what was so, or was written

	Differences []Difference   `json:"differences,omitempty"` // the first few entries that are not as they must be
	Counts      map[string]int `json:"counts,omitempty"`      // numbers, by what they count
	Others      int            `json:"others,omitempty"`      // how many more there are like this one

	Since   time.Duration `json:"since,omitempty"`   // the instant at which it began
	Until   time.Duration `json:"until,omitempty"`   // the instant at which it ended
	After   time.Duration `json:"after,omitempty"`   // how long after the heal, or after what it speaks of
	Age     time.Duration `json:"age,omitempty"`     // how long it had not been true
	Allowed time.Duration `json:"allowed,omitempty"` // how long it may have been so

	Asked    string   `json:"asked,omitempty"`    // from which version on, as the client asked
	Range    string   `json:"range,omitempty"`    // what a client asked for: a prefix, a selector
	Lease    string   `json:"lease,omitempty"`    // of an etcd
	Identity string   `json:"identity,omitempty"` // that an endpoint names
	Owners   []string `json:"owners,omitempty"`   // pods that have an address
	Note     string   `json:"note,omitempty"`     // what a record of the history says in words
}

// Layer is an agent's view or the datapath of its host.
type Layer string

const (
	View     Layer = "view"
	Datapath Layer = "datapath"
)

// LayerOf is the layer of an event.
func LayerOf(l index.Layer) Layer {
	if l == index.Datapath {
		return Datapath
	}
	return View
}

// Version is a state of an entry, key or object, or the act that made it.
type Version struct {
	Op    string `json:"op,omitempty"`    // the act: put, ADDED, list, ...
	Kind  string `json:"kind,omitempty"`  // of what it is a version, where that is not what the facts are about
	Key   string `json:"key,omitempty"`   // likewise
	Value string `json:"value,omitempty"` // content, or the act in words
	Hash  string `json:"hash,omitempty"`  // of a content
	Gone  bool   `json:"gone,omitempty"`  // it was not there

	Rev     int64 `json:"rev,omitempty"`     // revision in an etcd
	RV      int64 `json:"rv,omitempty"`      // resourceVersion
	Count   int64 `json:"count,omitempty"`   // how many changes of its key there were in an etcd
	Created int64 `json:"created,omitempty"` // revision of the first of these
	Prev    int64 `json:"prev,omitempty"`    // revision of the one before

	At      time.Duration `json:"at,omitempty"`
	By      string        `json:"by,omitempty"`     // who did it, or whose it is
	Server  string        `json:"server,omitempty"` // from where it came
	Store   string        `json:"store,omitempty"`
	Source  string        `json:"source,omitempty"`  // what kind of server that is, as in history.Origin
	Session int64         `json:"session,omitempty"` // by which connection of the agent, likewise
}

// VersionOf is what a record of a view or datapath shows.
func VersionOf(r *history.Record) *Version {
	return &Version{Value: r.Value, Gone: r.Verb == history.Drop || r.Verb == history.Unprogram, At: r.At, Server: r.Peer, Store: r.Store, Source: r.Source, Session: r.Session}
}

// How an entry is not as it must be.
const (
	Missing   = "missing"
	Extra     = "extra"
	Different = "different"
)

// Difference is an entry that is not as it must be.
type Difference struct {
	How    string   `json:"how"`
	Agent  string   `json:"agent,omitempty"` // whose it is, where that is not said by the facts
	Layer  Layer    `json:"layer,omitempty"`
	Kind   string   `json:"kind,omitempty"`
	Key    string   `json:"key,omitempty"`
	Shown  *Version `json:"shown,omitempty"`  // what is there
	Truth  *Version `json:"truth,omitempty"`  // what must be
	Owners []string `json:"owners,omitempty"` // whose it must be
}

// Differs reports how many entries differ in all, whatever the way.
func (f *Facts) Differs() (n int) {
	for _, how := range []string{Missing, Extra, Different} {
		n += f.Counts[how]
	}
	return n
}

// Differ notes an entry that differs, and keeps it if there are not yet as many as most
// of those for which same holds.
func (f *Facts) Differ(d Difference, most int, same func(Difference) bool) {
	if f.Counts == nil {
		f.Counts = map[string]int{}
	}
	f.Counts[d.How]++
	kept := 0
	for i := range f.Differences {
		if same == nil || same(f.Differences[i]) {
			kept++
		}
	}
	if kept < most {
		f.Differences = append(f.Differences, d)
	}
}
