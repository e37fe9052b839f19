package page

import (
	"fmt"
	"io"

	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/meshcheck/meshcheck/model/mesh"
)

// Real is what the real code did with the counterexample of one property in one mode.
type Real struct {
	Mode     string   `json:"mode"`
	Property string   `json:"property"`
	Of       string   `json:"of,omitempty"` // of one that is repaired or not: the mode whose counterexample it is
	Outcome  string   `json:"outcome"`
	Bad      bool     `json:"bad"` // it refutes the model
	Because  string   `json:"because,omitempty"`
	Plan     string   `json:"plan,omitempty"`
	Runs     int      `json:"runs,omitempty"`
	Broke    []uint64 `json:"broke,omitempty"`
	Sentence string   `json:"sentence,omitempty"`
	Replay   string   `json:"replay,omitempty"`
	Seed     uint64   `json:"seed,omitempty"` // of the run that went so
	Did      []Did    `json:"did,omitempty"`  // by step of the counterexample
}

// Did is what the real code did where the counterexample has a step.
type Did struct {
	At   string `json:"at"`
	Line int    `json:"line"` // of the history
	Text string `json:"text"`
}

// Model is what the page of the abstract mesh shows.
type Model struct {
	Rows []*mesh.Row
	Real []Real
	Code string // what real code that is; empty: none
}

type modelData struct {
	Version    int             `json:"version"`
	Headline   string          `json:"headline"`
	Properties []mesh.Property `json:"properties"`
	Rows       []rowData       `json:"rows"`
	Real       []Real          `json:"real"`
	Code       string          `json:"code"`
}

type rowData struct {
	Mode     string     `json:"mode"`
	States   int64      `json:"states"`
	Steps    int64      `json:"steps"`
	Seconds  float64    `json:"seconds"`
	Finished bool       `json:"finished"`
	Stopped  string     `json:"stopped"`
	Cells    []cellData `json:"cells"`
}

type cellData struct {
	Property string       `json:"property"`
	Promised bool         `json:"promised"`
	Verdict  string       `json:"verdict"` // holds, broken or unknown
	Length   int          `json:"length"`
	Trace    *trace.Trace `json:"trace,omitempty"`
	Command  string       `json:"command"` // that decides the cell again
}

// Write writes the page: modes and properties, and each counterexample step by step beside
// what the real code did.
func (m *Model) Write(w io.Writer) error {
	d := modelData{Version: Version, Properties: mesh.Properties(), Rows: []rowData{}, Real: append([]Real{}, m.Real...), Code: m.Code}
	for _, r := range m.Rows {
		d.Headline = r.Bounds.String()
		row := rowData{Mode: r.Mode.String(), States: r.States, Steps: r.Steps, Seconds: r.ElapsedSeconds, Finished: r.Finished, Stopped: r.Stopped, Cells: []cellData{}}
		for _, c := range r.Cells {
			word := map[explore.Verdict]string{explore.Holds: "holds", explore.Broken: "broken"}[c.Verdict]
			if word == "" {
				word = "unknown"
			}
			b := r.Bounds
			again := fmt.Sprintf("simrun model -mode %s -property %s -replicas %d -agents %d -objects %d -reuses %d -faults %d", row.Mode, c.Property, b.Replicas, b.Agents, b.Objects, b.Reuses, b.Faults)
			row.Cells = append(row.Cells, cellData{c.Property, c.Promised, word, c.Length, c.Trace, again})
		}
		d.Rows = append(d.Rows, row)
	}
	var b bundle
	b.json("model", d)
	return write(w, "The design without the code · meshcheck", "model", &b, "model.js")
}
