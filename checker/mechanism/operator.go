package mechanism

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// takesOver is within how long an operator that begins to lead has been through all slices.
const takesOver = time.Minute

// ofSlices explains what is wrong with slices.
func (x *Explainer) ofSlices(v *property.Violation) *property.Cause {
	switch {
	case len(v.Records) == 0:
	case v.Rule.Name == "empty":
		return x.ofEmptySlice(v)
	case v.Rule.Name == "missing":
		return x.ofMissingPod(v)
	case v.Rule.Name == "identity":
		return cmp.Or(x.ofNumberTwice(v), x.ofChangedPod(v))
	case v.Rule.Name == "addresses":
		return x.ofChangedPod(v)
	}
	return nil
}

// ofMissingPod explains a pod in no slice: its node was deleted and has come back.
func (x *Explainer) ofMissingPod(v *property.Violation) *property.Cause {
	back := v.Records[0]
	r := &x.in.Records[back]
	if r.Verb != history.Write || r.Kind != object.NodeKind || r.Op != "create" {
		return nil
	}
	deleted := x.in.Last(0, back, func(d *history.Record) bool {
		return d.Verb == history.Write && d.Kind == object.NodeKind && d.Key == r.Key && d.Op == "delete"
	})
	if deleted < 0 {
		return nil
	}
	return property.ByMechanism(CauseNodeBack, nodeBack, property.Facts{Kind: object.PodKind, Key: v.Key, At: r.At, Since: x.in.Records[deleted].At, Note: r.Key}, deleted, back)
}

// ofUnstarted explains a pod that is not usable by what agents lack of it, where readiness is explained so; else by
// that agents read what was true before, perhaps of one with its name: its slice says that still. A new name is in
// no slice.
func (x *Explainer) ofUnstarted(v *property.Violation) *property.Cause {
	if len(v.Records) == 0 || v.Kind != object.PodKind {
		return nil
	}
	if len(v.Records) > 1 {
		if said := &x.in.Records[v.Records[1]]; said.Verb == history.Truth && said.Op == "put" {
			unusable := property.Violation{Facts: property.Facts{Kind: said.Kind, Key: said.Key, At: v.At}, Records: v.Records}
			if cause := x.rules(v)[views.Readiness.Name](x, &unusable); cause != nil {
				return cause
			}
		}
	}
	if cause := cmp.Or(x.ofNamedPort(v), x.ofNumberTwice(v), x.ofRelabelled(v), x.ofLockKept(v)); cause != nil {
		return cause
	}
	if r := &x.in.Records[v.Records[0]]; r.Op == "create" && x.in.Last(0, v.Records[0], func(d *history.Record) bool {
		return d.Verb == history.Write && d.Kind == r.Kind && d.Key == r.Key && d.Op == "delete"
	}) < 0 {
		return nil
	}
	return x.ofChangedPod(v)
}

// ofNamedPort explains a pod without an endpoint by that it has a named port, for which an agent that is whole asks for an
// identity with a label, and an operator has made one without.
func (x *Explainer) ofNamedPort(v *property.Violation) *property.Cause {
	port := x.namedPort(v.Key)
	pod, _ := object.ParsePod(x.in.Records[v.Records[0]].Value)
	ends := x.in.Last(0, x.all(), func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.EndpointKind && r.Key == v.Key
	})
	made := x.in.First(int(v.Records[0]), x.all(), func(r *history.Record) bool {
		return r.Verb == history.Write && r.Op == "create" && r.Kind == object.IdentityKind && mode.Operator.Is(r.Peer) && has(r.Value, pod.Labels)
	})
	if port == "" || ends >= 0 || made < 0 {
		return nil
	}
	r := &x.in.Records[made]
	return property.ByMechanism(CauseNamedPort, withoutPort, property.Facts{Client: r.Peer, Kind: object.IdentityKind, Key: r.Key, At: r.At, Note: port}, v.Records[0], made)
}

