package mesh

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/meshcheck/meshcheck/model/mode"
)

// MatrixModes returns the modes of the matrix, in its order: those that the
// mission names, each repair of the proposal by itself, and what it takes for all
// that a mode promises to hold.
func MatrixModes() (modes []mode.Mode) {
	for _, text := range []string{
		"crd", "kvstore",
		"clustermesh", "clustermesh+sweep", "clustermesh+token", "clustermesh+sweep+token",
		"clustermesh+heartbeat", "clustermesh+fence", "clustermesh+fence+kept",
		"clustermesh+sweep+token+fence", "clustermesh+sweep+token+fence+kept", "clustermesh+sweep+token+fence+anchor",
		"handover", "handover+cutover", "handover+sweep+token+fence+kept", "handover+sweep+token+fence+kept+cutover",
		"direct", "central",
	} {
		md, err := mode.Parse(text)
		if err != nil {
			panic(err)
		}
		modes = append(modes, md)
	}
	return modes
}

// Row is what is known of one mode.
type Row struct {
	Mode           mode.Mode `json:"mode"`
	Bounds         Bounds    `json:"bounds"`
	States         int64     `json:"states"` // distinct, up to renaming of agents and of replicas
	Steps          int64     `json:"steps"`  // computed
	Finished       bool      `json:"finished"`
	Stopped        string    `json:"stopped,omitempty"` // why not, if it is not finished
	ElapsedSeconds float64   `json:"elapsedSeconds"`
	Cells          []Cell    `json:"properties"` // in the order of Properties, as far as they were asked for

	Situations []Situation `json:"situations"`

	crdsFirst bool // as in Config
}

// Situation is what the model should be able to come to.
type Situation struct {
	Name    string       `json:"situation"`
	What    string       `json:"-"` // as a sentence
	Reached bool         `json:"reached"`
	Trace   *trace.Trace `json:"trace,omitempty"` // the shortest witness; nil if there is none, or none was found
}

// Cell is the verdict on one property in one mode.
type Cell struct {
	Property string          `json:"property"`
	Promised bool            `json:"promised"` // by the mode
	Verdict  explore.Verdict `json:"verdict"`
	Length   int             `json:"length,omitempty"` // steps of the counterexample
	// Trace is the counterexample, if it is broken: of the shortest one with the
	// fewest faults. Its actions have their names and, in brackets, their
	// sentences; Story has the sentences alone.
	Trace *trace.Trace `json:"trace,omitempty"`
}

// Options say how a mode is explored.
type Options struct {
	Properties []string // to decide; nil: all
	Workers    int      // as for explore
	Memory     int64    // as for explore
	Progress   func(explore.Progress)
}

// Run explores one mode. If ctx is done before the end, what is not decided is
// unknown.
func Run(ctx context.Context, c Config, o Options) (*Row, error) {
	model, err := New(c)
	if err != nil {
		return nil, err
	}
	properties := o.Properties
	if properties == nil {
		properties = PropertyNames()
	}
	wanted := slices.Clone(properties)
	for _, s := range situations(c.Mode) {
		wanted = append(wanted, s.Name)
	}
	r, err := explore.Check(ctx, model, explore.Options{
		Workers: o.Workers, Memory: o.Memory, Progress: o.Progress,
		Properties: wanted,
	})
	if err != nil {
		return nil, err
	}
	row := &Row{
		Mode: c.Mode, Bounds: c.Bounds, crdsFirst: c.CRDsFirst, Finished: r.Finished, Stopped: r.Stopped,
		States: r.Stats.Distinct, Steps: r.Stats.Generated, ElapsedSeconds: r.Stats.Elapsed.Seconds(),
	}
	for _, name := range properties {
		outcome := r.Outcome(name)
		cell := Cell{Property: name, Promised: c.Mode.Promises(name), Verdict: outcome.Verdict, Trace: outcome.Trace}
		if cell.Trace != nil {
			cell.Length = len(cell.Trace.Steps)
		}
		row.Cells = append(row.Cells, cell)
	}
	for _, s := range situations(c.Mode) {
		witness := r.Outcome(s.Name).Trace
		row.Situations = append(row.Situations, Situation{s.Name, s.Promise, witness != nil, witness})
	}
	return row, row.simplify(ctx, o)
}

// simplify replaces each counterexample by one of the same length with the fewest
// faults, which is easier to read. It looks for one with as few faults as do, in
// the much smaller models with a lower bound.
func (r *Row) simplify(ctx context.Context, o Options) error {
	for faults := range r.Bounds.Faults {
		open, longest := r.brokenBy(faults)
		if len(open) == 0 {
			continue
		}
		b := r.Bounds
		b.Faults = faults
		model, err := New(Config{Mode: r.Mode, Bounds: b, CRDsFirst: r.crdsFirst})
		if err != nil {
			return err
		}
		found, err := explore.Check(ctx, model, explore.Options{
			Workers: o.Workers, Memory: o.Memory, Properties: open, MaxDepth: longest,
		})
		if err != nil {
			return err
		}
		for i := range r.Cells {
			c := &r.Cells[i]
			if !slices.Contains(open, c.Property) {
				continue
			}
			if t := found.Outcome(c.Property).Trace; t != nil && len(t.Steps) == len(c.Trace.Steps) {
				c.Trace = t
			}
		}
	}
	return nil
}

// brokenBy returns the broken properties whose counterexamples have more than so
// many faults, and the length of the longest of them.
func (r *Row) brokenBy(faults int) (names []string, longest int) {
	for _, c := range r.Cells {
		if c.Verdict == explore.Broken && faultsIn(c.Trace) > faults {
			names = append(names, c.Property)
			longest = max(longest, len(c.Trace.Steps))
		}
	}
	return names, longest
}

// faultsIn counts the faults in a trace.
func faultsIn(t *trace.Trace) (n int) {
	for _, step := range t.Steps {
		if slices.ContainsFunc(step.Changes, func(c trace.Change) bool { return c.Name == faultsVar }) {
			n++
		}
	}
	return n
}

// Verdict is that of all cells together: broken if one is broken, else unknown if
// one is, or if a situation was not reached, else holds.
func (r *Row) Verdict() explore.Verdict {
	verdict := explore.Holds
	if len(r.unreached()) > 0 {
		verdict = explore.Unknown
	}
	for _, c := range r.Cells {
		switch c.Verdict {
		case explore.Broken:
			return explore.Broken
		case explore.Unknown:
			verdict = explore.Unknown
		}
	}
	return verdict
}

// unreached are the names of the situations without a witness.
func (r *Row) unreached() (names []string) {
	for _, s := range r.Situations {
		if !s.Reached {
			names = append(names, s.Name)
		}
	}
	return names
}

// JSONVersion is the version of the JSON form of a Row.
const JSONVersion = 1

// WriteJSON writes the row on one line.
func (r *Row) WriteJSON(w io.Writer) error {
	return json.NewEncoder(w).Encode(struct {
		Version int    `json:"version"`
		Kind    string `json:"kind"`
		*Row
	}{JSONVersion, "model", r})
}
