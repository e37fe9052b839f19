package mechanism

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// ofSharedDelete explains the deletion of a shared etcd's key, with the version i, of what
// existed all the time.
func (c storeObservation) ofSharedDelete(i int) *property.Cause {
	if c.e.Kind == history.Identity {
		return c.ofCollected(i)
	}
	return c.x.ofFormerOwner(c.s, c.e, c.key, i, c.facts())
}

// ofCollected explains the deletion of an identity's key by an operator. The key by which an
// agent says that it uses the identity had gone with its lease, and was not back yet; or it
// was put when the operator had looked for such keys.
func (c storeObservation) ofCollected(i int) *property.Cause {
	del := c.s.Versions[c.key][i]
	record := &c.x.in.Records[del.Record]
	client := c.s.Requester(c.x.in.Records, c.key, del.Rev)
	if i < 1 || !mode.Operator.Is(client) {
		return nil
	}
	users := schema.UsersPrefix(c.x.in.Records[c.s.Versions[c.key][i-1].Record].Value)
	looked := c.x.in.Last(0, int(del.Record), func(r *history.Record) bool {
		return r.Verb == history.Call && r.Store == c.s.Name && r.Op == "range" && r.Peer == client && r.Key == strings.TrimSuffix(users, "/")
	})
	for _, key := range c.s.Keys {
		if !strings.HasPrefix(key, users) {
			continue
		}
		v := c.s.VersionBy(key, del.Rev)
		if v == nil {
			continue
		}
		facts := c.facts()
		facts.Client, facts.Since, facts.At = client, c.x.in.Records[v.Record].At, record.At
		switch {
		case v.Deleted && !c.s.Requested(c.x.in.Records, key, v.Rev):
			return property.ByMechanism(CauseCollected, collected, facts, int(v.Record), int(del.Record))
		case !v.Deleted && looked >= 0 && v.Rev > c.x.in.Records[looked].Rev:
			return property.ByMechanism(CauseCollector, usedMeanwhile, facts, looked, int(v.Record), int(del.Record))
		}
	}
	return nil
}

var collected = &property.Rule{Name: "collected", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the operator %s deleted the key of %s from %s at %s: the key of an agent that uses it had gone with its lease at %s, and was not there again",
		f.Client, f.Object(), f.Server, text.Seconds(f.At), text.Seconds(f.Since))
}}

var usedMeanwhile = &property.Rule{Name: "used-meanwhile", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the operator %s deleted the key of %s from %s at %s: it had looked for agents that use it before one began to, at %s",
		f.Client, f.Object(), f.Server, text.Seconds(f.At), text.Seconds(f.Since))
}}

// ofFormerOwner explains the deletion of a shared etcd's key, with the version i, of an
// address that has an owner: the agent of another owner, or of an earlier endpoint of the
// same, asked for that.
func (x *Explainer) ofFormerOwner(s *index.Store, e *index.Entry, key string, i int, facts property.Facts) *property.Cause {
	del := s.Versions[key][i]
	at := x.in.Records[del.Record].At
	owner := x.ownerAt(e, at)
	client := s.Requester(x.in.Records, key, del.Rev)
	if owner == nil || client == "" {
		return nil
	}
	last := int32(-1) // of those that ended
	for _, t := range e.Truths {
		former := &x.in.Records[t]
		if former.Op != "del" || former.At > at+handling || x.relabelled(e, former) || former.Owner == owner.Owner && former.RV > owner.RV {
			continue
		}
		if x.hostOf(e, former) == client {
			last = t
		}
	}
	if last < 0 {
		return nil
	}
	former := &x.in.Records[last]
	facts.Shown = &property.Version{Op: "delete", Gone: true, At: at}
	facts.Before = &property.Version{By: owner.Owner, At: owner.At}
	facts.Truth = &property.Version{By: former.Owner, At: former.At}
	if i > 0 && slices.ContainsFunc(e.Truths, func(t int32) bool {
		r := &x.in.Records[t]
		return r.Owner == former.Owner && r.Value == x.in.Records[s.Versions[key][i-1].Record].Value
	}) {
		return property.ByMechanism(CauseOneKey, ownKey, facts, int(last), int(del.Record))
	}
	return property.ByMechanism(CauseFormerOwner, formerOwner, facts, int(last), int(del.Record))
}

