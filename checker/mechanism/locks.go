package mechanism

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/schema"
)

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
