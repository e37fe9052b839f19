package tracevalidation

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Verdict is what became of a history.
type Verdict struct {
	Explained   int           `json:"explained"`   // changes in etcds and views, and canaries, that an action or deviation explains
	Keys        int           `json:"keys"`        // identities, endpoints and nodes
	Projections int           `json:"projections"` // pairs of a key with a replica, or with an agent's incarnation
	Needed      []Need        `json:"needed"`      // the deviations without which some records have no explanation
	Unexplained []Unexplained `json:"unexplained"` // the first of each projection, by record
	Unjudged    []string      `json:"unjudged"`    // keys with too many writes or contents to tell apart
}

// Need is how often a deviation was needed.
type Need struct {
	Name  string `json:"name"`
	What  string `json:"-"`
	Count int    `json:"count"`
}

// Follows returns why runs of a mode cannot be held against the model; nil if they can.
func Follows(m mode.Mode) error {
	if m.HandsOver() && m.Policy != mode.ByCutover {
		return fmt.Errorf("runs of the mode %s are no behaviours of the model, in which an etcd takes precedence over CRDs as long as both are read: validate those of %s", m, m.With(mode.ByCutover))
	}
	return nil
}

// Check looks for a behaviour of the model in a history of a run in a mode that Follows.
func Check(x *index.Index, m mode.Mode) *Verdict {
	c := checker{mode: m, Projections: x.Projections(), needed: map[*deviation]int{}, verdict: Verdict{Needed: []Need{}, Unexplained: []Unexplained{}, Unjudged: []string{}}}
	c.verdict.Keys = len(c.Keys)
	for _, k := range c.Keys {
		c.check(k)
	}
	v := &c.verdict
	v.Unexplained = append(v.Unexplained, c.unconnected()...)
	slices.SortStableFunc(v.Unexplained, func(a, b Unexplained) int { return cmp.Compare(a.Record, b.Record) })
	for _, d := range allDeviations() {
		if n := c.needed[d]; n > 0 {
			v.Needed = append(v.Needed, Need{d.name, d.what, n})
		}
	}
	return v
}

// checker gathers the verdict.
type checker struct {
	*index.Projections
	mode    mode.Mode
	verdict Verdict
	needed  map[*deviation]int
	state   *object.State // nil until somebody asks (objects)
	ids     []saidID      // likewise (clusterIDs)
}

// explained counts a record, and the deviation without which it has no
// explanation, nil if it needs none.
func (c *checker) explained(by *deviation) {
	c.verdict.Explained++
	if by != nil {
		c.needed[by]++
	}
}

// keyRun is the projection of a history to one key.
type keyRun struct {
	*checker
	key       *index.Key
	log       *keyLog
	watched   *keyLog // the log as those see it who list and watch it themselves
	names     contents
	full      bool                // there were too many contents
	timelines map[string]timeline // by store
}

// check follows every replica and agent, as far as one key tells.
func (c *checker) check(k *index.Key) {
	run := keyRun{checker: c, key: k, names: contents{}, timelines: map[string]timeline{}}
	log, ok := run.makeLog()
	if !ok {
		c.verdict.Unjudged = append(c.verdict.Unjudged, k.Kind+" "+k.Name)
		return
	}
	run.log, run.watched = log, log.watched()
	found := run.follow()
	c.verdict.Projections += len(found)
	if run.full {
		c.verdict.Unjudged = append(c.verdict.Unjudged, k.Kind+" "+k.Name)
		return
	}
	for _, u := range found {
		if u != nil {
			c.verdict.Unexplained = append(c.verdict.Unexplained, *u)
		}
	}
}

// makeLog makes the log of what is true of the key; false if there is too much.
func (k *keyRun) makeLog() (*keyLog, bool) {
	if !k.mode.AgentsWrite() {
		return newKeyLog(k.Records, k.key.Truths, k.names)
	}
	var changes []int32
	for _, of := range k.key.Changes { // of whichever member
		changes = append(changes, of...)
	}
	slices.Sort(changes)
	return newSharedLog(k.Records, changes, k.names)
}

// follow follows every replica and agent.
func (k *keyRun) follow() (found []*Unexplained) {
	if !k.mode.Base.Replicated() {
		for _, a := range k.Agents {
			f := watcherRun{run: k, agent: a}
			found = append(found, f.follow(k.key.Views[a]))
		}
		return found
	}
	for _, p := range k.Replicas {
		f := replicaRun{run: k, name: p.Name}
		found = append(found, f.follow(p.Life, k.key.Changes[p.Name]))
		k.timeline(p.Life, k.key.Changes[p.Name])
	}
	for _, a := range k.Agents {
		f := agentRun{run: k, agent: a}
		found = append(found, f.follow(k.key.Views[a]))
	}
	return found
}

// seen is the content of the key in a view after a See or Drop record.
func (k *keyRun) seen(i int32) uint8 {
	if r := &k.Records[i]; r.Verb == history.See {
		return k.number(r.Value)
	}
	return 0
}

// number returns the number of a content.
func (k *keyRun) number(value string) uint8 {
	n, ok := k.names.number(value)
	k.full = k.full || !ok
	return n
}

// disturbed reports whether a fault disturbed something so before a record.
func (c *checker) disturbed(i int32, how disturb.Kind) bool {
	return slices.ContainsFunc(c.Faults, func(f *index.Fault) bool { return f.Begin < i && f.Is(how) })
}

// madeNamespace reports whether a namespace was created, or was for other clusters again, between
// two records.
func (c *checker) madeNamespace(from, to int32) bool {
	return slices.ContainsFunc(c.Namespaces, func(m int32) bool { return from < m && m < to && !object.Hides(&c.Records[m]) })
}

// hidden reports whether a record tells of what is in a namespace that was hidden before.
func (c *checker) hidden(i int32) bool {
	told := c.toldOfNamespace(i)
	return len(told) > 0 && object.Hides(told[0])
}

// hiddenSince reports the same of a namespace that was not hidden at first.
func (c *checker) hiddenSince(i int32) bool {
	told := c.toldOfNamespace(i)
	return len(told) > 1 && object.Hides(told[0]) && !object.Hides(told[1])
}

// toldOfNamespace are the records before i of the namespace that its value names, the last one first.
func (c *checker) toldOfNamespace(i int32) (told []*history.Record) {
	namespace := schema.NamespaceIn(c.Records[i].Value)
	for _, n := range slices.Backward(c.Namespaces) {
		if r := &c.Records[n]; n < i && r.Key == namespace {
			told = append(told, r)
		}
	}
	return told
}