var formerOwner = &property.Rule{Name: "former-owner", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the key of %s in %s was deleted at %s for %s, which had it too and ended at %s, although %s had it since %s",
		f.Object(), f.Server, text.Seconds(f.Shown.At), f.Truth.By, text.Seconds(f.Truth.At), f.Before.By, text.Seconds(f.Before.At))
}}

// ofUnprotected explains why a key that was deleted, with the version i, was not put back until an instant long after: the agent
// of the address's owner has asked for a deletion itself, for another endpoint on the same node, and takes the key for none of
// its own since.
func (x *Explainer) ofUnprotected(s *index.Store, e *index.Entry, key string, i int, facts property.Facts, until time.Duration) *property.Cause {
	del := s.Versions[key][i]
	at := x.in.Records[del.Record].At
	owner := x.ownerAt(e, at)
	if owner == nil || until < at+handling {
		return nil
	}
	asked := x.in.Last(x.in.By(owner.At), int(del.Record), func(r *history.Record) bool {
		return r.Verb == history.Call && r.Op == "delete" && r.Store == s.Name && r.Key == key && r.Peer == owner.Actor && r.Err == "" && r.Rev != del.Rev
	})
	if asked < 0 {
		return nil
	}
	for _, t := range slices.Backward(e.Truths) {
		former := &x.in.Records[t]
		after := x.in.Records[asked].At - former.At
		if former.Op != "del" || after < 0 || after > deleting || former.Owner == owner.Owner || x.relabelled(e, former) || hostIn(former.Value) != hostIn(owner.Value) {
			continue
		}
		facts.Client, facts.Since, facts.At, facts.Until = owner.Actor, at, x.in.Records[asked].At, until
		facts.Before = &property.Version{By: owner.Owner, At: owner.At}
		facts.Truth = &property.Version{By: former.Owner, At: former.At}
		return property.ByMechanism(CauseFormerOwner, unprotected, facts, int(t), asked, int(del.Record))
	}
	return nil
}

// hostIn is the host of an endpoint, as its content says it.
func hostIn(content string) string {
	for field := range strings.FieldsSeq(content) {
		if host, ok := strings.CutPrefix(field, "host="); ok {
			return host
		}
	}
	return ""
}

var unprotected = &property.Rule{Name: "unprotected", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the key of %s in %s was deleted at %s, and %s, the agent of %s, which had it since %s, did not put it back until %s: it had deleted it itself at %s, for %s on the same node, which ended at %s",
		f.Object(), f.Server, text.Seconds(f.Since), f.Client, f.Before.By, text.Seconds(f.Before.At), text.Seconds(f.Until), text.Seconds(f.At), f.Truth.By, text.Seconds(f.Truth.At))
}}

var ownKey = &property.Rule{Name: "own-key", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the key of %s in %s was deleted at %s for %s, whose it was and which ended at %s, although %s had the address too since %s",
		f.Object(), f.Server, text.Seconds(f.Shown.At), f.Truth.By, text.Seconds(f.Truth.At), f.Before.By, text.Seconds(f.Before.At))
}}

// relabelled reports whether an owner of an entry has another content from the end of one on:
// it goes on.
func (x *Explainer) relabelled(e *index.Entry, end *history.Record) bool {
	return slices.ContainsFunc(e.Truths, func(t int32) bool {
		r := &x.in.Records[t]
		return r.Op == "put" && r.Owner == end.Owner && r.RV == end.RV
	})
}

// hostOf is the host whose agent made true what has ended; "" if that is unknown.
func (x *Explainer) hostOf(e *index.Entry, end *history.Record) string {
	if put := x.begunBy(e, end); put != nil {
		return put.Actor
	}
	return ""
}

// begunBy is the Truth by which what has ended began; nil if there is none.
func (x *Explainer) begunBy(e *index.Entry, end *history.Record) *history.Record {
	for _, t := range slices.Backward(e.Truths) {
		if r := &x.in.Records[t]; r.Op == "put" && r.Owner == end.Owner && r.Value == end.Value && r.RV <= end.RV {
			return r
		}
	}
	return nil
}

