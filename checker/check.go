package checker

import (
	"encoding/json"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// Config says how to check. The zero value is the default.
type Config struct {
	// Deadline bounds the wall-clock time that each property spends on
	// linearizability; what is not judged by then is Unknown, or, of staleness, not
	// confirmed. Zero is 10 s.
	Deadline time.Duration
}

// Property is a named promise that a history is judged by.
type Property struct {
	Name    string
	Promise string // what is enforced, in a sentence or two
	Why     string // where the demand comes from

	// Promised reports whether a mode, as in a plan, promises the property. If nil,
	// every mode does.
	Promised func(mode string) bool

	check func(in *input) Result
}

// PromisedBy reports whether a mode, a base and repairs joined by plus signs, promises the property; a history without a
// plan, whose mode is "", is judged as if it did.
func (p Property) PromisedBy(mode string) bool { return p.Promised == nil || p.Promised(mode) }

// Properties returns all properties, in the order in which Check judges them.
func Properties() []Property {
	return []Property{integrity, monotonic, monotonicSession, noSpuriousDeletion, owner, referential,
		convergence, singleSource, staleness, readiness,
		etcdRevisions, etcdLinearizable, etcdWatch, revisionOrigin, kubeLinearizable, kubeWatch, canaries, leases, load, leaks}
}

// Check judges a history, such as history.Read returns. It takes wall-clock time
// for its deadline, so it must not run inside a simulated world.
func Check(h *history.History, cfg Config) Verdict {
	if cfg.Deadline == 0 {
		cfg.Deadline = 10 * time.Second
	}
	in := &input{index.New(h), cfg}
	v := Verdict{Unfired: unfired(h.Records)}
	mode := modeOf(h)
	for _, p := range Properties() {
		r := p.check(in)
		r.Property, r.Promised = p.Name, p.PromisedBy(mode)
		v.Results = append(v.Results, r)
	}
	explain(in, v.Results)
	return v
}

// modeOf returns the mode in a history's plan, or "" if it has none.
func modeOf(h *history.History) string {
	var plan struct {
		Mode string `json:"mode"`
	}
	if json.Unmarshal([]byte(h.Plan), &plan) != nil {
		return ""
	}
	return plan.Mode
}

// input is a history with its index, and how to judge it.
type input struct {
	*index.Index
	cfg Config
}
