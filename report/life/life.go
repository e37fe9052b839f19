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
	Proof      Part = "proof"      // a record that proves what is broken
)

// Step is one thing that happened to the entry, or to a host that has to do with it.
type Step struct {
	At      time.Duration `json:"at"`
	Record  int           `json:"record"` // its index; record i is on line i+3 of the history
	Part    Part          `json:"part"`
	Where   string        `json:"where"` // host, or world
	Text    string        `json:"text"`
	Agent   string        `json:"agent,omitempty"`   // whose step it is; empty: it is of all lives
	Content int           `json:"content,omitempty"` // that the text names, from 1
	Broken  string        `json:"broken,omitempty"`  // the violation that came to be with it
}

// Life is that of one entry.
type Life struct {
	Kind     string   `json:"kind"`
	Key      string   `json:"key"`
	Contents []string `json:"contents"` // that it ever had, which the steps name A, B, ...
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

// Of returns the life of an entry. Of agents it has those that are named or, if none is,
// the first few that ever showed the entry.
func Of(x *index.Index, entry index.EntryKey, agents ...string) (*Life, error) {
	number, known := x.Views.Number(entry.Kind, entry.Key)
	if !known {
		return nil, fmt.Errorf("the history has no %s %s%s", entry.Kind, entry.Key, near(x, entry))
	}
	for _, name := range agents {
		if !slices.Contains(x.Views.Agents, name) {
			return nil, fmt.Errorf("the history has no agent %s; its agents are %s", name, text.Few(x.Views.Agents[:min(12, len(x.Views.Agents))], len(x.Views.Agents)))
		}
	}
	l := &Life{Kind: entry.Kind, Key: entry.Key}
	l.choose(x, number, agents)
	t := newTeller(x, number)
	t.tell(func(of int32, s Step) {
		if of != OfHosts && of != number || s.Agent != "" && !slices.Contains(l.Agents, s.Agent) {
			return
		}
		l.Steps = append(l.Steps, s)
	})
	l.Contents = t.contents[number]
	return l, nil
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
func (l *Life) choose(x *index.Index, entry int32, named []string) {
	all := slices.Clone(named)
	if len(all) == 0 {
		for a, name := range x.Views.Agents {
			if x.Views.SlotOf(int32(a), index.View, entry) >= 0 {
				all = append(all, name)
			}
		}
		if len(all) > mostAgents {
			all, l.Left = all[:mostAgents], all[mostAgents:]
		}
	}
	l.Agents = all
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