// ofPutBack explains a version of a shared etcd's key: an agent that was told of a deletion of
// the key by another put back what it had put before, although its endpoint had ended or changed
// by then.
func (x *Explainer) ofPutBack(s *index.Store, e *index.Entry, key string, v *index.Version) *property.Cause {
	put := &x.in.Records[v.Record]
	if !mode.Etcd.Is(s.Actor) || e.Kind != history.Endpoint || v.Deleted {
		return nil
	}
	end := x.endOf(e, put.Value, put.At)
	before := slices.IndexFunc(s.Versions[key], func(before index.Version) bool {
		r := &x.in.Records[before.Record]
		return !before.Deleted && before.Rev < v.Rev && r.Value == put.Value
	})
	if before < 0 || end == nil {
		return nil
	}
	first := s.Versions[key][before].Record
	return property.ByMechanism(CausePutBack, putBackLate, property.Facts{Server: s.Actor, Store: s.Name, Kind: e.Kind, Key: e.Key,
		Shown: &property.Version{Value: put.Value, Rev: put.Rev, At: put.At}, Truth: &property.Version{By: end.Owner, At: end.At}, Since: x.in.Records[first].At},
		int(first), int(v.Record))
}

var putBackLate = &property.Rule{Name: "put-back-late", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the key of %s in %s was put at %s with what %s had put at %s, and which was over since %s",
		f.Object(), f.Server, text.Seconds(f.Shown.At), f.Truth.By, text.Seconds(f.Since), text.Seconds(f.Truth.At))
}}

// endOf is the Truth that ended a content of an entry by an instant, or gave its owner another;
// nil if it is not over then, or never was true.
func (x *Explainer) endOf(e *index.Entry, value string, by time.Duration) (end *history.Record) {
	owner := ""
	for _, t := range e.Truths {
		switch r := &x.in.Records[t]; {
		case r.At > by:
			return end
		case r.Value == value && r.Op == "put":
			owner, end = r.Owner, nil
		case owner != "" && r.Owner == owner:
			owner, end = "", r
		}
	}
	return end
}

// nodeGone is the record with which the node of a pod that has ended was deleted before that, and with it the agent that had put
// the pod's key, since an instant; -1 if it was not.
func (x *Explainer) nodeGone(end *history.Record, since time.Duration) int {
	first, last := x.between(since, end.At)
	node := ""
	x.in.Last(0, last, func(r *history.Record) bool {
		if r.Verb == history.Write && r.Kind == object.PodKind && object.PodKind+"/"+r.Key == end.Owner {
			pod, _ := object.ParsePod(r.Value)
			node = pod.Node
		}
		return node != ""
	})
	if node == "" {
		return -1
	}
	return x.in.First(first, last, func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == "CiliumNode" && r.Op == "delete" && r.Key == node
	})
}

var nodeDeleted = &property.Rule{Name: "node-deleted", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the key of %s in %s was put at %s for %s; its node %s was deleted at %s, and nobody was there to delete the key when the pod ended at %s",
		f.Object(), f.Server, text.Seconds(f.Shown.At), f.Truth.By, f.Note, text.Seconds(f.At), text.Seconds(f.Truth.At))
}}

// ofUndeleted explains why a shared etcd has a key of an endpoint that has ended: its agent
// asks for the deletion once, and could not reach the etcd then; or it had started meanwhile, and
// deletes only what it has put itself.
func (x *Explainer) ofUndeleted(s *index.Store, e *index.Entry, v *index.Version) *property.Cause {
	put := &x.in.Records[v.Record]
	end := x.endOf(e, put.Value, index.Forever)
	if !mode.Etcd.Is(s.Actor) || e.Kind != history.Endpoint || end == nil {
		return nil
	}
	host := x.hostOf(e, end)
	facts := property.Facts{Client: host, Server: s.Actor, Store: s.Name, Kind: e.Kind, Key: e.Key,
		Shown: &property.Version{Value: put.Value, Rev: put.Rev, At: put.At}, Truth: &property.Version{By: end.Owner, At: end.At}}
	lives := x.in.Processes(host, "agent")
	before, was := index.ProcessAt(lives, put.At)
	if now, is := index.ProcessAt(lives, end.At); was && is && now.From > before.From {
		facts.At, facts.Until = now.From, before.To
		return property.ByMechanism(CauseUndeleted, restartedBefore, facts, int(v.Record), now.Up)
	}
	if gone := x.nodeGone(end, put.At); gone >= 0 {
		facts.At, facts.Note = x.in.Records[gone].At, x.in.Records[gone].Key
		return property.ByMechanism(CauseUndeleted, nodeDeleted, facts, int(v.Record), gone)
	}
	from, until := end.At-handling, end.At+deleting
	for _, f := range x.in.Faults {
		if f.From <= until && f.To >= from && f.Is(unreached...) && (f.Strikes(host) || f.Strikes(s.Actor)) {
			facts.At = f.From
			return property.ByMechanism(CauseUndeleted, unreachable, facts, int(v.Record), int(f.Begin))
		}
	}
	return nil
}