// has reports whether an identity, as a history says it, has all labels of a pod.
func has(identity string, ofPod object.Labels) bool {
	said, err := object.ParseIdentity(identity)
	for name, value := range ofPod {
		if err != nil || said.Labels["k8s:"+name] != value {
			return false
		}
	}
	return true
}

// namedPort is a named port that the plan gives a pod, where agents are cilium-agent itself; "" if there is none.
func (x *Explainer) namedPort(pod string) string {
	type planned struct {
		Namespace, Name string
		Ports           []string
	}
	var plan struct {
		Options struct{ Agents string }
		Pods    []planned
		Ops     []struct{ Pod *planned }
	}
	if json.Unmarshal([]byte(x.in.History.Plan), &plan) != nil || !strings.Contains(plan.Options.Agents, "whole") {
		return ""
	}
	for _, op := range plan.Ops {
		if op.Pod != nil {
			plan.Pods = append(plan.Pods, *op.Pod)
		}
	}
	for _, p := range plan.Pods {
		if p.Namespace+"/"+p.Name == pod && len(p.Ports) > 0 {
			return p.Ports[0]
		}
	}
	return ""
}

var withoutPort = &property.Rule{Name: "without-port", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the pod has the named port %s, for which its agent wants a label of its identity; %s made the identity %s without, at %s", f.Note, f.Client, f.Key, text.Seconds(f.At))
}}

// ofRelabelled explains that a pod with other labels has left its slice by that nobody had made an identity of these yet:
// its agent does, in its own time, or would have, had the pod lived on with them.
func (x *Explainer) ofRelabelled(v *property.Violation) *property.Cause {
	changed := v.Records[0]
	pod, err := object.ParsePod(x.in.Records[changed].Value)
	if err != nil || x.in.Records[changed].Op != "update" || len(v.Records) < 2 {
		return nil
	}
	ofLabels := func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.IdentityKind && has(r.Value, pod.Labels) && strings.HasPrefix(v.Key, namespaceOf(r.Value)+"/")
	}
	left := x.in.First(changed, v.Records[1]+1, func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.SliceKind && mode.Operator.Is(r.Peer) && r.At == x.in.Records[v.Records[1]].At
	})
	if left < 0 || x.stands(ofLabels, v.Records[1]) {
		return nil
	}
	facts := property.Facts{Client: x.in.Records[left].Peer, Kind: object.PodKind, Key: v.Key, Note: x.in.Records[left].Key, At: x.in.Records[left].At, Since: x.in.Records[changed].At}
	made := x.in.First(v.Records[1], x.all(), func(r *history.Record) bool { return r.Op == "create" && ofLabels(r) })
	ends := x.in.First(changed+1, x.all(), func(r *history.Record) bool {
		if r.Verb != history.Write || r.Kind != object.PodKind || r.Key != v.Key {
			return false
		}
		now, _ := object.ParsePod(r.Value)
		return r.Op == "delete" || now.Ending || !maps.Equal(now.Labels, pod.Labels)
	})
	switch {
	case ends >= 0 && (made < 0 || made > ends):
		facts.Until = x.in.Records[ends].At
		if facts.Until-facts.Since >= x.identityWait() {
			return nil
		}
		return property.ByMechanism(CauseRelabelled, goneBefore, facts, changed, left, ends)
	case made < 0 || !mode.Client.Is(x.in.Records[made].Peer):
		return nil
	}
	facts.Until = x.in.Records[made].At
	return property.ByMechanism(CauseRelabelled, relabelled, facts, changed, left, made)
}

// stands reports whether there is an identity at a record which is one of those asked for.
func (x *Explainer) stands(asked func(*history.Record) bool, at int) bool {
	there := map[string]bool{}
	for i := range at {
		r := &x.in.Records[i]
		switch {
		case asked(r):
			there[r.Key] = true
		case r.Verb == history.Write && r.Kind == object.IdentityKind:
			delete(there, r.Key)
		}
	}
	return len(there) > 0
}

// identityWait is how long agents wait at most, as the plan has it, before they make the identity of a pod that is relabelled.
func (x *Explainer) identityWait() time.Duration {
	var plan struct {
		Options struct{ IdentityJitter string }
	}
	if json.Unmarshal([]byte(x.in.History.Plan), &plan) != nil {
		return 0
	}
	wait, _ := time.ParseDuration(plan.Options.IdentityJitter) // none if it says none
	return wait
}

