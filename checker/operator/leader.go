package operator

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

var SingleLeader = property.Property{
	Name: mode.SingleLeader,
	Promise: "No write of an operator is served after another one's lease has begun: what it changes, in a kube-apiserver or in the etcd that agents share, it changes while it holds the lease, or nobody does. " +
		"The lease itself, by which they find out, does not count.",
	Why:   "two that collect and number identities at once undo each other's work; cilium 42920",
	Rules: []*property.Rule{wroteAfter},
	Check: checkLeader,
	Step:  property.ByClient("operator", "it went on writing after its lease had gone to another one"),
}

// operatorLease is the lease that the operators of a cluster have in common
// (operator/cmd/root.go, leaderElectionResourceLockName).
const operatorLease = "kube-system/cilium-operator-resource-lock"

// statusLock is what a client of an etcd takes and leaves to see that it can, whoever leads
// (pkg/kvstore/etcd.go, InitLockPath).
const statusLock = "cilium/.initlock/"

func checkLeader(in *property.Input) property.Result {
	if why, is := nothing(in); is {
		return why
	}
	if in.First(0, len(in.Records), func(r *history.Record) bool {
		return r.Verb == history.Up && mode.Operator.Is(r.Actor) && r.Actor != mode.Operator.Host(0)
	}) < 0 {
		return property.Inapplicable("there is one operator, and nobody who could have its lease")
	}
	var l leader
	for i := range in.Records {
		if err := l.record(i, &in.Records[i]); err != nil {
			return property.Undecided("the history cannot be read: " + err.Error())
		}
	}
	if l.writes == 0 {
		return property.Undecided("no operator that has held the lease wrote anything")
	}
	return property.Judged(fmt.Sprintf("%s of operators, of which the lease changed its holder %s", text.Count(l.writes, "write"), text.Count(l.changes, "time")), l.violations)
}

type leader struct {
	holder     string // the host
	record0    int32  // with which its lease began
	since      *history.Record
	changes    int
	writes     int
	violations []property.Violation
}

func (l *leader) record(i int, r *history.Record) error {
	switch {
	case r.Verb == history.Write && r.Kind == object.LeaseKind:
		if r.Key != operatorLease || r.Op == "delete" {
			return nil
		}
		is, err := object.ParseLease(r.Value)
		if err != nil {
			return err
		}
		// The name of a holder is that of its host, and the number of its process.
		host, _, _ := strings.Cut(is.Holder, "-")
		if host == "" || host == l.holder {
			return nil
		}
		if l.holder != "" {
			l.changes++
		}
		l.holder, l.record0, l.since = host, int32(i), r
	case r.Verb == history.Write:
		l.judge(i, r, r.Kind+" "+r.Key)
	case r.Verb == history.Call && (r.Op == "put" || r.Op == "delete") && r.Err == "" && !strings.HasPrefix(r.Key, statusLock):
		l.judge(i, r, r.Key)
	}
	return nil
}

// judge judges a write of what.
func (l *leader) judge(i int, r *history.Record, what string) {
	if l.holder == "" || !mode.Operator.Is(r.Peer) {
		return
	}
	l.writes++
	if r.Peer != l.holder {
		l.violations = append(l.violations, property.NewViolation(wroteAfter, property.Facts{Client: r.Peer, Server: r.Actor, At: r.At, Note: r.Op + " of " + what, Owners: []string{l.holder}, Since: l.since.At}, l.record0, int32(i)))
	}
}

var wroteAfter = &property.Rule{Name: "wrote-after", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s served the %s by %s at %s, while %s has held the lease since %s", f.Server, f.Note, f.Client, text.Seconds(f.At), property.AndOf(f.Owners), text.Seconds(f.Since))
}}