var restartedBefore = &property.Rule{Name: "restarted", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s, which had put the key of %s into %s, ended at %s, when its agent on %s, which had started at %s, had not yet put it itself",
		f.Truth.By, f.Object(), f.Server, text.Seconds(f.Truth.At), f.Client, text.Seconds(f.At))
}}

// deleting is how long after the end of an endpoint its agent may still wait for its turn to
// ask for the deletion of the key: it asks for 20 things in a second.
const deleting = 30 * time.Second

// unreached are the disturbances by which a request fails, if they strike its client or the etcd.
var unreached = []disturb.Kind{disturb.ProcessEnded, disturb.Cut, disturb.CutOneWay, disturb.CutRing, disturb.ConnectionsDead, disturb.ConnectionsReset,
	disturb.EtcdLate, disturb.DeletionsFailed}

var unreachable = &property.Rule{Name: "not-deleted", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s, which had put the key of %s into %s, ended at %s; %s or the etcd was disturbed from %s on, and nobody has deleted the key since",
		f.Truth.By, f.Object(), f.Server, text.Seconds(f.Truth.At), f.Client, text.Seconds(f.At))
}}

// leaseNotFound is what an etcd says to those who put a key with a lease that is gone.
const leaseNotFound = "requested lease not found"

// ofLacking explains why an entry was lacking until an instant where agents share an etcd. Its
// key was deleted for a former owner; or it went with its lease, and the agent was refused the
// only put by which it would have been back, or the lease for that put.
func (w *reader) ofLacking(e *index.Entry, until time.Duration) *property.Cause {
	key, ok := w.x.keyOf(w.store, e)
	if !ok || !mode.Etcd.Is(w.store.Actor) {
		return nil
	}
	versions, records := w.store.Versions[key], w.x.in.Records
	last := len(versions) - 1
	for last > 0 && (records[versions[last].Record].At > until || !versions[last].Deleted && records[versions[last].Record].At > until-handling) {
		last--
	}
	if last < 1 || !versions[last].Deleted {
		return nil
	}
	facts := property.Facts{Server: w.store.Actor, Store: w.store.Name, Kind: e.Kind, Key: e.Key}
	if w.store.Requested(records, key, versions[last].Rev) {
		if e.Kind != history.Endpoint {
			return nil
		}
		return cmp.Or(w.x.ofUnprotected(w.store, e, key, last, facts, until), w.x.ofFormerOwner(w.store, e, key, last, facts))
	}
	facts.Since, facts.Until = w.x.in.Records[versions[last].Record].At, until
	rule, refused := lostPut, w.refused(facts.Since)
	if looked := w.missed(key, versions, last); refused < 0 && looked >= 0 && records[looked].At <= until {
		rule, refused = failedOnce, w.failed(key, looked)
	}
	if refused < 0 {
		return nil
	}
	facts.Client, facts.At, facts.Note = records[refused].Peer, records[refused].At, records[refused].Err
	return property.ByMechanism(CauseLostPut, rule, facts, int(versions[last].Record), refused)
}

// refused is the first put soon after an instant that was refused as its lease was gone; -1 if none was.
func (w *reader) refused(since time.Duration) int {
	from, end := w.x.between(since, since+handling)
	return w.x.in.First(from, end, func(r *history.Record) bool {
		return r.Verb == history.Call && r.Store == w.store.Name && strings.Contains(r.Err, leaseNotFound)
	})
}

