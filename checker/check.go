package checker

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/enforcement"
	"github.com/meshcheck/meshcheck/checker/kube"
	"github.com/meshcheck/meshcheck/checker/load"
	"github.com/meshcheck/meshcheck/checker/mechanism"
	"github.com/meshcheck/meshcheck/checker/operator"
	"github.com/meshcheck/meshcheck/checker/pods"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/rest"
	"github.com/meshcheck/meshcheck/checker/sources"
	"github.com/meshcheck/meshcheck/checker/stores"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Config says how to check. The zero value is the default.
type Config struct {
	// Deadline bounds the wall-clock time that each property spends on
	// linearizability; what is not judged by then is Unknown, or, of staleness, not
	// confirmed. Zero is 10 s.
	Deadline time.Duration
}

// Properties returns all properties, in the order in which Check judges them.
func Properties() []property.Property {
	return []property.Property{views.Integrity, views.Monotonic, views.MonotonicSession, views.NoSpuriousDeletion, views.Owner, views.Referential,
		views.Convergence, rest.SingleSource, rest.Agreement, views.Staleness, views.Readiness, pods.Started, enforcement.Enforced, operator.Slices, operator.IdentityGarbage, operator.IdentitySafety, operator.SingleLeader,
		sources.FailOver, sources.Steady, sources.Fence, sources.FirstSync,
		stores.Revisions, stores.Linearizable, stores.Watch, stores.RevisionOrigin, stores.Members, kube.Linearizable, kube.Watch, stores.Canaries, stores.Leases, load.Load, load.Leaks, load.ReturnToBase, load.Amplification}
}

// IsGround reports whether the property of that name is a guarantee of the servers that
// the other properties stand on.
func IsGround(name string) bool {
	return slices.ContainsFunc(Properties(), func(p property.Property) bool { return p.Ground && p.Name == name })
}

// Check judges a history, such as history.Read returns, by its index. It takes wall-clock
// time for its deadline, so it must not run inside a simulated world.
func Check(x *index.Index, cfg Config) Verdict {
	if cfg.Deadline == 0 {
		cfg.Deadline = 10 * time.Second
	}
	in := &property.Input{Index: x, Deadline: cfg.Deadline}
	v := Verdict{Unfired: unfired(x.History.Records), Idle: idle(x.Faults), Stalls: stalls(x.History.Records)}
	explainer := mechanism.New(in)
	m, known := ModeOf(x.History)
	for _, p := range Properties() {
		r := property.Result{Outcome: NotApplicable}
		if ok, why := m.Applies(p.Name); ok {
			r = judged(p, in, explainer)
		} else {
			r.Evidence = why
		}
		r.Property, r.Promised = p.Name, !known || m.Promises(p.Name)
		v.Results = append(v.Results, r)
	}
	return v
}

// judged judges a property and says of its violations how they came about. A panic is an
// error of this program, and no verdict about what was judged.
func judged(p property.Property, in *property.Input, explainer *mechanism.Explainer) (r property.Result) {
	defer func() {
		if failed := recover(); failed != nil {
			r = property.Mistaken(fmt.Sprintf("judging %s panicked: %v", p.Name, failed))
		}
	}()
	r = p.Check(in)
	for i := range r.Violations {
		explainer.Explain(p.Name, &r.Violations[i])
	}
	return r
}

// ModeOf returns the mode in a history's plan, if it has one that is known.
func ModeOf(h *history.History) (m mode.Mode, known bool) {
	var plan struct {
		Mode    string `json:"mode"`
		Options struct {
			Handover mode.Policy `json:"handover"`
		} `json:"options"`
	}
	if json.Unmarshal([]byte(h.Plan), &plan) != nil {
		return m, false
	}
	m, err := mode.Parse(plan.Mode)
	return m.With(plan.Options.Handover), err == nil
}