var goneBefore = &property.Rule{Name: "gone-before", Text: func(f *property.Facts) string {
	return fmt.Sprintf("pod %s has had other labels since %s, and %s took it out of slice %s at %s; it ended or got others again at %s, before its agent made an identity of them",
		f.Key, text.Seconds(f.Since), f.Client, f.Note, text.Seconds(f.At), text.Seconds(f.Until))
}}

// namespaceOf is the namespace that an identity's labels name.
func namespaceOf(identity string) string {
	said, _ := object.ParseIdentity(identity)
	return said.Labels["k8s:io.kubernetes.pod.namespace"]
}

var relabelled = &property.Rule{Name: "relabelled", Text: func(f *property.Facts) string {
	return fmt.Sprintf("pod %s has had other labels since %s, of which its agent made an identity at %s; %s took it out of slice %s meanwhile, at %s",
		f.Key, text.Seconds(f.Since), text.Seconds(f.Until), f.Client, f.Note, text.Seconds(f.At))
}}

// ofChangedPod explains what a slice says of a pod that has changed while no operator led, or just before the one that
// led ended, which had not written it yet, or just after another one began to, which had not listed endpoints yet.
func (x *Explainer) ofChangedPod(v *property.Violation) *property.Cause {
	changed := v.Records[0]
	r := &x.in.Records[changed]
	if r.Verb != history.Write || r.Kind != object.PodKind && r.Kind != object.IdentityKind { // it may wait for its new identity
		// What makes it wrong is another record than its change, as where its node comes back.
		changed = x.in.Last(0, changed, func(r *history.Record) bool {
			return r.Verb == history.Write && r.Kind == object.PodKind && r.Key == v.Key
		})
		if changed < 0 {
			return nil
		}
		r = &x.in.Records[changed]
	}
	for _, leads := range []int{x.in.Last(0, changed, isLead), x.in.First(changed, x.all(), isLead)} {
		away := x.ledBefore(leads)
		if away >= 0 && x.in.Records[away].At <= r.At+takesOver && x.in.Records[leads].At >= r.At-takesOver {
			return property.ByMechanism(CauseChangedAway, changedAway, property.Facts{Client: x.in.Records[leads].Actor, Kind: object.PodKind, Key: v.Key, At: r.At,
				Since: x.in.Records[away].At, Until: x.in.Records[leads].At}, away, changed, leads)
		}
	}
	return nil
}

// ofEmptySlice explains an empty slice: its last pods were deleted while no operator led, and the next one
// has taken what the slice said for pods that live. That they do not, it never learns: a slice that is filled again and empties
// much later is not deleted either. A slice may be empty for some time before that is wrong: while a pod waits for its place.
func (x *Explainer) ofEmptySlice(v *property.Violation) *property.Cause {
	emptied := x.in.Last(0, v.Records[0]+1, func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.SliceKind && r.Key == v.Key
	})
	if emptied < 0 {
		return nil
	}
	leads := x.in.Last(0, emptied, isLead)
	before := x.ledBefore(leads)
	if before < 0 {
		return nil
	}
	held := x.podsIn(v.Key, leads)
	books := x.books(leads)
	deleted := x.in.First(before, max(leads, x.in.By(books)), func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.PodKind && r.Op == "delete" && slices.Contains(held, r.Key)
	})
	if deleted < 0 {
		return nil
	}
	if deleted > leads {
		return property.ByMechanism(CauseDeletedAway, deletedUnlisted, property.Facts{Client: x.in.Records[leads].Actor, Kind: object.SliceKind, Key: v.Key, At: x.in.Records[emptied].At,
			Since: x.in.Records[leads].At, Until: x.in.Records[deleted].At, Note: x.in.Records[deleted].Key}, leads, deleted, emptied)
	}
	return property.ByMechanism(CauseDeletedAway, deletedAway, property.Facts{Client: x.in.Records[leads].Actor, Kind: object.SliceKind, Key: v.Key, At: x.in.Records[emptied].At,
		Since: x.in.Records[before].At, Until: x.in.Records[leads].At, Note: x.in.Records[deleted].Key}, before, deleted, leads, emptied)
}