// failed is the answer to what a client asked for soon after it had found a key gone, to put it again, and did not get: that
// put, or the lease for it; -1 if there is none. The key of a put is not known whose lease is gone.
func (w *reader) failed(key string, looked int) int {
	look := &w.x.in.Records[looked]
	return w.x.in.First(looked, w.x.all(), func(r *history.Record) bool {
		if r.Err == "" || r.Store != w.store.Name || r.Peer != look.Peer || r.From < look.At || r.From > look.At+handling {
			return false
		}
		switch r.Verb {
		case history.Lease:
			return r.Op == "grant"
		case history.Call:
			return r.Op == "put" && r.Key == key || strings.Contains(r.Err, leaseNotFound)
		}
		return false
	})
}

// missed is the answer by which the client that had put a key, before it went with the version i, found it gone, as it does
// before it puts it again; -1 if it did not look. It may have heard of that late, or waited for the answer, where a member of
// the etcd was behind.
func (w *reader) missed(key string, versions []index.Version, i int) int {
	putter := w.store.Putter(w.x.in.Records, key, versions[i-1].Rev)
	if putter == "" {
		return -1
	}
	return w.x.in.First(int(versions[i].Record), w.x.all(), func(r *history.Record) bool {
		return r.Verb == history.Call && r.Op == "range" && r.Store == w.store.Name && r.Key == key && r.Peer == putter && r.Rev >= versions[i].Rev && r.Value == ""
	})
}

var lostPut = &property.Rule{Name: "refused-once", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the key of %s went from %s with its lease at %s, the first put with that lease was refused at %s (%s), and nobody put the key until %s",
		f.Object(), f.Server, text.Seconds(f.Since), text.Seconds(f.At), f.Client, text.Seconds(f.Until))
}}

var failedOnce = &property.Rule{Name: "failed-once", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the key of %s went from %s with its lease at %s; %s, which had found it gone, was answered %q at %s when it put it again or asked for the lease for that, and nobody put the key until %s",
		f.Object(), f.Server, text.Seconds(f.Since), f.Client, f.Note, text.Seconds(f.At), text.Seconds(f.Until))
}}

// ofLockKept explains a pod that gets no identity where agents share an etcd: somebody has the lock of its
// labels that asked for it in vain, has ceased to, and does not know.
func (x *Explainer) ofLockKept(v *property.Violation) *property.Cause {
	state := object.NewState(x.in.History.Plan)
	for i := range x.all() {
		if _, err := state.Apply(i, &x.in.Records[i]); err != nil {
			return nil
		}
	}
	pod := state.Pods[v.Key]
	if pod == nil {
		return nil
	}
	labels := strings.ReplaceAll(strings.TrimPrefix(pod.Demands, "labels="), ",", ";")
	for _, s := range x.in.Stores {
		if cause := x.ofLockIn(s, schema.LockPrefix(labels)); cause != nil {
			return cause
		}
	}
	return nil
}

// ofLockIn looks at who has a lock in a store when the run ends: whose key is the oldest. It is explained if no
// client has had an answer to its put, and one had asked for it before, and had none.
func (x *Explainer) ofLockIn(s *index.Store, prefix string) *property.Cause {
	var has *index.Version
	key := ""
	for _, k := range s.Keys {
		if !strings.HasPrefix(k, prefix) {
			continue
		}
		if last := s.Before(k, int32(x.all())); last != nil && !last.Deleted && (has == nil || last.Created < has.Created) {
			has, key = last, k
		}
	}
	if has == nil {
		return nil
	}
	asked := -1
	for _, i := range s.Calls {
		switch r := &x.in.Records[i]; {
		case r.Op != "put" || r.Key != key:
		case r.Err == "" && r.Rev == has.Rev:
			return nil
		case r.Err != "" && i < has.Record:
			asked = int(i)
		}
	}
	if asked < 0 {
		return nil
	}
	call := &x.in.Records[asked]
	return property.ByMechanism(CauseLockKept, lockKept, property.Facts{Client: call.Peer, Server: call.Actor, Store: s.Name, Key: key,
		Since: call.At, At: x.in.Records[has.Record].At}, asked, int(has.Record))
}

var lockKept = &property.Rule{Name: "lock-kept", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s asked %s in vain for the lock of the labels until %s, and has it since %s, when it did not ask: it does not know, and no other one gets it",
		f.Client, f.Server, text.Seconds(f.Since), text.Seconds(f.At))
}}
