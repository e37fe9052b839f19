package checker

import (
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// Config says how to check. The zero value is the default.
type Config struct {
	// Deadline bounds the wall-clock time spent on linearizability; what is not
	// judged by then is Unknown. Zero is 10 s.
	Deadline time.Duration
}

// Property is a named promise that a history is judged by.
type Property struct {
	Name    string
	Promise string // what is enforced, as one sentence
	Why     string // where the demand comes from

	check func(in *input) Result
}

// Properties returns all properties, in the order in which Check judges them.
func Properties() []Property {
	return []Property{integrity, monotonic, noSpuriousDeletion, convergence, etcdRevisions, etcdLinearizable}
}

// Check judges a history, such as history.Read returns. It takes wall-clock time
// for its deadline, so it must not run inside a simulated world.
func Check(h *history.History, cfg Config) Verdict {
	if cfg.Deadline == 0 {
		cfg.Deadline = 10 * time.Second
	}
	in := newInput(h, cfg)
	v := Verdict{Unfired: unfired(h.Records)}
	for _, p := range Properties() {
		r := p.check(in)
		r.Property = p.Name
		v.Results = append(v.Results, r)
	}
	return v
}

// input is a history with its indices.
type input struct {
	records []history.Record
	cfg     Config
	views   *views
	etcds   []*etcd
}

func newInput(h *history.History, cfg Config) *input {
	return &input{records: h.Records, cfg: cfg, views: indexViews(h.Records), etcds: indexEtcds(h.Records)}
}