// twoPolls is how long an operator takes at most to notice that it has a list: its informer and who waits for its store look each 100 ms,
// one after the other (client-go: WaitForCacheSync); and the way of the list.
const twoPolls = 2*100*time.Millisecond + 20*time.Millisecond

// books is until when an operator that began to lead at a record may have had no books of slices: it makes them when it has its first
// list of the last of the kinds that it needs for that, and hears of pods only then.
func (x *Explainer) books(leads int) time.Duration {
	last := x.in.Records[leads].At
	for _, kind := range []string{object.PodKind, object.IdentityKind, object.NodeKind, object.SliceKind, "Namespace"} {
		listed := x.in.First(leads, x.all(), func(r *history.Record) bool {
			return r.Kind == kind && r.Peer == x.in.Records[leads].Actor &&
				(r.Verb == history.Request && r.Op == "list" && r.Err == "" || r.Verb == history.Event && strings.Contains(r.Value, "INITIAL:"))
		})
		if listed >= 0 && x.leadsAt(leads, listed) {
			last = max(last, x.in.Records[listed].At+twoPolls)
		}
	}
	return last
}

// leadsAt reports whether an operator that began to lead at a record still did at another one.
func (x *Explainer) leadsAt(leads, at int) bool {
	return x.in.First(leads, at, func(r *history.Record) bool { return isEnd(r) && r.Actor == x.in.Records[leads].Actor }) < 0
}

// podsIn are the pods that a slice names at a record.
func (x *Explainer) podsIn(slice string, at int) (pods []string) {
	written := x.in.Last(0, at, func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.SliceKind && r.Key == slice
	})
	if written < 0 {
		return nil
	}
	is, _ := object.ParseSlice(x.in.Records[written].Value)
	for _, e := range is.Endpoints {
		pods = append(pods, is.Namespace+"/"+e.Name)
	}
	return pods
}

// givesBack is for how long at most an operator goes on that cannot renew its lease: it asks for it
// for renewDeadline, once each retryPeriod, and gives it back with one more request.
const givesBack = 10*time.Second + 2*time.Second + 5*time.Second

// ofLeader explains a write of an operator that leads no more: it was about to give its lease back.
func (x *Explainer) ofLeader(v *property.Violation) *property.Cause {
	wrote := v.Records[len(v.Records)-1]
	client := x.in.Records[wrote].Peer
	renewed := x.in.Last(0, wrote, func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.LeaseKind && r.Peer == client && strings.HasPrefix(r.Value, "holder="+client)
	})
	if renewed < 0 {
		return nil
	}
	// Its process may have ended while the write was on its way.
	ended := x.in.First(renewed, x.all(), func(r *history.Record) bool { return r.Verb == history.Down && r.Actor == client })
	if ended < 0 || x.in.Records[ended].Err != leaseLost || x.in.Records[ended].At-x.in.Records[renewed].At > givesBack+time.Second {
		return nil
	}
	return property.ByMechanism(CauseRelease, wentOnLeading, property.Facts{Client: client, At: x.in.Records[ended].At, Since: x.in.Records[renewed].At}, renewed, ended)
}

// leaseLost is why a process of an operator ends that has lost its lease (sim/operator).
const leaseLost = "leader election lost"

// isEnd reports whether an operator leads no more.
func isEnd(r *history.Record) bool {
	return r.Kind == "operator" && (r.Verb == history.Unready || r.Verb == history.Down)
}

