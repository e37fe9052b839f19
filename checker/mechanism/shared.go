package mechanism

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// ofFormerOwner explains the deletion of a shared etcd's key, with the version i, of an
// address that has an owner: the agent of another owner, or of an earlier endpoint of the
// same, which had it too and has just ended, asked for that.
func (c storeObservation) ofFormerOwner(i int) *property.Cause {
	del := c.s.Versions[c.key][i]
	at := c.x.in.Records[del.Record].At
	owner := c.x.ownerAt(c.e, at)
	if owner == nil {
		return nil
	}
	for _, t := range c.e.Truths {
		former := &c.x.in.Records[t]
		if former.Op != "del" || former.Owner == owner.Owner && former.Value == owner.Value || former.At < owner.At || former.At < at-handling || former.At > at+handling {
			continue
		}
		facts := c.facts()
		facts.Shown = &property.Version{Op: "delete", Gone: true, At: at}
		facts.Before = &property.Version{By: owner.Owner, At: owner.At}
		facts.Truth = &property.Version{By: former.Owner, At: former.At}
		return property.ByMechanism(CauseFormerOwner, formerOwner, facts, int(t), int(del.Record))
	}
	return nil
}

var formerOwner = &property.Rule{Name: "former-owner", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the key of %s in %s was deleted at %s for %s, which had it too and ended at %s, although %s had it since %s",
		f.Object(), f.Server, text.Seconds(f.Shown.At), f.Truth.By, text.Seconds(f.Truth.At), f.Before.By, text.Seconds(f.Before.At))
}}

// leaseNotFound is what an etcd says to those who put a key with a lease that is gone.
const leaseNotFound = "requested lease not found"

// ofLostPut explains why an entry is wrong when the run ends: the key went with its lease
// from a shared etcd, whose agent was refused the only put by which it would have been back.
func (w *reader) ofLostPut(e *index.Entry) *property.Cause {
	key, ok := w.x.keyOf(w.store, e)
	if !ok || !mode.Etcd.Is(w.store.Actor) {
		return nil
	}
	versions := w.store.Versions[key]
	last := len(versions) - 1
	if last < 1 || !versions[last].Deleted || w.store.Requested(w.x.in.Records, key, versions[last].Rev) {
		return nil
	}
	del := &w.x.in.Records[versions[last].Record]
	from, end := w.x.between(del.At, del.At+handling)
	refused := w.x.in.First(from, end, func(r *history.Record) bool {
		return r.Verb == history.Call && r.Store == w.store.Name && strings.Contains(r.Err, leaseNotFound)
	})
	if refused < 0 {
		return nil
	}
	r := &w.x.in.Records[refused]
	return property.ByMechanism(CauseLostPut, lostPut, property.Facts{Client: r.Peer, Server: w.store.Actor, Store: w.store.Name, Kind: e.Kind, Key: e.Key,
		At: r.At, Since: del.At}, int(versions[last].Record), refused)
}

var lostPut = &property.Rule{Name: "refused-once", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the key of %s went from %s with its lease at %s, the first put with that lease was refused at %s (%s), and nobody has put the key since",
		f.Object(), f.Server, text.Seconds(f.Since), text.Seconds(f.At), f.Client)
}}
