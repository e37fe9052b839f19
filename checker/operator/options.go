// Package operator has the properties of what Cilium's operator owes: slices with exactly the
// endpoints of live pods, identities that are there while somebody asks for them and not much longer,
// and one operator at a time that writes.
package operator

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/model/mode"
)

// The defaults of Cilium's Helm chart (install/kubernetes/cilium/values.yaml).
const (
	identityPace      = 15 * time.Minute // operator.identityGCInterval
	identityHeartbeat = 30 * time.Minute // operator.identityHeartbeatTimeout
	maxEndpoints      = 10               // of a slice, in a world (sim/workload, MaxPerSlice)
)

// options are what a history's plan says of its operators.
type options struct {
	slices    bool          // endpoints are published as CiliumEndpointSlices
	ofObjects bool          // slices are made of CiliumEndpoints, not of Pods
	size      int           // how many endpoints a slice may hold
	jitter    time.Duration // after which an agent looks for the identity of a pod that was relabelled
	pace      time.Duration
	heartbeat time.Duration
	length    time.Duration // of a run by the plan, at most, but for its start
}

func optionsOf(in *property.Input) options {
	var plan struct {
		Churn, Settle string
		Options       struct {
			EndpointSlices                      bool
			SliceController                     string
			SliceSize                           int
			IdentityGCInterval, IdentityTimeout string
			IdentityJitter                      string
		}
	}
	o := options{size: maxEndpoints, pace: identityPace, heartbeat: identityHeartbeat}
	if json.Unmarshal([]byte(in.History.Plan), &plan) != nil {
		return o
	}
	o.ofObjects = plan.Options.SliceController == "default"
	o.slices, o.size = plan.Options.EndpointSlices, cmp.Or(plan.Options.SliceSize, o.size)
	for _, phase := range []string{plan.Churn, plan.Settle} {
		if d, err := time.ParseDuration(phase); err == nil {
			o.length += d
		}
	}
	if d, err := time.ParseDuration(plan.Options.IdentityJitter); err == nil {
		o.jitter = d
	}
	if d, err := time.ParseDuration(plan.Options.IdentityGCInterval); err == nil && d > 0 {
		o.pace = d
	}
	if d, err := time.ParseDuration(plan.Options.IdentityTimeout); err == nil && d > 0 {
		o.heartbeat = d
	}
	return o
}

// nothing returns why a run has nothing to judge of its operators, if so.
func nothing(in *property.Input) (why property.Result, is bool) {
	up := in.First(0, len(in.Records), func(r *history.Record) bool { return r.Verb == history.Up && mode.Operator.Is(r.Actor) })
	switch {
	case len(in.Records) == 0:
		return property.Undecided("the history is empty"), true
	case up < 0:
		return property.Inapplicable("there is no operator: the workload writes identities and slices itself"), true
	case !object.Told(in.Records):
		return property.Inapplicable("the history does not say what objects hold: its form is an earlier one"), true
	}
	return why, false
}