// ledBefore is the record until which another operator led before the one that began to at a record: its end, or, where it
// could not reach a kube-apiserver any more, the last time that it has renewed its lease. It is -1 if there was none.
func (x *Explainer) ledBefore(leads int) int {
	if leads < 0 {
		return -1
	}
	end := x.in.Last(0, leads, func(r *history.Record) bool {
		return isEnd(r) || r.Verb == history.Write && r.Kind == object.LeaseKind && r.Peer != x.in.Records[leads].Actor
	})
	if end < 0 || x.in.Records[end].Err != leaseLost {
		return end
	}
	if renewed := x.in.Last(0, end, func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.LeaseKind && r.Peer == x.in.Records[end].Actor
	}); renewed >= 0 {
		return renewed
	}
	return end
}

func isLead(r *history.Record) bool { return r.Verb == history.Ready && mode.Operator.Is(r.Actor) }

var (
	nodeBack = &property.Rule{Name: "node-back", Text: func(f *property.Facts) string {
		return fmt.Sprintf("node %s, on which pod %s is, was deleted at %s and came back at %s", f.Note, f.Key, text.Seconds(f.Since), text.Seconds(f.At))
	}}
	wentOnLeading = &property.Rule{Name: "went-on", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s had renewed its lease at %s and stopped at %s: it had asked for it for 10 s, and then given it back", f.Client, text.Seconds(f.Since), text.Seconds(f.At))
	}}
	changedAway = &property.Rule{Name: "changed-while-away", Text: func(f *property.Facts) string {
		return fmt.Sprintf("pod %s changed at %s, and no operator led from %s to %s; %s, which led then, took what its slice said for that", f.Key, text.Seconds(f.At), text.Seconds(f.Since), text.Seconds(f.Until), f.Client)
	}}
	deletedAway = &property.Rule{Name: "deleted-while-away", Text: func(f *property.Facts) string {
		return fmt.Sprintf("pod %s was deleted while no operator led, from %s to %s; %s, which led then, wrote slice %s without it at %s and did not delete it", f.Note, text.Seconds(f.Since), text.Seconds(f.Until), f.Client, f.Key, text.Seconds(f.At))
	}}
	deletedUnlisted = &property.Rule{Name: "deleted-before-lists", Text: func(f *property.Facts) string {
		return fmt.Sprintf("pod %s was deleted at %s, while %s, which led since %s, still waited for a list of what it looks up for each endpoint of a slice; it wrote slice %s without it at %s and did not delete it",
			f.Note, text.Seconds(f.Until), f.Client, text.Seconds(f.Since), f.Key, text.Seconds(f.At))
	}}
	beganAnew = &property.Rule{Name: "began-anew", Text: func(f *property.Facts) string {
		return fmt.Sprintf("since %s, when the last pod asked for identity %s, an operator has begun to lead %s, the first at %s: each begins to wait for the heartbeat's time-out anew",
			text.Seconds(f.Since), f.Key, text.Count(f.Counts["leaders"], "time"), text.Seconds(f.At))
	}}
)

// ofAmplification explains writes that change nothing but the order of a slice's endpoints: as
// many as bring the others below the bound.
func (x *Explainer) ofAmplification(v *property.Violation) *property.Cause {
	if v.Server != "" {
		return nil // the changes of an etcd
	}
	first, end := x.between(v.Since, v.At)
	content, last, same := map[string]string{}, -1, 0
	for i := range end {
		r := &x.in.Records[i]
		if r.Verb != history.Write || r.Kind != object.SliceKind {
			continue
		}
		if now := inOrder(r.Value); content[r.Key] != now {
			content[r.Key] = now
		} else if i >= first && r.Op == "update" {
			last = i
			same++
		}
	}
	if last < 0 || v.Counts["done"]-same > v.Counts["bound"] {
		return nil
	}
	r := &x.in.Records[last]
	return property.ByMechanism(CauseAgain, reordered, property.Facts{Client: r.Peer, Key: r.Key, At: r.At, Others: same}, last)
}

// inOrder returns the words of a slice's content, sorted.
func inOrder(content string) string {
	words := strings.Fields(content)
	slices.Sort(words)
	return strings.Join(words, " ")
}

var reordered = &property.Rule{Name: "reordered", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s wrote slices %s with the endpoints that they had, in another order, %s at %s last", f.Client, text.Count(f.Others, "time"), f.Key, text.Seconds(f.At))
}}
